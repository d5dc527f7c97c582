//! A request's claim before it is held, and the record that answers it at once.

use bytes::Bytes;
use tokio::time::Instant;

use super::policy::{OnFailure, Policy};
use super::settled::Settled;
use super::stats::Event;
use super::{Engine, seize};
use crate::digest::{Fingerprint, RecordKey};
use crate::store::{Claim, ClaimOutcome, OwnerToken};

/// One request's claim, before it is held.
pub(crate) struct Attempt {
    pub(super) claim: Claim,
    /// What the store has said to it.
    pub(super) first: Option<seize::First>,
}

impl Attempt {
    pub(crate) fn new(key: RecordKey, fingerprint: Fingerprint, policy: &Policy) -> Self {
        let claim = Claim {
            key,
            owner: OwnerToken::random(),
            fingerprint,
            lease: policy.lease,
            ttl: policy.ttl,
            outlives_a_crash: policy.on_failure == OnFailure::Keep,
        };
        Self { claim, first: None }
    }
}

impl Engine {
    /// The record that answers this attempt, if the store can tell at once and there is one. Nobody has to see this through:
    /// what was asked has been answered. Otherwise, the attempt has to be gone on with at once.
    pub(crate) fn replay_at_once(&self, attempt: &mut Attempt) -> Option<(Bytes, Bytes)> {
        // As in `seize`.
        let live = self.live.token();
        if self.is_draining() {
            return None;
        }
        let sent = Instant::now();
        match self.store.claim_at_once(&attempt.claim) {
            Some(Ok(ClaimOutcome::Completed(record)))
                if record.fingerprint == attempt.claim.fingerprint && Settled::is_kept(&record.outcome) =>
            {
                self.stats.count(Event::Replayed);
                Some(Settled::parts_of_kept(record.outcome))
            }
            answer => {
                attempt.first = answer.map(|outcome| match outcome {
                    Ok(ClaimOutcome::Claimed { attempt }) => seize::First::Granted { sent, live, attempt },
                    outcome => seize::First::Otherwise(Box::new(seize::Answered { sent, live, outcome })),
                });
                None
            }
        }
    }
}
