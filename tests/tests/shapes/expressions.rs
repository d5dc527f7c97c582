//! Keys, scopes and fingerprints that are computed from the arguments.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::routing::post;
use idem_runtime::{KeyValue, idempotent};

use crate::arguments::Order;
use crate::{AppState, Shape, shape};

#[idempotent(ttl = "1h", key = order.id)]
async fn a_field(Json(order): Json<Order>) -> String {
    order.name
}
shape!(a_field, Shape::answers("x"));

#[idempotent(ttl = "1h", key = order.0.name, scope = state.name)]
async fn through_a_tuple_field(State(state): State<AppState>, order: Json<Order>) -> String {
    let Json(order) = order;
    format!("{}{}", state.name, order.name)
}
shape!(through_a_tuple_field, Shape::answers("statex"));

#[idempotent(ttl = "1h", key = format!("{}-{name}", id))]
async fn names_in_a_format_string(Json(Order { id, name }): Json<Order>) -> String {
    format!("{id}{name}")
}
shape!(names_in_a_format_string, Shape::answers("7x"));

#[idempotent(ttl = "1h", key = (kind, id), scope = headers.get("content-type").and_then(|kind| kind.to_str().ok()))]
async fn a_tuple(Path((kind, id)): Path<(String, u32)>, headers: HeaderMap, mut body: String) -> String {
    body.push_str(&kind);
    format!("{body}{id}{}", headers.len())
}
shape!(a_tuple, Shape::answers("ba72").at("/{kind}/{id}", "/a/7").sent("text/plain", "b"));

#[idempotent(ttl = "1h", fingerprint = (order.id, &order.name))]
async fn a_fingerprint(Json(mut order): Json<Order>) -> String {
    order.name.push('!');
    order.name
}
shape!(a_fingerprint, Shape::answers("x!"));

struct OrderId(u64);

impl KeyValue for OrderId {
    fn key_text(&self) -> Option<String> {
        Some(self.0.to_string())
    }
}

#[idempotent(ttl = "1h", key = OrderId(order.id))]
async fn a_type_of_its_own(Json(order): Json<Order>) -> String {
    order.name
}
shape!(a_type_of_its_own, Shape::answers("x"));

#[idempotent(ttl = "1h", key = body)]
#[allow(clippy::toplevel_ref_arg, reason = "the shape in question")]
async fn by_ref(ref body: String) -> String {
    body.clone()
}
shape!(by_ref, Shape::answers("b").sent("text/plain", "b"));

#[idempotent(ttl = "1h", key = match order.id { 0 => None, id => Some(id) })]
async fn a_match(Json(order): Json<Order>) -> String {
    order.name
}
shape!(a_match, Shape::answers("x"));

#[idempotent(ttl = "1h", key = "path:id")]
async fn from_the_path(Path(id): Path<String>, body: String) -> String {
    id + &body
}
shape!(from_the_path, Shape::answers("7b").at("/{id}", "/7").sent("text/plain", "b"));

#[idempotent(ttl = "1h", key = "query:token")]
async fn from_the_query(body: String) -> String {
    body
}
shape!(from_the_query, Shape::answers("b").at("/", "/?token=7").sent("text/plain", "b"));

#[idempotent(ttl = "1h", key = "body:/id")]
async fn from_the_body(Json(order): Json<Order>) -> String {
    order.name
}
shape!(from_the_body, Shape::answers("x"));

fn no_secrets(head: &axum::http::response::Parts) -> bool {
    !head.headers.contains_key("x-secret")
}

#[idempotent(
    ttl = "1d12h",
    key = "header:Idempotency-Key",
    scope = "header:Content-Type",
    operation = "every-option",
    missing = 428,
    replay_status = 200,
    record = self::no_secrets,
    on_failure = "keep",
    in_flight = "wait:2s",
    lease = "45s",
    fingerprint = "json",
    max_response = "64KiB",
    state = AppState,
    crate = ::idem_runtime,
)]
async fn every_option(Json(order): Json<Order>) -> String {
    order.name
}
shape!(every_option, Shape::answers("x"));
