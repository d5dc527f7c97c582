//! The stores to run a campaign on.

use std::time::Duration;

use idem_runtime::rusqlite::Connection;
use idem_tests::outside::Outside;
use idem_tests::postgres_server::PostgresServer;
use idem_tests::process::Program;
use idem_tests::redis_server::RedisServer;
use idem_tests::server::Seen;
use idem_tests::soon;
use sqlx::Row as _;
use tempfile::TempDir;

/// A store, and how handlers use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Redis,
    /// Encrypted, behind a cache.
    RedisDressed,
    /// By claims with a lease.
    Postgres,
    /// The handler writes in the record's own transaction.
    PostgresTransactions,
    /// The same, encrypted, behind a cache.
    PostgresTransactionsDressed,
    /// By claims with a lease, in a file that two processes share.
    Sqlite,
    /// The handler writes in the record's own transaction, into the same file.
    SqliteTransactions,
}

impl Kind {
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Redis => "Redis, `appendfsync always`",
            Self::RedisDressed => "Redis, `appendfsync always`, encrypted, behind a cache",
            Self::Postgres => "PostgreSQL",
            Self::PostgresTransactions => "PostgreSQL, the record's own transaction",
            Self::PostgresTransactionsDressed => "PostgreSQL, the record's own transaction, encrypted, behind a cache",
            Self::Sqlite => "SQLite, two processes on one file",
            Self::SqliteTransactions => "SQLite, two processes on one file, the record's own transaction",
        }
    }

    /// Whether effects are part of the record's transaction.
    pub(crate) fn is_transactional(self) -> bool {
        matches!(self, Self::PostgresTransactions | Self::PostgresTransactionsDressed | Self::SqliteTransactions)
    }

    /// Whether a dead owner leaves its claim behind, until the lease ends.
    pub(crate) fn leaves_a_claim(self) -> bool {
        !matches!(self, Self::PostgresTransactions | Self::PostgresTransactionsDressed)
    }

    /// A route of `guarded-server` whose `on_failure` is `"retry"`.
    pub(crate) fn retrying(self) -> &'static str {
        if self.is_transactional() { "/pay-exactly" } else { "/pay" }
    }

    /// One whose `on_failure` is `"keep"`.
    pub(crate) fn keeping(self) -> &'static str {
        if self.is_transactional() { "/pay-exactly-or-never" } else { "/pay-once" }
    }
}

/// A store with its server, if it has one.
#[derive(Debug)]
pub(crate) struct Bed {
    pub(crate) kind: Kind,
    pub(crate) server: Server,
}

#[derive(Debug)]
pub(crate) enum Server {
    Redis(RedisServer),
    Postgres(PostgresServer),
    /// There is none.
    File(TempDir),
}

impl Bed {
    /// One that loses nothing that it has acknowledged.
    pub(crate) async fn new(kind: Kind) -> Self {
        let server = match kind {
            Kind::Redis | Kind::RedisDressed => Server::Redis(RedisServer::start().await),
            Kind::Postgres | Kind::PostgresTransactions | Kind::PostgresTransactionsDressed => {
                let server = PostgresServer::start().await;
                server.run("CREATE TABLE charges (note text NOT NULL)").await;
                Server::Postgres(server)
            }
            Kind::Sqlite | Kind::SqliteTransactions => {
                let folder = TempDir::new().unwrap();
                file_in(&folder).execute_batch("CREATE TABLE charges (note TEXT NOT NULL)").unwrap();
                Server::File(folder)
            }
        };
        Self { kind, server }
    }

    pub(crate) fn url(&self) -> String {
        match &self.server {
            Server::Redis(server) => server.url(),
            Server::Postgres(server) => server.url(),
            Server::File(folder) => format!("sqlite:{}", folder.path().join(FILE).display()),
        }
    }

    /// How often `key` had its effect, by a handler of `guarded-server`.
    pub(crate) async fn effects(&self, outside: &Outside, key: &str) -> usize {
        match &self.server {
            Server::Postgres(server) if self.kind.is_transactional() => {
                let sql = format!("SELECT count(*) FROM charges WHERE note = '{key}'");
                usize::try_from(server.row(&sql).await.get::<i64, _>(0)).unwrap()
            }
            Server::File(folder) if self.kind.is_transactional() => {
                let count = "SELECT count(*) FROM charges WHERE note = ?1";
                file_in(folder).query_row(count, [key], |row| row.get::<_, u32>(0)).unwrap() as usize
            }
            _ => outside.effects().iter().filter(|effect| effect.split(' ').next() == Some(key)).count(),
        }
    }
}

const FILE: &str = "store.db";

/// A connection of the test's own.
fn file_in(folder: &TempDir) -> Connection {
    let file = Connection::open(folder.path().join(FILE)).unwrap();
    file.busy_timeout(Duration::from_secs(30)).unwrap();
    file
}

pub(crate) fn send(server: &Program, path: &str, key: &str) -> impl Future<Output = Seen> + Send + 'static {
    sent(format!("http://{}{path}", server.address), key.to_owned())
}

async fn sent(url: String, key: String) -> Seen {
    Seen::of(reqwest::Client::new().post(url).header("idempotency-key", key)).await
}

/// Retries for as long as the key is held, and while a busy machine answers too late for a claim to be trusted.
pub(crate) fn retry(server: &Program, path: &str, key: &str) -> impl Future<Output = Seen> + Send + 'static {
    let (url, key) = (format!("http://{}{path}", server.address), key.to_owned());
    soon("the key to be free", async move {
        loop {
            let seen = sent(url.clone(), key.clone()).await;
            let is_for_now = match seen.status {
                409 => seen.refusal() == "in_progress",
                503 => seen.refusal() == "store_unavailable",
                _ => false,
            };
            if !is_for_now {
                return seen;
            }
            // As a client does.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
}
