// mistakes: 1
use axum::Json;
use idem_runtime::{Idempotency, idempotent};

struct Order;

#[idempotent(ttl = "1h", state = Idempotency)]
async fn handler(Json(_order): Json<Order>) {}

fn main() {}
