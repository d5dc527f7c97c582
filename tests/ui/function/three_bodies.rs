// mistakes: 2
use axum::body::Bytes;
use axum::extract::Form;
use idem_runtime::idempotent;

#[idempotent(ttl = "1h")]
async fn handler(_: Bytes, _: Form<u8>, _: String) {}

fn main() {}
