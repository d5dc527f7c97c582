// mistakes: 1
use axum::extract::Request;
use idem_runtime::{Idempotency, idempotent};

#[idempotent(ttl = "1h", state = Idempotency)]
async fn handler(_: Request, _: String) {}

fn main() {}
