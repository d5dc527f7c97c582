use std::error::Error;
use std::time::Duration;

/// Why a [`PostgresStore`](super::PostgresStore) could not be connected, or its tables not made.
///
/// No message carries the URL or its password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostgresConnectError {
    /// The URL cannot be used.
    #[error("the PostgreSQL URL cannot be used: it should read postgres://[USER[:PASSWORD]@]HOST[:PORT]/DATABASE")]
    Url,
    /// The name of the schema or of the table cannot be used.
    #[error("`{name}` cannot be the name of a schema or a table here: use a-z, 0-9 and _, and at most 50 of them")]
    Name {
        /// The name.
        name: String,
    },
    /// No connection to the server, or it was lost while the server was looked at.
    #[error("PostgreSQL at {address} cannot be reached")]
    Unreachable {
        /// Host, port and database.
        address: String,
        /// The error below.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// The server did not answer in time.
    #[error("PostgreSQL at {address} did not answer within {within:?}")]
    TimedOut {
        /// Host, port and database.
        address: String,
        /// How long it was waited for.
        within: Duration,
    },
    /// TLS was asked for, and is not built in or not possible.
    #[error(
        "TLS to PostgreSQL at {address} failed: it needs a TLS feature of sqlx in the application's Cargo.toml \
         (sqlx = {{ version = \"0.9\", features = [\"tls-rustls\"] }}), a server that has it, and a certificate to trust"
    )]
    Tls {
        /// Host, port and database.
        address: String,
    },
    /// The user or the password is wrong, or may not come from here.
    #[error("PostgreSQL at {address} refuses the user name or the password, or wants one")]
    Authentication {
        /// Host, port and database.
        address: String,
    },
    /// The database does not exist.
    #[error("there is no such database: PostgreSQL at {address}; make it with CREATE DATABASE")]
    NoDatabase {
        /// Host, port and database.
        address: String,
    },
    /// The server is a replica, or was told to write nothing.
    #[error("PostgreSQL at {address} is read-only, as a replica is; connect to its primary")]
    ReadOnly {
        /// Host, port and database.
        address: String,
    },
    /// The tables are not there.
    #[error(
        "PostgreSQL at {address} has no table {table}: run PostgresStoreBuilder::migrate() once, or \
         PostgresStoreBuilder::schema_sql() by hand"
    )]
    NotMigrated {
        /// Host, port and database.
        address: String,
        /// Schema and table.
        table: String,
    },
    /// The tables are of another release.
    #[error(
        "the table {table} in PostgreSQL at {address} has version {found}, and this release needs {needed}: {}",
        remedy(*found, *needed)
    )]
    OtherVersion {
        /// Host, port and database.
        address: String,
        /// Schema and table.
        table: String,
        /// The version that is there.
        found: i32,
        /// The version that this release needs.
        needed: i32,
    },
    /// The server answered with another error.
    #[error("PostgreSQL at {address} answered {code}")]
    Refused {
        /// Host, port and database.
        address: String,
        /// The `SQLSTATE`, and what it says in a few words if it is a usual one.
        code: String,
    },
}

fn remedy(found: i32, needed: i32) -> &'static str {
    match found > needed {
        true => "use the newer release of idem-runtime that made it",
        false => "run PostgresStoreBuilder::migrate()",
    }
}
