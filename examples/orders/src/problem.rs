//! What is wrong, as `application/problem+json` (RFC 9457) with a `code` that stays the same.

use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use idem_runtime::store::SqliteError;
use idem_runtime::{Refusal, RefusalCode};
use problem_details::ProblemDetails;
use serde::Serialize;

/// What is wrong with a request.
#[derive(Debug)]
pub(crate) enum Problem {
    /// Nothing says who asks.
    Unauthenticated,
    /// What should be a UUID is none.
    InvalidId,
    /// The body is not what it should be.
    Body(JsonRejection),
    /// There is no such order of this user's.
    UnknownOrder,
    /// There is no such draft of this user's, or no longer.
    UnknownDraft,
    /// Somebody else's order has this id.
    IdTaken,
    /// The id or the key stands for an order of something else.
    KeyReused,
    /// The database cannot be used now. Nothing was ordered.
    Unavailable(SqliteError),
    /// What the server itself refuses.
    Refused(StatusCode),
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        Self::Body(rejection)
    }
}

impl From<PathRejection> for Problem {
    fn from(_: PathRejection) -> Self {
        Self::InvalidId
    }
}

impl From<SqliteError> for Problem {
    fn from(error: SqliteError) -> Self {
        Self::Unavailable(error)
    }
}

#[derive(Serialize)]
struct Code {
    code: &'static str,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, code, detail) = match &self {
            // The very problem that the record tells of while it lasts.
            Self::KeyReused => return Refusal::from(RefusalCode::KeyReused).into_response(),
            Self::Unauthenticated => (
                StatusCode::UNAUTHORIZED,
                "unauthenticated",
                "Say who you are: `Authorization: Bearer NAME`.".to_owned(),
            ),
            Self::InvalidId => {
                let detail = "The id in the path is no UUID like 0b6f6c3e-1c5e-4f0a-9d53-1f1d9a1c7a10.";
                (StatusCode::BAD_REQUEST, "invalid_id", detail.to_owned())
            }
            Self::Body(rejection) => (rejection.status(), of_body(rejection), rejection.body_text()),
            Self::UnknownOrder => (StatusCode::NOT_FOUND, "unknown_order", "There is no such order.".to_owned()),
            Self::UnknownDraft => {
                let detail = "There is no such draft, or it has expired. Make a new one.";
                (StatusCode::NOT_FOUND, "unknown_draft", detail.to_owned())
            }
            Self::IdTaken => (StatusCode::CONFLICT, "id_taken", "This id cannot be used. Make a new one.".to_owned()),
            Self::Unavailable(_) => {
                let detail = "Nothing was ordered. Send the same request again.";
                (StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail.to_owned())
            }
            Self::Refused(status) => {
                let detail = status.canonical_reason().unwrap_or("The request was refused");
                (*status, of_status(*status), detail.to_owned())
            }
        };
        let problem = ProblemDetails::from_status_code(status).with_detail(detail).with_extensions(Code { code });
        let mut response = problem.into_response();
        let headers = response.headers_mut();
        match self {
            Self::Unauthenticated => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::Unavailable(error) => {
                tracing::error!(%error, source = std::error::Error::source(&error), "the database cannot be used");
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}

fn of_body(rejection: &JsonRejection) -> &'static str {
    match rejection {
        JsonRejection::JsonDataError(_) => "invalid_order",
        JsonRejection::JsonSyntaxError(_) => "invalid_json",
        _ => of_status(rejection.status()),
    }
}

fn of_status(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "not_found",
        StatusCode::METHOD_NOT_ALLOWED => "method_not_allowed",
        StatusCode::PAYLOAD_TOO_LARGE => "body_too_large",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "no_json",
        status if status.is_server_error() => "internal",
        _ => "bad_request",
    }
}

/// Of what axum answers by itself too: no such route, another method, a body that is too large, a panic.
pub(crate) async fn of_every_error(response: Response) -> Response {
    let status = response.status();
    let is_problem = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "application/problem+json");
    if is_problem || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let mut problem = Problem::Refused(status).into_response();
    if let Some(methods) = response.headers().get(ALLOW) {
        problem.headers_mut().insert(ALLOW, methods.clone());
    }
    problem
}
