//! Handlers to guard, of every kind the tests need, and the stores to guard them with.

use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, FromRef, FromRequestParts, Path, Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, post};
use axum::{Json, Router};
use idem_runtime::store::{CachedStore, EncryptedStore, EncryptionKey, Keyring};
use idem_runtime::{Execution, Idempotency, MemoryStore, idempotent};
use serde_json::{Value, json};

use crate::gate::Gate;
use crate::redis_server::RedisServer;

/// A store to test with.
#[derive(Debug)]
pub struct Bed {
    /// The guard over it.
    pub idempotency: Idempotency,
    /// The server behind it, if it has one.
    pub redis: Option<RedisServer>,
}

impl Bed {
    /// In this process.
    #[must_use]
    pub fn memory() -> Self {
        Self { idempotency: Idempotency::new(MemoryStore::new()), redis: None }
    }

    /// In this process, encrypted, behind a cache: what answers most retries is the cache.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn dressed() -> Self {
        let keyring = Keyring::new("2026-11", EncryptionKey::from_bytes([7; 32])).expect("an id");
        let store = CachedStore::new(EncryptedStore::new(MemoryStore::new(), keyring), 64 * 1024 * 1024);
        Self { idempotency: Idempotency::new(store), redis: None }
    }

    /// In a `redis-server` of its own.
    ///
    /// # Panics
    /// When it cannot be used.
    pub async fn redis() -> Self {
        let server = RedisServer::start().await;
        Self { idempotency: Idempotency::connect(&server.url()).await.expect("redis"), redis: Some(server) }
    }
}

/// Runs each named test over every store.
#[macro_export]
macro_rules! over_every_store {
    ($($test:ident),* $(,)?) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test($crate::app::Bed::memory()).await;
            })*
        }
        mod dressed {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test($crate::app::Bed::dressed()).await;
            })*
        }
        mod redis {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test($crate::app::Bed::redis().await).await;
            })*
        }
    };
}

/// What the handlers share.
#[derive(Clone, Debug, FromRef)]
pub struct AppState {
    /// The guard.
    pub idempotency: Idempotency,
    /// What holds the handlers.
    pub gate: Gate,
}

impl AppState {
    /// Over a store, with this gate.
    #[must_use]
    pub fn new(bed: &Bed, gate: Gate) -> Self {
        Self { idempotency: bed.idempotency.clone(), gate }
    }
}

/// Every handler of this module.
pub fn router(state: AppState) -> Router {
    Router::new()
        .route("/pay", post(pay))
        .route("/pay-little", post(pay).layer(DefaultBodyLimit::max(64)))
        .route("/wait", post(wait))
        .route("/required", post(required))
        .route("/optional", post(optional))
        .route("/replay-status", post(replay_status))
        .route("/scoped", post(scoped))
        .route("/scoped-by-header", post(scoped_by_header))
        .route("/items/{id}", any(by_path))
        .route("/by-query", post(by_query))
        .route("/by-body", post(by_body))
        .route("/by-expression", post(by_expression))
        .route("/bound/{id}", post(bound))
        .route("/one", post(named_one))
        .route("/two", post(named_two))
        .route("/json", post(as_json))
        .route("/chosen-content", post(chosen_content))
        .route("/status", post(answer_status))
        .route("/status-success", post(answer_status_success))
        .route("/status-keep", post(answer_status_keep))
        .route("/status-chosen", post(answer_status_chosen))
        .route("/panic", post(panics))
        .route("/panic-keep", post(panics_keep))
        .route("/shape/{shape}", post(shape))
        .route("/large", post(large))
        .route("/events", post(events))
        .route("/broken", post(broken))
        .route("/execution", post(execution))
        .route("/execution-last", post(execution_last))
        .with_state(state)
}

/// A caller, by the header `x-user`; 401 without.
#[derive(Debug)]
pub struct User(pub String);

impl<S: Sync> FromRequestParts<S> for User {
    type Rejection = (StatusCode, [(HeaderName, &'static str); 1]);

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let name = parts.headers.get("x-user").and_then(|name| name.to_str().ok());
        name.map(|name| Self(name.to_owned()))
            .ok_or((StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Basic realm=\"pay\"")]))
    }
}

#[idempotent(ttl = "1h", key = "header:Idempotency-Key")]
async fn pay(
    State(gate): State<Gate>,
    Json(order): Json<Value>,
) -> (StatusCode, [(HeaderName, String); 2], Json<Value>) {
    paid(gate.pass().await, order)
}

pub(crate) fn paid(number: usize, order: Value) -> (StatusCode, [(HeaderName, String); 2], Json<Value>) {
    let headers = [(header::LOCATION, format!("/payments/{number}")), (header::ETAG, format!("\"rev{number}\""))];
    (StatusCode::CREATED, headers, Json(json!({ "number": number, "order": order })))
}

#[idempotent(ttl = "1h", in_flight = "wait:50s")]
async fn wait(State(gate): State<Gate>, Json(order): Json<Value>) -> Json<Value> {
    Json(json!({ "number": gate.pass().await, "order": order }))
}

#[idempotent(ttl = "1h", missing = 428)]
async fn required(State(gate): State<Gate>) -> String {
    gate.pass().await.to_string()
}

#[idempotent(ttl = "1h", missing = "execute")]
async fn optional(State(gate): State<Gate>) -> String {
    gate.pass().await.to_string()
}

#[idempotent(ttl = "1h", replay_status = 200)]
async fn replay_status(State(gate): State<Gate>, Json(status): Json<u16>) -> (StatusCode, String) {
    (StatusCode::from_u16(status).unwrap_or_default(), gate.pass().await.to_string())
}

#[idempotent(ttl = "1h", scope = user.0)]
async fn scoped(user: User, State(gate): State<Gate>, body: String) -> String {
    format!("{} {} {body}", user.0, gate.pass().await)
}

#[idempotent(ttl = "1h", scope = "header:X-Tenant")]
async fn scoped_by_header(State(gate): State<Gate>) -> String {
    gate.pass().await.to_string()
}

#[idempotent(ttl = "1h", key = "path:id")]
async fn by_path(State(gate): State<Gate>, Path(id): Path<String>, body: Bytes) -> String {
    format!("{id} {} {}", gate.pass().await, body.len())
}

#[idempotent(ttl = "1h", key = "query:token")]
async fn by_query(State(gate): State<Gate>, Query(query): Query<Vec<(String, String)>>) -> String {
    format!("{} {}", query.len(), gate.pass().await)
}

#[idempotent(ttl = "1h", key = "body:/order/id")]
async fn by_body(State(gate): State<Gate>, Json(_order): Json<Value>) -> String {
    gate.pass().await.to_string()
}

#[idempotent(ttl = "1h", key = (order["shop"].as_str(), order["id"].as_u64()))]
async fn by_expression(State(gate): State<Gate>, Json(order): Json<Value>) -> String {
    drop(order);
    gate.pass().await.to_string()
}

#[idempotent(ttl = "1h")]
async fn bound(State(gate): State<Gate>, Path(id): Path<u32>, body: String) -> String {
    format!("{id} {body} {}", gate.pass().await)
}

#[idempotent(ttl = "1h", operation = "shared")]
async fn named_one(State(gate): State<Gate>) -> String {
    gate.pass().await.to_string()
}

#[idempotent(ttl = "1h", operation = "other")]
async fn named_two(State(gate): State<Gate>) -> String {
    gate.pass().await.to_string()
}

#[idempotent(ttl = "1h", fingerprint = "json")]
async fn as_json(State(gate): State<Gate>, Json(_order): Json<Value>) -> String {
    gate.pass().await.to_string()
}

#[idempotent(ttl = "1h", fingerprint = order["amount"])]
async fn chosen_content(State(gate): State<Gate>, Json(order): Json<Value>) -> String {
    drop(order);
    gate.pass().await.to_string()
}

pub(crate) fn status_and_count(status: u16, number: usize) -> (StatusCode, String) {
    (StatusCode::from_u16(status).unwrap_or_default(), number.to_string())
}

#[idempotent(ttl = "1h")]
async fn answer_status(State(gate): State<Gate>, Json(status): Json<u16>) -> (StatusCode, String) {
    status_and_count(status, gate.pass().await)
}

#[idempotent(ttl = "1h", record = "success")]
async fn answer_status_success(State(gate): State<Gate>, Json(status): Json<u16>) -> (StatusCode, String) {
    status_and_count(status, gate.pass().await)
}

#[idempotent(ttl = "1h", on_failure = "keep")]
async fn answer_status_keep(State(gate): State<Gate>, Json(status): Json<u16>) -> (StatusCode, String) {
    status_and_count(status, gate.pass().await)
}

fn only_created(head: &axum::http::response::Parts) -> bool {
    head.status == StatusCode::CREATED
}

#[idempotent(ttl = "1h", record = only_created)]
async fn answer_status_chosen(State(gate): State<Gate>, Json(status): Json<u16>) -> (StatusCode, String) {
    status_and_count(status, gate.pass().await)
}

#[idempotent(ttl = "1h")]
async fn panics(State(gate): State<Gate>) -> String {
    let number = gate.pass().await;
    assert!(number > 1, "the first one panics");
    number.to_string()
}

#[idempotent(ttl = "1h", on_failure = "keep")]
async fn panics_keep(State(gate): State<Gate>) -> String {
    let number = gate.pass().await;
    assert!(number > 1, "the first one panics");
    number.to_string()
}

/// Answers of every shape; each differs from one execution to the next.
#[idempotent(ttl = "1h")]
async fn shape(State(gate): State<Gate>, Path(shape): Path<String>) -> Response {
    shaped(gate.pass().await, &shape)
}

pub(crate) fn shaped(number: usize, shape: &str) -> Response {
    match shape {
        "json" => Json(json!({ "number": number, "text": "\u{e9}\n\"" })).into_response(),
        "empty" => (StatusCode::NO_CONTENT, [("x-number", number.to_string())]).into_response(),
        "binary" => {
            let mut bytes: Vec<u8> = (0..=255).cycle().take(4096).collect();
            bytes.push(u8::try_from(number).unwrap_or_default());
            ([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response()
        }
        "headers" => {
            let mut headers = HeaderMap::new();
            for value in ["1", "2", "1"] {
                headers.append("x-many", HeaderValue::from_static(value));
            }
            headers.append("link", HeaderValue::from_static("</a>; rel=\"x\""));
            headers.append("link", HeaderValue::from_static("</b>; rel=\"y\""));
            headers.append("x-bytes", HeaderValue::from_bytes(b"\xe9\xff").unwrap_or(HeaderValue::from_static("")));
            (headers, number.to_string()).into_response()
        }
        "created" => {
            let headers = [
                (header::LOCATION, format!("/things/{number}")),
                (header::CONTENT_LOCATION, "/things".to_owned()),
                (header::ETAG, format!("\"rev{number}\"")),
                (header::CACHE_CONTROL, "private".to_owned()),
            ];
            (StatusCode::CREATED, headers, number.to_string()).into_response()
        }
        "redirect" => (StatusCode::SEE_OTHER, [(header::LOCATION, "/elsewhere")]).into_response(),
        "secrets" => {
            let headers = [
                (header::SET_COOKIE, "session=canary"),
                (header::AUTHORIZATION, "canary"),
                (header::WWW_AUTHENTICATE, "canary"),
                (HeaderName::from_static("proxy-authenticate"), "canary"),
                (HeaderName::from_static("x-kept"), "yes"),
            ];
            (headers, number.to_string()).into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

#[idempotent(ttl = "1h", max_response = "1KiB")]
async fn large(State(gate): State<Gate>, Json(length): Json<usize>) -> String {
    gate.pass().await;
    "x".repeat(length)
}

#[idempotent(ttl = "1h")]
async fn events(State(gate): State<Gate>) -> Response {
    gate.pass().await;
    stream_of_events()
}

pub(crate) fn stream_of_events() -> Response {
    ([(header::CONTENT_TYPE, "text/event-stream")], "data: 1\n\n").into_response()
}

#[idempotent(ttl = "1h")]
async fn broken(State(gate): State<Gate>) -> Response {
    broken_once(gate.pass().await)
}

pub(crate) fn broken_once(number: usize) -> Response {
    if number > 1 {
        return "whole".into_response();
    }
    let frames = vec![Ok(Bytes::from_static(b"half")), Err(std::io::Error::other("it broke"))];
    Response::new(Body::from_stream(Frames(frames.into_iter())))
}

struct Frames(std::vec::IntoIter<Result<Bytes, std::io::Error>>);

impl futures_core::Stream for Frames {
    type Item = Result<Bytes, std::io::Error>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Ready(self.0.next())
    }
}

pub(crate) fn describe(execution: &Execution) -> Json<Value> {
    Json(json!({
        "attempt": execution.attempt(),
        "key": execution.key(),
        "charge": execution.derive_key("charge"),
        "mail": execution.derive_key("mail"),
        "debug": format!("{execution:?}"),
    }))
}

#[idempotent(ttl = "1h", missing = "execute")]
async fn execution(execution: Execution, State(gate): State<Gate>, _body: String) -> Json<Value> {
    gate.pass().await;
    describe(&execution)
}

#[idempotent(ttl = "1h", missing = "execute")]
async fn execution_last(State(gate): State<Gate>, execution: Execution) -> Json<Value> {
    gate.pass().await;
    describe(&execution)
}
