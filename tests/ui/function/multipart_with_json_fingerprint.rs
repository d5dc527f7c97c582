// mistakes: 1
use axum::extract::Multipart;
use idem_runtime::idempotent;

#[idempotent(ttl = "1h", fingerprint = "json")]
async fn handler(_form: Multipart) {}

fn main() {}
