// mistakes: 1
use idem_runtime::idempotent;

struct Handler;

#[idempotent(ttl = "1h")]
impl Handler {}

fn main() {}
