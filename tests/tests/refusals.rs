//! What a refusal says of itself: a page for each code, where the application wants it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use axum::Router;
use axum::response::IntoResponse as _;
use axum::routing::post;
use idem_runtime::{Idempotency, IdempotencyBuilder, MemoryStore, idempotent};
use idem_tests::server::{Seen, Server};
use serde_json::json;

#[idempotent(ttl = "1h")]
async fn pay(body: String) -> String {
    body
}

async fn server(settings: impl FnOnce(IdempotencyBuilder) -> IdempotencyBuilder) -> Server {
    let idempotency = settings(Idempotency::builder(MemoryStore::new())).build();
    Server::start(Router::new().route("/", post(pay)).with_state(idempotency)).await
}

async fn without_a_key(server: &Server) -> Seen {
    Seen::of(server.client.post(server.url("/")).body("1")).await
}

#[tokio::test]
async fn each_code_has_a_page_of_its_own() {
    let server = server(|builder| builder).await;
    let missing = without_a_key(&server).await;
    let invalid = Seen::of(server.client.post(server.url("/")).header("idempotency-key", "a b")).await;
    assert_eq!((missing.refusal().as_str(), invalid.refusal().as_str()), ("missing_key", "invalid_key"));
    assert_ne!(missing.json()["type"], invalid.json()["type"]);
    let members = json!({
        "type": "https://docs.rs/idem-runtime/latest/idem_runtime/guide/problems/index.html#missing_key",
        "title": "The idempotency key is missing",
        "status": 400,
        "detail": "Send an idempotency key in the header `idempotency-key`, and the same one with every retry of this request.",
        "code": "missing_key",
    });
    assert_eq!(missing.json(), members);
}

#[tokio::test]
async fn an_application_has_the_pages_itself() {
    let server = server(|builder| builder.problem_pages("https://api.shop.example/problems#")).await;
    let missing = without_a_key(&server).await;
    assert_eq!(missing.json()["type"], "https://api.shop.example/problems#missing_key");
    let link = r#"<https://api.shop.example/problems#missing_key>; rel="describedby""#;
    assert_eq!(missing.header("link").as_deref(), Some(link));
}

#[tokio::test]
async fn a_rendering_of_its_own_is_told_the_page() {
    let render = |refusal: &idem_runtime::Refusal| (refusal.status(), refusal.documentation()).into_response();
    let server = server(|builder| builder.render_refusals(render).problem_pages("http://localhost/?code=")).await;
    let missing = without_a_key(&server).await;
    assert_eq!((missing.status, missing.body.as_slice()), (400, &b"http://localhost/?code=missing_key"[..]));
}

#[test]
#[should_panic(expected = "`problem_pages` takes `https://HOST/PATH#` or the like")]
fn a_page_that_is_no_uri_ends_the_start() {
    drop(Idempotency::builder(MemoryStore::new()).problem_pages("problems"));
}
