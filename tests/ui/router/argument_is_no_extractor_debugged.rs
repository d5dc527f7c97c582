// mistakes: 1
use axum::debug_handler;
use idem_runtime::{Idempotency, idempotent};

struct Order;

#[debug_handler(state = Idempotency)]
#[idempotent(ttl = "1h")]
async fn handler(_: Order) {}

fn main() {}
