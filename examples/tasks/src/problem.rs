//! Every error of this program is `application/problem+json` (RFC 9457) with a stable `code`, as the guard's own are.

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use idem_runtime::store::SqliteError;
use problem_details::ProblemDetails;
use serde::Serialize;

/// Why there is no answer.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    detail: String,
    members: Members,
    retry_after: Option<u64>,
}

#[derive(Clone, Debug, Serialize)]
struct Members {
    code: &'static str,
    /// Where the thing is that stands in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    existing: Option<String>,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), members: Members { code, existing: None }, retry_after: None }
    }

    pub(crate) fn not_found(id: u64) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("There is no task {id}."))
    }

    /// Not recorded: whoever sent it can look, and need not change anything.
    pub(crate) fn duplicate(existing: String) -> Self {
        let detail =
            "This user has a task with this title. If it is yours, it was made by a request whose answer you missed.";
        let mut problem = Self::new(StatusCode::CONFLICT, "duplicate", detail);
        problem.members.existing = Some(existing);
        problem
    }

    pub(crate) fn too_many_requests(seconds: u64) -> Self {
        let detail = format!("Nothing was done. Send the same request again, with the same key, in {seconds} s.");
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail);
        Self { retry_after: Some(seconds), ..problem }
    }

    /// A 5xx, so nothing is recorded, and the transaction is undone.
    fn no_database() -> Self {
        let detail =
            "The tasks cannot be read or written at the moment. Send the same request again, with the same key.";
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "database_unavailable", detail);
        Self { retry_after: Some(1), ..problem }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = ProblemDetails::from_status_code(self.status)
            .with_detail(self.detail)
            .with_extensions(self.members)
            .into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

impl From<SqliteError> for Problem {
    fn from(error: SqliteError) -> Self {
        tracing::error!(%error, "the database has failed");
        Self::no_database()
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        Self::new(rejection.status(), "invalid_body", rejection.body_text())
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(rejection.status(), "invalid_query", rejection.body_text())
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        Self::new(rejection.status(), "invalid_path", rejection.body_text())
    }
}

/// axum's `Json`, `Query` and `Path`, with a [`Problem`] for what they refuse. axum's own derive makes them, with no further
/// crate, and each stays one word in a handler's arguments.
#[derive(Debug, FromRequest)]
#[from_request(via(axum::Json), rejection(Problem))]
pub(crate) struct Body<T>(pub(crate) T);

#[derive(Debug, FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Problem))]
pub(crate) struct Query<T>(pub(crate) T);

#[derive(Debug, FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Problem))]
pub(crate) struct Path<T>(pub(crate) T);

/// What axum itself answers in plain text or without a body: an unknown path, another method, a body over the limit, a panic.
pub(crate) async fn everywhere(response: Response) -> Response {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    if !is_error || response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "application/problem+json") {
        return response;
    }
    let (code, detail) = match status {
        StatusCode::NOT_FOUND => ("no_such_path", "There is nothing at this path."),
        StatusCode::METHOD_NOT_ALLOWED => {
            ("method_not_allowed", "This path has no such method; `Allow` has those it has.")
        }
        StatusCode::PAYLOAD_TOO_LARGE => ("body_too_large", "The body is larger than this server reads."),
        _ if status.is_client_error() => ("bad_request", "The request cannot be read."),
        _ => ("failed", "The request failed because of a mistake in the server."),
    };
    let mut headers: HeaderMap = response.headers().clone();
    headers.remove(CONTENT_TYPE);
    headers.remove(CONTENT_LENGTH);
    let mut response = Problem::new(status, code, detail).into_response();
    response.headers_mut().extend(headers);
    response
}
