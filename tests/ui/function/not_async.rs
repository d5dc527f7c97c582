// mistakes: 1
use idem_runtime::idempotent;

#[idempotent(ttl = "1h")]
fn handler() {}

fn main() {}
