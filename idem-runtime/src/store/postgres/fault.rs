//! What went wrong at PostgreSQL, as a [`StoreError`] or a [`PostgresConnectError`].
//!
//! A server's message can quote what it was sent, and a client's the URL. So of what a server says only the code is
//! passed on, never the text.

use std::borrow::Cow;
use std::io;
use std::time::Duration;

use super::error::PostgresConnectError;
use crate::store::StoreError;

/// A statement that gave no result.
#[derive(Debug)]
pub(super) enum Fault {
    Sqlx(sqlx::Error),
    /// The deadline of the whole call passed.
    Late,
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        Self::Sqlx(error)
    }
}

impl Fault {
    fn code(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Sqlx(sqlx::Error::Database(error)) => error.code(),
            _ => None,
        }
    }

    /// Whether the statement surely had no effect, and would do if it were sent once more.
    pub(super) fn is_rolled_back(&self) -> bool {
        matches!(self.code().as_deref(), Some("40001" | "40P01"))
    }

    /// Whether the connection is of no more use: it may be an old one, to a server that has been started anew since.
    pub(super) fn is_lost_connection(&self) -> bool {
        match self {
            Self::Sqlx(sqlx::Error::Io(_) | sqlx::Error::Protocol(_)) => true,
            _ => matches!(self.code().as_deref(), Some("57P01" | "57P02" | "57P03" | "08006" | "08003")),
        }
    }

    /// Whether the server lives and refused: what was asked for has not happened.
    pub(super) fn is_refusal(&self) -> bool {
        self.code().is_some() && !self.is_lost_connection()
    }

    pub(super) fn into_store_error(self, within: Duration) -> StoreError {
        if let Some(code) = self.code() {
            return match &*code {
                // Disk full, and the quotas that some file systems and providers have instead.
                "53100" => StoreError::Full,
                // A statement or a lock took too long.
                "57014" | "55P03" => StoreError::TimedOut(within),
                code => {
                    StoreError::Unavailable { reason: format!("PostgreSQL answered {}", explained(code)), source: None }
                }
            };
        }
        let unavailable = |reason: &str| StoreError::Unavailable { reason: reason.to_owned(), source: None };
        match self {
            Self::Late => StoreError::TimedOut(within),
            Self::Sqlx(sqlx::Error::Io(error)) => {
                StoreError::unavailable("the connection to PostgreSQL failed", bare(&error))
            }
            Self::Sqlx(sqlx::Error::PoolTimedOut) => unavailable("no connection to PostgreSQL became free in time"),
            Self::Sqlx(sqlx::Error::PoolClosed) => unavailable("the pool of connections was closed"),
            Self::Sqlx(sqlx::Error::Protocol(_)) => unavailable("PostgreSQL gave an answer that cannot be read"),
            Self::Sqlx(_) => unavailable("the PostgreSQL client failed"),
        }
    }

    pub(super) fn into_connect_error(self, address: &str, within: Duration) -> PostgresConnectError {
        let address = address.to_owned();
        if let Some(code) = self.code() {
            return match &*code {
                "28000" | "28P01" => PostgresConnectError::Authentication { address },
                "3D000" => PostgresConnectError::NoDatabase { address },
                "25006" => PostgresConnectError::ReadOnly { address },
                code => PostgresConnectError::Refused { address, code: explained(code) },
            };
        }
        match self {
            Self::Late | Self::Sqlx(sqlx::Error::PoolTimedOut) => PostgresConnectError::TimedOut { address, within },
            Self::Sqlx(sqlx::Error::Io(error)) => {
                PostgresConnectError::Unreachable { address, source: Some(bare(&error).into()) }
            }
            Self::Sqlx(sqlx::Error::Tls(_)) => PostgresConnectError::Tls { address },
            Self::Sqlx(sqlx::Error::Configuration(_)) => PostgresConnectError::Url,
            Self::Sqlx(_) => PostgresConnectError::Unreachable { address, source: None },
        }
    }
}

/// What the operating system said, without whatever was put round it.
fn bare(error: &io::Error) -> io::Error {
    error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
}

fn explained(code: &str) -> String {
    let meaning = match code {
        "25006" => "it is read-only, as a replica is",
        "42501" => "the user lacks a right",
        "42P01" | "42883" | "3F000" | "42703" => {
            "the tables are missing or of another release: run PostgresStoreBuilder::migrate()"
        }
        "40001" | "40P01" => "others change the same entry",
        "53200" => "out of memory",
        "53300" => "too many connections",
        "57P01" | "57P02" => "it is being shut down",
        "57P03" => "it is starting up",
        "55000" => "the tables are of a newer release, or the key is taken",
        "3B001" | "25P01" => "the handler ended its transaction itself",
        "25P02" => "a statement of the handler failed before",
        _ => return code.to_owned(),
    };
    format!("{code}: {meaning}")
}

/// An answer that no statement of ours gives.
pub(super) fn unexpected() -> StoreError {
    StoreError::Unavailable { reason: "PostgreSQL gave an answer of the wrong kind".to_owned(), source: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b40_an_error_of_the_client_shows_nothing_of_its_text() {
        let canary = || "canary".to_owned();
        let errors = || {
            [
                sqlx::Error::Protocol(canary()),
                sqlx::Error::Configuration(canary().into()),
                sqlx::Error::Tls(canary().into()),
                sqlx::Error::Io(io::Error::other("canary")),
                sqlx::Error::Decode(canary().into()),
            ]
        };
        for error in errors() {
            let error = Fault::from(error).into_store_error(Duration::from_secs(1));
            assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
            assert!(error.is_transient());
        }
        for error in errors() {
            let error = Fault::from(error).into_connect_error("here", Duration::from_secs(1));
            assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
        }
    }

    #[test]
    fn i43_what_took_too_long_is_told_apart() {
        let within = Duration::from_millis(7);
        assert!(matches!(Fault::Late.into_store_error(within), StoreError::TimedOut(found) if found == within));
        assert!(matches!(
            Fault::from(sqlx::Error::PoolTimedOut).into_store_error(within),
            StoreError::Unavailable { .. }
        ));
    }
}
