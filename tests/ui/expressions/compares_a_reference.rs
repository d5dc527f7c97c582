// mistakes: 1
use axum::extract::Path;
use idem_runtime::idempotent;

#[idempotent(ttl = "1h", key = if id == 0 { None } else { Some(id) })]
async fn handler(Path(id): Path<u32>) -> String {
    id.to_string()
}

fn main() {}
