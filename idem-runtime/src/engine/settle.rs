//! Closes a claim: by a record, by a release, or by finding out that it is another's.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

use super::policy::Policy;
use super::progress::Progress;
use super::seize::HeldClaim;
use super::settled::Settled;
use super::stats::{Event, Tally};
use super::{Answer, Ending, Engine, Refused, UnavailableBecause};
use crate::store::{Claim, Entry, Hold, Outcome, StoreError};

/// The pause before a failed store call is made again; it doubles up to [`LONGEST_PAUSE`].
pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(10);
pub(super) const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// How often a claim is given back before that is left to the lease: over about two seconds.
const GIVE_BACK_TRIES: u32 = 9;

/// Whose claim it was at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closed {
    /// Ours: our own answer may go out.
    Ours,
    /// Another's, or nobody's, or nobody knows.
    Lost,
}

impl Engine {
    pub(super) async fn settle(
        self: &Arc<Self>,
        claim: &Claim,
        held: &mut HeldClaim,
        policy: &Policy,
        progress: &Progress,
        ending: Ending,
    ) -> Closed {
        let attempt = held.attempt;
        let outcome = Settled::of(ending, policy.on_failure);
        let valid_until = progress.valid_until().unwrap_or_else(Instant::now);
        let closed = match outcome {
            Some(outcome) => self.complete(claim, held, valid_until, outcome).await,
            None => Box::pin(self.release(claim, &mut held.tally, valid_until)).await,
        };
        if closed == Closed::Lost {
            self.stats.count(Event::Lost);
            progress.signal_lost();
            tracing::warn!(key = %claim.key, attempt, "a claim was lost before its outcome could be recorded");
        }
        closed
    }

    /// Stores the record; tries again until it is stored or the lease has ended. At least one try is made even then:
    /// as long as nobody took over, the claim is still ours to complete.
    ///
    /// Where there is no room for the answer, only that it was given is recorded. Where there is none for that either, it is
    /// not for the answer's size: both are tried again.
    pub(super) async fn complete(
        &self,
        claim: &Claim,
        held: &mut HeldClaim,
        valid_until: Instant,
        outcome: Outcome,
    ) -> Closed {
        match self.record(claim, held.attempt, valid_until, &outcome).await {
            Ok(Hold::Held) => {
                held.tally.recorded(outcome.len());
                Closed::Ours
            }
            Ok(Hold::Lost) => Closed::Lost,
            Err(error) => Box::pin(self.complete_again(claim, held, valid_until, outcome, error)).await,
        }
    }

    async fn record(
        &self,
        claim: &Claim,
        attempt: u32,
        valid_until: Instant,
        outcome: &Outcome,
    ) -> Result<Hold, StoreError> {
        let mut call = self.store.complete(claim, attempt, outcome);
        match super::deadline::at_once(&mut call).await {
            Poll::Ready(answer) => answer,
            Poll::Pending => Box::pin(self.asking(self.deadline(valid_until), call)).await,
        }
    }

    async fn complete_again(
        &self,
        claim: &Claim,
        held: &mut HeldClaim,
        valid_until: Instant,
        mut outcome: Outcome,
        first: StoreError,
    ) -> Closed {
        let attempt = held.attempt;
        let mut recorded = Err(first);
        let mut pause = FIRST_PAUSE;
        loop {
            if matches!(recorded, Err(StoreError::Full)) && outcome != Settled::not_kept() {
                tracing::warn!(key = %claim.key, "the store has no room for an answer; only that it was given is kept");
                let tombstone = Settled::not_kept();
                recorded = self.record(claim, attempt, valid_until, &tombstone).await;
                if matches!(recorded, Ok(Hold::Held)) {
                    outcome = tombstone;
                }
            }
            match recorded {
                Ok(Hold::Held) => {
                    held.tally.recorded(outcome.len());
                    return Closed::Ours;
                }
                Ok(Hold::Lost) => return Closed::Lost,
                Err(error) => {
                    self.stats.count(Event::SettleRetried);
                    tracing::warn!(key = %claim.key, %error, "an outcome could not be recorded yet");
                }
            }
            let now = Instant::now();
            if now >= valid_until {
                return Closed::Lost;
            }
            if now + pause >= valid_until {
                // Until here nobody else can have run it: the answer is the only one there is.
                self.stats.count(Event::Unrecorded);
                tracing::error!(key = %claim.key, attempt, "an outcome could not be recorded within the lease");
                return Closed::Ours;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            recorded = self.record(claim, attempt, valid_until, &outcome).await;
        }
    }

    /// Releases the claim. If the store does not answer, the caller need not wait for it: the release goes on behind,
    /// and at the worst the lease ends.
    async fn release(self: &Arc<Self>, claim: &Claim, tally: &mut Tally, valid_until: Instant) -> Closed {
        match self.asking(self.deadline(valid_until), self.store.release(claim)).await {
            Ok(Hold::Held) => {
                tally.released();
                Closed::Ours
            }
            Ok(Hold::Lost) => Closed::Lost,
            Err(error) => {
                tracing::warn!(key = %claim.key, %error, "a claim could not be released yet");
                let ours = Instant::now() < valid_until;
                self.give_back_later(*claim, Some(tally.hand_over()));
                if ours { Closed::Ours } else { Closed::Lost }
            }
        }
    }

    /// Gives back a claim that nobody runs under, in the background. Only a few tries are made, so that a store that is
    /// down is not buried under them; what they do not achieve, the end of the lease does.
    ///
    /// There is no tally of a claim that may never have been granted.
    pub(super) fn give_back_later(self: &Arc<Self>, claim: Claim, tally: Option<Tally>) {
        let engine = Arc::clone(self);
        drop(tokio::spawn(self.live.track_future(async move {
            let mut pause = FIRST_PAUSE;
            for _ in 0..GIVE_BACK_TRIES {
                if let Ok(hold) = engine.asking(engine.limits.store_timeout, engine.store.release(&claim)).await {
                    if hold == Hold::Held {
                        tally.unwrap_or_else(|| Tally::claimed(&engine.stats, 1)).released();
                        engine.waiters.wake(claim.key);
                    }
                    return;
                }
                engine.stats.count(Event::SettleRetried);
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        })));
    }

    /// An owner that lost its claim answers with what was recorded instead, never with its own answer: two clients
    /// would see two answers to one request.
    pub(super) async fn after_loss<T>(&self, claim: &Claim) -> Result<Answer<T>, Refused> {
        match self.asking(self.limits.store_timeout, self.store.look_up(claim.key)).await {
            Ok(Some(Entry::Completed(record))) if record.fingerprint == claim.fingerprint => self.replay(record),
            Ok(_) => Err(Refused::Unavailable(UnavailableBecause::ClaimLost)),
            Err(error) => Err(Refused::store(error)),
        }
    }

    /// How long the next call may take: never past the lease's end, unless that has passed already.
    fn deadline(&self, valid_until: Instant) -> Duration {
        match valid_until.checked_duration_since(Instant::now()) {
            Some(left) if !left.is_zero() => left.min(self.limits.store_timeout),
            _ => self.limits.store_timeout,
        }
    }
}
