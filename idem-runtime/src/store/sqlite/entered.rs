//! A handler's transaction, as the thread that writes sees it: a part of the commit that is being made.
//!
//! From its first statement to its end the handler has the thread, and the database's only lock with it, to itself. Its
//! writes lie behind a savepoint, so that they can be undone without anybody else's.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::fault::{Fault, store_error};
use super::guard::SAVEPOINT;
use super::row::{Found, Owned, Prepared};
use super::writer::{Answer, Desk, once_committed};
use crate::digest::RecordKey;
use crate::store::{Committed, OwnerToken, StoreError, Writes};

/// Statements of the handler's; they give their result to it themselves.
pub(super) type Call = Box<dyn FnOnce(&Connection) + Send>;

pub(super) enum Statement {
    Call(Call),
    End(End),
    /// The handler gave the transaction up.
    Abandon,
}

/// How it ends.
pub(super) struct End {
    pub(super) writes: Writes,
    pub(super) record: Option<Prepared>,
    pub(super) answer: oneshot::Sender<Result<Committed, StoreError>>,
}

/// The claim by which it holds its key.
#[derive(Clone)]
pub(super) struct Keyed {
    pub(super) key: RecordKey,
    pub(super) owner: OwnerToken,
    pub(super) claimed: Claimed,
}

/// How the claim came about, which says what becomes of it when a transaction ends without a record.
#[derive(Clone)]
pub(super) enum Claimed {
    /// Before the transaction: it stays.
    Before,
    /// For the transaction, where nothing was: it goes.
    Fresh,
    /// For the transaction, from somebody who had abandoned it: that is there again.
    From(Arc<Found>),
}

pub(super) struct Entered {
    pub(super) keyed: Option<Keyed>,
    pub(super) statements: Receiver<Statement>,
    /// How long the handler may leave the thread waiting.
    pub(super) hold: Duration,
}

impl Entered {
    /// Tells the handler that it could not be entered.
    pub(super) fn refuse(self, fault: Fault) {
        tracing::warn!(%fault, "a transaction could not be entered");
        if let Ok(Statement::End(end)) = self.statements.try_recv() {
            drop(end.answer.send(Err(fault.into_store_error())));
        }
    }

    /// Serves the handler until it ends its transaction, and gives the answer that waits for the commit. Without one it was
    /// undone: the handler finds nobody listening any more.
    pub(super) fn run(self, desk: &Desk) -> Option<Answer> {
        if let Err(error) = desk.db.execute_batch(&format!("SAVEPOINT {SAVEPOINT}")) {
            self.refuse(error.into());
            return None;
        }
        loop {
            match self.statements.recv_timeout(self.hold) {
                Ok(Statement::Call(call)) => {
                    desk.guard.watch(self.hold, || call(&desk.db));
                    if desk.db.is_autocommit() {
                        return None;
                    }
                }
                Ok(Statement::End(end)) => return Some(self.end(desk, end)),
                Ok(Statement::Abandon) | Err(RecvTimeoutError::Disconnected) => {
                    undo(&desk.db);
                    if let Some(keyed) = &self.keyed
                        && let Err(error) = keyed.give_back(desk)
                    {
                        tracing::warn!(key = %keyed.key, %error, "a claim could not be given back");
                    }
                    return None;
                }
                Err(RecvTimeoutError::Timeout) => {
                    tracing::warn!(held = ?self.hold, "a handler left its transaction alone for too long; it is undone");
                    undo(&desk.db);
                    return None;
                }
            }
        }
    }

    fn end(&self, desk: &Desk, end: End) -> Answer {
        let End { writes, record, answer } = end;
        let result = self.close(desk, writes, record);
        if !matches!(result, Ok(Committed::Yes)) {
            undo(&desk.db);
        }
        Box::new(move |committed| drop(answer.send(once_committed(result, committed))))
    }

    fn close(&self, desk: &Desk, writes: Writes, record: Option<Prepared>) -> Result<Committed, StoreError> {
        let Desk { db, clock, .. } = desk;
        if writes == Writes::Discard {
            db.execute_batch(&format!("ROLLBACK TO {SAVEPOINT}")).map_err(store_error)?;
        }
        if let Some(keyed) = &self.keyed {
            let now = clock.now();
            // Whoever lost the claim has written nothing.
            let Some(owned) = Owned::held(db, keyed.key, keyed.owner, now)? else { return Ok(Committed::No) };
            match record {
                Some(record) => record.record(db, &owned, now)?,
                None => keyed.end(db, &owned)?,
            }
        }
        db.execute_batch(&format!("RELEASE {SAVEPOINT}")).map_err(store_error)?;
        Ok(Committed::Yes)
    }
}

impl Keyed {
    /// Whether the claim ends with the transaction.
    pub(super) fn is_its_own(&self) -> bool {
        !matches!(self.claimed, Claimed::Before)
    }

    /// Ends the claim, if it is still its owner's, of a transaction that has left nothing.
    pub(super) fn give_back(&self, desk: &Desk) -> Result<(), StoreError> {
        match Owned::held(&desk.db, self.key, self.owner, desk.clock.now())? {
            Some(owned) => self.end(&desk.db, &owned),
            None => Ok(()),
        }
    }

    fn end(&self, db: &Connection, owned: &Owned) -> Result<(), StoreError> {
        match &self.claimed {
            Claimed::Before => Ok(()),
            Claimed::Fresh => owned.remove(db),
            Claimed::From(found) => found.put_back(db),
        }
    }
}

/// Removes a claim, if it is still its owner's.
pub(super) fn release(desk: &Desk, key: RecordKey, owner: OwnerToken) -> Result<bool, StoreError> {
    match Owned::held(&desk.db, key, owner, desk.clock.now())? {
        Some(owned) => owned.remove(&desk.db).map(|()| true),
        None => Ok(false),
    }
}

/// Undoes what was written behind the savepoint.
pub(super) fn undo(db: &Connection) {
    // Nothing to undo where SQLite has undone everything.
    if !db.is_autocommit()
        && let Err(error) = db.execute_batch(&format!("ROLLBACK TO {SAVEPOINT}; RELEASE {SAVEPOINT}"))
    {
        tracing::error!(fault = %Fault::from(error), "what a handler wrote could not be undone alone");
        // Better all than what nobody answers for.
        drop(db.execute_batch("ROLLBACK"));
    }
}
