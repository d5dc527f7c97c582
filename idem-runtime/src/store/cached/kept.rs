//! A record in the cache, and how long it may be there.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tokio::time::Instant;

use super::records::Asked;
use crate::digest::Fingerprint;
use crate::store::{Outcome, Record, span};

/// What part of its life a record is not in the cache for, at its end. Two clocks that are both kept in step with the
/// world's differ by a thousandth at the very most while they are being corrected.
const LAST_PART: u32 = 100;

/// And so much at the least.
const LEAST_MARGIN: Duration = Duration::from_millis(5);

/// The administration of one record: an entry of the cache with its share of free places, the record itself, and what the
/// allocator needs for it: 254 bytes were measured, and up to 64 more while a table has just grown.
pub(super) const RECORD_BYTES: usize = 320;

/// A point in time, on both clocks of this machine.
///
/// The steady one is what counts. It may stand still while a machine sleeps; the other one does not, and may be set. So
/// the time that has passed is the longer of the two: a clock that is set forward costs a question to the store, and one
/// that is set back costs nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    steady: Instant,
    wall: SystemTime,
}

impl Moment {
    pub(super) fn now() -> Self {
        Self { steady: Instant::now(), wall: SystemTime::now() }
    }

    fn since(self, earlier: Self) -> Duration {
        let wall = self.wall.duration_since(earlier.wall).unwrap_or_default();
        self.steady.saturating_duration_since(earlier.steady).max(wall)
    }
}

/// A record, in memory of its own: what it was read from may be much larger.
pub(super) struct Kept {
    fingerprint: Fingerprint,
    attempt: u32,
    /// Head and body, one after the other.
    payload: Bytes,
    head: usize,
    /// When the store was asked, and for how long after that the record may be given out.
    asked: Asked,
    life: Duration,
}

impl Kept {
    /// None if the record ends too soon to be worth it.
    pub(super) fn copy(record: &Record, asked: Asked) -> Option<Self> {
        let life = record.expires_in.min(Duration::from_millis(span::MAX_MILLIS));
        let life = life.checked_sub((life / LAST_PART).max(LEAST_MARGIN))?;
        let Outcome { head, body } = &record.outcome;
        let payload = [&head[..], body].concat().into();
        let kept =
            Self { fingerprint: record.fingerprint, attempt: record.attempt, payload, head: head.len(), asked, life };
        kept.left(Moment::now()).map(|_| kept)
    }

    /// For how much longer it may be given out; nothing if it may not.
    fn left(&self, now: Moment) -> Option<Duration> {
        self.life.checked_sub(now.since(self.asked.at)).filter(|left| !left.is_zero())
    }

    pub(super) fn record(&self, now: Asked) -> Option<Record> {
        let expires_in = self.left(now.at).filter(|_| now.cleared == self.asked.cleared)?;
        let (head, body) = (self.payload.slice(..self.head), self.payload.slice(self.head..));
        let outcome = Outcome { head, body };
        Some(Record { fingerprint: self.fingerprint, attempt: self.attempt, outcome, expires_in })
    }

    pub(super) fn bytes(&self) -> usize {
        self.payload.len().saturating_add(RECORD_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(steady: Instant, wall: SystemTime) -> Moment {
        Moment { steady, wall }
    }

    #[test]
    fn i08_of_two_clocks_the_one_that_has_gone_further_counts() {
        let (steady, wall) = (Instant::now(), SystemTime::now());
        let start = at(steady, wall);
        assert_eq!(at(steady + SECOND, wall + SECOND).since(start), SECOND);
        // The machine slept for an hour.
        assert_eq!(at(steady + SECOND, wall + 3_600 * SECOND).since(start), 3_600 * SECOND);
        // Somebody set the clock back by an hour.
        assert_eq!(at(steady + SECOND, wall - 3_600 * SECOND).since(start), SECOND);
    }

    #[test]
    fn i51_what_is_given_out_ends_before_the_record_does() {
        let asked = Asked { at: Moment::now(), cleared: 0 };
        let kept = |expires_in| {
            let outcome = Outcome { head: Bytes::from_static(b"head"), body: Bytes::from_static(b"body") };
            let fingerprint = Fingerprint::from_bytes([1; 32]);
            Kept::copy(&Record { fingerprint, attempt: 2, outcome, expires_in }, asked)
        };
        let after = |passed| Asked { at: at(asked.at.steady + passed, asked.at.wall + passed), ..asked };
        let hour = kept(3_600 * SECOND).unwrap();
        let record = hour.record(after(60 * SECOND)).unwrap();
        assert_eq!((record.expires_in, record.attempt), ((3_600 - 36 - 60) * SECOND, 2));
        assert_eq!((&record.outcome.head[..], &record.outcome.body[..]), (&b"head"[..], &b"body"[..]));
        assert!(hour.record(after(3_563 * SECOND)).is_some());
        assert!(hour.record(after(3_564 * SECOND)).is_none());
        assert!(hour.record(after(366 * 86_400 * SECOND)).is_none());
        // The cache was cleared since.
        assert!(hour.record(Asked { cleared: 1, ..after(SECOND) }).is_none());
        // A lower bound of zero means that the store cannot tell.
        assert!(kept(Duration::ZERO).is_none());
        assert!(kept(LEAST_MARGIN).is_none());
        let endless = kept(Duration::MAX).unwrap().record(after(SECOND)).unwrap();
        assert!(endless.expires_in <= Duration::from_millis(span::MAX_MILLIS));
    }
}
