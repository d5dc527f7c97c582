//! What a handler can take.

use axum::body::{Body, Bytes};
use axum::extract::rejection::JsonRejection;
use axum::extract::{
    DefaultBodyLimit, Extension, Form, MatchedPath, Multipart, OriginalUri, Path, Query, RawQuery, Request, State,
};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::routing::{any, post};
use axum::{Json, Router};
use http_body_util::BodyExt as _;
use idem_runtime::{Execution, Idempotency, MemoryStore, idempotent};
use serde::Deserialize;

use crate::{AppState, Shape, shape};

#[derive(Debug, Deserialize)]
pub struct Order {
    pub id: u64,
    pub name: String,
}

#[idempotent(ttl = "1h")]
async fn json(Json(order): Json<Order>) -> String {
    format!("{} {}", order.id, order.name)
}
shape!(json, Shape::answers("7 x"));

#[idempotent(ttl = "1h")]
async fn form(Form(order): Form<Order>) -> String {
    format!("{} {}", order.id, order.name)
}
shape!(form, Shape::answers("7 x").sent("application/x-www-form-urlencoded", "id=7&name=x"));

#[idempotent(ttl = "1h")]
async fn bytes(body: Bytes) -> Bytes {
    body
}
shape!(bytes, Shape::answers("raw").sent("text/plain", "raw"));

#[idempotent(ttl = "1h")]
async fn string(body: String) -> String {
    body
}
shape!(string, Shape::answers("raw").sent("text/plain", "raw"));

#[idempotent(ttl = "1h")]
async fn request(request: Request) -> String {
    let body = request.into_body().collect().await.unwrap().to_bytes();
    body.len().to_string()
}
shape!(request, Shape::answers("19"));

#[idempotent(ttl = "1h")]
async fn body(body: Body) -> String {
    body.collect().await.unwrap().to_bytes().len().to_string()
}
shape!(body, Shape::answers("19"));

#[idempotent(ttl = "1h", fingerprint = "none")]
async fn multipart(mut form: Multipart) -> String {
    let field = form.next_field().await.unwrap().unwrap();
    format!("{:?} {}", field.name().map(ToOwned::to_owned), field.text().await.unwrap())
}
shape!(
    multipart,
    Shape::answers("Some(\"a\") v").sent(
        "multipart/form-data; boundary=B",
        "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nv\r\n--B--\r\n"
    )
);

#[idempotent(ttl = "1h")]
async fn optional(order: Option<Json<Order>>) -> String {
    order.is_some().to_string()
}
shape!(optional, Shape::answers("true"));

#[idempotent(ttl = "1h")]
async fn fallible(order: Result<Json<Order>, JsonRejection>) -> StatusCode {
    order.map_or(StatusCode::IM_A_TEAPOT, |_| StatusCode::CREATED)
}
shape!(fallible, Shape::answers("").sent("application/json", "{").with_status(StatusCode::IM_A_TEAPOT));

#[idempotent(ttl = "1h")]
async fn only_state(State(state): State<AppState>) -> &'static str {
    state.name
}
shape!(only_state, Shape::answers("state"));

#[idempotent(ttl = "1h")]
async fn only_path(Path((kind, id)): Path<(String, u32)>) -> String {
    format!("{kind} {id}")
}
shape!(only_path, Shape::answers("a 7").at("/{kind}/{id}", "/a/7"));

#[idempotent(ttl = "1h")]
async fn headers_last(headers: HeaderMap) -> String {
    headers.contains_key("idempotency-key").to_string()
}
shape!(headers_last, Shape::answers("true"));

#[idempotent(ttl = "1h")]
async fn parts_only(method: Method, uri: Uri, RawQuery(query): RawQuery) -> String {
    format!("{method} {} {query:?}", uri.path())
}
shape!(parts_only, Shape::answers("POST / Some(\"a=1\")").at("/", "/?a=1"));

#[idempotent(ttl = "1h")]
async fn query(Query(query): Query<Vec<(String, String)>>, OriginalUri(uri): OriginalUri) -> String {
    format!("{} {uri}", query.len())
}
shape!(query, Shape::answers("2 /?a=1&b=2").at("/", "/?a=1&b=2"));

#[idempotent(ttl = "1h")]
async fn tuple(State(state): State<AppState>, (method, body): (Method, String)) -> String {
    format!("{} {method} {body}", state.name)
}
shape!(tuple, Shape::answers("state POST b").sent("text/plain", "b"));

#[idempotent(ttl = "1h")]
#[allow(clippy::too_many_arguments, reason = "axum takes as many")]
async fn sixteen(
    _1: Method,
    _2: Uri,
    _3: HeaderMap,
    _4: State<AppState>,
    _5: RawQuery,
    _6: OriginalUri,
    _7: MatchedPath,
    _8: Execution,
    _9: Method,
    _10: Method,
    _11: Method,
    _12: Method,
    _13: Method,
    _14: Method,
    _15: Method,
    last: String,
) -> String {
    last
}
shape!(sixteen, Shape::answers("last").sent("text/plain", "last"));

#[idempotent(ttl = "1h")]
async fn extension(Extension(number): Extension<u8>, body: String) -> String {
    format!("{number}{body}")
}
shape!(extension, post(extension).layer(Extension(7_u8)), Shape::answers("7b").sent("text/plain", "b"));

#[tokio::test]
async fn the_router_state_is_the_idempotency_itself() {
    let router = Router::new().route("/", post(json)).with_state(Idempotency::new(MemoryStore::new()));
    Shape::answers("7 x").check_router(router).await;
}

#[tokio::test]
async fn nested_and_merged() {
    let inner = Router::new().route("/{id}", post(json).get(|| async { "plain" })).fallback(|| async { "none" });
    let outer = Router::new().nest("/v1", inner).merge(Router::new().route("/other", any(json)));
    Shape::answers("7 x").at("", "/v1/9?q=1").check_router(outer.with_state(crate::state())).await;
}

#[tokio::test]
async fn as_a_fallback() {
    let router = Router::new().fallback(json).with_state(crate::state());
    Shape::answers("7 x").at("", "/anywhere").check_router(router).await;
}

#[tokio::test]
async fn with_layers() {
    let handler = post(json).layer(DefaultBodyLimit::max(64));
    Shape::answers("7 x").check(handler).await;
    let too_long =
        Shape { body: r#"{"id":7,"name":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}"#, ..crate::JSON };
    let router = Router::new().route("/", post(json)).layer(DefaultBodyLimit::max(64)).with_state(crate::state());
    for _ in 0..2 {
        let (status, headers, _) = too_long.send(&router).await;
        assert_eq!((status, headers.contains_key("idempotency-replayed")), (StatusCode::PAYLOAD_TOO_LARGE, false));
    }
}
