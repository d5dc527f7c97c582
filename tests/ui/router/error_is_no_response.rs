// mistakes: 1
use axum::Json;
use idem_runtime::idempotent;

struct AppError;

#[idempotent(ttl = "1h")]
async fn handler(Json(_): Json<u8>) -> Result<String, AppError> {
    Err(AppError)
}

fn main() {}
