// mistakes: 1
use idem_runtime::idempotent;
use tracing::instrument;

#[idempotent(ttl = "1h")]
#[instrument(skip_all)]
async fn handler(body: String) -> String {
    body
}

fn main() {}
