//! What is done with a request or a call, as its options say it.

use syn::{ExprPath, Path, Type};

use super::{expression::Evaluated, source::Source};

/// The checked options that both attributes have. Durations are in milliseconds.
///
/// An option that is `None` is not written: the application's defaults say what it is.
pub(crate) struct Policy {
    pub(crate) operation: Option<String>,
    pub(crate) ttl: u64,
    pub(crate) lease: Option<u64>,
    pub(crate) key: Key,
    pub(crate) scope: Scope,
    pub(crate) on_failure: Option<OnFailure>,
    pub(crate) in_flight: Option<InFlight>,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) runtime: Option<Path>,
}

/// Those that are about requests and responses. The size is in bytes. `None` as in [`Policy`], but for `state`.
pub(crate) struct Http {
    pub(crate) missing: Option<Missing>,
    pub(crate) replay_status: Option<u16>,
    pub(crate) record: Option<Record>,
    pub(crate) max_response: Option<u64>,
    pub(crate) state: Option<Type>,
}

/// Where the key comes from.
pub(crate) enum Key {
    Source(Source),
    Expression(Evaluated),
}

/// Whose key it is.
pub(crate) enum Scope {
    None,
    Header(String),
    Expression(Evaluated),
}

/// What becomes of a request without a key.
#[derive(Clone, Copy)]
pub(crate) enum Missing {
    Execute,
    Refuse(u16),
}

/// Which answers are recorded.
pub(crate) enum Record {
    Success,
    Final,
    Chosen(ExprPath),
}

/// What a failure means.
#[derive(Clone, Copy)]
pub(crate) enum OnFailure {
    Retry,
    Keep,
}

/// What a duplicate does while the first request runs.
#[derive(Clone, Copy)]
pub(crate) enum InFlight {
    Reject,
    Wait(u64),
}

/// What must be the same for a retry to count as the same request.
pub(crate) enum Fingerprint {
    Body,
    Json,
    None,
    Expression(Evaluated),
}
