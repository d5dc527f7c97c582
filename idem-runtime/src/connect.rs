//! A store from a URL, for programs that take it as an option.

use std::fmt;

use crate::Idempotency;
use crate::store::MemoryStore;

/// Why [`Idempotency::connect`] gave no store. One line that names the remedy; never a password.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL names no store that there is.
    UnknownUrl {
        /// What stands before the first colon.
        scheme: String,
    },
    /// The store exists, but was not built in.
    NotBuiltIn {
        /// What stands before the first colon.
        scheme: String,
        /// The feature to turn on.
        feature: &'static str,
    },
    /// Redis could not be used.
    #[cfg(feature = "redis")]
    Redis(crate::store::RedisConnectError),
    /// The SQLite file could not be used.
    #[cfg(feature = "sqlite")]
    Sqlite(crate::store::SqliteOpenError),
    /// PostgreSQL could not be used.
    #[cfg(feature = "postgres")]
    Postgres(crate::store::PostgresConnectError),
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownUrl { scheme } => write!(
                f,
                "`{scheme}:` is no store: use `memory:`, `sqlite:FILE`, `redis://HOST:PORT` or \
                 `postgres://USER@HOST:PORT/DATABASE`"
            ),
            Self::NotBuiltIn { scheme, feature } => {
                write!(f, "`{scheme}:` is not built in: turn on the feature `{feature}` of idem-runtime")
            }
            #[cfg(feature = "redis")]
            Self::Redis(error) => error.fmt(f),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(error) => error.fmt(f),
            #[cfg(feature = "postgres")]
            Self::Postgres(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            #[cfg(feature = "redis")]
            Self::Redis(error) => std::error::Error::source(error),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(error) => std::error::Error::source(error),
            #[cfg(feature = "postgres")]
            Self::Postgres(error) => std::error::Error::source(error),
            _ => None,
        }
    }
}

impl Idempotency {
    /// With every default and the store that `url` names:
    ///
    /// | URL | store | feature |
    /// |---|---|---|
    /// | `memory:` | [`MemoryStore`] | |
    /// | `sqlite:FILE`, `sqlite:///FOLDER/FILE` | `SqliteStore`; makes the file and its tables if they are missing | `sqlite` |
    /// | `redis://[USER:PASSWORD@]HOST[:PORT][/DB]` | `RedisStore` on one server | `redis` |
    /// | `redis+sentinel://[USER:PASSWORD@]HOST[:PORT][,HOST[:PORT]..]/SERVICE[/DB]` | `RedisStore` on the primary that sentinels name | `redis` |
    /// | `redis+cluster://[USER:PASSWORD@]HOST[:PORT][,HOST[:PORT]..]` | `RedisStore` on a cluster | `redis` |
    /// | `rediss://..`, `rediss+sentinel://..`, `rediss+cluster://..` | the same, with TLS | `redis-tls` |
    /// | `postgres://[USER:PASSWORD@]HOST[:PORT]/DATABASE` | `PostgresStore`; makes its tables if they are missing | `postgres` |
    ///
    /// # Errors
    ///
    /// When the URL names no store that is built in, or the file cannot be written to, or the server cannot be reached, is
    /// too old, or drops keys under memory pressure.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let idempotency = idem_runtime::Idempotency::connect("memory:").await?;
    /// assert_eq!(idempotency.store_name(), "memory");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn connect(url: &str) -> Result<Self, ConnectError> {
        let scheme = url.split(':').next().unwrap_or_default();
        match scheme {
            "memory" => Ok(Self::new(MemoryStore::new())),
            "sqlite" => sqlite(url, scheme).await,
            "redis" | "redis+sentinel" | "redis+cluster" | "redis+unix" => redis(url, scheme, "redis").await,
            "rediss" | "rediss+sentinel" | "rediss+cluster" => redis(url, scheme, "redis-tls").await,
            "postgres" | "postgresql" => postgres(url, scheme).await,
            _ => Err(ConnectError::UnknownUrl { scheme: scheme.chars().take(20).collect() }),
        }
    }
}

#[cfg(feature = "sqlite")]
async fn sqlite(url: &str, scheme: &str) -> Result<Idempotency, ConnectError> {
    // As for other programs: what follows `sqlite://` is a path, and so is what follows `sqlite:`.
    let file = url[scheme.len()..].strip_prefix(':').unwrap_or_default();
    let file = std::path::PathBuf::from(file.strip_prefix("//").unwrap_or(file));
    let opened = tokio::task::spawn_blocking(move || crate::store::SqliteStore::open(file)).await;
    let store = opened.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
    Ok(Idempotency::new(store.map_err(ConnectError::Sqlite)?))
}

#[cfg(not(feature = "sqlite"))]
async fn sqlite(_: &str, scheme: &str) -> Result<Idempotency, ConnectError> {
    Err(ConnectError::NotBuiltIn { scheme: scheme.to_owned(), feature: "sqlite" })
}

#[cfg(feature = "redis")]
async fn redis(url: &str, scheme: &str, feature: &'static str) -> Result<Idempotency, ConnectError> {
    if feature == "redis-tls" && !cfg!(feature = "redis-tls") {
        return Err(ConnectError::NotBuiltIn { scheme: scheme.to_owned(), feature });
    }
    let store = crate::store::RedisStore::connect(url).await.map_err(ConnectError::Redis)?;
    Ok(Idempotency::new(store))
}

#[cfg(not(feature = "redis"))]
async fn redis(_: &str, scheme: &str, feature: &'static str) -> Result<Idempotency, ConnectError> {
    Err(ConnectError::NotBuiltIn { scheme: scheme.to_owned(), feature })
}

#[cfg(feature = "postgres")]
async fn postgres(url: &str, _: &str) -> Result<Idempotency, ConnectError> {
    let builder = crate::store::PostgresStore::builder(url);
    builder.migrate().await.map_err(ConnectError::Postgres)?;
    Ok(Idempotency::new(builder.connect().await.map_err(ConnectError::Postgres)?))
}

#[cfg(not(feature = "postgres"))]
async fn postgres(_: &str, scheme: &str) -> Result<Idempotency, ConnectError> {
    Err(ConnectError::NotBuiltIn { scheme: scheme.to_owned(), feature: "postgres" })
}
