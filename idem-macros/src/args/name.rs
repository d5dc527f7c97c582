//! The names of the options.

/// An option of the attribute.
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
    Crate,
}

/// Words for an option that are nowhere near its name.
const OTHER_WORDS: &[(&str, Name)] = &[
    ("expiry", Name::Ttl),
    ("expires", Name::Ttl),
    ("expires_in", Name::Ttl),
    ("expiration", Name::Ttl),
    ("retention", Name::Ttl),
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
    const ALL: [Name; 14] = [
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
            Name::Crate => "::idem_runtime",
        }
    }

    pub(crate) fn find(text: &str) -> Option<Name> {
        Self::ALL.into_iter().find(|name| name.text() == text)
    }

    /// The option that a misspelt or other word was meant to be.
    pub(crate) fn meant(text: &str) -> Option<Name> {
        let other = OTHER_WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)).map(|(_, name)| *name);
        other.or_else(|| crate::near::near(text, Self::texts()).and_then(Self::find))
    }

    pub(crate) fn texts() -> impl Iterator<Item = &'static str> {
        Self::ALL.into_iter().map(Name::text)
    }
}
