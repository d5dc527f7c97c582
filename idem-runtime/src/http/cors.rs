//! What a browser has to do with it: which headers scripts read, and whose origin a recorded answer speaks of.

use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_LOCATION, ETAG, HeaderMap, HeaderName, HeaderValue, LINK, LOCATION,
    RETRY_AFTER,
};

/// Marks the answer to a request that ran although its key was not looked at.
pub(super) const BYPASSED: HeaderName = HeaderName::from_static("idempotency-bypassed");

/// What a script needs of an answer, and may not read unless it is exposed.
pub(crate) fn exposed(replayed_header: &HeaderName) -> Vec<HeaderName> {
    vec![replayed_header.clone(), BYPASSED, RETRY_AFTER, LOCATION, CONTENT_LOCATION, ETAG, LINK]
}

/// Takes the permission out of a recorded answer that was given to another origin. A `*` is for everybody.
///
/// It goes with all that belongs to it: `Access-Control-Allow-Credentials` for one origin must not meet the name of
/// another.
pub(super) fn keep_to(origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
    let allowed = headers.get(ACCESS_CONTROL_ALLOW_ORIGIN);
    if allowed.is_none_or(|allowed| allowed == "*" || Some(allowed) == origin) {
        return;
    }
    let of_cors = |name: &HeaderName| name.as_str().starts_with("access-control-");
    let names: Vec<_> = headers.keys().filter(|name| of_cors(name)).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}
