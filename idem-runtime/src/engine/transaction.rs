//! A claim that is a transaction which the handler writes in.
//!
//! Nothing is renewed and nothing expires: the transaction itself holds the key, and its end settles all at once. Where a
//! route says `on_failure = "keep"`, a claim with a lease goes before it, because a transaction that ends with its owner
//! leaves no trace of an attempt.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::policy::OnFailure;
use super::progress::{Phase, Progress};
use super::seize::{Asked, HeldClaim, Seized, TAKE_OVER_TRIES, same};
use super::settle::Closed;
use super::settled::Settled;
use super::stats::{Event, Tally};
use super::{Ending, Engine, Finished, Refused, UnavailableBecause, leased, may_start};
use crate::store::{
    AnyTransaction, Begun, Claim, Committed, Hold, OwnerToken, Recording, StoreError, Transactional, Writes,
};

/// Where an open transaction is while the handler does not have it in hand.
#[derive(Default)]
pub(crate) struct Slot(Mutex<Option<AnyTransaction>>);

impl Slot {
    pub(crate) fn put(&self, transaction: AnyTransaction) {
        *self.0.lock() = Some(transaction);
    }

    pub(crate) fn take(&self) -> Option<AnyTransaction> {
        self.0.lock().take()
    }
}

/// What a finished handler leaves to be settled.
pub(super) struct Left<'a> {
    pub(super) held: &'a mut HeldClaim,
    pub(super) slot: &'a Slot,
    pub(super) ending: Ending,
    pub(super) writes: Writes,
}

impl Engine {
    pub(super) async fn open(
        self: &Arc<Self>,
        asked: Asked<'_>,
        slot: &Slot,
        live: TaskTrackerToken,
    ) -> Result<Seized, Refused> {
        match asked.policy.on_failure {
            OnFailure::Retry => self.open_alone(asked, slot, live).await,
            OnFailure::Keep => match self.seize_lease(asked, live).await? {
                Seized::Held(held) => self.open_under(asked, slot, held).await,
                other => Ok(other),
            },
        }
    }

    async fn open_alone(
        self: &Arc<Self>,
        asked: Asked<'_>,
        slot: &Slot,
        live: TaskTrackerToken,
    ) -> Result<Seized, Refused> {
        let mut from = None;
        for _ in 0..TAKE_OVER_TRIES {
            let sent = Instant::now();
            match self.begin(asked.claim, from).await? {
                Begun::Open { transaction, leased: true, attempt } if !may_start(sent, asked.claim.lease) => {
                    let mut tally = Tally::claimed(&self.stats, attempt);
                    self.roll_back(transaction).await;
                    tally.released();
                    return Err(Refused::Unavailable(UnavailableBecause::LateClaim));
                }
                Begun::Open { transaction, attempt, leased } => {
                    slot.put(transaction);
                    let tally = Tally::claimed(&self.stats, attempt);
                    let held = HeldClaim { attempt, sent, leased, precedes_transaction: false, tally, _live: live };
                    return Ok(Seized::Held(held));
                }
                Begun::InFlight { same_request } => return same(same_request, Seized::Busy),
                Begun::Completed(record) => {
                    return same(record.fingerprint == asked.claim.fingerprint, Seized::Completed(record));
                }
                Begun::Abandoned(holder) if holder.fingerprint != asked.claim.fingerprint => {
                    return Err(Refused::KeyReused);
                }
                Begun::Abandoned(holder) => from = Some(holder.owner),
            }
        }
        Err(Refused::Unavailable(UnavailableBecause::Contended))
    }

    /// Opens the transaction of a key that is claimed already.
    async fn open_under(
        self: &Arc<Self>,
        asked: Asked<'_>,
        slot: &Slot,
        mut held: HeldClaim,
    ) -> Result<Seized, Refused> {
        let result = match self.begin(asked.claim, None).await {
            Ok(Begun::Open { transaction, .. }) => {
                slot.put(transaction);
                return Ok(Seized::Held(HeldClaim { precedes_transaction: true, ..held }));
            }
            Ok(Begun::Completed(record)) => {
                same(record.fingerprint == asked.claim.fingerprint, Seized::Completed(record))
            }
            Ok(Begun::InFlight { same_request }) => same(same_request, Seized::Busy),
            Ok(Begun::Abandoned(_)) => Err(Refused::Unavailable(UnavailableBecause::Contended)),
            Err(refused) => Err(refused),
        };
        // Nobody has run under it.
        self.give_back_later(*asked.claim, Some(held.tally.hand_over()));
        result
    }

    /// Sends it again if it failed: a transaction whose opening was not answered is never used.
    async fn begin(&self, claim: &Claim, from: Option<OwnerToken>) -> Result<Begun<AnyTransaction>, Refused> {
        let store = self.transactional().map_err(Refused::store)?;
        self.trying(None, || store.begin(claim, from)).await.map_err(Refused::store)
    }

    fn transactional(&self) -> Result<&dyn crate::store::ErasedTransactionalStore, StoreError> {
        match self.store.transactional() {
            Some(Transactional(store)) => Ok(store),
            // Not to be reached: a handler's transactions come from this very store.
            None => Err(StoreError::Unavailable { reason: "the store has no transactions".to_owned(), source: None }),
        }
    }

    /// Ends the transaction as the handler's ending says.
    pub(super) async fn settle_transaction(self: &Arc<Self>, asked: Asked<'_>, left: Left<'_>) -> Closed {
        let Left { held, slot, ending, writes } = left;
        let Asked { claim, policy, progress, .. } = asked;
        let failed = matches!(ending, Ending::Failed);
        let outcome = Settled::of(ending, policy.on_failure);
        let writes = if failed { Writes::Discard } else { writes };
        let recording = outcome.as_ref().map(|outcome| Recording { claim, attempt: held.attempt, outcome });
        let committed = match (slot.take(), recording, writes) {
            (None, ..) => {
                tracing::error!(
                    key = %claim.key,
                    "a handler ended without giving its transaction back: it was moved out of the handler"
                );
                Committed::No
            }
            (Some(transaction), None, Writes::Discard) => {
                self.roll_back(transaction).await;
                match held.precedes_transaction {
                    true => self.give_back(claim, &mut held.tally).await,
                    false => held.tally.released(),
                }
                return Closed::Ours;
            }
            (Some(transaction), recording, writes) => {
                self.commit(transaction, writes, recording, claim, policy.lease).await
            }
        };
        match committed {
            Committed::Yes => {
                match &outcome {
                    Some(outcome) => held.tally.recorded(outcome.len()),
                    None if held.precedes_transaction => self.give_back(claim, &mut held.tally).await,
                    None => held.tally.released(),
                }
                Closed::Ours
            }
            Committed::No => {
                self.stats.count(Event::Lost);
                progress.signal_lost();
                tracing::warn!(key = %claim.key, "a transaction was not committed; nothing is left of it");
                if held.precedes_transaction {
                    // What else the handler did, nobody knows.
                    let valid_until = progress.valid_until().unwrap_or_else(Instant::now);
                    let _ = self.complete(claim, held, valid_until, Settled::unknown()).await;
                } else if held.leased {
                    self.give_back(claim, &mut held.tally).await;
                }
                Closed::Lost
            }
        }
    }

    async fn commit(
        &self,
        transaction: AnyTransaction,
        writes: Writes,
        recording: Option<Recording<'_>>,
        claim: &Claim,
        lease: Duration,
    ) -> Committed {
        let Ok(store) = self.transactional() else { return Committed::No };
        let recorded = recording.is_some();
        let until = Instant::now() + lease;
        let mut last = match self.within(self.limits.store_timeout, store.commit(transaction, writes, recording)).await
        {
            Ok(committed) => return committed,
            Err(error) => error,
        };
        if !recorded {
            // There is nothing to be found that would tell.
            tracing::error!(key = %claim.key, error = %last, "a commit without a record was not answered");
            return Committed::No;
        }
        // The handler is never run again on a guess: what was lost is the answer, perhaps not the commit.
        let mut pause = super::settle::FIRST_PAUSE;
        while Instant::now() < until {
            tracing::warn!(key = %claim.key, error = %last, "whether a transaction was committed is not known yet");
            self.stats.count(Event::SettleRetried);
            match self.within(self.limits.store_timeout, store.was_committed(claim)).await {
                Ok(true) => return Committed::Yes,
                Ok(false) => return Committed::No,
                Err(error) => last = error,
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(super::settle::LONGEST_PAUSE);
        }
        Committed::No
    }

    async fn roll_back(&self, transaction: AnyTransaction) {
        let Ok(store) = self.transactional() else { return };
        if tokio::time::timeout(self.limits.store_timeout, store.roll_back(transaction)).await.is_err() {
            tracing::warn!("a roll-back was not answered; the store ends the transaction by itself");
        }
    }

    /// Gives back the claim that went before the transaction; if that fails, its lease ends.
    async fn give_back(self: &Arc<Self>, claim: &Claim, tally: &mut Tally) {
        match self.within(self.limits.store_timeout, self.store.release(claim)).await {
            Ok(Hold::Held) => tally.released(),
            Ok(Hold::Lost) => {}
            Err(_) => self.give_back_later(*claim, Some(tally.hand_over())),
        }
    }

    /// Runs work without a key in a transaction of its own.
    pub(crate) async fn execute_unguarded<T, F>(
        self: &Arc<Self>,
        progress: &Arc<Progress>,
        lease: Duration,
        slot: &Slot,
        work: F,
    ) -> Result<T, Refused>
    where
        F: Future<Output = Finished<T>>,
    {
        let _live = self.live.token();
        let store = self.transactional().map_err(Refused::store)?;
        let transaction = self.trying(None, || store.begin_unguarded(lease)).await.map_err(Refused::store)?;
        slot.put(transaction);
        progress.enter(Phase::Live);
        let ended = leased::run_caught(work).await;
        let (writes, answer) = match ended {
            Ok(Finished { ending: Ending::Failed, answer, .. }) => (Writes::Discard, Ok(answer)),
            Ok(Finished { answer, writes, .. }) => (writes, Ok(answer)),
            Err(panic) => (Writes::Discard, Err(panic)),
        };
        let committed = match (slot.take(), writes) {
            (Some(transaction), Writes::Keep) => {
                let call = store.commit(transaction, Writes::Keep, None);
                self.within(self.limits.store_timeout, call).await
            }
            (Some(transaction), Writes::Discard) => {
                self.roll_back(transaction).await;
                Ok(Committed::Yes)
            }
            (None, _) => Ok(Committed::No),
        };
        progress.enter(Phase::Idle);
        match (answer, committed) {
            (Err(panic), _) => std::panic::resume_unwind(panic),
            (Ok(answer), Ok(Committed::Yes)) => Ok(answer),
            (Ok(_), Ok(Committed::No)) => Err(Refused::Unavailable(UnavailableBecause::ClaimLost)),
            (Ok(_), Err(error)) => Err(Refused::store(error)),
        }
    }
}
