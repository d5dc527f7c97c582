// mistakes: 1
use idem_runtime::idempotent;

#[idempotent(ttl = "1h")]
struct Handler;

fn main() {}
