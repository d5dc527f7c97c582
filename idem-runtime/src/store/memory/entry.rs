//! One entry of the memory store: a claim or a record.

use bytes::Bytes;

use super::clock::Moment;
use super::room::ENTRY_BYTES;
use crate::digest::{Fingerprint, RecordKey};
use crate::store::{ClaimOutcome, Entry, Holder, Outcome, OwnerToken, RESERVED_HEAD, Record};

/// What is known under a key. Boxed in its table, so that growing a table moves little.
pub(super) struct Kept {
    pub(super) key: RecordKey,
    pub(super) owner: OwnerToken,
    pub(super) fingerprint: Fingerprint,
    pub(super) attempt: u32,
    pub(super) state: State,
}

pub(super) enum State {
    Held { lease_end: Moment },
    Done(Payload),
}

impl Kept {
    /// What the entry counts for.
    pub(super) fn bytes(&self) -> usize {
        match &self.state {
            State::Held { .. } => ENTRY_BYTES + RESERVED_HEAD,
            State::Done(payload) => ENTRY_BYTES + payload.bytes.len(),
        }
    }

    pub(super) fn is_held_by(&self, owner: OwnerToken) -> bool {
        self.owner == owner && matches!(self.state, State::Held { .. })
    }

    /// Whether `owner` holds it without a sign of life since its lease ended.
    pub(super) fn was_abandoned_by(&self, owner: OwnerToken, now: Moment) -> bool {
        self.owner == owner && matches!(self.state, State::Held { lease_end } if lease_end.has_come(now))
    }

    /// The answer to whoever claims it as `asker`.
    pub(super) fn answer(&self, asker: OwnerToken, now: Moment) -> ClaimOutcome {
        if self.is_held_by(asker) {
            return ClaimOutcome::Claimed { attempt: self.attempt };
        }
        match self.look(now) {
            Entry::InFlight(holder) => ClaimOutcome::InFlight(holder),
            Entry::Abandoned(holder) => ClaimOutcome::Abandoned(holder),
            Entry::Completed(record) => ClaimOutcome::Completed(record),
        }
    }

    pub(super) fn look(&self, now: Moment) -> Entry {
        match &self.state {
            State::Held { lease_end } if lease_end.has_come(now) => Entry::Abandoned(self.holder()),
            State::Held { .. } => Entry::InFlight(self.holder()),
            State::Done(payload) => Entry::Completed(Record {
                fingerprint: self.fingerprint,
                attempt: self.attempt,
                outcome: payload.outcome(),
            }),
        }
    }

    fn holder(&self) -> Holder {
        Holder { owner: self.owner, fingerprint: self.fingerprint, attempt: self.attempt }
    }
}

/// The head and the body of an outcome, in one allocation, of exactly their size.
#[derive(Default)]
pub(super) struct Payload {
    bytes: Bytes,
    head: usize,
}

impl Payload {
    /// Copies `outcome`.
    ///
    /// A `Bytes` may be a small slice of a much larger buffer, a file in memory or a connection's read buffer, and would
    /// keep all of it alive; nothing tells from outside. So a bound that counts lengths is honest only if each record has
    /// a buffer of its own. The copy is made once per record and outside of every lock (3 us at 64 KiB); a replay copies
    /// nothing.
    pub(super) fn copy(outcome: &Outcome) -> Self {
        let mut bytes = Vec::with_capacity(outcome.len());
        bytes.extend_from_slice(&outcome.head);
        bytes.extend_from_slice(&outcome.body);
        Self { bytes: Bytes::from(bytes), head: outcome.head.len() }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    fn outcome(&self) -> Outcome {
        Outcome { head: self.bytes.slice(..self.head), body: self.bytes.slice(self.head..) }
    }
}
