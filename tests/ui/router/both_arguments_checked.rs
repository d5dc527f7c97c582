// mistakes: 2
use axum::extract::State;
use idem_runtime::{Idempotency, idempotent};

struct User;

struct Order;

#[idempotent(ttl = "1h", state = Idempotency)]
async fn handler(_: State<Idempotency>, _user: User, _order: Vec<Order>) {}

fn main() {}
