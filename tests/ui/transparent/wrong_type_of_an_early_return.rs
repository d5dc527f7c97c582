// mistakes: 1
use idem_runtime::idempotent;

#[idempotent(ttl = "1h")]
async fn handler(body: String) -> String {
    if body.is_empty() {
        return 5;
    }
    body
}

fn main() {}
