// mistakes: 2
// The same two as without the attribute: the compiler asks the body and the type.
use axum::response::IntoResponse;
use idem_runtime::idempotent;

struct Receipt;

#[idempotent(ttl = "1h")]
async fn handler() -> impl IntoResponse {
    Receipt
}

fn main() {}
