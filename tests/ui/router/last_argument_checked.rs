// mistakes: 1
use axum::extract::State;
use idem_runtime::{Idempotency, idempotent};

struct Order;

#[idempotent(ttl = "1h", state = Idempotency)]
async fn handler(_: State<Idempotency>, _order: Order) {}

fn main() {}
