//! One entry of the memory store: a claim or a record.

use std::sync::Arc;

use bytes::Bytes;

use super::clock::Moment;
use super::room::ENTRY_BYTES;
use crate::digest::{Fingerprint, RecordKey};
use crate::store::{Claim, ClaimOutcome, Entry, Holder, Outcome, OwnerToken, RESERVED_HEAD, Record};

/// What is known under a key. Boxed in its table, so that growing a table moves little, and laid out so that the box has
/// no gaps: there are many of them.
pub(super) struct Kept {
    pub(super) key: RecordKey,
    fingerprint: Fingerprint,
    /// As bytes: a `u128` would be aligned to 16.
    owner: [u8; 16],
    state: State,
}

enum State {
    Held { lease_end: Moment, attempt: u32 },
    Done { payload: Arc<[u8]>, head: u32, attempt: u32 },
}

impl Kept {
    pub(super) fn held(claim: &Claim, attempt: u32, lease_end: Moment) -> Self {
        Self {
            key: claim.key,
            fingerprint: claim.fingerprint,
            owner: claim.owner.bits().to_ne_bytes(),
            state: State::Held { lease_end, attempt },
        }
    }

    /// What the entry counts for.
    pub(super) fn bytes(&self) -> usize {
        match &self.state {
            State::Held { .. } => ENTRY_BYTES + RESERVED_HEAD,
            State::Done { payload, .. } => ENTRY_BYTES + payload.len(),
        }
    }

    pub(super) fn attempt(&self) -> u32 {
        match self.state {
            State::Held { attempt, .. } | State::Done { attempt, .. } => attempt,
        }
    }

    pub(super) fn belongs_to(&self, owner: OwnerToken) -> bool {
        self.owner() == owner
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self.state, State::Done { .. })
    }

    pub(super) fn is_held_by(&self, owner: OwnerToken) -> bool {
        self.belongs_to(owner) && !self.is_done()
    }

    /// Whether `owner` holds it without a sign of life since its lease ended.
    pub(super) fn was_abandoned_by(&self, owner: OwnerToken, now: Moment) -> bool {
        self.belongs_to(owner) && matches!(self.state, State::Held { lease_end, .. } if lease_end.has_come(now))
    }

    /// Moves the end of the lease.
    pub(super) fn extend(&mut self, until: Moment) {
        if let State::Held { lease_end, .. } = &mut self.state {
            *lease_end = until;
        }
    }

    /// Makes it a record.
    pub(super) fn complete(&mut self, fingerprint: Fingerprint, attempt: u32, payload: Payload) {
        self.fingerprint = fingerprint;
        self.state = State::Done { payload: payload.bytes, head: payload.head, attempt };
    }

    /// The answer to whoever claims it as `asker`.
    pub(super) fn answer(&self, asker: OwnerToken, now: Moment, ends: Moment) -> ClaimOutcome {
        if self.is_held_by(asker) {
            return ClaimOutcome::Claimed { attempt: self.attempt() };
        }
        match self.look(now, ends) {
            Entry::InFlight(holder) => ClaimOutcome::InFlight(holder),
            Entry::Abandoned(holder) => ClaimOutcome::Abandoned(holder),
            Entry::Completed(record) => ClaimOutcome::Completed(record),
        }
    }

    /// What it is to whoever looks, until it `ends`.
    pub(super) fn look(&self, now: Moment, ends: Moment) -> Entry {
        match &self.state {
            State::Held { lease_end, .. } if lease_end.has_come(now) => Entry::Abandoned(self.holder()),
            State::Held { .. } => Entry::InFlight(self.holder()),
            State::Done { payload, head, attempt } => Entry::Completed(Record {
                fingerprint: self.fingerprint,
                attempt: *attempt,
                outcome: outcome(payload, *head),
                expires_in: ends.since(now),
            }),
        }
    }

    fn owner(&self) -> OwnerToken {
        OwnerToken::from_bits(u128::from_ne_bytes(self.owner))
    }

    fn holder(&self) -> Holder {
        Holder { owner: self.owner(), fingerprint: self.fingerprint, attempt: self.attempt() }
    }
}

/// The head and the body of an outcome, in one allocation of exactly their size.
///
/// Not a `Bytes`: that takes twice the room in an entry, and as much again beside it once it has been cloned.
#[derive(Clone)]
pub(super) struct Payload {
    bytes: Arc<[u8]>,
    head: u32,
}

impl Payload {
    /// Copies `outcome`; `None` if its head is larger than anything that fits.
    ///
    /// A `Bytes` may be a small slice of a much larger buffer, a file in memory or a connection's read buffer, and would
    /// keep all of it alive; nothing tells from outside. So a bound that counts lengths is honest only if each record has
    /// a buffer of its own. The copy is made once per record and outside of every lock; a replay copies nothing.
    pub(super) fn copy(outcome: &Outcome) -> Option<Self> {
        let head = u32::try_from(outcome.head.len()).ok()?;
        Some(Self { bytes: [&outcome.head[..], &outcome.body[..]].concat().into(), head })
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }
}

fn outcome(payload: &Arc<[u8]>, head: u32) -> Outcome {
    let mut start = Bytes::from_owner(Arc::clone(payload));
    let body = start.split_off(head as usize);
    Outcome { head: start, body }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_no_gaps() {
        assert_eq!(size_of::<Kept>(), 32 + 32 + 16 + 24);
    }
}
