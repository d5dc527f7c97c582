// mistakes: 1
use axum::Json;
use idem_runtime::idempotent;

#[derive(serde::Deserialize)]
struct Order {
    id: String,
}

#[idempotent(ttl = "1h", key = order.number)]
async fn handler(Json(order): Json<Order>) -> String {
    order.id
}

fn main() {
    idem_tests::ui::route(handler);
}
