//! What a value and the time it has left mean. The time is the server's: nothing here looks at a clock.

use ::redis::Value as Reply;

use std::time::Duration;

use super::value::{Marker, Value};
use crate::store::{Age, ClaimOutcome, Entry, OwnerToken};

/// What Redis says of an entry's expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// Milliseconds until the entry is over; at least one.
    Millis(u64),
    /// The entry is over: it is gone already, or this is its last millisecond, at which it has ended.
    Over,
    /// Somebody removed the expiry. That means neither that its owner died nor that it holds for ever.
    Endless,
}

impl Left {
    /// Reads `PTTL`'s answer.
    pub(super) fn read(reply: &Reply) -> Option<Self> {
        match reply {
            Reply::Int(-1) => Some(Self::Endless),
            Reply::Int(millis) => {
                Some(u64::try_from(*millis).ok().filter(|&left| left > 0).map_or(Self::Over, Self::Millis))
            }
            _ => None,
        }
    }
}

/// Whether value and time were read in one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Snapshot {
    Atomic,
    /// The time is a little older, and may be that of an earlier value. Cheaper by far where bodies are large, and good
    /// enough for nearly every answer.
    Torn,
}

/// What was found out.
#[derive(Debug)]
pub(super) enum Reading<T> {
    Sure(T),
    /// This value has to be read again, in one step, and settled.
    Doubtful(Value),
}

impl<T> Reading<T> {
    pub(super) fn sure(self) -> Option<T> {
        match self {
            Self::Sure(reading) => Some(reading),
            Self::Doubtful(_) => None,
        }
    }
}

/// The answer to whoever claims the entry as `asker`. As doubtful as [`look`], and whenever there is no expiry.
pub(super) fn answer(value: Value, left: Left, asker: OwnerToken, snapshot: Snapshot) -> Reading<ClaimOutcome> {
    if left == Left::Endless {
        return Reading::Doubtful(value);
    }
    if value.marker == Marker::Pending && value.owner == asker && left != Left::Over {
        return Reading::Sure(ClaimOutcome::Claimed { attempt: value.attempt });
    }
    match look(value, left, snapshot) {
        Reading::Sure(Entry::InFlight(holder)) => Reading::Sure(ClaimOutcome::InFlight(holder)),
        Reading::Sure(Entry::Abandoned(holder)) => Reading::Sure(ClaimOutcome::Abandoned(holder)),
        Reading::Sure(Entry::Completed(record)) => Reading::Sure(ClaimOutcome::Completed(record)),
        Reading::Doubtful(value) => Reading::Doubtful(value),
    }
}

/// What there is.
///
/// Doubtful when it is over, and when a [`Torn`](Snapshot::Torn) snapshot shows a lease that has ended, or no expiry: the
/// time may be from before a renewal, or that of a record or a claim in whose place this one has come since.
pub(super) fn look(value: Value, left: Left, snapshot: Snapshot) -> Reading<Entry> {
    match (left, snapshot) {
        (Left::Millis(left), Snapshot::Torn) if is_abandoned(&value, left) => Reading::Doubtful(value),
        (Left::Millis(left), _) if is_abandoned(&value, left) => Reading::Sure(Entry::Abandoned(value.holder())),
        (Left::Over, _) | (Left::Endless, Snapshot::Torn) => Reading::Doubtful(value),
        (Left::Millis(left), _) => sure(value, left),
        // How long it will live once it has its expiry back, nobody has said.
        (Left::Endless, Snapshot::Atomic) => sure(value, 0),
    }
}

fn sure(value: Value, left: u64) -> Reading<Entry> {
    Reading::Sure(match value.marker {
        Marker::Pending => Entry::InFlight(value.holder()),
        Marker::Completed => Entry::Completed(value.into_record(left)),
    })
}

/// How old it is, by value and time of one moment: it was to live for its TTL, beyond its lease if it is a claim. `None` if it
/// lives longer than that, which is not what was written.
pub(super) fn age(value: &Value, left: Left) -> Option<Age> {
    let Left::Millis(left) = left else { return None };
    let millis = Duration::from_millis;
    match (value.marker, left.checked_sub(value.ttl)) {
        (Marker::Completed, _) => value.ttl.checked_sub(left).map(|ago| Age::Recorded { ago: millis(ago) }),
        (Marker::Pending, Some(lease_left @ 1..)) => {
            let last_sign = value.lease.checked_sub(lease_left).map(millis);
            Some(Age::InFlight { lease_left: millis(lease_left), last_sign })
        }
        (Marker::Pending, _) => {
            let ended = value.ttl.saturating_sub(left);
            Some(Age::Abandoned {
                lease_ended: millis(ended),
                last_sign: Some(millis(value.lease.saturating_add(ended))),
            })
        }
    }
}

/// Whether a claim's lease has ended: the entry lives for the TTL beyond its lease.
pub(super) fn is_abandoned(value: &Value, left: u64) -> bool {
    value.marker == Marker::Pending && left <= value.ttl
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;

    use super::*;
    use crate::digest::{Fingerprint, RecordKey};
    use crate::store::{Claim, Outcome};

    const TTL: u64 = 1_000;

    fn claim() -> Claim {
        Claim {
            key: RecordKey::from_bytes([1; 32]),
            owner: OwnerToken::from_bits(1),
            fingerprint: Fingerprint::from_bytes([2; 32]),
            lease: Duration::from_millis(30),
            ttl: Duration::from_millis(TTL),
            outlives_a_crash: false,
        }
    }

    fn pending() -> Value {
        Value::pending(&claim(), 1)
    }

    fn completed() -> Value {
        Value::completed(&claim(), 1, &Outcome { head: Bytes::new(), body: Bytes::new() }).unwrap()
    }

    const OTHER: OwnerToken = OwnerToken::from_bits(2);

    fn asked(value: Value, left: Left, asker: OwnerToken, snapshot: Snapshot) -> Option<ClaimOutcome> {
        answer(value, left, asker, snapshot).sure()
    }

    #[test]
    fn i10_a_lease_ends_at_the_millisecond_at_which_only_the_ttl_is_left() {
        let at = |left| asked(pending(), Left::Millis(left), OTHER, Snapshot::Atomic);
        assert!(matches!(at(TTL + 1), Some(ClaimOutcome::InFlight(_))));
        assert!(matches!(at(TTL), Some(ClaimOutcome::Abandoned(_))));
        assert!(matches!(at(TTL - 1), Some(ClaimOutcome::Abandoned(_))));
    }

    #[test]
    fn a_torn_snapshot_never_makes_an_orphan() {
        let torn = |value, left| asked(value, Left::Millis(left), OTHER, Snapshot::Torn);
        assert_eq!(torn(pending(), TTL), None);
        assert!(matches!(torn(pending(), TTL + 1), Some(ClaimOutcome::InFlight(_))));
        assert!(matches!(torn(completed(), 1), Some(ClaimOutcome::Completed(_))));
    }

    #[test]
    fn i11_a_missing_expiry_is_neither_an_orphan_nor_the_answer() {
        for value in [pending(), completed()] {
            for asker in [claim().owner, OTHER] {
                assert_eq!(asked(value.clone(), Left::Endless, asker, Snapshot::Atomic), None);
                assert_eq!(asked(value.clone(), Left::Over, asker, Snapshot::Atomic), None);
            }
        }
        let looked = |value, snapshot| look(value, Left::Endless, snapshot).sure();
        assert!(matches!(looked(pending(), Snapshot::Atomic), Some(Entry::InFlight(_))));
        assert!(matches!(looked(completed(), Snapshot::Atomic), Some(Entry::Completed(_))));
        assert_eq!(looked(pending(), Snapshot::Torn), None);
    }

    #[test]
    fn i51_a_record_is_never_said_to_live_longer_than_it_does() {
        let lives = |left, snapshot| match look(completed(), left, snapshot).sure() {
            Some(Entry::Completed(record)) => record.expires_in,
            other => panic!("{other:?}"),
        };
        assert_eq!(lives(Left::Millis(TTL - 1), Snapshot::Torn), Duration::from_millis(TTL - 1));
        // The time was another entry's, which was there before.
        assert_eq!(lives(Left::Millis(TTL + 1), Snapshot::Torn), Duration::from_millis(TTL));
        assert_eq!(lives(Left::Endless, Snapshot::Atomic), Duration::ZERO);
    }

    #[test]
    fn an_age_is_what_has_passed_of_ttl_and_lease() {
        let (at, millis) = (|value, left| age(&value, Left::Millis(left)), Duration::from_millis);
        assert_eq!(at(completed(), TTL - 7), Some(Age::Recorded { ago: millis(7) }));
        let in_flight = |left, sign| Some(Age::InFlight { lease_left: millis(left), last_sign: sign });
        assert_eq!(at(pending(), TTL + 30), in_flight(30, Some(millis(0))));
        assert_eq!(at(pending(), TTL + 1), in_flight(1, Some(millis(29))));
        // Renewed for longer than it was claimed for: since when, nobody knows.
        assert_eq!(at(pending(), TTL + 31), in_flight(31, None));
        let abandoned =
            |ended| Some(Age::Abandoned { lease_ended: millis(ended), last_sign: Some(millis(30 + ended)) });
        assert_eq!((at(pending(), TTL), at(pending(), TTL - 7)), (abandoned(0), abandoned(7)));
        assert_eq!(at(completed(), TTL + 1), None);
        for value in [pending(), completed()] {
            assert_eq!((age(&value, Left::Endless), age(&value, Left::Over)), (None, None));
        }
    }

    #[test]
    fn i51_at_its_last_millisecond_an_entry_is_over() {
        assert_eq!(Left::read(&Reply::Int(0)), Some(Left::Over));
        assert_eq!(Left::read(&Reply::Int(-2)), Some(Left::Over));
        assert_eq!(Left::read(&Reply::Int(-1)), Some(Left::Endless));
        assert_eq!(Left::read(&Reply::Int(1)), Some(Left::Millis(1)));
        assert_eq!(Left::read(&Reply::Nil), None);
        for value in [pending(), completed()] {
            assert_eq!(look(value, Left::Over, Snapshot::Atomic).sure(), None);
        }
    }
}
