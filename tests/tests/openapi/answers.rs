//! A real application, and whether its refusals are what its document says.

use std::collections::BTreeSet;

use axum::Router;
use axum::extract::{FromRef, State};
use idem_runtime::{Idempotency, MemoryStore, idempotent};
use idem_tests::gate::Gate;
use idem_tests::server::{Seen, Server};
use serde_json::Value;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

#[derive(Clone, FromRef)]
struct AppState {
    idempotency: Idempotency,
    gate: Gate,
}

#[idempotent(ttl = "1h", scope = "header:X-Tenant", on_failure = "keep", max_response = "16B", missing = 428)]
#[utoipa::path(post, path = "/payments", request_body = String, responses((status = 200, body = String)))]
async fn pay(State(gate): State<Gate>, body: String) -> String {
    gate.pass().await;
    assert_ne!(body, "panic");
    body
}

/// A server, and what its document says of the route's `responses`.
async fn serve(store: MemoryStore, gate: Gate) -> (Server, Idempotency, Value) {
    #[derive(OpenApi)]
    struct Document;
    let idempotency = Idempotency::new(store);
    let (router, document): (Router<AppState>, _) =
        OpenApiRouter::with_openapi(Document::openapi()).routes(routes!(pay)).split_for_parts();
    let document = serde_json::to_value(document).unwrap();
    let operation = &document["paths"]["/payments"]["post"];
    let names: Vec<_> = operation["parameters"].as_array().unwrap().iter().map(|each| &each["name"]).collect();
    assert_eq!(names, ["Idempotency-Key", "X-Tenant"]);
    let responses = operation["responses"].clone();
    let state = AppState { idempotency: idempotency.clone(), gate };
    let server = Server::start(router.layer(CatchPanicLayer::new()).with_state(state)).await;
    (server, idempotency, responses)
}

fn request(server: &Server, key: &str, body: &str) -> reqwest::RequestBuilder {
    let request = server.client.post(server.url("/payments")).header("x-tenant", "t");
    request.header("idempotency-key", key).body(body.to_owned())
}

/// Checks a refusal against the document, and gives its code.
#[track_caller]
fn as_documented(responses: &Value, seen: &Seen) -> String {
    let code = seen.refusal();
    let response = &responses[seen.status.to_string()];
    let schema = &response["content"][seen.header("content-type").unwrap()]["schema"];
    assert!(schema.is_object(), "{code}: no such answer in {responses}");
    let problem = seen.json();
    let members: BTreeSet<_> = problem.as_object().unwrap().keys().map(String::as_str).collect();
    let required: BTreeSet<_> = schema["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(members, required, "{code}");
    for (name, value) in problem.as_object().unwrap() {
        let member = &schema["properties"][name];
        let kind = if value.is_string() { "string" } else { "integer" };
        assert_eq!(member["type"], kind, "{code}: {name}");
        let allowed = member["enum"].as_array();
        assert!(allowed.is_none_or(|allowed| allowed.contains(value)), "{code}: {name} in {member}");
        assert_eq!(allowed.is_some(), ["status", "code"].contains(&name.as_str()), "{code}: {name}");
    }
    let waits = &response["headers"]["Retry-After"];
    if let Some(seconds) = seen.header("retry-after") {
        assert_eq!(waits["schema"]["type"], "integer", "{code}");
        assert!(waits["description"].as_str().unwrap().contains(&format!("`{code}`")), "{code}");
        seconds.parse::<u64>().unwrap();
    } else {
        assert!(waits.is_null() || !waits["description"].as_str().unwrap().contains(&format!("`{code}`")), "{code}");
    }
    code
}

/// Every code that the document has.
fn documented(responses: &Value) -> BTreeSet<String> {
    let problems = responses.as_object().unwrap().values();
    let codes = problems.filter_map(|response| {
        response["content"]["application/problem+json"]["schema"]["properties"]["code"]["enum"].as_array()
    });
    codes.flatten().map(|code| code.as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn each_refusal_is_documented_and_each_documented_one_is_given() {
    let gate = Gate::closed();
    let (server, idempotency, responses) = serve(MemoryStore::new(), gate.clone()).await;
    let bare = || server.client.post(server.url("/payments")).body("1");
    let mut given = BTreeSet::new();
    let mut refused = |seen: &Seen| given.insert(as_documented(&responses, seen));

    refused(&Seen::of(bare()).await);
    refused(&Seen::of(bare().header("idempotency-key", "a b")).await);
    refused(&Seen::of(bare().header("idempotency-key", "k")).await);
    refused(&Seen::of(bare().header("idempotency-key", "k").header("x-tenant", "a").header("x-tenant", "b")).await);

    let first = tokio::spawn(Seen::of(request(&server, "k", "1")));
    gate.started().await;
    refused(&Seen::of(request(&server, "k", "1")).await);
    refused(&Seen::of(request(&server, "k", "2")).await);
    gate.let_pass(3);
    assert_eq!(first.await.unwrap().status, 200);
    let replay = Seen::of(request(&server, "k", "1")).await;
    assert!(replay.replayed && responses["200"]["content"]["text/plain"].is_object(), "{replay:?}");

    let large = "a body of more than 16 bytes";
    assert_eq!(Seen::of(request(&server, "large", large)).await.status, 200);
    refused(&Seen::of(request(&server, "large", large)).await);
    assert_eq!(Seen::of(request(&server, "lost", "panic")).await.status, 500);
    refused(&Seen::of(request(&server, "lost", "panic")).await);

    idempotency.drain().await;
    refused(&Seen::of(request(&server, "late", "1")).await);

    let (full, _, same) = serve(MemoryStore::with_capacity_bytes(1), Gate::closed()).await;
    assert_eq!(same, responses);
    refused(&Seen::of(request(&full, "k", "1")).await);

    assert_eq!(given, documented(&responses));
}
