//! What is looked at and made before the store is used.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, ffi};

use super::error::SqliteOpenError;
use super::guard;
use super::row;

/// What makes the tables.
pub(super) const SCHEMA_SQL: &str = include_str!("schema.sql");

/// The version of what [`SCHEMA_SQL`] makes.
const SCHEMA_VERSION: i64 = 1;

const DISK_FULL: &str = "the disk is full: make room on it, or name a file on another";

/// Above the number of the store's own statements, with room for the application's.
const PREPARED_STATEMENTS: usize = 64;

pub(super) struct Startup<'a> {
    pub(super) path: &'a Path,
    pub(super) lock_wait: Duration,
}

impl Startup<'_> {
    /// The connection that writes, to a database with everything in it.
    pub(super) fn writer(&self) -> Result<Connection, SqliteOpenError> {
        if self.path.as_os_str().is_empty() || self.path == Path::new(":memory:") {
            return Err(SqliteOpenError::NoWriteAheadLog { path: self.path.to_owned() });
        }
        let db = self.connect(OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
        let mode: String = db
            .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
            .map_err(|error| self.failed(error))?;
        if !mode.eq_ignore_ascii_case("wal") {
            return Err(SqliteOpenError::NoWriteAheadLog { path: self.path.to_owned() });
        }
        self.migrate(&db)?;
        Ok(db)
    }

    /// A connection that reads.
    pub(super) fn reader(&self) -> Result<Connection, SqliteOpenError> {
        // Not opened read-only: the last one that is closed has to be able to tidy up the log.
        let db = self.connect(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        db.pragma_update(None, "query_only", true).map_err(|error| self.failed(error))?;
        guard::keep_reading(&db).map_err(|error| self.failed(error))?;
        Ok(db)
    }

    fn connect(&self, flags: OpenFlags) -> Result<Connection, SqliteOpenError> {
        // Each connection stays with one thread.
        let db = Connection::open_with_flags(self.path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .map_err(|error| self.failed(error))?;
        db.busy_timeout(self.lock_wait).map_err(|error| self.failed(error))?;
        db.set_prepared_statement_cache_capacity(PREPARED_STATEMENTS);
        Ok(db)
    }

    fn migrate(&self, db: &Connection) -> Result<(), SqliteOpenError> {
        // Asked first: what is there need not be written again, and a newer release's tables must not be touched.
        let found = row::version(db).map_err(|error| self.failed(error))?;
        if found.is_none() {
            let script = format!("BEGIN IMMEDIATE; {SCHEMA_SQL}; COMMIT");
            db.execute_batch(&script).map_err(|error| self.failed(error))?;
        }
        match row::version(db).map_err(|error| self.failed(error))? {
            Some(SCHEMA_VERSION) => self.try_to_write(db),
            found => Err(SqliteOpenError::OtherVersion {
                path: self.path.to_owned(),
                found: found.unwrap_or_default(),
                needed: SCHEMA_VERSION,
            }),
        }
    }

    /// That nothing stands in the way is found out now, and not by a customer.
    fn try_to_write(&self, db: &Connection) -> Result<(), SqliteOpenError> {
        db.execute_batch("BEGIN IMMEDIATE; UPDATE idem_version SET version = version; ROLLBACK")
            .map_err(|error| self.failed(error))
    }

    pub(super) fn failed(&self, source: rusqlite::Error) -> SqliteOpenError {
        let path = self.path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen)
                if is_on_read_only_file_system(&path) =>
            {
                SqliteOpenError::ReadOnlyFileSystem { path }
            }
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => SqliteOpenError::ReadOnly { path },
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => SqliteOpenError::NotADatabase { path },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => SqliteOpenError::Locked { path },
            Some(ErrorCode::DiskFull) => SqliteOpenError::CannotOpen { path, reason: DISK_FULL },
            // The index of the log could not be made as large as it has to be.
            Some(ErrorCode::SystemIoFailure) if extended_code(&source) == Some(ffi::SQLITE_IOERR_SHMSIZE) => {
                SqliteOpenError::CannotOpen { path, reason: DISK_FULL }
            }
            Some(ErrorCode::CannotOpen) => SqliteOpenError::CannotOpen { reason: reason(&path), path },
            _ => SqliteOpenError::Failed { path, source },
        }
    }
}

fn extended_code(error: &rusqlite::Error) -> Option<i32> {
    error.sqlite_error().map(|error| error.extended_code)
}

/// Why SQLite may not have been able to open a file.
fn reason(path: &Path) -> &'static str {
    if path.is_dir() {
        return "it is a folder; name a file in it";
    }
    match folder_of(path) {
        folder if !folder.exists() => "its folder does not exist; make it first",
        folder if !folder.is_dir() => "what should be its folder is a file; name another",
        _ => "give this process the right to read and write the file and its folder, or name another file",
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Whether the file, or else the folder that it would be made in, cannot be written to by anybody.
///
/// It is asked for, and not tried: to close a file takes every lock on it from this process, those of the application's
/// own connections too (<https://www.sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_>).
#[cfg(unix)]
fn is_on_read_only_file_system(path: &Path) -> bool {
    use rustix::fs::{Access, access};
    use rustix::io::Errno;
    [path, folder_of(path)].into_iter().any(|place| access(place, Access::WRITE_OK) == Err(Errno::ROFS))
}

#[cfg(not(unix))]
fn is_on_read_only_file_system(_: &Path) -> bool {
    false
}
