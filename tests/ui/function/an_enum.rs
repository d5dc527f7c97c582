// mistakes: 1
use idem_runtime::idempotent;

#[idempotent(ttl = "1h")]
enum Handler {}

fn main() {}
