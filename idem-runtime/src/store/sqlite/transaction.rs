//! The record's own transaction, as a handler has it in hand.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::SqliteStore;
use super::entered::{End, Entered, Keyed, Statement};
use super::error::SqliteError;
use super::fault::Fault;
use super::row::Prepared;
use super::writer::{Job, Survives, Writer};
use crate::store::stored::Stored;
use crate::store::{
    Begun, Claim, ClaimOutcome, Committed, OwnerToken, Recording, StoreError, TransactionalStore, Writes,
};

/// An open transaction of a [`SqliteStore`].
///
/// Nothing is locked before its first [`call`](Self::call). From then on until it ends **nobody else writes to the
/// database**: first do what takes long, then write, then return. How it is used stands at [`call`](Self::call).
pub struct RusqliteTransaction {
    writer: Writer,
    keyed: Option<Keyed>,
    hold: Duration,
    way: Way,
}

/// The way to the thread that writes.
enum Way {
    /// There was no statement yet.
    NotEntered,
    Entered(Sender<Statement>),
    /// It is over, or will be without anything more being said.
    Ended,
}

impl RusqliteTransaction {
    pub(super) fn new(writer: Writer, keyed: Option<Keyed>, hold: Duration) -> Self {
        Self { writer, keyed, hold, way: Way::NotEntered }
    }

    /// Runs statements on the connection, in this transaction, and gives what they give.
    ///
    /// They run on the thread that writes, one handler's after the other's; what they need has to be moved into the
    /// closure. They see what this transaction has written. A statement that fails undoes itself, not the transaction:
    /// answer with a 5xx, or drop what was written with a savepoint of your own. Statements that end the transaction
    /// itself, attach databases, change how the connection works, or change the store's own tables are refused by SQLite
    /// ("not authorized").
    ///
    /// # Errors
    /// [`SqliteError::Sqlite`] with what the statements failed with. [`SqliteError::Ended`], when the transaction was undone
    /// meanwhile: the handler had left it alone for longer than the [hold](super::SqliteStoreBuilder::hold), the statements
    /// took longer than that, the disk is full, or the database was locked by somebody else.
    ///
    /// # Panics
    /// As `statements` does.
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::SqliteTransaction;
    /// use idem_runtime::store::SqliteError;
    ///
    /// async fn charge(tx: &mut SqliteTransaction, order: String, cents: i64) -> Result<i64, SqliteError> {
    ///     tx.call(move |db| {
    ///         db.execute("INSERT INTO charges (order_id, cents) VALUES (?1, ?2)", (order, cents))?;
    ///         Ok(db.last_insert_rowid())
    ///     })
    ///     .await
    /// }
    /// ```
    pub async fn call<T, F>(&mut self, statements: F) -> Result<T, SqliteError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let call = Box::new(move |db: &Connection| {
            drop(answer.send(catch_unwind(AssertUnwindSafe(|| statements(db)))));
        });
        self.send(Statement::Call(call))?;
        match answered.await {
            Ok(Ok(result)) => result.map_err(SqliteError::Sqlite),
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => Err(SqliteError::Ended),
        }
    }

    fn send(&mut self, statement: Statement) -> Result<(), SqliteError> {
        let sent = match &self.way {
            Way::Entered(way) => way.send(statement).is_ok(),
            Way::Ended => false,
            Way::NotEntered => {
                let (way, statements) = channel();
                // Before the thread is told, so that it need not wait for it.
                let _ = way.send(statement);
                let entered = Entered { keyed: self.keyed.clone(), statements, hold: self.hold };
                let is_told = self.writer.send(Job::Enter(entered)).is_ok();
                self.way = Way::Entered(way);
                is_told
            }
        };
        if sent { Ok(()) } else { Err(SqliteError::Ended) }
    }

    /// Ends it, and waits until that is committed.
    async fn end(mut self, writes: Writes, record: Option<Prepared>) -> Result<Committed, StoreError> {
        let (answer, answered_with) = oneshot::channel();
        if self.send(Statement::End(End { writes, record, answer })).is_err() {
            // Undone already. Dropping it releases the claim.
            return Ok(Committed::No);
        }
        self.way = Way::Ended;
        // The claim went with it.
        self.keyed = None;
        answered_with.await.unwrap_or_else(|_| Err(Fault::Stopped.into_store_error()))
    }

    /// Whether there is nothing that its end would change.
    fn is_empty(&self) -> bool {
        matches!(self.way, Way::NotEntered) && !self.keyed.as_ref().is_some_and(Keyed::is_its_own)
    }
}

impl Drop for RusqliteTransaction {
    fn drop(&mut self) {
        if let Way::Entered(way) = &self.way
            && way.send(Statement::Abandon).is_ok()
        {
            return;
        }
        if let Some(keyed) = self.keyed.take().filter(Keyed::is_its_own) {
            // Nobody waits for it; at the worst the lease ends.
            let (answer, _) = oneshot::channel();
            self.writer.change(Survives::Process, answer, move |desk| keyed.give_back(desk));
        }
    }
}

impl fmt::Debug for RusqliteTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RusqliteTransaction(..)")
    }
}

impl TransactionalStore for SqliteStore {
    type Transaction = RusqliteTransaction;

    async fn begin(&self, claim: &Claim, from: Option<OwnerToken>) -> Result<Begun<RusqliteTransaction>, StoreError> {
        let (writer, hold) = (self.writer().clone(), self.hold(claim.lease));
        let Claim { key, owner, fingerprint, .. } = *claim;
        // Made by the thread that makes the claim: if nobody waits for it any more, it is dropped, and releases it again.
        self.seize(claim, from, Survives::Process, move |outcome, claimed| match outcome {
            ClaimOutcome::Claimed { attempt } => {
                let keyed = Some(Keyed { key, owner, claimed });
                let transaction = RusqliteTransaction::new(writer, keyed, hold);
                Begun::Open { transaction, attempt, leased: true }
            }
            ClaimOutcome::InFlight(holder) => Begun::InFlight { same_request: holder.fingerprint == fingerprint },
            ClaimOutcome::Abandoned(holder) => Begun::Abandoned(holder),
            ClaimOutcome::Completed(record) => Begun::Completed(record),
        })
        .await
    }

    async fn begin_unguarded(&self, lease: Duration) -> Result<RusqliteTransaction, StoreError> {
        Ok(RusqliteTransaction::new(self.writer().clone(), None, self.hold(lease)))
    }

    async fn commit(
        &self,
        transaction: RusqliteTransaction,
        writes: Writes,
        recording: Option<Recording<'_>>,
    ) -> Result<Committed, StoreError> {
        let record = recording.map(|Recording { claim, attempt, outcome }| {
            Stored::done(claim, attempt, outcome).map(|stored| Prepared::of(claim.key, stored))
        });
        match record.transpose() {
            Ok(record) => transaction.end(writes, record).await,
            Err(error) => {
                tracing::warn!(%error, "a transaction cannot be committed");
                self.roll_back(transaction).await;
                Ok(Committed::No)
            }
        }
    }

    async fn roll_back(&self, transaction: RusqliteTransaction) {
        if !transaction.is_empty()
            && let Err(error) = transaction.end(Writes::Discard, None).await
        {
            tracing::warn!(%error, "a transaction could not be rolled back in an orderly way; nothing of it is kept");
        }
    }

    async fn was_committed(&self, claim: &Claim) -> Result<bool, StoreError> {
        let Claim { key, owner, .. } = *claim;
        // Behind the commit that is asked about, because the thread does one thing after the other.
        self.change(Survives::Process, move |desk| super::is_recorded_by(desk, key, owner)).await
    }
}
