// mistakes: 1
use idem_runtime::idempotent;

#[deny(unused)]
#[idempotent(ttl = "1h")]
async fn handler(mut body: String) -> String {
    body
}

fn main() {}
