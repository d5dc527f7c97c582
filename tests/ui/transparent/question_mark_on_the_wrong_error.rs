// mistakes: 1
use idem_runtime::idempotent;

struct AppError;

impl axum::response::IntoResponse for AppError {
    fn into_response(self) -> axum::response::Response {
        todo!()
    }
}

#[idempotent(ttl = "1h")]
async fn handler(body: String) -> Result<String, AppError> {
    let number: u8 = body.parse()?;
    Ok(number.to_string())
}

fn main() {}
