//! A client that goes away does not cancel what it started.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use idem_runtime::{Idempotency, MemoryStore, idempotent};
use idem_tests::app::{AppState, Bed, router};
use idem_tests::gate::Gate;
use idem_tests::server::{Seen, Server};
use idem_tests::{over_every_store, soon, until};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

over_every_store!(
    i33_http1_connection_closed,
    i33_http2_stream_reset,
    i36_behind_a_timeout_layer,
    i42_a_waiter_that_leaves_runs_nothing,
    i34_those_who_wait_for_a_panic_get_an_answer,
    i37_a_drain_waits_for_what_runs,
    i36_the_claim_of_a_slow_handler_is_renewed,
);

/// The retry of a request whose first answer was lost: refused while it runs, then replayed.
async fn retry_is_replayed(server: &Server, gate: &Gate, bed: &Bed) {
    until("adoption", async || (bed.idempotency.counts().adopted == 1).then_some(())).await;
    let running = Seen::of(server.post("/pay", "k", &json!(1))).await;
    assert_eq!(running.refusal(), "in_progress");
    assert_eq!((gate.executions(), gate.ended()), (1, 0));
    gate.let_pass(1);
    let retry = until("the record", async || {
        let seen = Seen::of(server.post("/pay", "k", &json!(1))).await;
        (seen.status != 409).then_some(seen)
    })
    .await;
    assert_eq!((retry.status, retry.replayed), (201, true));
    assert_eq!((gate.executions(), gate.ended()), (1, 1));
}

async fn i33_http1_connection_closed(bed: Bed) {
    let gate = Gate::closed();
    let server = Server::start(router(AppState::new(&bed, gate.clone()))).await;
    let mut client = TcpStream::connect(server.address).await.unwrap();
    let head = "POST /pay HTTP/1.1\r\nhost: x\r\nidempotency-key: k\r\ncontent-type: application/json\r\ncontent-length: 1\r\n\r\n1";
    client.write_all(head.as_bytes()).await.unwrap();
    gate.started().await;
    drop(client);
    retry_is_replayed(&server, &gate, &bed).await;
}

async fn i33_http2_stream_reset(bed: Bed) {
    let gate = Gate::closed();
    let server = Server::start(router(AppState::new(&bed, gate.clone()))).await;
    let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let first = client.post(server.url("/pay")).header("idempotency-key", "k").json(&json!(1)).send();
    let first = tokio::spawn(first);
    gate.started().await;
    first.abort();
    assert!(first.await.is_err_and(|error| error.is_cancelled()));
    retry_is_replayed(&server, &gate, &bed).await;
}

async fn i36_behind_a_timeout_layer(bed: Bed) {
    let gate = Gate::closed();
    let limit = tower_http::timeout::TimeoutLayer::with_status_code(
        http::StatusCode::GATEWAY_TIMEOUT,
        Duration::from_millis(50),
    );
    let slow = router(AppState::new(&bed, gate.clone())).layer(limit);
    let impatient = Server::start(slow).await;
    let first = Seen::of(impatient.post("/pay", "k", &json!(1))).await;
    assert_eq!((first.status, gate.executions()), (504, 1));
    // The retry goes round the layer: otherwise it would depend on the layer's timing.
    let server = Server::start(router(AppState::new(&bed, gate.clone()))).await;
    retry_is_replayed(&server, &gate, &bed).await;
}

async fn i42_a_waiter_that_leaves_runs_nothing(bed: Bed) {
    let gate = Gate::closed();
    let server = Server::start(router(AppState::new(&bed, gate.clone()))).await;
    let first = tokio::spawn(Seen::of(server.post("/wait", "k", &json!(1))));
    gate.started().await;
    let waiter = tokio::spawn(server.post("/wait", "k", &json!(1)).send());
    let other = tokio::spawn(Seen::of(server.post("/wait", "k", &json!(1))));
    waiter.abort();
    assert!(waiter.await.is_err());
    gate.let_pass(1);
    let (first, other) = (first.await.unwrap(), other.await.unwrap());
    assert_eq!((first.replayed, other.replayed, gate.executions()), (false, true, 1));
    assert_eq!(first.body, other.body);
}

async fn i37_a_drain_waits_for_what_runs(bed: Bed) {
    let gate = Gate::closed();
    let server = Server::start(router(AppState::new(&bed, gate.clone()))).await;
    assert_eq!(gate.executions(), 0);
    // One whose client waits, and one whose client has gone.
    let first = tokio::spawn(Seen::of(server.post("/pay", "first", &json!(1))));
    gate.started().await;
    let gone = tokio::spawn(server.post("/pay", "gone", &json!(1)).send());
    gate.started().await;
    gone.abort();
    until("adoption", async || (bed.idempotency.counts().adopted == 1).then_some(())).await;

    let idempotency = bed.idempotency.clone();
    let drain = tokio::spawn(async move { idempotency.drain().await });
    let refused = until("draining", async || {
        let seen = Seen::of(server.post("/pay", "new", &json!(1))).await;
        (seen.status == 503).then_some(seen)
    });
    gate.let_pass(1);
    // Whichever of the two went on: the drain is not done before the other one is.
    let refused = refused.await;
    assert_eq!(refused.refusal(), "draining");
    assert!(!drain.is_finished());
    gate.let_pass(10);
    soon("the drain", drain).await.unwrap();
    assert_eq!(first.await.unwrap().status, 201);
    for key in ["first", "gone"] {
        assert!(Seen::of(server.post("/pay", key, &json!(1))).await.replayed, "what is finished is replayed: {key}");
    }
    let counts = bed.idempotency.counts();
    assert_eq!(counts.executed, counts.recorded, "no claim is left behind");
    server.stop().await;
}

#[idempotent(ttl = "1h", lease = "3s")]
async fn slow(State(state): State<AppState>) -> String {
    state.gate.pass().await.to_string()
}

#[idempotent(ttl = "1h", in_flight = "wait:50s")]
async fn panics_first(State(state): State<AppState>) -> String {
    let number = state.gate.pass().await;
    assert!(number > 1, "the first one panics");
    number.to_string()
}

async fn i34_those_who_wait_for_a_panic_get_an_answer(bed: Bed) {
    let gate = Gate::closed();
    let routes = Router::new().route("/panics", post(panics_first)).with_state(AppState::new(&bed, gate.clone()));
    let server = Server::start(routes.layer(tower_http::catch_panic::CatchPanicLayer::new())).await;
    let send = || Seen::of(server.client.post(server.url("/panics")).header("idempotency-key", "k"));
    let first = tokio::spawn(send());
    gate.started().await;
    let waiting: Vec<_> = (0..10).map(|_| tokio::spawn(send())).collect();
    gate.let_pass(2);
    assert_eq!(first.await.unwrap().status, 500);
    for waiting in waiting {
        let seen = waiting.await.unwrap();
        assert_eq!((seen.status, seen.body), (200, b"2".to_vec()));
    }
    assert_eq!(gate.executions(), 2);
}

async fn i36_the_claim_of_a_slow_handler_is_renewed(bed: Bed) {
    let gate = Gate::closed();
    let server =
        Server::start(Router::new().route("/slow", post(slow)).with_state(AppState::new(&bed, gate.clone()))).await;
    let send = || Seen::of(server.client.post(server.url("/slow")).header("idempotency-key", "k"));
    let first = tokio::spawn(send());
    gate.started().await;
    // Four renewals, one at each third of the lease: the handler has outlived its first lease.
    until("renewals", async || (bed.idempotency.counts().renewed >= 4).then_some(())).await;
    assert_eq!(send().await.refusal(), "in_progress");
    gate.let_pass(1);
    assert_eq!((first.await.unwrap().status, send().await.replayed, gate.executions()), (200, true, 1));
    assert_eq!(bed.idempotency.counts().lost, 0);
}

#[tokio::test]
async fn b22_a_slow_body_holds_no_claim() {
    let idempotency = Idempotency::new(MemoryStore::new());
    let gate = Gate::open();
    let state = AppState { idempotency: idempotency.clone(), gate: gate.clone() };
    let server = Server::start(router(state)).await;
    let mut client = TcpStream::connect(server.address).await.unwrap();
    let head = "POST /pay HTTP/1.1\r\nhost: x\r\nidempotency-key: k\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n1";
    client.write_all(head.as_bytes()).await.unwrap();
    // Meanwhile another one with the same key is served.
    let whole = head.replace("content-length: 9", "content-length: 1\r\nconnection: close");
    let mut other = TcpStream::connect(server.address).await.unwrap();
    other.write_all(whole.as_bytes()).await.unwrap();
    let mut answer = String::new();
    other.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    // B23: the first one breaks off.
    client.shutdown().await.unwrap();
    let mut rest = Vec::new();
    let _ = client.read_to_end(&mut rest).await;
    assert_eq!((gate.executions(), idempotency.counts().executed), (1, 1));
}
