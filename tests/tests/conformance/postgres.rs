use idem_runtime::store::{PostgresStore, SqlxTransaction};
use idem_tests::postgres_server::PostgresServer;
use sqlx::Row as _;

use super::*;

struct InPostgres(PostgresServer);

impl Harness for InPostgres {
    type Store = PostgresStore;

    async fn store(&self) -> PostgresStore {
        let store = PostgresStore::builder(self.0.url()).response_timeout(Duration::from_secs(20)).max_connections(4);
        store.connect().await.unwrap()
    }

    async fn pass(&self, time: Duration) {
        tokio::time::sleep(time + Duration::from_millis(2)).await;
    }

    /// What a full disk answers, to whoever asks for a new row.
    async fn fill(&self) -> bool {
        self.0
            .run(
                "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS \
                 $$ BEGIN RAISE EXCEPTION 'no space' USING ERRCODE = 'disk_full'; END $$; \
                 CREATE TRIGGER full_disk BEFORE INSERT ON idem.records FOR EACH ROW EXECUTE FUNCTION full_disk();",
            )
            .await;
        true
    }

    async fn make_room(&self) {
        self.0.run("DROP FUNCTION full_disk() CASCADE").await;
    }

    async fn damage(&self, key: RecordKey, damage: Damage) -> bool {
        let change = match damage {
            Damage::CutOff => "fingerprint = substr(fingerprint, 1, 31), body = substr(body, 1, length(body) - 1)",
            Damage::Overwritten => "state = 'x', owner = 'something else', head = 'something else'",
            Damage::FlippedBit => "fingerprint = set_bit(fingerprint, 77, 1 - get_bit(fingerprint, 77))",
            Damage::NewerFormat => "format = 2",
            Damage::CopiedTo(other) => {
                let columns =
                    "format, state, owner, fingerprint, attempt, ttl, lease_until, expires, digest, head, body";
                let sql = format!(
                    "INSERT INTO idem.records (key, {columns}) \
                     SELECT decode('{other}', 'hex'), {columns} FROM idem.records WHERE key = decode('{key}', 'hex')"
                );
                self.0.run(&sql).await;
                return true;
            }
            _ => return false,
        };
        // `greatest`: there may be no body to cut.
        let change = change.replace("length(body) - 1", "greatest(length(body) - 1, 0)");
        self.0.run(&format!("UPDATE idem.records SET {change} WHERE key = decode('{key}', 'hex')")).await;
        true
    }
}

impl TransactionalHarness for InPostgres {
    type Transaction = SqlxTransaction;

    async fn write(
        &self,
        transaction: &mut SqlxTransaction,
        effect: &str,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let insert = sqlx::query("INSERT INTO effects (effect) VALUES ($1)").bind(effect);
        insert.execute(&mut **transaction).await?;
        Ok(())
    }

    async fn count(&self, effect: &str) -> usize {
        let sql = format!("SELECT count(*) FROM effects WHERE effect = '{effect}'");
        usize::try_from(self.0.row(&sql).await.get::<i64, _>(0)).unwrap()
    }
}

async fn server() -> InPostgres {
    let server = PostgresServer::with(&["fsync=off"]).await;
    PostgresStore::builder(server.url()).migrate().await.unwrap();
    server.run("CREATE TABLE effects (effect text NOT NULL)").await;
    InPostgres(server)
}

mod leases {
    use super::in_every_dress;

    in_every_dress!(check, tokio::test(flavor = "multi_thread", worker_threads = 2), super::server().await);
}

mod transactions {
    use super::in_every_dress;

    in_every_dress!(
        check_transactions,
        tokio::test(flavor = "multi_thread", worker_threads = 2),
        super::server().await
    );
}
