// mistakes: 1
use axum::http::Method;
use idem_runtime::idempotent;

#[idempotent(ttl = "1h")]
async fn handler(_: String, _: Method) {}

fn main() {}
