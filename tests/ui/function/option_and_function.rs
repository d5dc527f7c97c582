// mistakes: 3
use idem_runtime::idempotent;

#[idempotent(ttl = "1x", tll = "1h")]
fn handler() {}

fn main() {}
