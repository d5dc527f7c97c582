//! An entry as a row of a table, and whether it is what was written there: what the SQL stores have in common.

use std::time::Duration;

use bytes::Bytes;

use super::{Age, Claim, Entry, Holder, Outcome, OwnerToken, Record, StoreError, span};
use crate::digest::{Fingerprint, RecordKey};

/// The format that this release writes, and the only one that it reads.
pub(crate) const FORMAT: i16 = 1;

/// A value has at most 1 GiB in PostgreSQL, and a row in SQLite; its text form, which some tools ask for, two bytes for
/// each.
const MAX_PAYLOAD: usize = 511 * 1024 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Held,
    Done,
}

/// A row, read or to be written. Without its times, which are the store's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) state: State,
    pub(crate) owner: OwnerToken,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) attempt: u32,
    pub(crate) ttl: u64,
    pub(crate) outcome: Outcome,
}

impl Stored {
    pub(crate) fn held(claim: &Claim, attempt: u32) -> Self {
        Self {
            state: State::Held,
            owner: claim.owner,
            fingerprint: claim.fingerprint,
            attempt,
            ttl: span::millis(claim.ttl),
            outcome: Outcome { head: Bytes::new(), body: Bytes::new() },
        }
    }

    /// # Errors
    /// [`StoreError::Full`] when it could not be held.
    pub(crate) fn done(claim: &Claim, attempt: u32, outcome: &Outcome) -> Result<Self, StoreError> {
        if outcome.len() > MAX_PAYLOAD {
            return Err(StoreError::Full);
        }
        Ok(Self { state: State::Done, outcome: outcome.clone(), ..Self::held(claim, attempt) })
    }

    /// Whether it says what `record` does.
    pub(crate) fn is_record(&self, record: &Record) -> bool {
        self.state == State::Done
            && self.fingerprint == record.fingerprint
            && self.attempt == record.attempt
            && self.outcome == record.outcome
    }

    fn holder(&self) -> Holder {
        Holder { owner: self.owner, fingerprint: self.fingerprint, attempt: self.attempt }
    }

    /// What it is to whoever looks.
    pub(crate) fn into_entry(self, time: Time) -> Entry {
        match self.state {
            State::Done => Entry::Completed(Record {
                fingerprint: self.fingerprint,
                attempt: self.attempt,
                outcome: self.outcome,
                expires_in: Duration::from_millis(time.expires_in),
            }),
            State::Held if time.lease_ended => Entry::Abandoned(self.holder()),
            State::Held => Entry::InFlight(self.holder()),
        }
    }

    /// How old it is. `lease_left` is in milliseconds, not above zero once the lease has ended; `None` if nobody can tell.
    pub(crate) fn age(&self, time: Time, lease_left: Option<i64>) -> Option<Age> {
        match self.state {
            State::Done if time.expires_in == 0 => None,
            State::Done => Some(Age::Recorded { ago: Duration::from_millis(self.ttl.saturating_sub(time.expires_in)) }),
            State::Held => lease_left.map(|left| {
                let span = Duration::from_millis(left.unsigned_abs());
                match left {
                    1.. => Age::InFlight { lease_left: span, last_sign: None },
                    _ => Age::Abandoned { lease_ended: span, last_sign: None },
                }
            }),
        }
    }

    /// 64 bits over the key and every field. No protection against somebody who can write to the table; it is what makes
    /// a damaged row, one that was cut off, and one that was copied to another key unreadable, instead of an answer to a
    /// request that nobody made.
    pub(crate) fn digest(&self, key: RecordKey) -> [u8; 8] {
        let mut hasher = blake3::Hasher::new_keyed(key.as_bytes());
        hasher
            .update(&FORMAT.to_be_bytes())
            .update(&[u8::from(self.state == State::Done)])
            .update(&self.owner.bits().to_be_bytes())
            .update(self.fingerprint.as_bytes())
            .update(&self.attempt.to_be_bytes())
            .update(&self.ttl.to_be_bytes());
        if !self.outcome.is_empty() {
            // The body by itself first: a hash of one contiguous slice is faster than one of a stream behind a prefix.
            hasher.update(&self.outcome.head).update(blake3::hash(&self.outcome.body).as_bytes());
        }
        let [a, b, c, d, e, f, g, h, ..] = *hasher.finalize().as_bytes();
        [a, b, c, d, e, f, g, h]
    }
}

/// What the store's clock says of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Time {
    /// Whether its lease had ended.
    pub(crate) lease_ended: bool,
    /// How many milliseconds a record lives at the least; zero if nobody can tell.
    pub(crate) expires_in: u64,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn claim() -> Claim {
        Claim {
            key: RecordKey::from_bytes([1; 32]),
            owner: OwnerToken::from_bits(1),
            fingerprint: Fingerprint::from_bytes([2; 32]),
            lease: Duration::from_millis(30),
            ttl: Duration::from_millis(1_000),
            outlives_a_crash: false,
        }
    }

    fn outcome(head: &'static [u8], body: &'static [u8]) -> Outcome {
        Outcome { head: Bytes::from_static(head), body: Bytes::from_static(body) }
    }

    #[test]
    fn b32_b34_every_field_and_the_key_are_in_the_digest() {
        let good = Stored::done(&claim(), 1, &outcome(b"head", b"body")).unwrap();
        let digest = good.digest(claim().key);
        assert_eq!(digest, good.clone().digest(claim().key));
        let others = [
            Stored { state: State::Held, ..good.clone() },
            Stored { owner: OwnerToken::from_bits(3), ..good.clone() },
            Stored { fingerprint: Fingerprint::from_bytes([3; 32]), ..good.clone() },
            Stored { attempt: 2, ..good.clone() },
            Stored { ttl: 2_000, ..good.clone() },
            Stored { outcome: outcome(b"heab", b"dody"), ..good.clone() },
            Stored { outcome: outcome(b"headb", b"ody"), ..good.clone() },
            Stored { outcome: outcome(b"", b""), ..good.clone() },
            Stored { outcome: outcome(b"head", b""), ..good.clone() },
        ];
        for other in others {
            assert_ne!(other.digest(claim().key), digest, "{other:?}");
        }
        assert_ne!(good.digest(RecordKey::from_bytes([9; 32])), digest);
    }

    #[test]
    fn i11_durations_at_the_edges_are_numbers() {
        let endless = Claim { lease: Duration::MAX, ttl: Duration::MAX, ..claim() };
        assert_eq!(Stored::held(&endless, 1).ttl, span::MAX_MILLIS);
        assert_eq!(Stored::held(&Claim { ttl: Duration::ZERO, ..claim() }, 1).ttl, 1);
    }

    #[test]
    fn an_age_is_said_only_where_it_is_known() {
        let (held, done) = (Stored::held(&claim(), 1), Stored::done(&claim(), 1, &outcome(b"", b"")).unwrap());
        let (time, millis) = (|expires_in| Time { lease_ended: false, expires_in }, Duration::from_millis);
        let (held, done) = (|left| held.age(time(0), left), |left| done.age(time(left), None));
        assert_eq!(held(Some(7)), Some(Age::InFlight { lease_left: millis(7), last_sign: None }));
        assert_eq!(held(Some(0)), Some(Age::Abandoned { lease_ended: millis(0), last_sign: None }));
        assert_eq!(held(Some(-7)), Some(Age::Abandoned { lease_ended: millis(7), last_sign: None }));
        assert_eq!((held(None), done(0)), (None, None));
        assert_eq!(done(990), Some(Age::Recorded { ago: millis(10) }));
    }

    #[test]
    fn a_record_does_not_end_with_its_lease() {
        let done = Stored::done(&claim(), 1, &outcome(b"", b"")).unwrap();
        let time = |lease_ended| Time { lease_ended, expires_in: 0 };
        assert!(matches!(done.into_entry(time(true)), Entry::Completed(_)));
        assert!(matches!(Stored::held(&claim(), 1).into_entry(time(true)), Entry::Abandoned(_)));
        assert!(matches!(Stored::held(&claim(), 1).into_entry(time(false)), Entry::InFlight(_)));
    }
}
