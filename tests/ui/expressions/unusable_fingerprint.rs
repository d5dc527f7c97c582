// mistakes: 1
use axum::Json;
use idem_runtime::idempotent;

#[derive(serde::Deserialize)]
struct Order(String);

#[idempotent(ttl = "1h", fingerprint = order)]
async fn handler(Json(order): Json<Order>) -> String {
    order.0
}

fn main() {
    idem_tests::ui::route(handler);
}
