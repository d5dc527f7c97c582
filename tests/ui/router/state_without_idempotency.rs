// mistakes: 1
use axum::Router;
use axum::extract::State;
use axum::routing::post;
use idem_runtime::idempotent;

#[derive(Clone)]
struct AppState;

#[idempotent(ttl = "1h")]
async fn handler(State(_): State<AppState>, body: String) -> String {
    body
}

fn app() -> Router {
    Router::new().route("/", post(handler)).with_state(AppState)
}

fn main() {}
