//! What an attribute says that leaves an option out.

use std::time::Duration;

use crate::bounds::{self, LARGEST_RESPONSE};
use crate::engine::{InFlight, OnFailure, Policy};
use crate::http::route::{Missing, Recorded};

/// What holds for every route and every job of an application that does not say otherwise itself.
///
/// An option that is written, in an attribute or on a [`Job`](crate::Job), wins: also one that says what the default of
/// this crate is. Only *how* a request is treated has a default here. What identifies it (`key`, `scope`, `operation`,
/// `fingerprint`) and how long its record lives (`ttl`) stand at the handler: another fingerprint, say, would turn each
/// retry of a request that was recorded before into a 422, on all routes at once.
///
/// The processes that share a store may have different defaults; each request follows those of the process that runs it.
/// What the feature `utoipa` documents of a route is made without them: a route whose document has to be right about
/// `missing` and `on_failure` says them itself.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use idem_runtime::{Defaults, Idempotency, InFlight, MemoryStore, Missing, OnFailure, Recorded};
///
/// const HOUSE_RULES: Defaults = Defaults::new()
///     .lease(Duration::from_secs(10))
///     .in_flight(InFlight::Wait(Duration::from_secs(2)))
///     .on_failure(OnFailure::Keep)
///     .missing(Missing::Refuse(428))
///     .record(Recorded::Success)
///     .max_response(64 * 1024);
///
/// let idempotency = Idempotency::builder(MemoryStore::new()).defaults(HOUSE_RULES).build();
/// ```
///
/// Best made in a `const`: then the compiler checks what it says.
///
/// ```compile_fail
/// use idem_runtime::{Defaults, Missing};
///
/// const HOUSE_RULES: Defaults = Defaults::new().missing(Missing::Refuse(200)); // no 4xx status
/// # let _ = HOUSE_RULES;
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "defaults do nothing until `IdempotencyBuilder::defaults` takes them"]
pub struct Defaults {
    lease: Duration,
    in_flight: InFlight,
    on_failure: OnFailure,
    missing: Missing,
    record: Recorded,
    max_response: usize,
}

impl Defaults {
    /// Those of this crate: a lease of 30 s, a duplicate in flight is refused, a failure lets the next retry run, a request
    /// without a key is refused with 400, final answers are recorded, up to 1 MiB of them.
    pub const fn new() -> Self {
        Self {
            lease: Duration::from_secs(30),
            in_flight: InFlight::Reject,
            on_failure: OnFailure::Retry,
            missing: Missing::Refuse(400),
            record: Recorded::Final,
            max_response: 1024 * 1024,
        }
    }

    /// How long a claim outlives the last sign of life of its owner: 100 ms to 1 h. Where that is not shorter than a `ttl`,
    /// it is a third of it.
    ///
    /// # Panics
    ///
    /// If it is out of its bounds. In a `const` that is a compile error.
    pub const fn lease(mut self, lease: Duration) -> Self {
        assert_lease(lease);
        self.lease = lease;
        self
    }

    /// What a duplicate does while the first request still runs; it waits for 1 ms to 5 minutes.
    ///
    /// # Panics
    ///
    /// If it waits longer or not at all. In a `const` that is a compile error.
    pub const fn in_flight(mut self, in_flight: InFlight) -> Self {
        assert_in_flight(in_flight);
        self.in_flight = in_flight;
        self
    }

    /// What a failure means: a handler's 5xx, a job's `Err`, a panic, or an owner that died.
    pub const fn on_failure(mut self, on_failure: OnFailure) -> Self {
        self.on_failure = on_failure;
        self
    }

    /// What a request without a key means. Not for jobs, whose key is an argument.
    ///
    /// # Panics
    ///
    /// If it is refused with another status than a 4xx. In a `const` that is a compile error.
    pub const fn missing(mut self, missing: Missing) -> Self {
        if let Missing::Refuse(status) = missing {
            assert!(400 <= status && status <= 499, "a missing key is the client's mistake: a 4xx status");
        }
        self.missing = missing;
        self
    }

    /// Which answers of handlers are recorded.
    pub const fn record(mut self, record: Recorded) -> Self {
        self.record = record;
        self
    }

    /// The largest body of a response, or result of a job, that is recorded, in bytes: up to 1 GiB.
    ///
    /// # Panics
    ///
    /// If it is larger. In a `const` that is a compile error.
    pub const fn max_response(mut self, bytes: usize) -> Self {
        assert!(bytes <= LARGEST_RESPONSE, "a response of up to 1 GiB is recorded");
        self.max_response = bytes;
        self
    }

    pub(crate) const fn of_missing(&self) -> Missing {
        self.missing
    }

    pub(crate) const fn of_record(&self) -> Recorded {
        self.record
    }

    pub(crate) const fn of_max_response(&self) -> usize {
        self.max_response
    }

    pub(crate) fn of_lease(&self, ttl: Duration) -> Duration {
        // As soon as the record of a claim could end before its lease, nobody could tell a dead owner from a finished one.
        if self.lease < ttl {
            return self.lease;
        }
        // In whole milliseconds, as stores count.
        let third = ttl / 3;
        third - Duration::from_nanos(u64::from(third.subsec_nanos() % 1_000_000))
    }

    /// How an operation is guarded that says this much of it.
    pub(crate) fn policy(&self, given: Given) -> Policy {
        Policy {
            ttl: given.ttl,
            lease: given.lease.unwrap_or_else(|| self.of_lease(given.ttl)),
            on_failure: given.on_failure.unwrap_or(self.on_failure),
            in_flight: given.in_flight.unwrap_or(self.in_flight),
        }
    }
}

impl Default for Defaults {
    fn default() -> Self {
        Self::new()
    }
}

/// What an operation says itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Given {
    pub(crate) ttl: Duration,
    pub(crate) lease: Option<Duration>,
    pub(crate) on_failure: Option<OnFailure>,
    pub(crate) in_flight: Option<InFlight>,
}

pub(crate) const fn assert_lease(lease: Duration) {
    assert!(bounds::LEASE.hold(lease.as_millis()), "a lease is 100 ms to 1 h");
}

pub(crate) const fn assert_in_flight(in_flight: InFlight) {
    if let InFlight::Wait(time) = in_flight {
        assert!(bounds::WAIT.hold(time.as_millis()), "a duplicate waits for 1 ms to 5 minutes");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Given = Given { ttl: Duration::from_secs(3600), lease: None, on_failure: None, in_flight: None };

    #[test]
    fn what_is_written_wins_also_where_it_is_the_default_of_this_crate() {
        let defaults = Defaults::new()
            .lease(Duration::from_secs(5))
            .on_failure(OnFailure::Keep)
            .in_flight(InFlight::Wait(Duration::from_secs(1)));
        let policy = defaults.policy(NOTHING);
        assert_eq!((policy.lease, policy.on_failure), (Duration::from_secs(5), OnFailure::Keep));
        assert_eq!(policy.in_flight, InFlight::Wait(Duration::from_secs(1)));

        let written = defaults.policy(Given {
            lease: Some(Duration::from_secs(30)),
            on_failure: Some(OnFailure::Retry),
            in_flight: Some(InFlight::Reject),
            ..NOTHING
        });
        let built_in = Defaults::new().policy(NOTHING);
        assert_eq!((written.lease, written.on_failure), (built_in.lease, built_in.on_failure));
        assert_eq!(written.in_flight, built_in.in_flight);
    }

    #[test]
    fn i12_a_default_lease_is_shorter_than_every_ttl() {
        let defaults = Defaults::new().lease(Duration::from_secs(3600));
        for (ttl, lease) in [(1, 333), (3600, 1_200_000), (3601, 3_600_000)] {
            assert_eq!(defaults.of_lease(Duration::from_secs(ttl)), Duration::from_millis(lease), "{ttl}");
        }
    }

    #[test]
    fn a_default_that_cannot_be_is_refused() {
        let refused = |make: fn() -> Defaults| std::panic::catch_unwind(make).is_err();
        assert!(refused(|| Defaults::new().lease(Duration::from_millis(99))));
        assert!(refused(|| Defaults::new().lease(Duration::from_secs(3601))));
        assert!(refused(|| Defaults::new().in_flight(InFlight::Wait(Duration::from_secs(301)))));
        assert!(refused(|| Defaults::new().in_flight(InFlight::Wait(Duration::ZERO))));
        assert!(refused(|| Defaults::new().missing(Missing::Refuse(399))));
        assert!(refused(|| Defaults::new().missing(Missing::Refuse(500))));
        assert!(refused(|| Defaults::new().max_response(LARGEST_RESPONSE + 1)));
        assert!(!refused(|| Defaults::new().missing(Missing::Refuse(499)).max_response(LARGEST_RESPONSE)));
    }
}
