// mistakes: 1
use idem_runtime::idempotent;

#[idempotent(ttl = "1h")]
async extern "C" fn handler() {}

fn main() {}
