//! From a claim to the right to run, to a record, or to a refusal.

use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::policy::{InFlight, OnFailure, Policy};
use super::progress::{Phase, Progress};
use super::stats::Tally;
use super::transaction::Slot;
use super::{Engine, Refused, UnavailableBecause, may_start};
use crate::store::{Claim, ClaimOutcome, Entry, Holder, Record, StoreError};

/// A claim is sent this often before the store counts as unreachable.
const CLAIM_TRIES: u32 = 3;
/// The pause before the second try; it doubles.
const CLAIM_PAUSE: Duration = Duration::from_millis(20);
/// How many owners may slip in between before the claim gives up.
pub(super) const TAKE_OVER_TRIES: u32 = 4;

type Claiming<'a> = Pin<Box<dyn Future<Output = Result<ClaimOutcome, StoreError>> + Send + 'a>>;

pub(super) enum Seized {
    Held(HeldClaim),
    Completed(Record),
    Busy,
}

pub(super) struct HeldClaim {
    pub(super) attempt: u32,
    /// When the claim that was granted was sent: the store's lease started no earlier.
    pub(super) sent: Instant,
    /// Whether there is a lease, to be renewed while the work runs.
    pub(super) leased: bool,
    /// Whether the claim was made before a transaction, whose end does not settle it.
    pub(super) precedes_transaction: bool,
    pub(super) tally: Tally,
    /// A graceful shutdown waits for this one.
    pub(super) _live: TaskTrackerToken,
}

/// What a store has said at once to a claim that was sent at `sent`. Small where the work can run, as it mostly can: it is a
/// part of what is kept while that runs.
pub(super) enum First {
    Granted { sent: Instant, live: TaskTrackerToken, attempt: u32 },
    Otherwise(Box<Answered>),
}

/// An answer that is still to be judged.
pub(super) struct Answered {
    pub(super) sent: Instant,
    pub(super) live: TaskTrackerToken,
    pub(super) outcome: Result<ClaimOutcome, StoreError>,
}

/// What is asked for, and how.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) claim: &'a Claim,
    pub(super) policy: &'a Policy,
    pub(super) progress: &'a Arc<Progress>,
    /// Where an open transaction is to be put, if the work asked for one.
    pub(super) transaction: Option<&'a Slot>,
}

impl Engine {
    pub(super) async fn seize_or_wait(
        self: &Arc<Self>,
        asked: Asked<'_>,
        first: Option<Answered>,
    ) -> Result<Seized, Refused> {
        match (self.seize(asked, first).await?, asked.policy.in_flight) {
            // Who was adopted has nobody to wait for. What is rarely awaited is boxed, here and below: a future is as large
            // as the largest it can await, and every request pays for that by the byte.
            (Seized::Busy, InFlight::Wait(limit)) if !asked.progress.is_adopted() => {
                Box::pin(self.wait(asked, limit)).await
            }
            (seized, _) => Ok(seized),
        }
    }

    async fn wait(self: &Arc<Self>, asked: Asked<'_>, limit: Duration) -> Result<Seized, Refused> {
        let deadline = Instant::now() + limit;
        let Some(seat) = self.waiters.join(asked.claim.key) else {
            return Ok(Seized::Busy);
        };
        let _waiting = self.stats.waiting();
        loop {
            // Listening starts before looking, or an end between the two would be missed.
            let ended = seat.ended();
            tokio::pin!(ended);
            ended.as_mut().enable();
            match self.seize(asked, None).await? {
                Seized::Busy if asked.progress.is_adopted() => return Ok(Seized::Busy),
                Seized::Busy => {}
                other => {
                    seat.wake_others();
                    return Ok(other);
                }
            }
            // Only the pause is cut off by the deadline, never a claim on its way.
            tokio::select! {
                () = ended => {}
                () = seat.my_turn() => {}
                () = tokio::time::sleep_until(deadline) => return Ok(Seized::Busy),
            }
        }
    }

    async fn seize(self: &Arc<Self>, asked: Asked<'_>, first: Option<Answered>) -> Result<Seized, Refused> {
        asked.progress.enter(Phase::Live);
        let result = match (first, asked.transaction) {
            (Some(Answered { sent, live, outcome }), _) => self.judge_answer(asked, sent, live, outcome).await,
            (None, transaction) => {
                // Taken before looking whether we are draining: a drain that starts in between waits for this one.
                let live = self.live.token();
                match transaction {
                    _ if self.is_draining() => Box::pin(self.look_only(asked.claim)).await,
                    None => self.seize_lease(asked, live).await,
                    Some(slot) => Box::pin(self.open(asked, slot, live)).await,
                }
            }
        };
        if !matches!(result, Ok(Seized::Held(_))) {
            asked.progress.enter(Phase::Idle);
        }
        result
    }

    pub(super) async fn seize_lease(
        self: &Arc<Self>,
        asked: Asked<'_>,
        live: TaskTrackerToken,
    ) -> Result<Seized, Refused> {
        let claim = asked.claim;
        let sent = Instant::now();
        let mut call = self.store.claim(claim);
        let answer = match super::deadline::at_once(&mut call).await {
            Poll::Ready(Err(error)) if error.is_transient() => {
                Box::pin(self.go_on_claiming(claim, Box::pin(ready(Err(error))))).await
            }
            Poll::Ready(answer) => answer,
            Poll::Pending => Box::pin(self.go_on_claiming(claim, call)).await,
        };
        self.judge_answer(asked, sent, live, answer).await
    }

    async fn judge_answer(
        self: &Arc<Self>,
        asked: Asked<'_>,
        sent: Instant,
        live: TaskTrackerToken,
        answer: Result<ClaimOutcome, StoreError>,
    ) -> Result<Seized, Refused> {
        match self.answered(asked.claim, answer)? {
            ClaimOutcome::Abandoned(holder) => Box::pin(self.take_over(asked, live, holder)).await,
            outcome => self.judge(asked.claim, sent, live, outcome),
        }
    }

    /// As often as need be, with the call that has been made as the first one.
    async fn go_on_claiming<'a>(&'a self, claim: &'a Claim, made: Claiming<'a>) -> Result<ClaimOutcome, StoreError> {
        let mut made = Some(made);
        self.trying(self.longest_call, || made.take().unwrap_or_else(|| self.store.claim(claim))).await
    }

    async fn take_over(
        self: &Arc<Self>,
        asked: Asked<'_>,
        live: TaskTrackerToken,
        mut holder: Holder,
    ) -> Result<Seized, Refused> {
        let Asked { claim, policy, .. } = asked;
        for _ in 0..TAKE_OVER_TRIES {
            if holder.fingerprint != claim.fingerprint {
                return Err(Refused::KeyReused);
            }
            if policy.on_failure == OnFailure::Keep {
                return Err(Refused::OutcomeUnknown);
            }
            let sent = Instant::now();
            let answer = self.trying(self.longest_call, || self.store.take_over(claim, holder.owner)).await;
            match self.answered(claim, answer)? {
                ClaimOutcome::Abandoned(other) => holder = other,
                outcome => return self.judge(claim, sent, live, outcome),
            }
        }
        Err(Refused::Unavailable(UnavailableBecause::Contended))
    }

    /// What the store's answer to a claim means that was sent at `sent`. The fingerprint is judged first, whatever the
    /// state: another request is told so.
    pub(super) fn judge(
        self: &Arc<Self>,
        claim: &Claim,
        sent: Instant,
        live: TaskTrackerToken,
        outcome: ClaimOutcome,
    ) -> Result<Seized, Refused> {
        match outcome {
            ClaimOutcome::Claimed { attempt } if may_start(sent, claim.lease) => Ok(Seized::Held(HeldClaim {
                attempt,
                sent,
                leased: true,
                precedes_transaction: false,
                tally: Tally::claimed(&self.stats, attempt),
                _live: live,
            })),
            ClaimOutcome::Claimed { attempt } => {
                self.give_back_later(*claim, Some(Tally::claimed(&self.stats, attempt)));
                Err(Refused::Unavailable(UnavailableBecause::LateClaim))
            }
            ClaimOutcome::Completed(record) => same(record.fingerprint == claim.fingerprint, Seized::Completed(record)),
            ClaimOutcome::InFlight(holder) => same(holder.fingerprint == claim.fingerprint, Seized::Busy),
            ClaimOutcome::Abandoned(holder) if holder.fingerprint != claim.fingerprint => Err(Refused::KeyReused),
            ClaimOutcome::Abandoned(_) => Err(Refused::Unavailable(UnavailableBecause::Contended)),
        }
    }

    /// The store's answer to a claim; where there was none, the claim is given back.
    fn answered(
        self: &Arc<Self>,
        claim: &Claim,
        answer: Result<ClaimOutcome, StoreError>,
    ) -> Result<ClaimOutcome, Refused> {
        answer.map_err(|error| {
            if error.is_transient() {
                // It may have been applied all the same, or may still be: nobody would run under it.
                self.give_back_later(*claim, None);
            }
            Refused::store(error)
        })
    }

    /// While draining, what is finished is still replayed, but nothing is claimed.
    async fn look_only(&self, claim: &Claim) -> Result<Seized, Refused> {
        match self.asking(self.limits.store_timeout, self.store.look_up(claim.key)).await {
            Ok(Some(Entry::Completed(record))) => {
                same(record.fingerprint == claim.fingerprint, Seized::Completed(record))
            }
            Ok(Some(Entry::InFlight(holder) | Entry::Abandoned(holder))) if holder.fingerprint != claim.fingerprint => {
                Err(Refused::KeyReused)
            }
            Ok(_) => Err(Refused::Draining),
            Err(error) => Err(Refused::store(error)),
        }
    }

    /// Makes a call, a few times if need be, within the deadline of one. It takes `longest` at the longest, if that is
    /// known.
    pub(super) async fn trying<T, F>(
        &self,
        longest: Option<Duration>,
        mut call: impl FnMut() -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let (mut limit, mut first) = (self.limits.store_timeout, None);
        if longest.is_some_and(|longest| longest <= limit) {
            let began = Instant::now();
            first = match call().await {
                Err(error) if error.is_transient() => Some(Err(error)),
                answer => return answer,
            };
            limit = limit.saturating_sub(began.elapsed());
        }
        let mut last_error = None;
        let tries = async {
            let mut pause = CLAIM_PAUSE;
            for left in (0..CLAIM_TRIES).rev() {
                let answer = match first.take() {
                    Some(answer) => answer,
                    None => call().await,
                };
                match answer {
                    Err(error) if error.is_transient() && left > 0 => last_error = Some(error),
                    answer => return answer,
                }
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            unreachable!("the last try returns")
        };
        match super::deadline::in_time(limit, tries).await {
            Some(answer) => answer,
            None => Err(last_error.unwrap_or(StoreError::TimedOut(self.limits.store_timeout))),
        }
    }
}

pub(super) fn same(is_same: bool, seized: Seized) -> Result<Seized, Refused> {
    if is_same { Ok(seized) } else { Err(Refused::KeyReused) }
}
