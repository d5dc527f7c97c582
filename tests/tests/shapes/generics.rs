//! Handlers with parameters of their own.

use std::fmt::Display;
use std::future::Future;

use axum::Json;
use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::response::IntoResponse;
use axum::routing::post;
use idem_runtime::idempotent;
use serde::de::DeserializeOwned;

use crate::arguments::Order;
use crate::{AppState, Shape, shape};

pub trait Named {
    fn name(&self) -> String;
}

impl Named for Order {
    fn name(&self) -> String {
        self.name.clone()
    }
}

#[idempotent(ttl = "1h")]
async fn over_its_body<T: Named + DeserializeOwned + Send + 'static>(Json(value): Json<T>) -> String {
    tokio::task::yield_now().await;
    value.name()
}
shape!(over_its_body, post(over_its_body::<Order>), Shape::answers("x"));

#[idempotent(ttl = "1h")]
async fn with_where<T>(Json(value): Json<T>) -> String
where
    T: Named + DeserializeOwned + Send + 'static,
{
    value.name()
}
shape!(with_where, post(with_where::<Order>), Shape::answers("x"));

#[idempotent(ttl = "1h")]
async fn over_a_constant<const N: usize>(body: String) -> String {
    body.repeat(N)
}
shape!(over_a_constant, post(over_a_constant::<3>), Shape::answers("bbb").sent("text/plain", "b"));

/// As services are written over traits of their own, with plain `async fn`.
pub trait Repository {
    fn load(&self) -> impl Future<Output = &'static str> + Send;
}

impl Repository for AppState {
    async fn load(&self) -> &'static str {
        tokio::task::yield_now().await;
        self.name
    }
}

#[idempotent(ttl = "1h")]
async fn over_a_trait<R>(State(repository): State<R>, body: String) -> Result<impl IntoResponse, StatusCode>
where
    R: Repository + Clone + Send + Sync + 'static,
{
    let loaded = repository.load().await;
    Ok(format!("{loaded} {body}"))
}
shape!(over_a_trait, post(over_a_trait::<AppState>), Shape::answers("state b").sent("text/plain", "b"));

#[idempotent(ttl = "1h", scope = marker.to_string())]
async fn opaque_argument(marker: impl Display + Send + 'static, body: String) -> String {
    format!("{marker} {body}")
}

#[tokio::test]
async fn an_opaque_argument_is_routed_through_a_closure_of_its_type() {
    let handler = post(|method: Method, body| opaque_argument(method, body));
    Shape::answers("POST b").sent("text/plain", "b").check(handler).await;
}
