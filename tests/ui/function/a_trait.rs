// mistakes: 1
use idem_runtime::idempotent;

#[idempotent(ttl = "1h")]
trait Handler {}

fn main() {}
