// mistakes: 1
use idem_runtime::idempotent;

#[idempotent(ttl = "1h")]
#[tracing::instrument]
async fn handler(body: String) -> String {
    body
}

fn main() {}
