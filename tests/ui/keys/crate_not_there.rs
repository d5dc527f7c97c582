// mistakes: 1
use idem_runtime::idempotent;

#[idempotent(ttl = "1h", crate = ::nowhere, state = u8, key = body.len())]
async fn handler(body: String) -> String {
    body
}

// A route would report one thing more: a handler whose arguments are of a type that cannot be found.
fn main() {}
