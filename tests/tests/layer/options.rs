//! Every option of a layer, and every value that is refused.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use idem_runtime::{
    Defaults, Idempotency, IdempotencyLayerBuilder, InFlight, LayerError, MemoryStore, Missing, Recorded,
};
use idem_tests::app::{AppState, Bed};
use idem_tests::gate::Gate;
use idem_tests::layered::{TTL, handlers};
use idem_tests::server::{Seen, Server};
use serde_json::json;

fn hours() -> IdempotencyLayerBuilder {
    Idempotency::new(MemoryStore::new()).layer(TTL)
}

fn with_ttl(ttl: Duration) -> IdempotencyLayerBuilder {
    Idempotency::new(MemoryStore::new()).layer(ttl).lease(Duration::from_millis(100))
}

fn wrong(builder: IdempotencyLayerBuilder) -> LayerError {
    builder.build().unwrap_err()
}

#[test]
fn b42_b43_what_is_out_of_bounds_is_refused_by_its_name() {
    let (second, day) = (Duration::from_secs(1), Duration::from_secs(24 * 3600));
    let refused = [
        ("ttl", with_ttl(Duration::ZERO)),
        ("ttl", with_ttl(Duration::from_millis(999))),
        ("ttl", with_ttl(367 * day)),
        ("ttl", with_ttl(Duration::MAX)),
        ("lease", hours().lease(Duration::from_millis(99))),
        ("lease", hours().lease(Duration::from_secs(3601))),
        ("lease", hours().lease(TTL)),
        ("lease", Idempotency::new(MemoryStore::new()).layer(second).lease(second)),
        ("in_flight", hours().in_flight(InFlight::Wait(Duration::ZERO))),
        ("in_flight", hours().in_flight(InFlight::Wait(Duration::from_secs(301)))),
        ("key_header", hours().key_header("")),
        ("key_header", hours().key_header("My Key")),
        ("key_header", hours().key_header("Authorization")),
        ("key_header", hours().key_header("content-type")),
        ("key_path", hours().key_path("{id}")),
        ("key_path", hours().key_path("")),
        ("key_query", hours().key_query("a=b")),
        ("key_body", hours().key_body("id")),
        ("key_body", hours().key_body("/a~2")),
        ("key_body", hours().key_body("")),
        ("scope_header", hours().scope_header("Date")),
        ("scope_header", hours().scope_header("x tenant")),
        ("scope_header", hours().scope_header("Idempotency-Key")),
        ("missing", hours().key_path("id").missing(Missing::Execute)),
        ("operation", hours().operation(" ")),
        ("operation", hours().operation("a\nb")),
        ("missing", hours().missing(Missing::Refuse(399))),
        ("missing", hours().missing(Missing::Refuse(500))),
        ("replay_status", hours().replay_status(199)),
        ("replay_status", hours().replay_status(204)),
        ("replay_status", hours().replay_status(206)),
        ("replay_status", hours().replay_status(300)),
        ("max_response", hours().max_response(0)),
        ("max_response", hours().max_response(1024 * 1024 * 1024 + 1)),
        ("methods", hours().methods([])),
        ("methods", hours().methods([Method::POST, Method::GET])),
        ("methods", hours().methods([Method::CONNECT])),
        ("except", hours().except(Method::POST, "pay")),
    ];
    for (option, builder) in refused {
        let said = format!("{builder:?}");
        let error = wrong(builder);
        let options: Vec<_> = error.mistakes().iter().map(|mistake| mistake.option()).collect();
        assert_eq!(options, [option], "{said}: {error}");
        assert!(error.to_string().contains(", write `"), "{error}");
    }
    for right in [
        with_ttl(second),
        with_ttl(366 * day),
        hours().lease(Duration::from_millis(100)),
        hours().lease(TTL - Duration::from_millis(1)),
        hours().in_flight(InFlight::Wait(Duration::from_millis(1))),
        hours().in_flight(InFlight::Wait(Duration::from_secs(300))),
        hours().key_header("X-Request-Id"),
        hours().scope_header("Authorization"),
        hours().key_body("/a~1b/~0/0"),
        hours().missing(Missing::Refuse(400)),
        hours().missing(Missing::Refuse(499)),
        hours().replay_status(299),
        hours().max_response(1),
        hours().max_response(1024 * 1024 * 1024),
        hours().methods([Method::DELETE, Method::PUT, Method::from_bytes(b"PURGE").unwrap()]),
    ] {
        assert!(right.build().is_ok());
    }
}

#[test]
fn all_mistakes_are_said_at_once() {
    let error = wrong(
        with_ttl(Duration::ZERO).key_header("a b").missing(Missing::Refuse(200)).methods([]).except(Method::POST, "x"),
    );
    let options: Vec<_> = error.mistakes().iter().map(|mistake| mistake.option()).collect();
    assert_eq!(options, ["ttl", "key_header", "missing", "methods", "except"]);
    assert_eq!(
        error.to_string(),
        "the idempotency layer cannot be built: `ttl`: 0ns is under 1s, the least there can be, write \
         `Duration::from_secs(1)`; `key_header`: \"a b\" is no name of a header (RFC 9110, section 5.1), write \
         `key_header(\"Idempotency-Key\")`; `missing`: 200 is no 4xx status, and a missing key is the client's \
         mistake, write `missing(Missing::Refuse(428))`; `methods`: without a method, nothing is guarded, write \
         `methods([Method::POST, Method::PATCH])`; `except`: \"x\" is no route, write `except(Method::POST, \"/x\")`"
    );
}

/// What is refused as a key or a scope: attribute and layer judge by copies of one file.
#[test]
fn attribute_and_layer_know_the_same_header_fields() {
    let layers = include_str!("../../../idem-runtime/src/http/layer/fields.rs");
    assert_eq!(include_str!("../../../idem-macros/src/model/fields.rs"), layers);
}

#[tokio::test]
async fn what_is_left_out_the_applications_defaults_say() {
    let defaults = Defaults::new().missing(Missing::Refuse(428)).record(Recorded::Final).max_response(4);
    let idempotency = Idempotency::builder(MemoryStore::new()).defaults(defaults).build();
    let bed = Bed { idempotency, redis: None };
    let layer = bed.idempotency.layer(TTL).build().unwrap();
    let server = Server::start(handlers(AppState::new(&bed, Gate::open())).layer(layer)).await;
    assert_eq!(Seen::of(server.client.post(server.url("/pay")).json(&json!(1))).await.status, 428);
    Seen::of(server.post("/large", "k", &json!(5))).await;
    assert_eq!(Seen::of(server.post("/large", "k", &json!(5))).await.refusal(), "response_not_kept");
    // But what is recorded, which a layer says itself.
    Seen::of(server.post("/status", "k", &json!(402))).await;
    assert!(!Seen::of(server.post("/status", "k", &json!(402))).await.replayed);
}

#[tokio::test]
async fn a_bypass_takes_the_layer_out_too() {
    let (bed, gate) = (Bed::memory(), Gate::open());
    let layer = bed.idempotency.layer(TTL).build().unwrap();
    let server = Server::start(handlers(AppState::new(&bed, gate.clone())).layer(layer)).await;
    bed.idempotency.bypass(true);
    for number in 1..=2 {
        let response = server.post("/pay", "k", &json!(1)).send().await.unwrap();
        assert!(response.headers().contains_key("idempotency-bypassed"), "{response:?}");
        assert_eq!((response.status().as_u16(), gate.executions()), (201, number));
    }
    assert_eq!((bed.idempotency.counts().bypassed, bed.idempotency.counts().claimed), (2, 0));
    bed.idempotency.bypass(false);
    assert_eq!(Seen::of(server.post("/pay", "k", &json!(1))).await.status, 201);
    assert!(Seen::of(server.post("/pay", "k", &json!(1))).await.replayed);
    assert_eq!(gate.executions(), 3);
}

async fn serve(options: impl FnOnce(IdempotencyLayerBuilder) -> IdempotencyLayerBuilder) -> (Server, Gate) {
    let (bed, gate) = (Bed::memory(), Gate::open());
    let layer = options(bed.idempotency.layer(TTL)).build().unwrap();
    (Server::start(handlers(AppState::new(&bed, gate.clone())).layer(layer)).await, gate)
}

#[tokio::test]
async fn the_key_comes_from_where_it_is_said() {
    let (server, gate) = serve(|layer| layer.key_header("X-Key")).await;
    let by_header = |key: &str| Seen::of(server.post("/pay", "other", &json!(1)).header("x-key", key));
    assert_eq!((by_header("k").await.replayed, by_header("k").await.replayed), (false, true));
    assert_eq!(Seen::of(server.post("/pay", "k", &json!(1))).await.refusal(), "missing_key");
    assert_eq!(by_header("\"unterminated").await.refusal(), "invalid_key");

    let (server, _) = serve(|layer| layer.key_path("id")).await;
    let by_path = |path: &'static str| Seen::of(server.client.post(server.url(path)).body("1"));
    assert_eq!((by_path("/bound/1").await.replayed, by_path("/bound/1").await.replayed), (false, true));
    // A route that has no such parameter.
    assert_eq!(by_path("/pay").await.refusal(), "misconfigured");

    let (server, _) = serve(|layer| layer.key_query("token")).await;
    let by_query = |path: &'static str| Seen::of(server.client.post(server.url(path)).json(&json!(1)));
    assert_eq!((by_query("/pay?token=a").await.replayed, by_query("/pay?token=a").await.replayed), (false, true));
    assert_eq!(by_query("/pay").await.refusal(), "missing_key");

    let (server, _) = serve(|layer| layer.key_body("/id").missing(Missing::Refuse(428))).await;
    let by_body = |body| Seen::of(server.client.post(server.url("/pay")).json(&body));
    assert_eq!((by_body(json!({"id": 1})).await.replayed, by_body(json!({"id": 1})).await.replayed), (false, true));
    assert_eq!(by_body(json!({"id": 1, "more": 1})).await.refusal(), "key_reused");
    let without = by_body(json!({})).await;
    assert_eq!((without.status, without.refusal().as_str()), (428, "missing_key"));

    let (server, _) = serve(|layer| layer.key_from(|head, body| (head.uri.path().len(), Some(body.len())))).await;
    let by_value = |body| Seen::of(server.client.post(server.url("/pay")).json(&body));
    assert_eq!((by_value(json!(1)).await.replayed, by_value(json!(1)).await.replayed), (false, true));
    assert_eq!(by_value(json!(2)).await.refusal(), "key_reused");
    assert_eq!(gate.executions(), 1);
}

#[tokio::test]
async fn what_has_to_be_the_same_is_what_is_said() {
    let spaced = |server: &Server, body: &'static str| {
        let request = server.client.post(server.url("/pay")).header("idempotency-key", "k");
        Seen::of(request.header("content-type", "application/json").body(body))
    };
    let (server, _) = serve(|layer| layer.fingerprint_json()).await;
    assert!(!spaced(&server, r#"{"a":1,"b":2}"#).await.replayed);
    assert!(spaced(&server, r#"{ "b":2, "a":1 }"#).await.replayed);
    assert_eq!(spaced(&server, r#"{"a":1,"b":3}"#).await.refusal(), "key_reused");

    let (server, _) = serve(|layer| layer.fingerprint_none()).await;
    assert!(!spaced(&server, "1").await.replayed);
    assert!(spaced(&server, "2").await.replayed);

    let (server, _) = serve(|layer| layer.fingerprint_from(|_, body| body.len())).await;
    assert!(!spaced(&server, "10").await.replayed);
    assert!(spaced(&server, "20").await.replayed);
    assert_eq!(spaced(&server, "3").await.refusal(), "key_reused");

    let nothing_to_write = |_: &_, _: &_| std::collections::HashMap::from([((1, 2), 3)]);
    let (server, gate) = serve(|layer| layer.fingerprint_from(nothing_to_write)).await;
    let refused = spaced(&server, "1").await;
    assert_eq!((refused.status, refused.refusal().as_str(), gate.executions()), (500, "misconfigured", 0));
}

#[tokio::test]
async fn scopes_operations_and_what_is_recorded() {
    let (server, gate) = serve(|layer| layer.scope_header("X-Tenant")).await;
    let of = |tenant: &str| Seen::of(server.post("/pay", "k", &json!(1)).header("x-tenant", tenant));
    assert_eq!((of("a").await.replayed, of("b").await.replayed, of("a").await.replayed), (false, false, true));
    assert_eq!(Seen::of(server.post("/pay", "k", &json!(1))).await.refusal(), "missing_scope");
    assert_eq!(gate.executions(), 2);

    let (server, _) = serve(|layer| layer.operation("all")).await;
    assert_eq!(Seen::of(server.post("/pay", "k", &json!(1))).await.status, 201);
    assert_eq!(Seen::of(server.post("/bound/1", "k", &json!(1))).await.refusal(), "key_reused");

    let (server, _) = serve(|layer| layer.record(Recorded::Chosen(|head| head.status == StatusCode::CREATED))).await;
    for (status, replayed) in [(201, true), (200, false), (402, false)] {
        let key = status.to_string();
        Seen::of(server.post("/status", &key, &json!(status))).await;
        assert_eq!(Seen::of(server.post("/status", &key, &json!(status))).await.replayed, replayed, "{status}");
    }
}
