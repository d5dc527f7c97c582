use std::path::PathBuf;

use idem_runtime::rusqlite::{self, Connection};
use idem_runtime::store::{RusqliteTransaction, SqliteStore};
use tempfile::TempDir;

use super::*;

/// A file that every store opens anew, as a process of its own would.
struct InFile(TempDir);

impl InFile {
    fn new() -> Self {
        let file = Self(TempDir::new().unwrap());
        file.connection().execute_batch("CREATE TABLE effects (effect TEXT NOT NULL)").unwrap();
        file
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("store.db")
    }

    fn connection(&self) -> Connection {
        let db = Connection::open(self.path()).unwrap();
        db.busy_timeout(Duration::from_secs(30)).unwrap();
        db
    }
}

impl Harness for InFile {
    type Store = SqliteStore;

    async fn store(&self) -> SqliteStore {
        // Longer than by default: the tests share two cores, and four stores one lock.
        SqliteStore::builder(self.path())
            .response_timeout(Duration::from_secs(8))
            .hold(Duration::from_secs(60))
            .open()
            .unwrap()
    }

    async fn pass(&self, time: Duration) {
        tokio::time::sleep(time + Duration::from_millis(3)).await;
    }

    async fn damage(&self, key: RecordKey, damage: Damage) -> bool {
        let db = self.connection();
        let key = key.as_bytes();
        match damage {
            Damage::CutOff => db.execute("UPDATE idem_records SET digest = x'00' WHERE key = ?1", [key]),
            Damage::Overwritten => db.execute("UPDATE idem_records SET head = x'ff', body = x'ff' WHERE key = ?1", [key]),
            Damage::FlippedBit => db.execute("UPDATE idem_records SET attempt = attempt | 64 WHERE key = ?1", [key]),
            Damage::NewerFormat => db.execute("UPDATE idem_records SET format = 99 WHERE key = ?1", [key]),
            Damage::CopiedTo(other) => db.execute(
                "INSERT INTO idem_records SELECT ?2, format, state, owner, fingerprint, attempt, ttl, boot, lease_until, \
                 expires, digest, head, body FROM idem_records WHERE key = ?1",
                rusqlite::params![key, other.as_bytes()],
            ),
            _ => return false,
        }
        .is_ok_and(|rows| rows == 1)
    }
}

impl TransactionalHarness for InFile {
    type Transaction = RusqliteTransaction;

    async fn write(
        &self,
        transaction: &mut RusqliteTransaction,
        effect: &str,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let effect = effect.to_owned();
        transaction.call(move |db| db.execute("INSERT INTO effects (effect) VALUES (?1)", [effect])).await?;
        Ok(())
    }

    async fn count(&self, effect: &str) -> usize {
        let count = "SELECT count(*) FROM effects WHERE effect = ?1";
        self.connection().query_row(count, [effect], |row| row.get::<_, u32>(0)).unwrap() as usize
    }
}

mod leases {
    use super::in_every_dress;

    in_every_dress!(check, tokio::test(flavor = "multi_thread", worker_threads = 2), super::InFile::new());
}

mod transactions {
    use super::in_every_dress;

    in_every_dress!(check_transactions, tokio::test(flavor = "multi_thread", worker_threads = 2), super::InFile::new());
}
