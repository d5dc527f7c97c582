//! Claim, run, record, replay, refuse. Knows nothing of HTTP, and of a store only its interface.
//!
//! ```text
//! execute: seize ─┬─ held ──── run under the lease ── settle ─┬─ executed
//!                 ├─ record ─────────────────────────────────┼─ replay
//!                 ├─ busy ──── wait (or not) ── seize again   │
//!                 └─ refused                  claim lost ─────┴─ replay or refused
//! ```

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::digest::{Fingerprint, RecordKey};
use crate::store::{Claim, ClaimOutcome, ErasedStore, Record, StoreError, Writes};
use crate::telemetry;

pub(crate) mod adopt;
mod attempt;
mod deadline;
mod in_place;
mod leased;
mod mode;
mod policy;
pub(crate) mod progress;
mod seize;
mod settle;
pub(crate) mod settled;
pub(crate) mod stats;
#[cfg(test)]
mod tests;
pub(crate) mod transaction;
mod waiters;

pub(crate) use attempt::Attempt;
use mode::Mode;
pub(crate) use policy::Policy;
pub use policy::{InFlight, OnFailure};
use progress::{Phase, Progress};
use settled::Settled;
use stats::{Event, Stats};
use transaction::Slot;
use waiters::Waiters;

use crate::store::Outcome;

/// No digest of anything.
const NOBODYS: RecordKey = RecordKey::from_bytes([0; 32]);

/// Limits of the engine itself, the same for all operations.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How long one store call may take.
    pub(crate) store_timeout: Duration,
    /// How many duplicates may wait at once, over all keys.
    pub(crate) max_waiters: usize,
}

/// One request to guard.
pub(crate) struct Call {
    pub(crate) key: RecordKey,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) policy: Policy,
    pub(crate) progress: Arc<Progress>,
    /// Where the work finds the transaction that it writes in, if it asked for one.
    pub(crate) transaction: Option<Arc<Slot>>,
}

/// What the guarded work came to.
pub(crate) struct Finished<T> {
    pub(crate) answer: T,
    pub(crate) ending: Ending,
    /// What becomes of what the work wrote in its transaction, if it had one and did not fail.
    pub(crate) writes: Writes,
}

/// What becomes of the claim when the work is done.
pub(crate) enum Ending {
    /// The answer is recorded.
    Keep(Outcome),
    /// It is recorded that there was an answer, but not the answer.
    NotKept,
    /// Nothing is recorded: the next retry runs.
    Release,
    /// The work broke off: `on_failure` says what that means.
    Failed,
}

/// What the caller gets.
#[derive(Debug)]
pub(crate) enum Answer<T> {
    /// The work ran, here and now.
    Executed(T),
    /// It had run before: head and body of what was kept.
    Replay { head: Bytes, body: Bytes },
}

/// Why the caller gets no answer. The work did not run, or its answer must not be given.
#[derive(Debug)]
pub(crate) enum Refused {
    KeyReused,
    InProgress,
    OutcomeUnknown,
    ResponseNotKept,
    Unavailable(UnavailableBecause),
    Draining,
}

#[derive(Debug)]
pub(crate) enum UnavailableBecause {
    Store(StoreError),
    /// The claim was won so late that it may have ended already.
    LateClaim,
    /// Owners came and went faster than the claim could follow.
    Contended,
    /// The claim was lost while the work ran, and there is no record to answer with.
    ClaimLost,
}

pub(crate) struct Engine {
    store: Box<dyn ErasedStore>,
    /// How long a call of the store takes at the longest, if it says so. Not one of its transactions.
    longest_call: Option<Duration>,
    limits: Limits,
    stats: Arc<Stats>,
    waiters: Waiters,
    live: TaskTracker,
    mode: Mode,
}

impl Engine {
    pub(crate) fn new(store: Box<dyn ErasedStore>, limits: Limits) -> Self {
        Self {
            stats: Arc::new(Stats::new(store.name())),
            longest_call: store.longest_call(),
            store,
            limits,
            waiters: Waiters::new(limits.max_waiters),
            live: TaskTracker::new(),
            mode: Mode::default(),
        }
    }

    pub(crate) fn store(&self) -> &dyn ErasedStore {
        &*self.store
    }

    pub(crate) const fn stats(&self) -> &Arc<Stats> {
        &self.stats
    }

    pub(crate) fn stop_claiming(&self) {
        self.mode.drain();
    }

    /// How many claims are held, or on their way.
    pub(crate) fn running(&self) -> usize {
        self.live.len()
    }

    /// Whether the store answers.
    pub(crate) async fn ask_store(&self) -> Result<(), StoreError> {
        self.within(self.limits.store_timeout, self.store.look_up(NOBODYS)).await.map(drop)
    }

    pub(crate) async fn drain(&self) {
        self.stop_claiming();
        self.live.close();
        self.live.wait().await;
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.mode.is_draining()
    }

    /// Turns the guard off or on, for all that comes from here on.
    pub(crate) fn bypass(&self, on: bool) {
        if !self.mode.bypass(on) {
            return;
        }
        let (store, bypassed) = (self.store.name(), self.stats.snapshot().bypassed);
        match on {
            true => tracing::error!(store, "idempotency is bypassed: requests run unprotected, and retries run again"),
            false => {
                tracing::error!(store, bypassed, "idempotency is not bypassed any more: requests are guarded again")
            }
        }
    }

    pub(crate) fn is_bypassed(&self) -> bool {
        self.mode.is_bypassed()
    }

    /// What is asked before a request is identified: whether it runs unprotected, for that is counted and said.
    pub(crate) fn bypasses(&self) -> bool {
        let bypasses = self.is_bypassed();
        if bypasses {
            self.note_bypass();
        }
        bypasses
    }

    #[cold]
    pub(crate) fn note_bypass(&self) {
        self.stats.count(Event::Bypassed);
        if let Some(requests) = self.mode.to_be_said() {
            tracing::warn!(requests, "requests run unprotected, because idempotency is bypassed");
        }
    }

    /// Runs the work once for `call`, or says how it went before. `prepared` gives the work; it is awaited only if the work
    /// is to run, and must not have to wait for anything itself.
    ///
    /// While a claim may be held, `call.progress` is live: whoever owns this future must see it through to its end.
    pub(crate) async fn execute<T, F>(
        self: &Arc<Self>,
        call: Call,
        prepared: impl Future<Output = F>,
    ) -> Result<Answer<T>, Refused>
    where
        F: Future<Output = Finished<T>>,
    {
        let mut attempt = Attempt::new(call.key, call.fingerprint, &call.policy);
        self.go_on(&call, &mut attempt, prepared).await
    }

    /// As [`execute`](Self::execute), with an attempt that may have been answered already.
    pub(crate) async fn go_on<T, F>(
        self: &Arc<Self>,
        call: &Call,
        attempt: &mut Attempt,
        prepared: impl Future<Output = F>,
    ) -> Result<Answer<T>, Refused>
    where
        F: Future<Output = Finished<T>>,
    {
        let Call { policy, progress, .. } = call;
        let first = attempt.first.take();
        let claim = &attempt.claim;
        let transaction = call.transaction.as_deref();
        let asked = seize::Asked { claim, policy, progress, transaction };
        let seized = match first {
            Some(seize::First::Granted { sent, live, attempt }) => {
                progress.enter(Phase::Live);
                self.judge(claim, sent, live, ClaimOutcome::Claimed { attempt })
            }
            Some(seize::First::Otherwise(answered)) => Box::pin(self.seize_or_wait(asked, Some(*answered))).await,
            None => Box::pin(self.seize_or_wait(asked, None)).await,
        };
        let result = match seized {
            Ok(seize::Seized::Held(held)) => Box::pin(self.run(asked, held, prepared.await)).await,
            Ok(seize::Seized::Completed(record)) => self.replay(record),
            Ok(seize::Seized::Busy) => Err(Refused::InProgress),
            Err(refused) => Err(refused),
        };
        progress.enter(Phase::Idle);
        if let Err(refused) = &result {
            self.count_refusal(refused, claim);
        }
        result
    }

    async fn run<T, F>(
        self: &Arc<Self>,
        asked: seize::Asked<'_>,
        mut held: seize::HeldClaim,
        work: F,
    ) -> Result<Answer<T>, Refused>
    where
        F: Future<Output = Finished<T>>,
    {
        let seize::Asked { claim, policy, progress, transaction } = asked;
        self.stats.count(Event::Executed);
        let attempt = held.attempt;
        telemetry::record_attempt(attempt);
        if attempt > 1 {
            self.stats.count(Event::TakenOver);
            tracing::warn!(key = %claim.key, attempt, "the owner of a claim has died; the request runs again");
        }
        progress.hold(progress::Held { record: claim.key, attempt }, held.sent + claim.lease);
        let ended = leased::run_leased(self, claim, progress, held.leased, work).await;
        let (ending, writes, answer) = match ended {
            Ok(Finished { answer, ending, writes }) => (ending, writes, Ok(answer)),
            Err(panic) => {
                self.stats.count(Event::Panicked);
                (Ending::Failed, Writes::Discard, Err(panic))
            }
        };
        let closed = match transaction {
            None => Box::pin(self.settle(claim, &mut held, policy, progress, ending)).await,
            Some(slot) => {
                let left = transaction::Left { held: &mut held, slot, ending, writes };
                Box::pin(self.settle_transaction(asked, left)).await
            }
        };
        self.waiters.wake(claim.key);
        drop(held);
        let answer = match answer {
            Ok(answer) => answer,
            // The claim is settled; from here on the panic is the caller's, as it would be without a guard.
            Err(panic) => {
                progress.enter(Phase::Idle);
                std::panic::resume_unwind(panic)
            }
        };
        match closed {
            settle::Closed::Ours => Ok(Answer::Executed(answer)),
            settle::Closed::Lost => Box::pin(self.after_loss(claim)).await,
        }
    }

    fn replay<T>(&self, record: Record) -> Result<Answer<T>, Refused> {
        match Settled::decode(record.outcome) {
            Ok(Settled::Kept { head, body }) => {
                self.stats.count(Event::Replayed);
                Ok(Answer::Replay { head, body })
            }
            Ok(Settled::NotKept) => Err(Refused::ResponseNotKept),
            Ok(Settled::Unknown) => Err(Refused::OutcomeUnknown),
            Err(error) => Err(Refused::store(error)),
        }
    }

    fn count_refusal(&self, refused: &Refused, claim: &Claim) {
        self.stats.count(match refused {
            Refused::KeyReused => Event::KeyReused,
            Refused::InProgress => Event::InProgress,
            Refused::OutcomeUnknown => Event::OutcomeUnknown,
            Refused::ResponseNotKept => Event::NotKept,
            Refused::Unavailable(_) => Event::Unavailable,
            Refused::Draining => Event::Draining,
        });
        match refused {
            Refused::Unavailable(because) => {
                tracing::error!(key = %claim.key, store = self.store.name(), %because, "a request was refused");
            }
            // Somebody has to find out, and needs the whole digest for it.
            Refused::OutcomeUnknown => tracing::warn!(key = %claim.key, "the outcome of a request is not known"),
            _ => {}
        }
    }
}

impl Refused {
    fn store(error: StoreError) -> Self {
        Self::Unavailable(UnavailableBecause::Store(error))
    }
}

impl std::fmt::Display for UnavailableBecause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Store(error) => {
                write!(f, "{error}")?;
                let mut source = std::error::Error::source(error);
                while let Some(error) = source {
                    write!(f, ": {error}")?;
                    source = error.source();
                }
                Ok(())
            }
            Self::LateClaim => f.write_str("the claim was answered too late to be trusted"),
            Self::Contended => f.write_str("the claim changed hands too often"),
            Self::ClaimLost => f.write_str("the claim was lost while the handler ran, and there is no record"),
        }
    }
}

/// How much of a lease has to be left for work to start: a fifth of it goes for the answer's way back and for timers.
fn may_start(sent: Instant, lease: Duration) -> bool {
    sent.elapsed() < lease - lease / 5
}
