// mistakes: 1
use axum::http::StatusCode;
use axum::response::Sse;
use idem_runtime::idempotent;

#[idempotent(ttl = "1h")]
async fn handler() -> Result<Sse<impl Send>, StatusCode> {
    Err::<Sse<()>, _>(StatusCode::OK)
}

fn main() {}
