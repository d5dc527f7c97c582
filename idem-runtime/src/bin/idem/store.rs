//! The store that the application has, found and not made.

use std::path::Path;

use idem_runtime::Idempotency;

use crate::Failed;
#[cfg(any(feature = "sqlite", feature = "redis", feature = "postgres"))]
use crate::in_one_line;

/// More patient than an application, which has others waiting.
#[cfg(any(feature = "sqlite", feature = "redis", feature = "postgres"))]
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

/// Connects to the store, and makes nothing in it.
pub(crate) async fn open(url: &str, secret_file: Option<&Path>) -> Result<Idempotency, Failed> {
    let secret = secret(secret_file)?;
    let scheme = url.split(':').next().unwrap_or_default();
    match scheme {
        "memory" => Err(Failed::wrong("`memory:` is in the memory of the application: nobody else can look into it")),
        "sqlite" => sqlite(url, &secret),
        "redis" | "redis+sentinel" | "redis+cluster" | "redis+unix" | "rediss" | "rediss+sentinel"
        | "rediss+cluster" => redis(url, &secret).await,
        "postgres" | "postgresql" => postgres(url, &secret).await,
        _ => Err(Failed::wrong(format!(
            "`{}:` is no store: use `sqlite:FILE`, `redis://HOST:PORT` or `postgres://USER@HOST:PORT/DATABASE`",
            scheme.chars().take(20).collect::<String>()
        ))),
    }
}

#[cfg(any(feature = "sqlite", feature = "redis", feature = "postgres"))]
fn with_secret(store: impl idem_runtime::Store, secret: &[u8]) -> Idempotency {
    Idempotency::builder(store).secret(secret).build()
}

/// None is the empty one, as in the application.
fn secret(file: Option<&Path>) -> Result<Vec<u8>, Failed> {
    let Some(file) = file else {
        return Ok(std::env::var_os("IDEM_SECRET").map(|text| text.into_encoded_bytes()).unwrap_or_default());
    };
    let mut secret = std::fs::read(file)
        .map_err(|error| Failed::unusable(format!("the secret in {} cannot be read: {error}", file.display())))?;
    if secret.last() == Some(&b'\n') {
        secret.pop();
    }
    Ok(secret)
}

#[allow(dead_code, reason = "only where a store is not built in")]
fn not_built_in(feature: &str) -> Failed {
    Failed::wrong(format!("this `idem` was built without the store: build it with the feature `{feature}`"))
}

#[cfg(feature = "sqlite")]
fn sqlite(url: &str, secret: &[u8]) -> Result<Idempotency, Failed> {
    let file = url.strip_prefix("sqlite:").unwrap_or_default();
    let file = Path::new(file.strip_prefix("//").unwrap_or(file));
    // To open it would make it.
    if !file.is_file() {
        return Err(Failed::unusable(format!("there is no file {}", file.display())));
    }
    if !holds_records(file).map_err(|error| Failed::unusable(format!("{}: {}", file.display(), in_one_line(&error))))? {
        return Err(Failed::unusable(format!(
            "there are no records in {}: it is not the file of an application with this store, and is left as it is",
            file.display()
        )));
    }
    let builder = idem_runtime::SqliteStore::builder(file).response_timeout(PATIENCE);
    let store = builder.open().map_err(|error| Failed::unusable(in_one_line(&error)))?;
    Ok(with_secret(store, secret))
}

/// Read only: the store itself makes its tables in whatever file it is given.
#[cfg(feature = "sqlite")]
fn holds_records(file: &Path) -> idem_runtime::rusqlite::Result<bool> {
    use idem_runtime::rusqlite::{Connection, OpenFlags};
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(file, flags)?;
    let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'idem_version')";
    db.query_row(sql, [], |row| row.get(0))
}

#[cfg(not(feature = "sqlite"))]
fn sqlite(_: &str, _: &[u8]) -> Result<Idempotency, Failed> {
    Err(not_built_in("sqlite"))
}

#[cfg(feature = "redis")]
async fn redis(url: &str, secret: &[u8]) -> Result<Idempotency, Failed> {
    let store = idem_runtime::RedisStore::builder(url).response_timeout(PATIENCE).connect().await;
    Ok(with_secret(store.map_err(|error| Failed::unusable(in_one_line(&error)))?, secret))
}

#[cfg(not(feature = "redis"))]
async fn redis(_: &str, _: &[u8]) -> Result<Idempotency, Failed> {
    Err(not_built_in("redis"))
}

#[cfg(feature = "postgres")]
async fn postgres(url: &str, secret: &[u8]) -> Result<Idempotency, Failed> {
    let store = idem_runtime::PostgresStore::builder(url).response_timeout(PATIENCE).connect().await;
    Ok(with_secret(store.map_err(|error| Failed::unusable(in_one_line(&error)))?, secret))
}

#[cfg(not(feature = "postgres"))]
async fn postgres(_: &str, _: &[u8]) -> Result<Idempotency, Failed> {
    Err(not_built_in("postgres"))
}
