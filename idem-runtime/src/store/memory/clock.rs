//! The memory store's clock.

use std::time::Duration;

use tokio::time::Instant;

use crate::store::span;

/// Microseconds since the store was made.
///
/// An integer and not an `Instant`: half the size, cheap to compare, and nothing that is added to it can panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(u64);

impl Moment {
    /// Later than any other.
    pub(super) const NEVER: Self = Self(u64::MAX);

    /// The moment that lies `span` after this one.
    pub(super) fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span::millis(span).saturating_mul(1_000)))
    }

    /// How much later than `now` this is.
    pub(super) fn since(self, now: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(now.0))
    }

    /// Whether this deadline has passed. At the very moment of the deadline it has.
    pub(super) fn has_come(self, now: Self) -> bool {
        self <= now
    }
}

/// Monotonic, and Tokio's: paused time in tests is paused here too.
#[derive(Debug)]
pub(super) struct Clock {
    start: Instant,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self { start: Instant::now() }
    }

    pub(super) fn now(&self) -> Moment {
        let since = Instant::now().saturating_duration_since(self.start);
        Moment(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
    }
}
