//! Why there is no answer of the shop's.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use axum::Json;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::Flaw;

/// Refuses as the draft and RFC 9457 have it, or nearly so.
pub(super) fn refuse(flaw: Flaw, status: u16, code: &str) -> Response {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let page = format!("https://shop.example/problems#{}", if flaw == Flaw::OneTypeForAll { "any" } else { code });
    let mut problem = json!({ "type": page, "title": code, "status": status, "detail": "Look there." });
    match flaw {
        Flaw::NoDocumentation => problem["type"] = json!(format!("urn:shop:{code}")),
        Flaw::WrongStatusMember => problem["status"] = json!(400_u16.max(status + 1)),
        Flaw::TitlesChange => problem["title"] = json!(format!("{code}, number {}", NUMBER.fetch_add(1, Relaxed))),
        Flaw::NoDetail => problem["detail"] = json!(null),
        _ => {}
    }
    let status = StatusCode::from_u16(status).unwrap_or_default();
    let mut response = (status, Json(problem)).into_response();
    let mut set = |name, value: &str| {
        response.headers_mut().insert(name, HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static("")));
    };
    if flaw != Flaw::PlainRefusals {
        set("content-type", "application/problem+json");
    }
    if flaw != Flaw::CacheableRefusals {
        set("cache-control", "no-store");
    }
    match flaw {
        Flaw::NoDocumentation => {}
        Flaw::LinkLeadsElsewhere => set("link", "<https://shop.example/>; rel=\"describedby\""),
        _ => set("link", &format!("<{page}>; rel=\"describedby\"")),
    }
    if code == "in_progress" && flaw != Flaw::ConflictWithoutRetryAfter {
        set("retry-after", "1");
    }
    response
}
