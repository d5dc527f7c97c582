use std::path::PathBuf;

/// Why statements in a transaction of a [`SqliteStore`](super::SqliteStore) gave nothing.
///
/// # Examples
///
/// ```
/// use idem_runtime::rusqlite::ErrorCode;
/// use idem_runtime::store::SqliteError;
///
/// /// Whether the row was there before.
/// fn is_repeated(error: &SqliteError) -> bool {
///     matches!(error, SqliteError::Sqlite(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation))
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SqliteError {
    /// SQLite refused them, or they gave something else than was asked for.
    #[error("SQLite refused a statement")]
    Sqlite(#[source] rusqlite::Error),
    /// The transaction is over, and nothing of it is kept.
    #[error(
        "the transaction has ended: it was left alone or kept the database locked for too long, the disk is full, or \
         another connection had the database locked"
    )]
    Ended,
}

/// Why a [`SqliteStore`](super::SqliteStore) could not be opened.
///
/// # Examples
///
/// ```
/// use idem_runtime::store::SqliteStore;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// let refused = SqliteStore::open(folder.path()).unwrap_err();
/// assert!(refused.to_string().ends_with("cannot be opened: it is a folder; name a file in it"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SqliteOpenError {
    /// The file is neither there nor can it be made.
    #[error("the SQLite database {} cannot be opened: {reason}", path.display())]
    CannotOpen {
        /// The file.
        path: PathBuf,
        /// What stands in the way, and what to do.
        reason: &'static str,
    },
    /// This process has not the right to write the file, or to make files beside it in its folder.
    #[error(
        "the SQLite database {} is read-only: give this process the right to read and write the file and its folder, or \
         name another file", path.display()
    )]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// Nobody can write where the file is, or would be.
    #[error(
        "the SQLite database {} is on a read-only file system: mount that for writing (`mount -o remount,rw`), or name a \
         file on another", path.display()
    )]
    ReadOnlyFileSystem {
        /// The file.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("{} is no SQLite database, or is damaged: name another file", path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// The database is not on a disk of this machine.
    #[error(
        "the SQLite database {} has no write-ahead log: it needs a file on a local disk, and not one on a network; for a \
         store without a file use `memory:`", path.display()
    )]
    NoWriteAheadLog {
        /// The file.
        path: PathBuf,
    },
    /// Another connection has it locked.
    #[error("the SQLite database {} is locked by another connection: end its transaction", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The tables are of another release.
    #[error(
        "the table idem_records in {} has version {found}, and this release needs {needed}: use the newer release of \
         idem-runtime that made it", path.display()
    )]
    OtherVersion {
        /// The file.
        path: PathBuf,
        /// The version that is there.
        found: i64,
        /// The version that this release needs.
        needed: i64,
    },
    /// SQLite answered with another error.
    #[error("SQLite could not prepare {}", path.display())]
    Failed {
        /// The file.
        path: PathBuf,
        /// The error below.
        #[source]
        source: rusqlite::Error,
    },
    /// The system gave no thread.
    #[error("no thread for the SQLite database could be started")]
    Threads(#[source] std::io::Error),
}
