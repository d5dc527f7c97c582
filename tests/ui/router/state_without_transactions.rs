// mistakes: 1
use axum::Router;
use axum::routing::post;
use idem_runtime::{Idempotency, PostgresTransaction, idempotent};

#[idempotent(ttl = "1h")]
async fn handler(tx: PostgresTransaction, body: String) -> String {
    drop(tx);
    body
}

fn app(idempotency: Idempotency) -> Router {
    Router::new().route("/", post(handler)).with_state(idempotency)
}

fn main() {}
