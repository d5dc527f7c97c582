// mistakes: 1
use idem_runtime::idempotent;

struct AppError;

#[idempotent(ttl = "1h")]
async fn handler() -> Result<String, AppError> {
    Err(AppError)
}

fn main() {}
