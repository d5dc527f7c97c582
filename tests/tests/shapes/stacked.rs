//! Other attributes above and below.

#![allow(clippy::unused_async, reason = "`debug_handler` copies the function for its checks, where the lint finds it")]

use axum::extract::State;
use axum::http::Method;
use axum::routing::post;
use axum::{Json, debug_handler};
use idem_runtime::idempotent;

use crate::arguments::Order;
use crate::{AppState, Shape, shape};

#[debug_handler(state = AppState)]
#[idempotent(ttl = "1h")]
async fn debug_above(State(state): State<AppState>, body: String) -> String {
    format!("{} {body}", state.name)
}
shape!(debug_above, Shape::answers("state b").sent("text/plain", "b"));

#[idempotent(ttl = "1h", state = AppState)]
#[debug_handler(state = AppState)]
async fn debug_below(State(state): State<AppState>, body: String) -> String {
    format!("{} {body}", state.name)
}
shape!(debug_below, Shape::answers("state b").sent("text/plain", "b"));

#[idempotent(ttl = "1h", state = AppState)]
#[debug_handler(state = AppState)]
async fn debug_below_without_arguments() -> &'static str {
    "ok"
}
shape!(debug_below_without_arguments, Shape::answers("ok"));

#[tracing::instrument(skip_all)]
#[idempotent(ttl = "1h")]
async fn instrument_above(method: Method, body: String) -> String {
    tracing::info!(%method, "within");
    body
}
shape!(instrument_above, Shape::answers("b").sent("text/plain", "b"));

#[utoipa::path(post, path = "/", request_body = String, responses((status = 200, body = String)))]
#[idempotent(ttl = "1h")]
async fn utoipa_above(Json(order): Json<Order>) -> String {
    order.name
}
shape!(utoipa_above, Shape::answers("x"));

#[idempotent(ttl = "1h")]
#[utoipa::path(post, path = "/", request_body = String, responses((status = 200, body = String)))]
async fn utoipa_below(Json(order): Json<Order>) -> String {
    order.name
}
shape!(utoipa_below, Shape::answers("x"));

#[cfg_attr(not(any()), idempotent(ttl = "1h"))]
#[cfg_attr(any(), idempotent(ttl = "never"))]
async fn behind_cfg_attr(body: String) -> String {
    body
}
shape!(behind_cfg_attr, Shape::answers("b").sent("text/plain", "b"));

#[idempotent(ttl = "1h")]
#[must_use]
#[inline]
#[cfg(not(any()))]
#[allow(clippy::unused_async, reason = "the shape in question")]
/// Documented below.
async fn with_everything_else(body: String) -> String {
    body
}
shape!(with_everything_else, Shape::answers("b").sent("text/plain", "b"));
