//! Answers as a browser sees them: what a script may read, and for whom.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;

use axum::Router;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header::CONTENT_TYPE};
use axum::response::IntoResponse;
use axum::routing::post;
use idem_runtime::{Idempotency, MemoryStore, idempotent};
use idem_tests::server::{Seen, Server};
use tower_http::cors::{AllowOrigin, CorsLayer};

const SHOP: &str = "https://shop.example";
const ADMIN: &str = "https://admin.example";
const KEY: HeaderName = HeaderName::from_static("idempotency-key");

#[idempotent(ttl = "1h", replay_status = 200)]
async fn pay(body: String) -> impl IntoResponse {
    (StatusCode::CREATED, [("location", "/payments/1")], body)
}

/// Sets its own headers, for the origin that it is asked by, or for all.
#[idempotent(ttl = "1h")]
async fn pay_and_allow(headers: HeaderMap, body: String) -> impl IntoResponse {
    let asked_by = headers.get("origin").cloned().unwrap_or(HeaderValue::from_static("nobody"));
    let allowed = if body == "all" { HeaderValue::from_static("*") } else { asked_by };
    let headers = [
        ("access-control-allow-origin", allowed),
        ("access-control-allow-credentials", HeaderValue::from_static("true")),
        ("access-control-expose-headers", HeaderValue::from_static("location")),
        ("x-other", HeaderValue::from_static("stays")),
    ];
    (headers, body)
}

fn guarded() -> Idempotency {
    Idempotency::builder(MemoryStore::new()).replayed_header(HeaderName::from_static("x-replayed")).build()
}

fn layer(idempotency: &Idempotency) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::list([SHOP, ADMIN].map(HeaderValue::from_static)))
        .allow_methods([Method::POST])
        .allow_headers([CONTENT_TYPE, KEY])
        .expose_headers(idempotency.exposed_headers())
        .allow_credentials(true)
}

/// The layer around the whole router.
async fn outside() -> Server {
    let idempotency = guarded();
    let cors = layer(&idempotency);
    Server::start(Router::new().route("/", post(pay)).layer(cors).with_state(idempotency)).await
}

async fn send(server: &Server, origin: Option<&str>, body: &str) -> Seen {
    let request = server.client.post(server.url("/")).header(KEY, "k").body(body.to_owned());
    Seen::of(match origin {
        Some(origin) => request.header("origin", origin),
        None => request,
    })
    .await
}

fn cors_headers(seen: &Seen) -> Vec<&str> {
    seen.headers.iter().map(|(name, _)| name.as_str()).filter(|name| name.starts_with("access-control-")).collect()
}

/// The same for every layer that is outside of the handler: around the router, around the route, around the method.
async fn each_origin_gets_its_own(server: &Server) {
    let first = send(server, Some(SHOP), "1").await;
    let retry = send(server, Some(ADMIN), "1").await;
    let refused = send(server, Some(ADMIN), "2").await;
    assert_eq!((first.status, retry.status, refused.status), (201, 200, 422));
    assert_eq!(retry.header("x-replayed").as_deref(), Some("true"));
    for (seen, origin) in [(&first, SHOP), (&retry, ADMIN), (&refused, ADMIN)] {
        let allowed: Vec<_> = seen
            .headers
            .iter()
            .filter(|(name, _)| name == "access-control-allow-origin")
            .map(|header| &header.1)
            .collect();
        assert_eq!(allowed, [origin.as_bytes()], "{seen:?}");
        let exposed = seen.header("access-control-expose-headers").unwrap();
        let exposed: BTreeSet<_> = exposed.split(',').collect();
        let wanted =
            ["x-replayed", "retry-after", "location", "content-location", "etag", "idempotency-bypassed", "link"];
        assert_eq!(exposed, BTreeSet::from(wanted));
    }
    let nobody = send(server, Some("https://evil.example"), "1").await;
    assert_eq!(nobody.header("access-control-allow-origin"), None, "{nobody:?}");
}

#[tokio::test]
async fn a_layer_around_the_router() {
    each_origin_gets_its_own(&outside().await).await;
}

#[tokio::test]
async fn a_layer_around_the_handler() {
    use axum::handler::Handler as _;
    let idempotency = guarded();
    let cors = layer(&idempotency);
    each_origin_gets_its_own(
        &Server::start(Router::new().route("/", post(pay.layer(cors))).with_state(idempotency)).await,
    )
    .await;
}

#[tokio::test]
async fn a_browser_may_send_the_key() {
    let server = outside().await;
    let preflight = server
        .client
        .request(Method::OPTIONS, server.url("/"))
        .header("origin", SHOP)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type,idempotency-key");
    let preflight = Seen::of(preflight).await;
    assert_eq!(preflight.status, 200);
    assert_eq!(preflight.header("access-control-allow-headers").as_deref(), Some("content-type,idempotency-key"));
}

/// What the handler itself answers to one origin is recorded, and is for no other.
#[tokio::test]
async fn a_recorded_permission_is_for_the_origin_that_it_was_given_to() {
    let server = Server::start(Router::new().route("/", post(pay_and_allow)).with_state(guarded())).await;
    let first = send(&server, Some(SHOP), "1").await;
    assert_eq!(first.header("access-control-allow-origin").as_deref(), Some(SHOP));
    let same = send(&server, Some(SHOP), "1").await;
    assert_eq!(same.header("x-replayed").as_deref(), Some("true"));
    assert_eq!(cors_headers(&same), cors_headers(&first));
    assert_eq!(same.header("access-control-allow-origin").as_deref(), Some(SHOP));
    for other in [Some(ADMIN), Some("null"), None] {
        let retry = send(&server, other, "1").await;
        assert_eq!(retry.header("x-replayed").as_deref(), Some("true"));
        assert!(cors_headers(&retry).is_empty(), "{retry:?}");
        assert_eq!((retry.header("x-other").as_deref(), retry.body), (Some("stays"), first.body.clone()));
    }
}

#[tokio::test]
async fn a_recorded_permission_for_all_is_for_all() {
    let server = Server::start(Router::new().route("/", post(pay_and_allow)).with_state(guarded())).await;
    for origin in [Some(SHOP), Some(ADMIN), None] {
        let seen = send(&server, origin, "all").await;
        assert_eq!(seen.header("access-control-allow-origin").as_deref(), Some("*"), "{seen:?}");
        assert_eq!(seen.header("x-replayed").is_some(), origin != Some(SHOP));
    }
}

/// A layer outside has the last word over what the handler said.
#[tokio::test]
async fn a_layer_outside_of_a_handler_that_allows_by_itself() {
    let idempotency = guarded();
    let cors = layer(&idempotency);
    let router = Router::new().route("/", post(pay_and_allow)).layer(cors).with_state(idempotency);
    let server = Server::start(router).await;
    for origin in [SHOP, ADMIN, SHOP] {
        let seen = send(&server, Some(origin), "1").await;
        assert_eq!(seen.header("access-control-allow-origin").as_deref(), Some(origin), "{seen:?}");
        assert_eq!(cors_headers(&seen).len(), 3, "{seen:?}");
    }
}
