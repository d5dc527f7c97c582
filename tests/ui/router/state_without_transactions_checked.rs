// mistakes: 1
use axum::Router;
use axum::extract::FromRef;
use axum::routing::post;
use idem_runtime::{Idempotency, PostgresTransaction, idempotent};

#[derive(Clone, FromRef)]
struct AppState {
    idempotency: Idempotency,
}

#[idempotent(ttl = "1h", state = AppState)]
async fn handler(tx: PostgresTransaction, body: String) -> String {
    drop(tx);
    body
}

fn app(state: AppState) -> Router {
    Router::new().route("/", post(async || ())).with_state(state)
}

fn main() {}
