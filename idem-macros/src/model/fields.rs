//! Which header fields can hold an idempotency key or a scope.
//!
//! The attribute and the layer share no crate that this could be in: each has a copy of this file, and a test compares them.

/// Fields of one connection or one message's framing: they say nothing about the request.
const FRAMING: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "http2-settings",
    "keep-alive",
    "max-forwards",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

/// Fields that differ between the attempts of one request.
const PER_ATTEMPT: &[&str] = &["age", "date", "traceparent", "tracestate"];

/// Fields that say who sends the request.
const SENDER: &[&str] = &[
    "authorization",
    "cookie",
    "forwarded",
    "from",
    "host",
    "origin",
    "proxy-authorization",
    "referer",
    "user-agent",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
];

/// Fields that describe the content, or ask for a form of it.
const CONTENT: &[&str] = &[
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "content-digest",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-location",
    "content-md5",
    "content-range",
    "content-type",
    "digest",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "pragma",
    "prefer",
    "priority",
    "range",
];

/// Why a field cannot hold the idempotency key, if it cannot; its name is in lower case.
pub(super) fn unfit_for_key(name: &str) -> Option<&'static str> {
    let holds = |list: &[&str]| list.contains(&name);
    if holds(FRAMING) {
        Some("belongs to the connection, not to the request")
    } else if holds(PER_ATTEMPT) {
        Some("differs between the attempts of one request")
    } else if holds(SENDER) {
        Some("says who sends the request, not which request it is")
    } else if holds(CONTENT) {
        Some("describes the content, and unlike requests share it")
    } else {
        None
    }
}

/// Why a field cannot hold the scope, if it cannot; its name is in lower case. A sender is a scope, and so can be what it asks for.
pub(super) fn unfit_for_scope(name: &str) -> Option<&'static str> {
    if FRAMING.contains(&name) {
        Some("belongs to the connection, not to the request")
    } else if PER_ATTEMPT.contains(&name) {
        Some("differs between the attempts of one request")
    } else {
        None
    }
}
