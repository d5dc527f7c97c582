// mistakes: 1
use axum::Json;
use idem_runtime::idempotent;

#[idempotent(ttl = "1h", key = amount)]
async fn handler(Json(amount): Json<f64>) -> String {
    amount.to_string()
}

fn main() {
    idem_tests::ui::route(handler);
}
