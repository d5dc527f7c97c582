//! The names of the options.

use crate::near::near;

/// An option of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Name {
    Ttl,
    Key,
    Scope,
    Operation,
    Missing,
    ReplayStatus,
    Record,
    OnFailure,
    InFlight,
    Lease,
    Fingerprint,
    MaxResponse,
    State,
    Store,
    Crate,
}

/// The options of `#[idempotent]`.
pub(crate) const OF_HANDLERS: &[Name] = &[
    Name::Ttl,
    Name::Key,
    Name::Scope,
    Name::Operation,
    Name::Missing,
    Name::ReplayStatus,
    Name::Record,
    Name::OnFailure,
    Name::InFlight,
    Name::Lease,
    Name::Fingerprint,
    Name::MaxResponse,
    Name::State,
    Name::Crate,
];

/// The options of `#[idempotent_fn]`.
pub(crate) const OF_FUNCTIONS: &[Name] = &[
    Name::Ttl,
    Name::Key,
    Name::Store,
    Name::Scope,
    Name::Operation,
    Name::OnFailure,
    Name::InFlight,
    Name::Lease,
    Name::Fingerprint,
    Name::Crate,
];

/// Words for an option that are nowhere near its name.
const OTHER_WORDS: &[(&str, Name)] = &[
    ("duration", Name::Ttl),
    ("expiration", Name::Ttl),
    ("expire", Name::Ttl),
    ("expires", Name::Ttl),
    ("expires_in", Name::Ttl),
    ("expiry", Name::Ttl),
    ("lifetime", Name::Ttl),
    ("max_age", Name::Ttl),
    ("retention", Name::Ttl),
    ("time_to_live", Name::Ttl),
    ("header", Name::Key),
    ("idempotency_key", Name::Key),
    ("tenant", Name::Scope),
    ("user", Name::Scope),
    ("namespace", Name::Scope),
    ("name", Name::Operation),
    ("route", Name::Operation),
    ("status", Name::ReplayStatus),
    ("wait", Name::InFlight),
    ("lock", Name::Lease),
    ("hash", Name::Fingerprint),
    ("digest", Name::Fingerprint),
    ("limit", Name::MaxResponse),
    ("max_size", Name::MaxResponse),
    ("max_body", Name::MaxResponse),
];

impl Name {
    /// The name as it is written.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Name::Ttl => "ttl",
            Name::Key => "key",
            Name::Scope => "scope",
            Name::Operation => "operation",
            Name::Missing => "missing",
            Name::ReplayStatus => "replay_status",
            Name::Record => "record",
            Name::OnFailure => "on_failure",
            Name::InFlight => "in_flight",
            Name::Lease => "lease",
            Name::Fingerprint => "fingerprint",
            Name::MaxResponse => "max_response",
            Name::State => "state",
            Name::Store => "store",
            Name::Crate => "crate",
        }
    }

    /// A right value, for messages.
    pub(crate) const fn example(self) -> &'static str {
        match self {
            Name::Ttl => "\"1h\"",
            Name::Key => "\"header:Idempotency-Key\"",
            Name::Scope => "\"header:X-Tenant\"",
            Name::Operation => "\"pay\"",
            Name::Missing => "428",
            Name::ReplayStatus => "200",
            Name::Record => "\"final\"",
            Name::OnFailure => "\"retry\"",
            Name::InFlight => "\"wait:5s\"",
            Name::Lease => "\"30s\"",
            Name::Fingerprint => "\"body\"",
            Name::MaxResponse => "\"1MiB\"",
            Name::State => "AppState",
            Name::Store => "&idempotency",
            Name::Crate => "::idem_runtime",
        }
    }

    pub(crate) fn find(text: &str, names: &[Name]) -> Option<Name> {
        names.iter().copied().find(|name| name.text() == text)
    }

    /// The option that a misspelt or other word was meant to be, or that its end names: `record_ttl`.
    pub(crate) fn meant(text: &str, names: &[Name]) -> Option<Name> {
        let other = OTHER_WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)).map(|(_, name)| *name);
        let other = other.filter(|name| names.contains(name));
        let close = || near(text, names.iter().map(|name| name.text())).and_then(|close| Self::find(close, names));
        let lower = text.to_lowercase();
        let end = || names.iter().copied().find(|name| lower.ends_with(name.text()));
        other.or_else(close).or_else(end)
    }
}
