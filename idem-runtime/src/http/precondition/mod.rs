//! Preconditions: a request that was made for one state of a resource does not act on another.
//!
//! The order is the point: authentication, then the replay, then the precondition. A retry still names the state that its
//! first try has changed, and has to get the first answer, not 412. RFC 9110, section 13.1.1, allows it: a condition that is
//! false because the change "appears to have already been applied" can be answered with success.

use axum::extract::{FromRef, FromRequestParts};
use axum::response::{IntoResponse, Response};
use headers::{ETag, HeaderMapExt as _};
use http::header::IF_MATCH;
use http::request::Parts;

use super::refusal::{Refusal, RefusalCode};
use crate::Idempotency;
use field::Wanted;

mod field;
mod tag;

pub use tag::{BadTag, strong_etag};

/// An extractor: the request's `If-Match`, to be judged by the handler.
///
/// It refuses neither a missing nor a stale one by itself: that is for the handler's body to do, which runs when it is clear
/// that the request is no retry. A retry gets the first answer, however stale its `If-Match` is by then. 412 and 428 are
/// among the answers that `record = "final"` and `record = "success"` do not record: the key is free again, and the corrected
/// request can be sent with the same one. An `If-Match` that cannot be read is refused before the key is touched, with 400
/// `invalid_precondition`.
///
/// Compared is strongly (RFC 9110, section 8.8.3.2): a weak tag, on either side, never matches. Several field lines are one
/// list. A resource that does not exist matches nothing, not even `*` (section 13.1.1).
///
/// Judge it against what you read in the transaction in which you write, or another request may come between.
///
/// # Examples
///
/// ```
/// use axum::{extract::{FromRef, State}, http::StatusCode};
/// use idem_runtime::{Created, ETag, Idempotency, IfMatch, idempotent, strong_etag};
///
/// #[derive(Clone, FromRef)]
/// struct AppState {
///     idempotency: Idempotency,
///     tasks: Tasks,
/// }
///
/// #[idempotent(ttl = "24h", replay_status = 200, state = AppState)]
/// async fn add(
///     State(tasks): State<Tasks>,
///     if_match: IfMatch,
///     title: String,
/// ) -> axum::response::Result<Created<String>> {
///     let revision = tasks.revision().await;
///     // 428 without `If-Match`, 412 if it names another revision.
///     if_match.require(Some(&strong_etag(format!("rev{revision}"))?))?;
///     tasks.add(&title).await;
///     Ok(Created::at("/tasks/7")?
///         .content_location("/tasks")?
///         .etag(strong_etag(format!("rev{}", revision + 1))?)
///         .body(title))
/// }
/// # #[derive(Clone)]
/// # struct Tasks;
/// # impl Tasks {
/// #     async fn revision(&self) -> u64 { 1 }
/// #     async fn add(&self, _: &str) {}
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct IfMatch {
    wanted: Option<Wanted>,
    idempotency: Idempotency,
}

impl IfMatch {
    /// Passes if the request has an `If-Match` that `current` matches; `None` is a resource that does not exist.
    ///
    /// # Errors
    /// `precondition_required` (428) without an `If-Match`, `precondition_failed` (412) with one that does not match. The
    /// error is the response.
    pub fn require(&self, current: Option<&ETag>) -> Result<(), Unmet> {
        match self.wanted {
            Some(_) => self.check(current),
            None => Err(self.unmet(RefusalCode::PreconditionRequired, None)),
        }
    }

    /// The same for a request that need not have an `If-Match`: without one, it passes.
    ///
    /// # Errors
    /// `precondition_failed` (412) with an `If-Match` that does not match. The error is the response.
    pub fn check(&self, current: Option<&ETag>) -> Result<(), Unmet> {
        let passes = match (&self.wanted, current) {
            (None, _) | (Some(Wanted::Any), Some(_)) => true,
            (Some(_), None) => false,
            (Some(Wanted::OneOf(tags)), Some(current)) => !current.is_weak() && tags.contains(current),
        };
        if passes { Ok(()) } else { Err(self.unmet(RefusalCode::PreconditionFailed, current)) }
    }

    /// Whether the request has an `If-Match`.
    #[must_use]
    pub const fn is_present(&self) -> bool {
        self.wanted.is_some()
    }

    fn unmet(&self, code: RefusalCode, current: Option<&ETag>) -> Unmet {
        Unmet { refusal: Refusal::new(code), current: current.cloned(), idempotency: self.idempotency.clone() }
    }
}

impl<S> FromRequestParts<S> for IfMatch
where
    S: Send + Sync,
    Idempotency: FromRef<S>,
{
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let idempotency = Idempotency::from_ref(state);
        match field::read(parts.headers.get_all(IF_MATCH)) {
            Ok(wanted) => Ok(Self { wanted, idempotency }),
            Err(why) => {
                let refusal = Refusal::new(RefusalCode::InvalidPrecondition);
                let detail = format!("{} But {why}.", refusal.detail());
                Err(idempotency.face().render.render(&refusal.detail_text(detail)))
            }
        }
    }
}

/// A precondition that is missing or false: a response, rendered as every other refusal.
///
/// A 412 has the resource's present `ETag`, if it has one.
#[derive(Clone, Debug)]
pub struct Unmet {
    refusal: Refusal,
    current: Option<ETag>,
    idempotency: Idempotency,
}

impl Unmet {
    /// What the client is told.
    #[must_use]
    pub const fn refusal(&self) -> &Refusal {
        &self.refusal
    }
}

impl std::fmt::Display for Unmet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.refusal.title())
    }
}

impl std::error::Error for Unmet {}

impl IntoResponse for Unmet {
    fn into_response(self) -> Response {
        let mut response = self.idempotency.face().render.render(&self.refusal);
        if let Some(current) = self.current {
            response.headers_mut().typed_insert(current);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryStore;
    use http::{Request, StatusCode};

    async fn if_match(lines: &[&str]) -> IfMatch {
        let mut request = Request::new(());
        for line in lines {
            request.headers_mut().append(IF_MATCH, line.parse().unwrap());
        }
        let idempotency = Idempotency::new(MemoryStore::new());
        IfMatch::from_request_parts(&mut request.into_parts().0, &idempotency).await.unwrap()
    }

    #[tokio::test]
    async fn the_comparison_is_strong() {
        // RFC 9110, section 8.8.3.2, and what an absent resource and an absent header are.
        for (lines, current, required, checked) in [
            (&["\"1\""][..], Some("\"1\""), 200, 200),
            (&["\"1\""], Some("\"2\""), 412, 412),
            (&["W/\"1\""], Some("W/\"1\""), 412, 412),
            (&["W/\"1\""], Some("\"1\""), 412, 412),
            (&["\"1\""], Some("W/\"1\""), 412, 412),
            (&["\"1\", \"2\"", "\"3\""], Some("\"3\""), 200, 200),
            (&["*"], Some("\"1\""), 200, 200),
            (&["*"], Some("W/\"1\""), 200, 200),
            (&["*"], None, 412, 412),
            (&["\"1\""], None, 412, 412),
            (&[], Some("\"1\""), 428, 200),
            (&[], None, 428, 200),
        ] {
            let current: Option<ETag> = current.map(|tag| tag.parse().unwrap());
            let if_match = if_match(lines).await;
            assert_eq!(if_match.is_present(), !lines.is_empty());
            let status = |result: Result<(), Unmet>| {
                result.map_or_else(|unmet| unmet.into_response().status(), |()| StatusCode::OK).as_u16()
            };
            assert_eq!(status(if_match.require(current.as_ref())), required, "{lines:?} {current:?}");
            assert_eq!(status(if_match.check(current.as_ref())), checked, "{lines:?} {current:?}");
        }
    }

    #[tokio::test]
    async fn a_failed_one_says_what_the_state_is() {
        let current: ETag = "\"2\"".parse().unwrap();
        let response = if_match(&["\"1\""]).await.require(Some(&current)).unwrap_err().into_response();
        assert_eq!(response.headers()["etag"], "\"2\"");
        let response = if_match(&["\"1\""]).await.require(None).unwrap_err().into_response();
        assert!(!response.headers().contains_key("etag"));
        let response = if_match(&[]).await.require(Some(&current)).unwrap_err().into_response();
        assert!(!response.headers().contains_key("etag"), "it is to be read, not to be copied from here");
    }
}
