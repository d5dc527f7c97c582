//! What an application writes and reads in the database beside the store.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::error::SqliteError;
use super::fault::{Failure, store_error};
use super::guard::SAVEPOINT;
use super::writer::{Desk, Survives};
use super::{SqliteStore, entered};
use crate::store::StoreError;

/// Why statements have left nothing.
enum NotWritten {
    Panicked(Box<dyn Any + Send>),
    Refused(rusqlite::Error),
    Failed(StoreError),
}

impl From<StoreError> for NotWritten {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

impl Failure for NotWritten {
    /// Statements have no answer to give up: what they failed with is what helps.
    fn among_others(self) -> Self {
        self
    }
}

impl SqliteStore {
    /// Writes to the database beside the store: what an application needs that has no other connection to it.
    ///
    /// All statements are committed together, on the thread that writes and in the same commit with whatever else has come;
    /// if they give an error, nothing of them is. What
    /// [`RusqliteTransaction::call`](super::RusqliteTransaction::call) says of statements holds here too.
    ///
    /// # Errors
    /// [`SqliteError::Sqlite`] with what the statements failed with; [`SqliteError::Ended`], when they could not be committed.
    ///
    /// # Panics
    /// As `statements` does. Nothing is written then.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let file = folder.path().join("shop.db");
    /// let store = idem_runtime::store::SqliteStore::open(file)?;
    /// store.write(|db| db.execute_batch("CREATE TABLE IF NOT EXISTS charges (cents INTEGER NOT NULL)")).await?;
    /// store.write(|db| db.execute("INSERT INTO charges VALUES (?1)", [499])).await?;
    /// let total: i64 = store.read(|db| db.query_row("SELECT sum(cents) FROM charges", [], |row| row.get(0))).await?;
    /// assert_eq!(total, 499);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn write<T, F>(&self, statements: F) -> Result<T, SqliteError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let hold = self.inner.hold;
        let work = move |desk: &Desk| {
            desk.db.execute_batch(&format!("SAVEPOINT {SAVEPOINT}")).map_err(store_error)?;
            let result = desk.guard.watch(hold, || catch_unwind(AssertUnwindSafe(|| statements(&desk.db))));
            let written = result.map_err(NotWritten::Panicked).and_then(|result| result.map_err(NotWritten::Refused));
            match &written {
                Ok(_) => desk.db.execute_batch(&format!("RELEASE {SAVEPOINT}")).map_err(store_error)?,
                Err(_) => entered::undo(&desk.db),
            }
            written
        };
        self.change(Survives::Machine, work).await.map_err(|why| match why {
            NotWritten::Panicked(panic) => resume_unwind(panic),
            NotWritten::Refused(error) => SqliteError::Sqlite(error),
            NotWritten::Failed(error) => {
                tracing::warn!(%error, "statements could not be committed");
                SqliteError::Ended
            }
        })
    }

    /// Reads from the database beside the store, on one of the threads that read. They are few: see
    /// [`readers`](super::SqliteStoreBuilder::readers).
    ///
    /// Each statement sees what is committed when it begins. Statements that write are refused.
    ///
    /// # Errors
    /// [`SqliteError::Sqlite`] with what the statements failed with.
    ///
    /// # Panics
    /// As `statements` does.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let file = folder.path().join("shop.db");
    /// use idem_runtime::store::{SqliteError, SqliteStore};
    ///
    /// let store = SqliteStore::open(file)?;
    /// // How much is kept beside the application's own rows.
    /// let kept: i64 = store.read(|db| db.query_row("SELECT count(*) FROM idem_records", [], |row| row.get(0))).await?;
    /// assert_eq!(kept, 0);
    /// let refused = store.read(|db| db.execute_batch("CREATE TABLE charges (cents INTEGER)")).await;
    /// assert!(matches!(refused, Err(SqliteError::Sqlite(_))));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn read<T, F>(&self, statements: F) -> Result<T, SqliteError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        self.inner.readers.send(Box::new(move |db, _| {
            drop(answer.send(catch_unwind(AssertUnwindSafe(|| statements(db)))));
        }));
        match answered.await {
            Ok(Ok(result)) => result.map_err(SqliteError::Sqlite),
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => Err(SqliteError::Ended),
        }
    }
}
