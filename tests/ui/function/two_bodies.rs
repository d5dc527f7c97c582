// mistakes: 1
use axum::Json;
use idem_runtime::idempotent;

#[idempotent(ttl = "1h")]
async fn handler(text: String, Json(value): Json<u8>) -> String {
    format!("{text}{value}")
}

fn main() {}
