// mistakes: 1
use idem_runtime::idempotent;

#[deny(unused)]
#[idempotent(ttl = "1h")]
async fn handler(body: String) -> String {
    let length = body.len();
    body
}

fn main() {}
