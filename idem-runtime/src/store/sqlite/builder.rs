use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::clock::Clock;
use super::error::SqliteOpenError;
use super::guard::Guard;
use super::reader::Readers;
use super::startup::Startup;
use super::writer::{Desk, Level, Writer};
use super::{Inner, SqliteStore};

/// What a record has survived when it is answered: SQLite's `PRAGMA synchronous`, in a write-ahead log.
///
/// Source: <https://www.sqlite.org/pragma.html#pragma_synchronous>.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Synchronous {
    /// A power failure: each commit is flushed to the disk before it is answered. The default.
    #[default]
    Full,
    /// The end of the process. A power failure or a crash of the system can take the newest records with it: **a request
    /// may then run twice.** Without a flush, a commit is many times faster.
    Normal,
}

/// Settings of a [`SqliteStore`], made with [`SqliteStore::builder`].
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use idem_runtime::store::SqliteStore;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let file = folder.path().join("shop.db");
/// let store = SqliteStore::builder(file).hold(Duration::from_secs(2)).readers(4).open()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct SqliteStoreBuilder {
    path: PathBuf,
    synchronous: Synchronous,
    response_timeout: Duration,
    hold: Duration,
    readers: usize,
}

impl SqliteStoreBuilder {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            synchronous: Synchronous::Full,
            response_timeout: Duration::from_millis(800),
            hold: Duration::from_secs(5),
            readers: 2,
        }
    }

    /// What a record has survived when it is answered. [`Synchronous::Full`] unless said otherwise.
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::store::{SqliteStore, Synchronous};
    ///
    /// // For a service whose effects do not outlive a power failure either.
    /// let builder = SqliteStore::builder("preview.db").synchronous(Synchronous::Normal);
    /// ```
    pub fn synchronous(mut self, synchronous: Synchronous) -> Self {
        self.synchronous = synchronous;
        self
    }

    /// How long one operation may take, from 2 ms to an hour. 800 ms unless said otherwise: below the
    /// [deadline of one store call](crate::IdempotencyBuilder::store_timeout). For at most half of that another connection
    /// is waited for that has the database locked.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use idem_runtime::Idempotency;
    /// use idem_runtime::store::SqliteStore;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let file = folder.path().join("shop.db");
    /// // Another program keeps the file locked for up to two seconds.
    /// let store = SqliteStore::builder(file).response_timeout(Duration::from_secs(5)).open()?;
    /// let idempotency = Idempotency::builder(store).store_timeout(Duration::from_secs(6)).build();
    /// # Ok(())
    /// # }
    /// ```
    pub fn response_timeout(mut self, timeout: Duration) -> Self {
        self.response_timeout = timeout.clamp(Duration::from_millis(2), Duration::from_secs(3_600));
        self
    }

    /// How long a handler may leave its [`Transaction`](crate::Transaction) alone once it has written, and how long one of
    /// its statements may take. 5 s unless said otherwise; the route's `lease`, where that is shorter. All others who want
    /// to write wait meanwhile; after that it is undone.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use idem_runtime::store::SqliteStore;
    ///
    /// // No handler asks anybody else between its first statement and its end.
    /// let builder = SqliteStore::builder("shop.db").hold(Duration::from_millis(500));
    /// ```
    pub fn hold(mut self, hold: Duration) -> Self {
        self.hold = hold;
        self
    }

    /// How many threads read, and so how many replays are looked up at once; more wait. 2 unless said otherwise, and at
    /// least 1.
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::store::SqliteStore;
    ///
    /// let builder = SqliteStore::builder("shop.db").readers(8);
    /// ```
    pub fn readers(mut self, readers: usize) -> Self {
        self.readers = readers.max(1);
        self
    }

    /// Opens the database, and makes the file and the tables if they are missing. Blocks for a moment.
    ///
    /// # Errors
    /// [`SqliteOpenError`], when the file cannot be opened, written to or used.
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::store::{SqliteOpenError, SqliteStore};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path();
    /// let store = SqliteStore::builder(folder.join("shop.db")).open()?;
    ///
    /// let refused = SqliteStore::builder(folder.join("missing/shop.db")).open();
    /// let Err(SqliteOpenError::CannotOpen { reason, .. }) = refused else { panic!() };
    /// assert_eq!(reason, "its folder does not exist; make it first");
    /// # Ok(())
    /// # }
    /// ```
    pub fn open(self) -> Result<SqliteStore, SqliteOpenError> {
        let Self { path, synchronous, response_timeout, hold, readers } = self;
        let startup = Startup { path: &path, lock_wait: response_timeout / 2 };
        let db = startup.writer()?;
        let connections = (0..readers).map(|_| startup.reader()).collect::<Result<_, _>>()?;
        let guard = Guard::over(&db).map_err(|error| startup.failed(error))?;
        let clock = Clock::of_this_machine();
        let machine = match synchronous {
            Synchronous::Full => "FULL",
            Synchronous::Normal => "NORMAL",
        };
        let level = Level { machine, process: "NORMAL", now: "" };
        let writer = Writer::start(Desk { db, clock, guard }, level).map_err(SqliteOpenError::Threads)?;
        let readers = Readers::start(connections, clock).map_err(SqliteOpenError::Threads)?;
        Ok(SqliteStore { inner: Arc::new(Inner { writer, readers, path, hold, response_timeout }) })
    }
}
