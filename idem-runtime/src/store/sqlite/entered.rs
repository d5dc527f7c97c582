//! A handler's transaction, as the thread that writes sees it: a part of the commit that is being made.
//!
//! From its first statement to its end the handler has the thread, and the database's only lock with it, to itself. Its
//! writes lie behind a savepoint, so that they can be undone without anybody else's.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::fault::{Fault, store_error};
use super::guard::SAVEPOINT;
use super::row::{Owned, Prepared};
use super::writer::{Answer, Desk};
use crate::digest::RecordKey;
use crate::store::stored::State;
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
#[derive(Clone, Copy)]
pub(super) struct Keyed {
    pub(super) key: RecordKey,
    pub(super) owner: OwnerToken,
    /// Whether the claim was made for this transaction, and ends with it.
    pub(super) is_its_own: bool,
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
                    if let Some(Keyed { key, owner, is_its_own: true }) = self.keyed
                        && let Err(error) = release(desk, key, owner)
                    {
                        tracing::warn!(%key, %error, "a claim could not be released");
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
        Box::new(move |committed| {
            drop(answer.send(match committed {
                Ok(()) => result,
                Err(fault) => Err(fault.into_store_error()),
            }));
        })
    }

    fn close(&self, desk: &Desk, writes: Writes, record: Option<Prepared>) -> Result<Committed, StoreError> {
        let Desk { db, clock, .. } = desk;
        if writes == Writes::Discard {
            db.execute_batch(&format!("ROLLBACK TO {SAVEPOINT}")).map_err(store_error)?;
        }
        if let Some(Keyed { key, owner, is_its_own }) = self.keyed {
            let now = clock.now();
            // Whoever lost the claim has written nothing.
            match (Owned::find(db, key, owner, now)?, record) {
                (Some(owned), Some(record)) if owned.state == State::Held => record.record(db, &owned, now)?,
                (Some(owned), None) if owned.state == State::Held && is_its_own => owned.remove(db)?,
                (Some(owned), None) if owned.state == State::Held => {}
                _ => return Ok(Committed::No),
            }
        }
        db.execute_batch(&format!("RELEASE {SAVEPOINT}")).map_err(store_error)?;
        Ok(Committed::Yes)
    }
}

/// Removes a claim, if it is still its owner's.
pub(super) fn release(desk: &Desk, key: RecordKey, owner: OwnerToken) -> Result<bool, StoreError> {
    match Owned::find(&desk.db, key, owner, desk.clock.now())? {
        Some(owned) if owned.state == State::Held => owned.remove(&desk.db).map(|()| true),
        _ => Ok(false),
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
