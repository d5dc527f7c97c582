// mistakes: 1
use axum::Router;
use axum::routing::post;
use idem_runtime::{Idempotency, idempotent};

struct Order;

#[idempotent(ttl = "1h")]
async fn handler(_: Order) {}

fn app() -> Router<Idempotency> {
    Router::new().route("/", post(handler))
}

fn main() {}
