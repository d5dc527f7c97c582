// mistakes: 1
use idem_runtime::idempotent;

#[idempotent(ttl = "1h")]
#[idem_runtime::idempotent(ttl = "2h")]
async fn handler() {}

fn main() {}
