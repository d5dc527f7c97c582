// mistakes: 1
use idem_runtime::idempotent;

#[idempotent(ttl = "1h")]
async fn handler(Some(body): Option<String>) -> String {
    body
}

fn main() {}
