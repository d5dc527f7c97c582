// mistakes: 1
use idem_runtime::idempotent;

#[idempotent(ttl = "1h")]
async fn handler(body: String) -> String {
    body.len()
}

fn main() {}
