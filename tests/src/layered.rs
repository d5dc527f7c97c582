//! Plain handlers for a layer to be around: the same as the annotated ones of [`app`], and orders that the
//! program that judges servers can ask for.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::http::header::{self, AUTHORIZATION, LOCATION, SET_COOKIE, WWW_AUTHENTICATE};
use axum::http::{HeaderName, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{AppendHeaders, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use idem_runtime::{Execution, Idempotency, IdempotencyLayerBuilder};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::app::{self, AppState};
use crate::gate::Gate;

/// How long what is recorded is kept.
pub const TTL: Duration = Duration::from_secs(3600);

/// Handlers without a guard, under the paths that their annotated twins have.
pub fn handlers(state: AppState) -> Router {
    Router::new()
        .route("/pay", post(pay).patch(pay).put(pay).get(pay_without_a_body).delete(pay_without_a_body))
        .route("/bound/{id}", post(bound))
        .route("/status", post(answer_status))
        .route("/panic", post(panics))
        .route("/shape/{shape}", post(shape))
        .route("/large", post(large))
        .route("/events", post(events))
        .route("/broken", post(broken))
        .route("/execution", post(execution))
        .with_state(state)
}

async fn pay(State(gate): State<Gate>, Json(order): Json<Value>) -> impl IntoResponse {
    app::paid(gate.pass().await, order)
}

async fn pay_without_a_body(State(gate): State<Gate>) -> String {
    gate.pass().await.to_string()
}

async fn bound(State(gate): State<Gate>, Path(id): Path<u32>, body: String) -> String {
    format!("{id} {body} {}", gate.pass().await)
}

async fn answer_status(State(gate): State<Gate>, Json(status): Json<u16>) -> (StatusCode, String) {
    app::status_and_count(status, gate.pass().await)
}

async fn panics(State(gate): State<Gate>) -> String {
    let number = gate.pass().await;
    assert!(number > 1, "the first one panics");
    number.to_string()
}

async fn shape(State(gate): State<Gate>, Path(shape): Path<String>) -> Response {
    app::shaped(gate.pass().await, &shape)
}

async fn large(State(gate): State<Gate>, Json(length): Json<usize>) -> String {
    gate.pass().await;
    "x".repeat(length)
}

async fn events(State(gate): State<Gate>) -> Response {
    gate.pass().await;
    app::stream_of_events()
}

async fn broken(State(gate): State<Gate>) -> Response {
    app::broken_once(gate.pass().await)
}

async fn execution(execution: Execution, State(gate): State<Gate>, _body: String) -> Json<Value> {
    gate.pass().await;
    app::describe(&execution)
}

/// Who sends a request, as the login says it that is outside of everything.
#[derive(Clone, Debug)]
pub struct Client(pub String);

/// 401 without a login; whoever it is of stands in the extensions of the request.
pub async fn log_in(mut request: Request, next: Next) -> Response {
    let login = request.headers().get(AUTHORIZATION).and_then(|login| login.to_str().ok());
    let Some(client) = login.and_then(|login| login.strip_prefix("Bearer ")) else {
        return (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer")]).into_response();
    };
    let client = Client(client.to_owned());
    request.extensions_mut().insert(client);
    next.run(request).await
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Goods {
    item: String,
    quantity: NonZeroU32,
}

type Orders = Arc<Mutex<Vec<Goods>>>;

/// `POST /orders`, plain, under a layer with these options whose scope is the login; and `GET /orders`.
///
/// # Panics
/// When the options are wrong.
pub fn orders(
    idempotency: &Idempotency,
    options: impl FnOnce(IdempotencyLayerBuilder) -> IdempotencyLayerBuilder,
) -> Router {
    let layer =
        idempotency.layer(TTL).scope_from(|head| head.extensions.get::<Client>().map(|client| client.0.clone()));
    let layer = options(layer).build().expect("right options");
    Router::new()
        .route("/orders", get(list).post(order))
        .with_state(Orders::default())
        .layer(layer)
        .layer(from_fn(log_in))
}

async fn list(State(orders): State<Orders>) -> Json<Vec<Goods>> {
    Json(orders.lock().clone())
}

async fn order(State(orders): State<Orders>, Json(goods): Json<Goods>) -> impl IntoResponse {
    // What an order takes: time enough for others to come meanwhile.
    tokio::time::sleep(Duration::from_millis(10)).await;
    let number = {
        let mut orders = orders.lock();
        orders.push(goods.clone());
        orders.len()
    };
    let many = ["1", "2", "1"].map(|value| (HeaderName::from_static("x-many"), value.to_owned()));
    let headers = [
        (LOCATION, format!("/orders/{number}")),
        (SET_COOKIE, "session=1".to_owned()),
        (header::ETAG, format!("\"rev{number}\"")),
    ];
    (StatusCode::CREATED, AppendHeaders(many), headers, format!("{number}: {}", goods.item))
}
