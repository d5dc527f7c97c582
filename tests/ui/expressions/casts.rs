// mistakes: 1
use axum::extract::Path;
use idem_runtime::idempotent;

#[idempotent(ttl = "1h", key = id as u8)]
async fn handler(Path(id): Path<u32>) -> String {
    id.to_string()
}

fn main() {}
