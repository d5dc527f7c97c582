// mistakes: 1
use axum::Json;
use idem_runtime::idempotent;

struct Receipt;

#[idempotent(ttl = "1h")]
async fn handler(Json(_): Json<u8>) -> Receipt {
    Receipt
}

fn main() {}
