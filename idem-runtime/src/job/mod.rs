//! Idempotency beyond HTTP: any asynchronous function, such as a queue's consumer, a job, or the sender of a webhook.
//!
//! ```text
//! Job (how) -> JobCall (which) -> engine -> the value, executed or replayed, or why there is none
//! ```
//!
//! The [guide](crate::guide::jobs) shows how to use it. Knows nothing of HTTP, and of a store only what the engine does.

use std::time::Duration;

use crate::bounds;
use crate::defaults::{Defaults, Given, assert_in_flight, assert_lease};
use crate::engine::{InFlight, OnFailure, Policy};
use crate::http::key_value::KeyValue;

mod attribute;
mod call;
mod done;
mod refusal;
mod run;
#[cfg(test)]
mod tests;
pub(crate) mod value;

#[doc(hidden)]
pub use attribute::{JobResult, TakesRefusals, codec, idempotency, run, run_borrowing, transaction, transactions};
pub use call::JobCall;
pub use done::Done;
pub use refusal::{JobError, JobRefusal, Unavailable};

/// How the calls of one operation are guarded.
///
/// Best made in a `const`: then the compiler checks what it says.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use idem_runtime::{InFlight, Job, OnFailure};
///
/// const SHIP: Job = Job::new("ship", Duration::from_secs(7 * 24 * 3600))
///     .lease(Duration::from_secs(60))
///     .in_flight(InFlight::Wait(Duration::from_secs(5)))
///     .on_failure(OnFailure::Keep);
/// # let _ = SHIP;
/// ```
///
/// What cannot be is no constant:
///
/// ```compile_fail
/// use std::time::Duration;
/// use idem_runtime::Job;
///
/// const SHIP: Job = Job::new("ship", Duration::from_millis(10)); // shorter than a second
/// # let _ = SHIP;
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "a job does nothing until `Idempotency::run` runs a call of it"]
pub struct Job {
    operation: &'static str,
    given: Given,
    max_result: Option<usize>,
}

impl Job {
    /// The operation of this name, whose results are kept for `ttl`: 1 s to 366 days.
    ///
    /// The name is a part of every key, together with the scope and the key itself. Change it, and nothing that was
    /// done under the old one is known any more. Operations of jobs and of handlers never meet.
    ///
    /// By default a claim's lease is 30 s, or a third of a shorter `ttl`; a duplicate in flight is refused; a failure
    /// lets the next call run; and a result of up to 1 MiB of JSON is kept. An application can have other
    /// [`Defaults`].
    ///
    /// # Panics
    ///
    /// If the name is empty, or `ttl` is out of its bounds. In a `const` that is a compile error.
    pub const fn new(operation: &'static str, ttl: Duration) -> Self {
        assert!(!operation.is_empty(), "an operation has a name");
        let ttl = ttl.as_millis();
        assert!(bounds::TTL.hold(ttl), "the ttl of a job is 1 s to 366 days");
        let given = Given { ttl: milliseconds(ttl), lease: None, on_failure: None, in_flight: None };
        Self { operation, given, max_result: None }
    }

    /// How long a claim outlives the last sign of life of its owner: 100 ms to 1 h, and shorter than the `ttl`. It is
    /// renewed while the work runs, so it says how soon a crash is noticed, and not how long the work may take.
    ///
    /// # Panics
    ///
    /// If it is out of its bounds. In a `const` that is a compile error.
    pub const fn lease(mut self, lease: Duration) -> Self {
        assert_lease(lease);
        let lease = lease.as_millis();
        assert!(lease < self.given.ttl.as_millis(), "the lease of a job is shorter than its ttl");
        self.given.lease = Some(milliseconds(lease));
        self
    }

    /// What a duplicate does while the first call still runs; it waits for 1 ms to 5 minutes.
    ///
    /// # Panics
    ///
    /// If it waits longer or not at all. In a `const` that is a compile error.
    pub const fn in_flight(mut self, in_flight: InFlight) -> Self {
        assert_in_flight(in_flight);
        self.given.in_flight = Some(in_flight);
        self
    }

    /// What a failure means: an `Err`, a panic, an owner that died, or work that was dropped half-way.
    pub const fn on_failure(mut self, on_failure: OnFailure) -> Self {
        self.given.on_failure = Some(on_failure);
        self
    }

    /// The largest result that is kept, in bytes of JSON (default 1 MiB). Of a larger one only that there was one is
    /// kept: the first caller gets it, and a duplicate is told [`JobRefusal::NotKept`].
    pub const fn max_result(mut self, bytes: usize) -> Self {
        self.max_result = Some(bytes);
        self
    }

    fn policy(&self, defaults: &Defaults) -> Policy {
        defaults.policy(self.given)
    }

    /// The call with this key: what names the same message or task, however often it is delivered.
    ///
    /// A key that is not there (`None`) or empty is refused when the call is run, and never shared.
    pub fn key(&self, key: impl KeyValue) -> JobCall {
        JobCall::new(*self, key.key_text())
    }
}

/// Stores count in whole milliseconds.
#[allow(clippy::cast_possible_truncation, reason = "it was held to at most 366 days")]
const fn milliseconds(time: u128) -> Duration {
    Duration::from_millis(time as u64)
}
