// mistakes: 1
use axum::Json;
use idem_runtime::idempotent;

#[idempotent(ttl = "1h", key = oder)]
async fn handler(Json(order): Json<u64>) -> String {
    order.to_string()
}

fn main() {
    idem_tests::ui::route(handler);
}
