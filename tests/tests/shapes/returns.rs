//! What a handler can give back.

use axum::Json;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{AppendHeaders, Html, IntoResponse, Redirect, Response};
use axum::routing::post;
use idem_runtime::idempotent;
use serde_json::{Value, json};

use crate::arguments::Order;
use crate::{Shape, shape};

#[idempotent(ttl = "1h")]
async fn explicit_unit(_body: String) -> () {}
shape!(explicit_unit, Shape::answers(""));

#[idempotent(ttl = "1h")]
async fn opaque(body: String) -> impl IntoResponse {
    (StatusCode::ACCEPTED, body)
}
shape!(opaque, Shape::answers("b").sent("text/plain", "b").with_status(StatusCode::ACCEPTED));

struct AppError;

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        StatusCode::CONFLICT.into_response()
    }
}

impl From<std::num::ParseIntError> for AppError {
    fn from(_: std::num::ParseIntError) -> Self {
        Self
    }
}

#[idempotent(ttl = "1h")]
async fn question_mark(body: String) -> Result<impl IntoResponse, AppError> {
    let number: u32 = body.parse()?;
    Ok((StatusCode::CREATED, number.to_string()))
}
shape!(question_mark, Shape::answers("7").sent("text/plain", "7").with_status(StatusCode::CREATED));

#[idempotent(ttl = "1h")]
async fn early_return(body: String) -> Result<String, StatusCode> {
    if body.is_empty() {
        return Err(StatusCode::NOT_FOUND);
    }
    for part in body.split(',') {
        if part == "x" {
            return Ok("found".to_owned());
        }
    }
    Err(StatusCode::GONE)
}
shape!(early_return, Shape::answers("found").sent("text/plain", "a,x"));

#[idempotent(ttl = "1h")]
async fn a_response(body: String) -> Response {
    body.into_response()
}
shape!(a_response, Shape::answers("b").sent("text/plain", "b"));

#[idempotent(ttl = "1h")]
async fn parts(
    Json(order): Json<Order>,
) -> (StatusCode, HeaderMap, AppendHeaders<[(HeaderName, &'static str); 1]>, String) {
    (StatusCode::OK, HeaderMap::new(), AppendHeaders([(header::ETAG, "\"1\"")]), order.name)
}
shape!(parts, Shape::answers("x"));

#[idempotent(ttl = "1h")]
async fn json(Json(order): Json<Order>) -> Json<Value> {
    Json(json!({ "id": order.id }))
}
shape!(json, Shape::answers(r#"{"id":7}"#));

#[idempotent(ttl = "1h")]
async fn html() -> Html<&'static str> {
    Html("<p>")
}
shape!(html, Shape::answers("<p>"));

#[idempotent(ttl = "1h")]
async fn redirect() -> Redirect {
    Redirect::to("/there")
}
shape!(redirect, Shape::answers("").with_status(StatusCode::SEE_OTHER));

#[idempotent(ttl = "1h")]
async fn status() -> StatusCode {
    StatusCode::NO_CONTENT
}
shape!(status, Shape::answers("").with_status(StatusCode::NO_CONTENT));

#[idempotent(ttl = "1h")]
async fn nested_opaque() -> Result<(StatusCode, impl IntoResponse), (StatusCode, impl IntoResponse)> {
    if false {
        return Err((StatusCode::BAD_REQUEST, "no"));
    }
    Ok((StatusCode::OK, "yes"))
}
shape!(nested_opaque, Shape::answers("yes"));

#[idempotent(ttl = "1h")]
async fn never() -> ! {
    panic!("on purpose")
}

#[tokio::test]
async fn never_panics_like_any_handler() {
    let router = axum::Router::new().route("/", post(never)).with_state(crate::state());
    let call = tokio::spawn(async move { Shape::answers("").send(&router).await });
    assert!(call.await.unwrap_err().is_panic());
}
