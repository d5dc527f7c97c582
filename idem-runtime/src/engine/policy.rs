use std::time::Duration;

/// What a failure means: a handler's 5xx answer or one that broke off, a job's `Err`, a panic, or an owner that died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// The next retry runs the request again: at least once.
    Retry,
    /// The failure is the outcome: at most once. A failure that left no answer is reported as "outcome unknown".
    Keep,
}

/// What happens to a duplicate that arrives while the first one still runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InFlight {
    /// It is refused at once.
    Reject,
    /// It waits this long for the first one's answer, and is refused after that.
    Wait(Duration),
}

/// How one operation is guarded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    pub(crate) ttl: Duration,
    pub(crate) lease: Duration,
    pub(crate) on_failure: OnFailure,
    pub(crate) in_flight: InFlight,
}
