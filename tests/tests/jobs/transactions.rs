//! Message, effect and record in one commit.

use idem_runtime::store::{RusqliteTransaction, SqliteError};
use idem_runtime::{
    Execution, JobError, PostgresTransaction, PostgresTransactions, SqliteTransaction, SqliteTransactions,
    idempotent_fn,
};
use idem_tests::gate::Gate;
use idem_tests::{soon, until};
use sqlx::Row as _;

use super::*;

/// How the work ends, after it has written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Well,
    Fails,
    Panics,
    WaitsForEver,
}

#[derive(Debug)]
#[allow(dead_code, reason = "it is shown when a test fails")]
enum ShipError {
    Refused(JobRefusal),
    Database(String),
    Failed,
}

impl From<JobRefusal> for ShipError {
    fn from(refusal: JobRefusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<SqliteError> for ShipError {
    fn from(error: SqliteError) -> Self {
        Self::Database(error.to_string())
    }
}

impl From<sqlx::Error> for ShipError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.to_string())
    }
}

/// Says that the work has written, and ends it.
async fn end(gate: &Gate, end: End) -> Result<usize, ShipError> {
    let number = gate.pass().await;
    match end {
        End::Well => Ok(number),
        End::Fails => Err(ShipError::Failed),
        End::Panics => panic!("as the test wants"),
        End::WaitsForEver => std::future::pending().await,
    }
}

#[idempotent_fn(ttl = "1h", operation = "ship", key = message, store = store)]
async fn ship_in_sqlite(
    store: SqliteTransactions,
    #[supplied] mut tx: SqliteTransaction,
    message: &'static str,
    gate: Gate,
    how: End,
    #[supplied] execution: Execution,
) -> Result<usize, ShipError> {
    assert_eq!(execution.key().as_deref(), Some(message));
    tx.call(move |db| db.execute("INSERT INTO parcels (message) VALUES (?1)", [message])).await?;
    end(&gate, how).await
}

#[idempotent_fn(ttl = "1h", operation = "ship", key = message, store = store)]
async fn ship_in_postgres(
    store: PostgresTransactions,
    #[supplied] mut tx: PostgresTransaction,
    message: &'static str,
    gate: Gate,
    how: End,
) -> Result<usize, ShipError> {
    sqlx::query("INSERT INTO parcels (message) VALUES ($1)").bind(message).execute(&mut **tx).await?;
    end(&gate, how).await
}

/// A consumer whose future borrows it.
struct Consumer {
    store: PostgresTransactions,
    gate: Gate,
}

impl Consumer {
    #[idempotent_fn(ttl = "1h", operation = "consume", key = message, store = &self.store)]
    async fn consume(
        &self,
        #[supplied] mut tx: PostgresTransaction,
        message: &str,
        how: End,
    ) -> Result<usize, ShipError> {
        sqlx::query("INSERT INTO parcels (message) VALUES ($1)").bind(message).execute(&mut **tx).await?;
        end(&self.gate, how).await
    }
}

impl Ground {
    async fn with_parcels(self) -> Self {
        const TABLE: &str = "CREATE TABLE parcels (message text NOT NULL)";
        match &self.database {
            Database::Sqlite(folder) => {
                let db = rusqlite_of(folder);
                db.execute_batch(TABLE).unwrap();
            }
            Database::Postgres(server) => server.run(TABLE).await,
            Database::Redis(_) => panic!("it has no transactions"),
        }
        self
    }

    /// How many parcels there are, as everybody else sees it.
    async fn parcels(&self) -> i64 {
        const COUNT: &str = "SELECT count(*) FROM parcels";
        match &self.database {
            Database::Sqlite(folder) => rusqlite_of(folder).query_row(COUNT, [], |row| row.get(0)).unwrap(),
            Database::Postgres(server) => server.row(COUNT).await.get(0),
            Database::Redis(_) => panic!("it has no transactions"),
        }
    }

    async fn ship(&self, message: &'static str, gate: &Gate, how: End) -> Result<usize, ShipError> {
        match &self.database {
            Database::Sqlite(_) => {
                ship_in_sqlite(self.idempotency.transactions().unwrap(), message, gate.clone(), how).await
            }
            _ => ship_in_postgres(self.idempotency.transactions().unwrap(), message, gate.clone(), how).await,
        }
    }
}

fn rusqlite_of(folder: &TempDir) -> idem_runtime::rusqlite::Connection {
    idem_runtime::rusqlite::Connection::open(folder.path().join("shop.db")).unwrap()
}

async fn a_call_writes_once_with_its_record(ground: Ground) {
    let (ground, gate) = (ground.with_parcels().await, Gate::open());
    for _ in 0..3 {
        assert_eq!(ground.ship("m-1", &gate, End::Well).await.unwrap(), 1);
    }
    assert_eq!((ground.parcels().await, gate.executions()), (1, 1));
}

async fn a_failure_undoes_what_was_written(ground: Ground) {
    let (ground, gate) = (ground.with_parcels().await, Gate::open());
    assert!(matches!(ground.ship("m-1", &gate, End::Fails).await, Err(ShipError::Failed)));
    assert_eq!(ground.parcels().await, 0);
    let ground = std::sync::Arc::new(ground);
    let (panics, at) = (std::sync::Arc::clone(&ground), gate.clone());
    let panicked = tokio::spawn(async move { panics.ship("m-1", &at, End::Panics).await.map_err(drop) }).await;
    assert!(panicked.unwrap_err().is_panic());
    assert_eq!(ground.parcels().await, 0);
    assert_eq!(ground.ship("m-1", &gate, End::Well).await.unwrap(), 3, "the next delivery runs");
    assert_eq!(ground.parcels().await, 1);
}

/// A process that ends in the middle, as far as the database can tell: its runtime goes, with all that runs on it.
async fn a_consumer_that_dies_in_the_middle_leaves_nothing(ground: Ground) {
    let (ground, gate) = (ground.with_parcels().await, Gate::open());
    let (url, at) = (ground.url(), gate.clone());
    let died = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let work = runtime.spawn(async move {
            let store = Idempotency::connect(&url).await.unwrap();
            match store.store_name() {
                "sqlite" => drop(ship_in_sqlite(store.transactions().unwrap(), "m", at, End::WaitsForEver).await),
                _ => drop(ship_in_postgres(store.transactions().unwrap(), "m", at, End::WaitsForEver).await),
            }
        });
        (runtime, work)
    });
    let (runtime, work) = tokio::task::spawn_blocking(|| died.join().unwrap()).await.unwrap();
    gate.started().await;
    assert_eq!(ground.parcels().await, 0, "nothing is committed yet");
    runtime.shutdown_background();
    assert!(work.await.unwrap_err().is_cancelled());
    let number = until("the key to be free", async || match ground.ship("m", &gate, End::Well).await {
        Err(ShipError::Refused(refusal)) if refusal.is_transient() => None,
        other => Some(other.unwrap()),
    });
    assert_eq!(number.await, 2);
    assert_eq!(ground.parcels().await, 1);
}

on_each! { (sqlite postgres)
    a_call_writes_once_with_its_record
    a_failure_undoes_what_was_written
    a_consumer_that_dies_in_the_middle_leaves_nothing
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_lost_before_the_commit_leaves_neither() {
    let (ground, gate) = (postgres().await.with_parcels().await, Gate::closed());
    let Database::Postgres(server) = &ground.database else { unreachable!() };
    let store = ground.idempotency.transactions().unwrap();
    let call = tokio::spawn(ship_in_postgres(store, "m", gate.clone(), End::Well));
    gate.started().await;
    server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction'").await;
    gate.let_pass(2);
    let lost = soon("the call ends", call).await.unwrap();
    assert!(matches!(lost, Err(ShipError::Refused(JobRefusal::Unavailable(_)))), "{lost:?}");
    assert_eq!(ground.parcels().await, 0);
    assert_eq!(ground.ship("m", &gate, End::Well).await.unwrap(), 2);
    assert_eq!(ground.parcels().await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_method_that_is_dropped_in_the_middle_undoes_what_it_wrote() {
    let ground = postgres().await.with_parcels().await;
    let consumer = Consumer { store: ground.idempotency.transactions().unwrap(), gate: Gate::open() };
    tokio::select! {
        _ = consumer.consume("m", End::WaitsForEver) => unreachable!(),
        () = consumer.gate.started() => {}
    }
    // Long before its lease has ended.
    let number = until("the key to be free", async || match consumer.consume("m", End::Well).await {
        Err(ShipError::Refused(refusal)) if refusal.is_transient() => None,
        other => Some(other.unwrap()),
    });
    assert_eq!(number.await, 2);
    assert_eq!(ground.parcels().await, 1);
}

#[tokio::test]
async fn a_plain_call_has_the_transaction_too() {
    let ground = sqlite().await.with_parcels().await;
    let transactions: SqliteTransactions = ground.idempotency.transactions().unwrap();
    for replayed in [false, true] {
        let done: Result<_, JobError<SqliteError>> = transactions
            .run(SHIP.key("m"), async |mut tx: idem_runtime::Transaction<RusqliteTransaction>| {
                tx.call(|db| db.execute("INSERT INTO parcels (message) VALUES ('m')", [])).await
            })
            .await;
        assert_eq!(done.unwrap().is_replayed(), replayed);
    }
    assert_eq!(ground.parcels().await, 1);
}
