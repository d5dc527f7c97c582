//! Jobs and consumers on real stores: SQLite, Redis and PostgreSQL.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

/// Each test on each of these stores.
macro_rules! on_each {
    (@$test:ident ($($store:ident)*)) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $store() {
            super::$test(crate::$store().await).await;
        }
    )*};
    ($stores:tt $($test:ident)*) => {$(
        mod $test {
            on_each! { @$test $stores }
        }
    )*};
}

mod processes;
mod stores;
mod transactions;

use std::time::Duration;

use idem_runtime::store::{PostgresStore, RedisStore, SqliteStore};
use idem_runtime::{Idempotency, Job, JobRefusal};
use idem_tests::postgres_server::PostgresServer;
use idem_tests::redis_server::RedisServer;
use tempfile::TempDir;

const SHIP: Job = Job::new("ship", Duration::from_secs(3600));

/// A store, and what it runs on.
struct Ground {
    idempotency: Idempotency,
    /// Another process, as far as the store can tell.
    other: Idempotency,
    database: Database,
}

enum Database {
    Sqlite(TempDir),
    Redis(RedisServer),
    Postgres(PostgresServer),
}

impl Ground {
    /// For another process.
    fn url(&self) -> String {
        match &self.database {
            Database::Sqlite(folder) => format!("sqlite:{}", folder.path().join("shop.db").display()),
            Database::Postgres(server) => server.url(),
            Database::Redis(server) => server.url(),
        }
    }
}

/// More patient than by default: the tests share two cores.
fn patient(store: impl idem_runtime::Store) -> Idempotency {
    Idempotency::builder(store).store_timeout(Duration::from_secs(30)).build()
}

async fn sqlite() -> Ground {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("shop.db");
    let idempotency = patient(SqliteStore::open(&file).unwrap());
    Ground { idempotency, other: patient(SqliteStore::open(&file).unwrap()), database: Database::Sqlite(folder) }
}

async fn redis() -> Ground {
    let server = RedisServer::start().await;
    let connect = async || {
        let builder = RedisStore::builder(server.url()).response_timeout(Duration::from_secs(20));
        patient(builder.connect().await.unwrap())
    };
    Ground { idempotency: connect().await, other: connect().await, database: Database::Redis(server) }
}

async fn postgres() -> Ground {
    let server = PostgresServer::with(&["fsync=off"]).await;
    let builder = || PostgresStore::builder(server.url()).response_timeout(Duration::from_secs(20));
    builder().migrate().await.unwrap();
    let connect = async || patient(builder().connect().await.unwrap());
    Ground { idempotency: connect().await, other: connect().await, database: Database::Postgres(server) }
}

#[track_caller]
fn code<T: std::fmt::Debug>(result: Result<T, JobRefusal>) -> &'static str {
    result.unwrap_err().code()
}
