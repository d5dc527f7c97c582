// mistakes: 1
use axum::extract::Multipart;
use idem_runtime::idempotent;

#[idempotent(ttl = "1h")]
async fn handler(_form: Multipart) {}

fn main() {}
