// mistakes: 1
use axum::Json;
use idem_runtime::idempotent;

#[idempotent(ttl = "1h", key = format!("{order}"))]
async fn handler(Json(request): Json<u64>) -> String {
    request.to_string()
}

fn main() {
    idem_tests::ui::route(handler);
}
