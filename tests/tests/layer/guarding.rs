//! Plain handlers behind a layer, as annotated ones are tested.

use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::http::Method;
use axum::middleware::from_fn;
use axum::{Extension, Router};
use idem_runtime::{Idempotency, IdempotencyLayerBuilder, InFlight, MemoryStore, Missing, OnFailure, Recorded};
use idem_tests::app::{self, AppState, Bed};
use idem_tests::gate::Gate;
use idem_tests::layered::{Client, TTL, handlers, log_in};
use idem_tests::ledger::Ledger;
use idem_tests::server::{Seen, Server};
use idem_tests::{over_every_store, soon, until};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tower_http::catch_panic::CatchPanicLayer;

over_every_store!(
    i13_it_runs_once_and_the_retry_is_a_replay,
    i23_its_answers_are_those_of_the_annotated_twin,
    i26_another_request_under_a_known_key_is_refused,
    i33_a_client_that_hangs_up_cancels_nothing,
    i34_a_panic_settles_the_claim,
    i41_those_who_wait_get_the_same_bytes,
    b17_a_scope_that_cannot_be_told_is_refused,
    b21_a_body_over_the_limit_is_413_and_no_claim,
    b30_streams_and_what_is_too_large_leave_a_tombstone,
    an_answer_that_is_no_success_gives_the_key_back,
    the_handler_knows_its_execution,
);

type Options = fn(IdempotencyLayerBuilder) -> IdempotencyLayerBuilder;

fn router(bed: &Bed, gate: &Gate, options: Options) -> Router {
    let layer = options(bed.idempotency.layer(TTL)).build().unwrap();
    handlers(AppState::new(bed, gate.clone())).route_layer(layer)
}

async fn serve(bed: &Bed, gate: &Gate, options: Options) -> Server {
    Server::start(router(bed, gate, options)).await
}

async fn i13_it_runs_once_and_the_retry_is_a_replay(bed: Bed) {
    let gate = Gate::open();
    let server = serve(&bed, &gate, |layer| layer).await;
    let first = Seen::of(server.post("/pay", "k", &json!(1))).await;
    assert_eq!((first.status, first.replayed), (201, false));
    for _ in 0..3 {
        let retry = Seen::of(server.post("/pay", "k", &json!(1))).await;
        assert_eq!(retry, Seen { replayed: true, ..first.clone() });
    }
    assert_eq!(Seen::of(server.post("/pay", "another", &json!(1))).await.status, 201);
    assert_eq!(gate.executions(), 2);
    let without = Seen::of(server.client.post(server.url("/pay")).json(&json!(1))).await;
    assert_eq!((without.status, without.refusal().as_str()), (400, "missing_key"));
    assert_eq!(gate.executions(), 2);
}

async fn i23_its_answers_are_those_of_the_annotated_twin(bed: Bed) {
    let (gate, twins_gate) = (Gate::open(), Gate::open());
    let layered = serve(&bed, &gate, |layer| layer).await;
    let twin = Server::start(app::router(AppState::new(&bed, twins_gate.clone()))).await;
    for shape in ["json", "empty", "binary", "headers", "created", "redirect", "secrets"] {
        let path = format!("/shape/{shape}");
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let send = |server: &Server| Seen::of(client.post(server.url(&path)).header("idempotency-key", shape));
        let (first, twins_first) = (send(&layered).await, send(&twin).await);
        assert_eq!(first, twins_first, "{shape}");
        let (retry, twins_retry) = (send(&layered).await, send(&twin).await);
        assert_eq!(retry, twins_retry, "{shape}");
        assert!(retry.replayed && retry.header("set-cookie").is_none(), "{shape}");
    }
    // On one store, and under one key: their records are apart.
    assert_eq!((gate.executions(), twins_gate.executions()), (7, 7));
}

async fn i26_another_request_under_a_known_key_is_refused(bed: Bed) {
    let gate = Gate::open();
    let server = serve(&bed, &gate, |layer| layer.methods([Method::POST, Method::PATCH, Method::PUT])).await;
    assert_eq!(Seen::of(server.post("/bound/1", "k", &json!(1))).await.status, 200);
    for (path, body) in [("/bound/1", json!(2)), ("/bound/2", json!(1)), ("/bound/1?a=1", json!(1))] {
        let seen = Seen::of(server.post(path, "k", &body)).await;
        assert_eq!((seen.status, seen.refusal().as_str()), (422, "key_reused"), "{path}");
    }
    // Another route and another method are another operation.
    assert_eq!(Seen::of(server.post("/pay", "k", &json!(1))).await.status, 201);
    for method in [Method::PATCH, Method::PUT] {
        let request = server.client.request(method, server.url("/pay")).header("idempotency-key", "k").json(&json!(1));
        let first = Seen::of(request.try_clone().unwrap()).await;
        assert_eq!((first.status, first.replayed), (201, false));
        assert!(Seen::of(request).await.replayed);
    }
    assert_eq!(gate.executions(), 4);
}

async fn i33_a_client_that_hangs_up_cancels_nothing(bed: Bed) {
    let gate = Gate::closed();
    let server = serve(&bed, &gate, |layer| layer).await;
    let mut client = TcpStream::connect(server.address).await.unwrap();
    let head = "POST /pay HTTP/1.1\r\nhost: x\r\nidempotency-key: k\r\ncontent-type: application/json\r\ncontent-length: 1\r\n\r\n1";
    client.write_all(head.as_bytes()).await.unwrap();
    gate.started().await;
    drop(client);
    until("adoption", async || (bed.idempotency.counts().adopted == 1).then_some(())).await;
    let running = Seen::of(server.post("/pay", "k", &json!(1))).await;
    assert_eq!((running.status, running.refusal().as_str()), (409, "in_progress"));
    gate.let_pass(1);
    let retry = until("the record", async || {
        let seen = Seen::of(server.post("/pay", "k", &json!(1))).await;
        (seen.status != 409).then_some(seen)
    })
    .await;
    assert_eq!((retry.status, retry.replayed, gate.executions()), (201, true, 1));
}

async fn i34_a_panic_settles_the_claim(bed: Bed) {
    let gate = Gate::open();
    let server = Server::start(router(&bed, &gate, |layer| layer).layer(CatchPanicLayer::new())).await;
    let send = || Seen::of(server.client.post(server.url("/panic")).header("idempotency-key", "k"));
    assert_eq!(send().await.status, 500);
    let second = send().await;
    assert_eq!((second.status, second.replayed, second.body.as_slice()), (200, false, &b"2"[..]));

    let gate = Gate::open();
    let keep = router(&bed, &gate, |layer| layer.on_failure(OnFailure::Keep).operation("kept"));
    let server = Server::start(keep.layer(CatchPanicLayer::new())).await;
    let send = || Seen::of(server.client.post(server.url("/panic")).header("idempotency-key", "k"));
    assert_eq!(send().await.status, 500);
    assert_eq!(send().await.refusal(), "outcome_unknown");
    assert_eq!(gate.executions(), 1);
}

async fn i41_those_who_wait_get_the_same_bytes(bed: Bed) {
    let gate = Gate::closed();
    let server = serve(&bed, &gate, |layer| layer.in_flight(InFlight::Wait(Duration::from_secs(60)))).await;
    let mut answers = JoinSet::new();
    for _ in 0..20 {
        answers.spawn(Seen::of(server.post("/pay", "k", &json!(1))));
    }
    gate.started().await;
    gate.let_pass(1);
    let answers = soon("all answers", answers.join_all()).await;
    assert_eq!(answers.iter().filter(|seen| !seen.replayed).count(), 1);
    assert!(answers.iter().all(|seen| seen.status == 201 && seen.body == answers[0].body));
    assert_eq!(gate.executions(), 1);
}

async fn b17_a_scope_that_cannot_be_told_is_refused(bed: Bed) {
    let scoped: Options =
        |layer| layer.scope_from(|head| head.extensions.get::<Client>().map(|client| client.0.clone()));
    let gate = Gate::open();
    let server = Server::start(router(&bed, &gate, scoped).layer(from_fn(log_in))).await;
    let send = |client: &str| {
        Seen::of(server.post("/pay", "k", &json!(1)).header("authorization", format!("Bearer {client}")))
    };
    let (ann, bob) = (send("ann").await, send("bob").await);
    assert_eq!((ann.replayed, bob.replayed, gate.executions()), (false, false, 2));
    assert_eq!(send("ann").await, Seen { replayed: true, ..ann });
    // B18: whoever may not, gets no replay.
    assert_eq!(Seen::of(server.post("/pay", "k", &json!(1))).await.status, 401);
    // Nobody puts anything into the extensions.
    let open = serve(&bed, &gate, scoped).await;
    let seen = Seen::of(open.post("/pay", "k", &json!(1))).await;
    assert_eq!((seen.status, seen.refusal().as_str()), (400, "missing_scope"));
    let empty = router(&bed, &gate, scoped).layer(Extension(Client(String::new())));
    let seen = Seen::of(Server::start(empty).await.post("/pay", "k", &json!(1))).await;
    assert_eq!(seen.refusal(), "missing_scope");
    assert_eq!(gate.executions(), 2);
}

async fn b21_a_body_over_the_limit_is_413_and_no_claim(_: Bed) {
    let (store, lines) = Ledger::new(MemoryStore::new());
    let (bed, gate) = (Bed { idempotency: Idempotency::new(store), redis: None }, Gate::open());
    let server = Server::start(router(&bed, &gate, |layer| layer).layer(DefaultBodyLimit::max(64))).await;
    let seen = Seen::of(server.post("/pay", "k", &json!("x".repeat(64)))).await;
    assert_eq!((seen.status, gate.executions(), lines.counts()), (413, 0, (0, 0, 0)));
    // B23: it breaks off.
    let mut client = TcpStream::connect(server.address).await.unwrap();
    let head = "POST /pay HTTP/1.1\r\nhost: x\r\nidempotency-key: k\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n1";
    client.write_all(head.as_bytes()).await.unwrap();
    client.shutdown().await.unwrap();
    let mut rest = Vec::new();
    soon("the connection's end", client.read_to_end(&mut rest)).await.unwrap();
    assert_eq!((gate.executions(), lines.counts()), (0, (0, 0, 0)));
    assert_eq!(Seen::of(server.post("/pay", "k", &json!(1))).await.status, 201);
    assert_eq!(lines.counts(), (1, 1, 0));
}

async fn b30_streams_and_what_is_too_large_leave_a_tombstone(bed: Bed) {
    let gate = Gate::open();
    let server = serve(&bed, &gate, |layer| layer.max_response(1024)).await;
    for (path, body) in [("/events", json!(null)), ("/large", json!(1025))] {
        let first = Seen::of(server.post(path, "k", &body)).await;
        assert_eq!((first.status, first.replayed), (200, false));
        assert_eq!(Seen::of(server.post(path, "k", &body)).await.refusal(), "response_not_kept");
    }
    assert_eq!(gate.executions(), 2);
    let whole = Seen::of(server.post("/large", "fits", &json!(1024))).await;
    assert_eq!(Seen::of(server.post("/large", "fits", &json!(1024))).await, Seen { replayed: true, ..whole });
}

async fn an_answer_that_is_no_success_gives_the_key_back(bed: Bed) {
    let gate = Gate::open();
    let server = serve(&bed, &gate, |layer| layer).await;
    for status in [400, 402, 404, 409, 429, 500, 503] {
        let send = || Seen::of(server.post("/status", "k", &json!(status)));
        let (first, second) = (send().await, send().await);
        assert_eq!((first.status, second.status, second.replayed), (status, status, false));
        assert_ne!(first.body, second.body);
    }
    // What an extractor has refused is no request yet.
    let invalid = server.client.post(server.url("/pay")).header("idempotency-key", "v").body("{");
    assert_eq!(Seen::of(invalid).await.status, 415);
    assert_eq!(Seen::of(server.post("/pay", "v", &json!(1))).await.status, 201);

    let all =
        serve(&bed, &gate, |layer| layer.record(Recorded::Final).on_failure(OnFailure::Keep).operation("all")).await;
    for status in [402, 404, 500] {
        let first = Seen::of(all.post("/status", &status.to_string(), &json!(status))).await;
        let retry = Seen::of(all.post("/status", &status.to_string(), &json!(status))).await;
        assert_eq!(retry, Seen { replayed: true, ..first });
    }
}

async fn the_handler_knows_its_execution(bed: Bed) {
    let gate = Gate::open();
    let server = serve(&bed, &gate, |layer| layer.missing(Missing::Execute)).await;
    let first = Seen::of(server.post("/execution", "k", &json!(1))).await.json();
    assert_eq!((&first["key"], &first["attempt"]), (&json!("k"), &json!(1)));
    assert!(first["charge"].is_string() && first["charge"] != first["mail"]);
    assert!(!first["debug"].to_string().contains('k'), "{first}");
    let without = Seen::of(server.client.post(server.url("/execution")).json(&json!(1))).await.json();
    assert_eq!((&without["key"], &without["charge"], &without["attempt"]), (&json!(null), &json!(null), &json!(1)));
    assert_eq!(bed.idempotency.counts().unprotected, 1);
}
