//! Where a layer can be put, and what it is around there.

use axum::Router;
use axum::http::Method;
use axum::routing::{get, post};
use idem_runtime::{Idempotency, IdempotencyLayer, MemoryStore, Recorded};
use idem_tests::app::{AppState, Bed};
use idem_tests::gate::Gate;
use idem_tests::layered::{TTL, handlers};
use idem_tests::ledger::{Ledger, Lines};
use idem_tests::server::{Seen, Server};
use serde_json::json;

fn counted() -> (Bed, IdempotencyLayer, Lines) {
    let (store, lines) = Ledger::new(MemoryStore::new());
    let idempotency = Idempotency::new(store);
    let layer = idempotency.layer(TTL).build().unwrap();
    (Bed { idempotency, redis: None }, layer, lines)
}

/// One execution, and the same bytes again.
async fn is_guarded(server: &Server, path: &str, gate: &Gate) {
    let before = gate.executions();
    let first = Seen::of(server.post(path, "k", &json!(1))).await;
    assert!(first.status < 300 && !first.replayed, "{path}: {first:?}");
    assert_eq!(Seen::of(server.post(path, "k", &json!(1))).await, Seen { replayed: true, ..first }, "{path}");
    assert_eq!(gate.executions(), before + 1, "{path}");
}

#[tokio::test]
async fn on_a_router_on_its_routes_and_on_one_of_them() {
    let (bed, layer, _) = counted();
    let gate = Gate::open();
    let state = AppState::new(&bed, gate.clone());
    let one = Router::new().route("/one", post(|| async { "one" }).layer(layer.clone()));
    let one = one.route("/other", post(|| async { "other" }));
    let app = Router::new()
        .nest("/router", handlers(state.clone()).layer(layer.clone()))
        .nest("/routes", handlers(state.clone()).route_layer(layer.clone()))
        .merge(Router::new().nest("/outside", handlers(state.clone())).layer(layer.clone()))
        .merge(one);
    let server = Server::start(app).await;
    for prefix in ["/router", "/routes", "/outside"] {
        is_guarded(&server, &format!("{prefix}/pay"), &gate).await;
        is_guarded(&server, &format!("{prefix}/bound/7"), &gate).await;
    }
    for (path, replayed) in [("/one", true), ("/other", false)] {
        Seen::of(server.post(path, "k", &json!(1))).await;
        assert_eq!(Seen::of(server.post(path, "k", &json!(1))).await.replayed, replayed, "{path}");
    }
}

#[tokio::test]
async fn around_a_whole_application_and_around_services() {
    use tower::Layer as _;
    let (bed, layer, _) = counted();
    let gate = Gate::open();
    let inner = handlers(AppState::new(&bed, gate.clone()));
    let app = Router::new().nest_service("/nested", inner.clone()).layer(layer.clone());
    let app = app.fallback_service(layer.layer(inner));
    let server = Server::start(app).await;
    for path in ["/nested/pay", "/nested/bound/7", "/pay", "/bound/8"] {
        is_guarded(&server, path, &gate).await;
    }
    // The path is all that is known of the route.
    let other = Seen::of(server.post("/nested/bound/8", "k", &json!(1))).await;
    assert_eq!((other.status, other.replayed), (200, false));
}

#[tokio::test]
async fn other_methods_pass_untouched() {
    let (bed, layer, lines) = counted();
    let gate = Gate::open();
    let server = Server::start(handlers(AppState::new(&bed, gate.clone())).layer(layer)).await;
    for (number, method) in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE].into_iter().enumerate() {
        for time in 1..=2 {
            let request = server.client.request(method.clone(), server.url("/pay")).header("idempotency-key", "k");
            let seen = Seen::of(request.json(&json!(1))).await;
            assert!(seen.status < 300 && !seen.replayed, "{method}: {seen:?}");
            assert_eq!(gate.executions(), 2 * number + time, "{method}");
        }
    }
    let options = Seen::of(server.client.request(Method::OPTIONS, server.url("/pay"))).await;
    assert_eq!((options.status, lines.counts()), (405, (0, 0, 0)));
}

#[tokio::test]
async fn what_is_not_there_is_not_found_and_not_recorded() {
    let (bed, layer, lines) = counted();
    let final_too = bed.idempotency.layer(TTL).record(Recorded::Final).build().unwrap();
    let router = || Router::new().route("/known", get(|| async { "known" }));
    // Around routes only, nothing is claimed.
    let server = Server::start(router().route_layer(layer.clone())).await;
    for key in ["k", "k"] {
        assert_eq!(Seen::of(server.post("/unknown", key, &json!(1))).await.status, 404);
    }
    assert_eq!(lines.counts(), (0, 0, 0));
    // Around all, what axum says of it goes out. Nobody can tell beforehand that it will not be a handler.
    for layer in [layer, final_too] {
        let server = Server::start(router().layer(layer)).await;
        for _ in 0..2 {
            let seen = Seen::of(server.post("/unknown", "k", &json!(1))).await;
            assert_eq!((seen.status, seen.replayed), (404, false));
            assert_eq!(Seen::of(server.client.post(server.url("/unknown"))).await.status, 400);
        }
    }
    assert_eq!((lines.counts(), lines.held()), ((4, 0, 4), 0));
}

/// axum tells no route of what is behind a nested service: it needs its key all the same.
#[tokio::test]
async fn b1_behind_a_nested_service_a_request_without_a_key_is_refused() {
    let (bed, layer, lines) = counted();
    let gate = Gate::open();
    let inner = handlers(AppState::new(&bed, gate.clone()));
    let server = Server::start(Router::new().nest_service("/nested", inner).layer(layer)).await;
    let seen = Seen::of(server.client.post(server.url("/nested/pay")).json(&json!(1))).await;
    assert_eq!((seen.status, gate.executions(), lines.counts()), (400, 0, (0, 0, 0)));
    is_guarded(&server, "/nested/pay", &gate).await;
}

/// A fallback can be a handler like any other.
#[tokio::test]
async fn a_fallback_of_ones_own_is_guarded() {
    let (bed, layer, _) = counted();
    let gate = Gate::open();
    let seen_gate = gate.clone();
    let fallback = move || async move { seen_gate.pass().await.to_string() };
    let server = Server::start(Router::new().fallback(fallback).layer(layer)).await;
    is_guarded(&server, "/anything", &gate).await;
    drop(bed);
}
