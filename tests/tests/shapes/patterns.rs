//! How a handler can bind what it takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::Method;
use axum::http::request::Parts;
use axum::routing::post;
use idem_runtime::idempotent;

use crate::arguments::Order;
use crate::{AppState, Shape, shape};

#[idempotent(ttl = "1h")]
async fn plain(order: Json<Order>) -> String {
    order.name.clone()
}
shape!(plain, Shape::answers("x"));

#[idempotent(ttl = "1h")]
async fn mutable(mut body: String) -> String {
    body.push('!');
    body
}
shape!(mutable, Shape::answers("b!").sent("text/plain", "b"));

#[idempotent(ttl = "1h")]
async fn mutable_within(Json(mut order): Json<Order>) -> String {
    order.name.push('!');
    order.name
}
shape!(mutable_within, Shape::answers("x!"));

#[idempotent(ttl = "1h")]
async fn destructured(Json(Order { id, name }): Json<Order>) -> String {
    format!("{id}{name}")
}
shape!(destructured, Shape::answers("7x"));

#[idempotent(ttl = "1h")]
async fn renamed_and_rest(Json(Order { name: title, .. }): Json<Order>) -> String {
    title
}
shape!(renamed_and_rest, Shape::answers("x"));

#[idempotent(ttl = "1h")]
#[allow(clippy::toplevel_ref_arg, reason = "the shape in question")]
async fn by_ref(ref body: String) -> String {
    body.clone()
}
shape!(by_ref, Shape::answers("b").sent("text/plain", "b"));

#[idempotent(ttl = "1h")]
async fn bound_whole(order @ Json(Order { .. }): Json<Order>) -> String {
    order.0.name
}
shape!(bound_whole, Shape::answers("x"));

#[idempotent(ttl = "1h")]
async fn ignored(_: Method, _state: State<AppState>, _: String) -> &'static str {
    "ok"
}
shape!(ignored, Shape::answers("ok"));

#[idempotent(ttl = "1h")]
async fn with_attributes(
    #[allow(unused_variables, reason = "the shape in question")] method: Method,
    #[expect(unused_mut, reason = "the shape in question")] mut body: String,
) -> String {
    body
}
shape!(with_attributes, Shape::answers("b").sent("text/plain", "b"));

#[idempotent(ttl = "1h")]
async fn with_cfg(#[cfg(any())] missing: Missing, #[cfg(not(any()))] method: Method, body: String) -> String {
    format!("{method}{body}")
}
shape!(with_cfg, Shape::answers("POSTb").sent("text/plain", "b"));

#[derive(Clone, Debug, Default)]
struct Permit(Arc<AtomicBool>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[allow(dead_code, reason = "it is only held")]
struct Held(Permit);

impl<S: Sync> FromRequestParts<S> for Held {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let permit = Permit::default();
        parts.extensions.insert(Arc::clone(&permit.0));
        Ok(Self(permit))
    }
}

/// A guard that nobody names is held until the body has ended, as without the attribute.
#[idempotent(ttl = "1h")]
async fn unnamed_is_kept_alive(
    _: Held,
    axum::Extension(dropped): axum::Extension<Arc<AtomicBool>>,
    _: String,
) -> String {
    tokio::task::yield_now().await;
    dropped.load(Ordering::SeqCst).to_string()
}
shape!(unnamed_is_kept_alive, Shape::answers("false"));

#[derive(Debug, serde::Deserialize)]
#[serde(untagged)]
enum Counted {
    Short {
        id: u64,
        #[allow(dead_code, reason = "only told apart by it")]
        name: String,
    },
    Long {
        id: u64,
    },
}

#[idempotent(ttl = "1h", key = id)]
async fn either(Json(Counted::Short { id, .. } | Counted::Long { id }): Json<Counted>) -> String {
    id.to_string()
}
shape!(either, Shape::answers("7"));

#[idempotent(ttl = "1h", key = id)]
#[allow(unused_parens, clippy::unnested_or_patterns, reason = "the shape in question")]
async fn either_whole((Json(Counted::Short { id, .. }) | Json(Counted::Long { id })): Json<Counted>) -> String {
    id.to_string()
}
shape!(either_whole, Shape::answers("7"));
