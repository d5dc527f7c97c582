// mistakes: 1
use idem_runtime::idempotent;

#[idempotent(ttl = "1h")]
async fn handler(#[cfg(unix)] body: String) {
    drop(body);
}

fn main() {}
