// mistakes: 1
use idem_runtime::idempotent;

#[idempotent(ttl = "1h")]
async unsafe fn handler() {}

fn main() {}
