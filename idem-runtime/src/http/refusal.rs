//! What a client is told when it gets no answer of the handler: `application/problem+json` (RFC 9457) with a stable
//! `type` and `code`.
//!
//! ```json
//! {
//!   "type": "https://docs.rs/idem-runtime/latest/idem_runtime/guide/problems/index.html#key_reused",
//!   "title": "The idempotency key is already used",
//!   "status": 422,
//!   "detail": "Another request was sent under this key. Use a new key for a new request.",
//!   "code": "key_reused"
//! }
//! ```

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LINK, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use super::route::KeySource;

/// Where each code is explained, unless the application has a page of its own: `guide::problems`, which ships with this
/// crate. The code goes behind it. Names no version, so that `type` stays the same through all of them.
const PAGES: &str = "https://docs.rs/idem-runtime/latest/idem_runtime/guide/problems/index.html#";

/// Why a request was refused. [`as_str`](Self::as_str) is what stands in the answer's `code`; what a client does about
/// it stands in [`guide::problems`](crate::guide::problems).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefusalCode {
    /// `missing_key`, 400 or the route's own status: the route requires a key, and there is none. Send one, a UUID for
    /// instance, and the same one on every retry of the same request. (Idempotency-Key draft, section 2.7.)
    MissingKey,
    /// `invalid_key`, 400: the key is empty, longer than 255 bytes, not visible ASCII, an unterminated string, or sent
    /// twice. Nothing was run. (Draft, sections 2.1 and 5.)
    InvalidKey,
    /// `missing_scope`, 400: nothing says whose key it is.
    MissingScope,
    /// `invalid_scope`, 400: what says whose key it is, cannot be read, or is sent twice.
    InvalidScope,
    /// `key_reused`, 422: another request was sent under this key: another method, path, query or body. Nothing was
    /// run. Use a new key for a new request. (Draft, section 2.7.)
    KeyReused,
    /// `in_progress`, 409 with `Retry-After`: the first request under this key is still running. Send the same request
    /// with the same key again, later. (Draft, section 2.7.)
    InProgress,
    /// `outcome_unknown`, 409: the first request under this key was started and did not end with an answer. It may have
    /// had its effect, and does not run again. Find out, before a new key is used.
    OutcomeUnknown,
    /// `response_not_kept`, 409: the request was carried out, but its answer was too large to be kept. It does not run
    /// again.
    ResponseNotKept,
    /// `store_unavailable`, 503 with `Retry-After`: the store of records cannot be asked, or cannot be trusted. The
    /// request was not run under this call. Send it again with the same key.
    StoreUnavailable,
    /// `draining`, 503 with `Retry-After`: the server is shutting down. Nothing was run. Send it again with the same key.
    Draining,
    /// `misconfigured`, 500: the route asks for something that cannot be had (a path parameter that it does not have).
    /// Nothing was run. A mistake of the server, not of the client.
    Misconfigured,
    /// `invalid_precondition`, 400: `If-Match` is there, and is neither `*` nor a list of entity tags. Nothing was run.
    /// (RFC 9110, sections 8.8.3 and 13.1.1.)
    InvalidPrecondition,
    /// `precondition_required`, 428: this request has to say, with `If-Match`, which state of the resource it was made
    /// for. Read the resource, and send the request again with its `ETag`; the idempotency key can stay. (RFC 6585,
    /// section 3.)
    PreconditionRequired,
    /// `precondition_failed`, 412: the resource is not, or no longer, in the state that `If-Match` names; `ETag` says in
    /// which it is. Read it again before you send the request with the new tag; the idempotency key can stay. (RFC 9110,
    /// section 15.5.13.)
    PreconditionFailed,
}

impl RefusalCode {
    /// The stable text of this code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MissingKey => "missing_key",
            Self::InvalidKey => "invalid_key",
            Self::MissingScope => "missing_scope",
            Self::InvalidScope => "invalid_scope",
            Self::KeyReused => "key_reused",
            Self::InProgress => "in_progress",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::ResponseNotKept => "response_not_kept",
            Self::StoreUnavailable => "store_unavailable",
            Self::Draining => "draining",
            Self::Misconfigured => "misconfigured",
            Self::InvalidPrecondition => "invalid_precondition",
            Self::PreconditionRequired => "precondition_required",
            Self::PreconditionFailed => "precondition_failed",
        }
    }

    const fn status(self) -> StatusCode {
        match self {
            Self::MissingKey
            | Self::InvalidKey
            | Self::MissingScope
            | Self::InvalidScope
            | Self::InvalidPrecondition => StatusCode::BAD_REQUEST,
            Self::PreconditionRequired => StatusCode::PRECONDITION_REQUIRED,
            Self::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Self::KeyReused => StatusCode::UNPROCESSABLE_ENTITY,
            Self::InProgress | Self::OutcomeUnknown | Self::ResponseNotKept => StatusCode::CONFLICT,
            Self::StoreUnavailable | Self::Draining => StatusCode::SERVICE_UNAVAILABLE,
            Self::Misconfigured => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::MissingKey => "The idempotency key is missing",
            Self::InvalidKey => "The idempotency key is invalid",
            Self::MissingScope => "The scope of the idempotency key is missing",
            Self::InvalidScope => "The scope of the idempotency key is invalid",
            Self::KeyReused => "The idempotency key is already used",
            Self::InProgress => "A request is outstanding for this idempotency key",
            Self::OutcomeUnknown => "The outcome of the first request is unknown",
            Self::ResponseNotKept => "The answer to the first request was not kept",
            Self::StoreUnavailable => "Idempotency cannot be ensured at the moment",
            Self::Draining => "The server is shutting down",
            Self::Misconfigured => "The route is misconfigured",
            Self::InvalidPrecondition => "The precondition is invalid",
            Self::PreconditionRequired => "A precondition is required",
            Self::PreconditionFailed => "The precondition failed",
        }
    }

    const fn detail(self) -> &'static str {
        match self {
            Self::MissingKey => "Send an idempotency key with this request, and the same one with every retry of it.",
            Self::InvalidKey => "An idempotency key has 1 to 255 bytes of visible ASCII.",
            Self::MissingScope => "Nothing in this request says whose idempotency key it is.",
            Self::InvalidScope => "What says whose idempotency key it is, cannot be read.",
            Self::KeyReused => "Another request was sent under this key. Use a new key for a new request.",
            Self::InProgress => {
                "The first request under this key is still running. Send the same request again later, with the same key."
            }
            Self::OutcomeUnknown => {
                "The first request under this key was started, but did not end with an answer. It is not run again: find \
                 out whether it took effect before you use a new key."
            }
            Self::ResponseNotKept => {
                "The request was carried out under this key, but its answer was too large to be kept. It is not run again."
            }
            Self::StoreUnavailable => {
                "The request was not run, because its idempotency record could not be relied on. Send it again later, with \
                 the same key."
            }
            Self::Draining => "The request was not run. Send it again, with the same key.",
            Self::Misconfigured => "The request was not run, because of a mistake in the server.",
            Self::InvalidPrecondition => {
                "`If-Match` is `*`, or a list of entity tags such as `\"rev1\"`, each in quotes."
            }
            Self::PreconditionRequired => {
                "Read the resource, and send this request again with `If-Match` and the value of its `ETag`."
            }
            Self::PreconditionFailed => {
                "The resource is not in the state that `If-Match` names. Read it again before you send this request with \
                 its present `ETag`."
            }
        }
    }

    const fn retry_after(self) -> Option<Duration> {
        match self {
            Self::InProgress | Self::StoreUnavailable | Self::Draining => Some(Duration::from_secs(1)),
            _ => None,
        }
    }
}

impl fmt::Display for RefusalCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A refused request: what the client is told.
///
/// # Examples
///
/// An application with an error format of its own:
///
/// ```
/// use axum::{Json, response::IntoResponse};
/// use idem_runtime::{Idempotency, MemoryStore};
///
/// let idempotency = Idempotency::builder(MemoryStore::new())
///     .render_refusals(|refusal| {
///         let body = Json(serde_json::json!({ "error": refusal.code().as_str(), "hint": refusal.detail() }));
///         let mut response = (refusal.status(), body).into_response();
///         if let Some(wait) = refusal.retry_after() {
///             response.headers_mut().insert("retry-after", wait.as_secs().into());
///         }
///         response
///     })
///     .build();
/// ```
#[derive(Clone, Debug)]
pub struct Refusal {
    code: RefusalCode,
    status: StatusCode,
    detail: Cow<'static, str>,
    pages: Cow<'static, str>,
}

impl Refusal {
    pub(super) const fn new(code: RefusalCode) -> Self {
        Self { code, status: code.status(), detail: Cow::Borrowed(code.detail()), pages: Cow::Borrowed(PAGES) }
    }

    pub(super) fn detail_text(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = detail.into();
        self
    }

    pub(super) fn missing_key(source: &KeySource, status: u16) -> Self {
        let place = match source {
            KeySource::Header(name) => format!("in the header `{name}`"),
            KeySource::Query(name) => format!("in the query parameter `{name}`"),
            KeySource::Body(pointer) => format!("in the body, at `{pointer}`"),
            KeySource::Path(name) => format!("in the path parameter `{name}`"),
            KeySource::Arguments => "with the request".to_owned(),
        };
        let mut refusal = Self::new(RefusalCode::MissingKey).detail_text(format!(
            "Send an idempotency key {place}, and the same one with every retry of this request."
        ));
        refusal.status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        refusal
    }

    /// Which refusal it is.
    #[must_use]
    pub const fn code(&self) -> RefusalCode {
        self.code
    }

    /// The status of the answer.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// One line for a person.
    #[must_use]
    pub const fn title(&self) -> &'static str {
        self.code.title()
    }

    /// What happened, and what to do. Holds neither key, scope nor body.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// How long to wait before the next try, in whole seconds.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        self.code.retry_after()
    }

    /// The page that explains this refusal to whoever writes a client: what stands in the answer's `type`.
    /// [`problem_pages`](crate::IdempotencyBuilder::problem_pages) moves it.
    #[must_use]
    pub fn documentation(&self) -> String {
        format!("{}{}", self.pages, self.code)
    }

    fn to_problem(&self) -> Response {
        // Written here, because the type of `problem_details` is an `http::Uri`, which has no fragment.
        #[derive(Serialize)]
        struct Problem<'a> {
            r#type: &'a str,
            title: &'a str,
            status: u16,
            detail: &'a str,
            code: &'a str,
        }
        let page = self.documentation();
        let problem = Problem {
            r#type: &page,
            title: self.title(),
            status: self.status.as_u16(),
            detail: &self.detail,
            code: self.code.as_str(),
        };
        let mut response = (self.status, axum::Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        // For a client that reads headers and no bodies (draft, section 2.7; RFC 8288).
        if let Ok(link) = HeaderValue::try_from(format!("<{page}>; rel=\"describedby\"")) {
            headers.insert(LINK, link);
        }
        if let Some(wait) = self.retry_after() {
            headers.insert(RETRY_AFTER, wait.as_secs().into());
        }
        response
    }
}

/// For an application that finds out by itself what a record would have said.
///
/// # Examples
///
/// ```
/// use axum::response::IntoResponse;
/// use idem_runtime::{Refusal, RefusalCode};
///
/// let response = Refusal::from(RefusalCode::KeyReused).into_response();
/// assert_eq!(response.status(), 422);
/// ```
impl From<RefusalCode> for Refusal {
    fn from(code: RefusalCode) -> Self {
        Self::new(code)
    }
}

/// As problem+json, whatever [`render_refusals`](crate::IdempotencyBuilder::render_refusals) says.
impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        self.to_problem()
    }
}

/// Turns a refusal into a response.
#[derive(Clone)]
pub(crate) struct Renderer {
    custom: Option<Arc<Render>>,
    pages: Cow<'static, str>,
}

type Render = dyn Fn(&Refusal) -> Response + Send + Sync;

impl Default for Renderer {
    fn default() -> Self {
        Self { custom: None, pages: Cow::Borrowed(PAGES) }
    }
}

impl Renderer {
    pub(crate) fn set_custom(&mut self, render: impl Fn(&Refusal) -> Response + Send + Sync + 'static) {
        self.custom = Some(Arc::new(render));
    }

    /// # Panics
    /// If no URI begins with `pages`.
    pub(crate) fn set_pages(&mut self, pages: String) {
        assert!(
            begins_a_uri(&pages),
            "`{pages}` begins no URI: `problem_pages` takes `https://HOST/PATH#` or the like"
        );
        self.pages = Cow::Owned(pages);
    }

    pub(crate) fn render(&self, refusal: &Refusal) -> Response {
        let refusal = Refusal { pages: self.pages.clone(), ..refusal.clone() };
        match &self.custom {
            Some(render) => render(&refusal),
            None => refusal.to_problem(),
        }
    }
}

/// Whether this is an `http` or `https` URI, perhaps with a fragment, that can stand in a `Link` header.
fn begins_a_uri(text: &str) -> bool {
    let before_the_fragment = text.split('#').next().unwrap_or_default();
    let uri = before_the_fragment.parse::<http::Uri>();
    uri.is_ok_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some())
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"\\^`{|}".contains(&byte))
        && text.matches('#').count() <= 1
}

#[cfg(test)]
#[path = "refusal_tests.rs"]
mod tests;
