// mistakes: 1
use axum::extract::State;
use idem_runtime::{Idempotency, idempotent};

struct User;

#[idempotent(ttl = "1h", state = Idempotency)]
async fn handler(_: State<Idempotency>, _user: User, _body: String) {}

fn main() {}
