//! One entry of the memory store: a claim or a record.

use std::sync::Arc;

use bytes::{Buf, Bytes};

use super::clock::Moment;
use super::room::ENTRY_BYTES;
use crate::digest::{Fingerprint, RecordKey};
use crate::store::{Age, Claim, ClaimOutcome, Entry, Holder, Outcome, OwnerToken, RESERVED_HEAD, Record};

/// What is known under a key. Behind a pointer, so that growing a table moves little.
pub(super) enum Kept {
    Held(Box<Held>),
    Done(Done),
}

/// A claim.
pub(super) struct Held {
    key: RecordKey,
    fingerprint: Fingerprint,
    owner: OwnerToken,
    lease_end: Moment,
    attempt: u32,
    /// Of what the claim counts for. An allocator that keeps small blocks apart when they are freed, as glibc's does up to 120
    /// bytes, puts them together again all at once: with a million claims that have ended, whoever comes then waits for it
    /// for tens of milliseconds.
    _reserved: [u8; 32],
}

/// A record, in one block of exactly its size: the fields below, the head, the body.
///
/// One block, so that a replay reads one place in memory, and what ends gives one back. Not a `Bytes`: that takes twice the
/// room in a table, and as much again beside it once it has been cloned.
#[derive(Clone)]
pub(super) struct Done(Arc<[u8]>);

/// Where in the block they are.
const KEY: usize = 0;
const FINGERPRINT: usize = KEY + 32;
const OWNER: usize = FINGERPRINT + 32;
const ATTEMPT: usize = OWNER + 16;
const HEAD: usize = ATTEMPT + 4;
const PAYLOAD: usize = HEAD + 4;

impl Kept {
    pub(super) fn held(claim: &Claim, attempt: u32, lease_end: Moment) -> Self {
        let Claim { key, fingerprint, owner, .. } = *claim;
        Self::Held(Box::new(Held { key, fingerprint, owner, lease_end, attempt, _reserved: [0; 32] }))
    }

    pub(super) fn is_of(&self, key: RecordKey) -> bool {
        match self {
            Self::Held(held) => held.key == key,
            Self::Done(done) => done.field::<32>(KEY) == *key.as_bytes(),
        }
    }

    /// What the entry counts for.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Held(_) => ENTRY_BYTES + RESERVED_HEAD,
            Self::Done(done) => ENTRY_BYTES + done.len(),
        }
    }

    pub(super) fn attempt(&self) -> u32 {
        match self {
            Self::Held(held) => held.attempt,
            Self::Done(done) => done.attempt(),
        }
    }

    pub(super) fn belongs_to(&self, owner: OwnerToken) -> bool {
        match self {
            Self::Held(held) => held.owner == owner,
            Self::Done(done) => OwnerToken::from_bits(u128::from_ne_bytes(done.field(OWNER))) == owner,
        }
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self, Self::Done(_))
    }

    pub(super) fn is_held_by(&self, owner: OwnerToken) -> bool {
        matches!(self, Self::Held(held) if held.owner == owner)
    }

    /// Whether `owner` holds it without a sign of life since its lease ended.
    pub(super) fn was_abandoned_by(&self, owner: OwnerToken, now: Moment) -> bool {
        matches!(self, Self::Held(held) if held.owner == owner && held.lease_end.has_come(now))
    }

    /// Moves the end of the lease.
    pub(super) fn extend(&mut self, until: Moment) {
        if let Self::Held(held) = self {
            held.lease_end = until;
        }
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

    pub(super) fn age(&self, now: Moment) -> Option<Age> {
        match self {
            Self::Held(held) => Some(held.age(now)),
            Self::Done(_) => None,
        }
    }

    /// What it is to whoever looks, until it `ends`.
    pub(super) fn look(&self, now: Moment, ends: Moment) -> Entry {
        match self {
            Self::Held(held) if held.lease_end.has_come(now) => Entry::Abandoned(held.holder()),
            Self::Held(held) => Entry::InFlight(held.holder()),
            Self::Done(done) => Entry::Completed(Record {
                fingerprint: Fingerprint::from_bytes(done.field(FINGERPRINT)),
                attempt: done.attempt(),
                outcome: done.outcome(),
                expires_in: ends.since(now),
            }),
        }
    }
}

impl Held {
    fn age(&self, now: Moment) -> Age {
        if self.lease_end.has_come(now) {
            Age::Abandoned { lease_ended: now.since(self.lease_end), last_sign: None }
        } else {
            Age::InFlight { lease_left: self.lease_end.since(now), last_sign: None }
        }
    }

    fn holder(&self) -> Holder {
        Holder { owner: self.owner, fingerprint: self.fingerprint, attempt: self.attempt }
    }
}

impl Done {
    /// The record of `claim`, with a copy of `outcome`; `None` if its head is larger than anything that fits.
    ///
    /// A `Bytes` may be a small slice of a much larger buffer, a file in memory or a connection's read buffer, and would
    /// keep all of it alive; nothing tells from outside, as long as the answer that goes out shares it. So a bound that
    /// counts lengths is honest only if each record has a buffer of its own. The copy is made once per record and outside of
    /// every lock; a replay copies nothing.
    pub(super) fn copy(claim: &Claim, attempt: u32, outcome: &Outcome) -> Option<Self> {
        let Outcome { head, body } = outcome;
        let head_bytes = u32::try_from(head.len()).ok()?.to_ne_bytes();
        // Zeros first, which is one pass more: the only way to fill a block in place that is none twice.
        let mut block: Arc<[u8]> = std::iter::repeat_n(0, PAYLOAD + outcome.len()).collect();
        let mut rest = Arc::get_mut(&mut block)?;
        let owner = claim.owner.bits().to_ne_bytes();
        let fields: [&[u8]; 7] = [
            claim.key.as_bytes(),
            claim.fingerprint.as_bytes(),
            &owner,
            &attempt.to_ne_bytes(),
            &head_bytes,
            head,
            body,
        ];
        for field in fields {
            let (place, after) = rest.split_at_mut(field.len());
            place.copy_from_slice(field);
            rest = after;
        }
        Some(Self(block))
    }

    /// Head and body together.
    pub(super) fn len(&self) -> usize {
        self.0.len() - PAYLOAD
    }

    fn outcome(&self) -> Outcome {
        let mut head = Bytes::from_owner(Arc::clone(&self.0));
        head.advance(PAYLOAD);
        let body = head.split_off(u32::from_ne_bytes(self.field(HEAD)) as usize);
        Outcome { head, body }
    }

    fn attempt(&self) -> u32 {
        u32::from_ne_bytes(self.field(ATTEMPT))
    }

    fn field<const N: usize>(&self, start: usize) -> [u8; N] {
        let mut field = [0; N];
        field.copy_from_slice(&self.0[start..start + N]);
        field
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_table_keeps_of_an_entry_is_two_words() {
        assert_eq!(size_of::<Kept>(), 16);
    }

    #[test]
    fn a_freed_claim_is_not_one_of_the_blocks_that_glibc_keeps_apart() {
        assert!(size_of::<Held>() > 120, "{}", size_of::<Held>());
    }
}
