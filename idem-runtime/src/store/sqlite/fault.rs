//! What went wrong at SQLite, as a [`StoreError`].

use std::error::Error;
use std::fmt;

use rusqlite::ErrorCode;
use rusqlite::ffi;

use crate::store::StoreError;

/// A failure that several operations share, those that were to be committed together. Without SQLite's message, which can
/// quote a statement or a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// SQLite says so.
    Sqlite(ffi::Error),
    /// A column is not what it should be.
    Column,
    /// The thread that works on the database has ended.
    Stopped,
    /// What was to be committed together was undone by the failure of one of those who wanted it.
    Undone,
    /// What one wanted alone was undone by its own failure, which says more.
    Failed,
}

impl Fault {
    pub(super) fn into_store_error(self) -> StoreError {
        let reason = match self {
            Self::Column => return StoreError::corrupt("a column is missing, or of another type"),
            Self::Stopped => "the thread that works on the database has ended",
            Self::Failed => "SQLite failed, and undid what was written",
            Self::Undone => "what was to be committed at the same time failed, and was undone",
            Self::Sqlite(error) => match error.code {
                ErrorCode::DiskFull | ErrorCode::TooBig | ErrorCode::OutOfMemory => return StoreError::Full,
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
                    return StoreError::corrupt("the database file is damaged");
                }
                ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => "another connection keeps the database locked",
                ErrorCode::ReadOnly => "the database cannot be written to",
                ErrorCode::SystemIoFailure => "the disk of the database failed, or has become read-only",
                _ => "SQLite failed",
            },
        };
        StoreError::Unavailable { reason: reason.to_owned(), source: Some(Box::new(self)) }
    }

    /// As it is told to those of whom any may have caused it, or none. Whoever hears that there is no room for an answer gives
    /// the answer up.
    pub(super) fn among_others(self) -> Self {
        let gives_up = matches!(self.into_store_error(), StoreError::Full);
        if gives_up || self == Self::Failed { Self::Undone } else { self }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        match error {
            rusqlite::Error::SqliteFailure(error, _) => Self::Sqlite(error),
            rusqlite::Error::SqlInputError { error, .. } => Self::Sqlite(error),
            _ => Self::Column,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(error) => error.fmt(f),
            Self::Column => f.write_str("a column is not what it should be"),
            Self::Stopped => f.write_str("stopped"),
            Self::Undone => f.write_str("undone"),
            Self::Failed => f.write_str("failed"),
        }
    }
}

impl Error for Fault {}

/// For what is called with `?` in an operation.
pub(super) fn store_error(error: rusqlite::Error) -> StoreError {
    Fault::from(error).into_store_error()
}

/// What a change fails with.
pub(super) trait Failure: From<StoreError> + Send + 'static {
    /// As [`Fault::among_others`].
    fn among_others(self) -> Self;
}

impl Failure for StoreError {
    fn among_others(self) -> Self {
        if matches!(self, Self::Full) { Fault::Undone.into_store_error() } else { self }
    }
}
