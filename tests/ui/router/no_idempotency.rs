// mistakes: 1
use axum::Router;
use axum::routing::post;
use idem_runtime::idempotent;

#[idempotent(ttl = "1h")]
async fn handler(body: String) -> String {
    body
}

fn app() -> Router {
    Router::new().route("/", post(handler))
}

fn main() {}
