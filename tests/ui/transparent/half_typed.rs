// mistakes: 3
// One mistake, and three errors without the attribute: the compiler's parser says two of them, and then that the body it
// repaired yields nothing. Just those are reported.
use idem_runtime::idempotent;

#[idempotent(ttl = "1h")]
async fn handler(body: String) -> String {
    let length = body.
}

fn main() {}
