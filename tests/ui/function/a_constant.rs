// mistakes: 1
use idem_runtime::idempotent;

#[idempotent(ttl = "1h")]
const HANDLER: u8 = 1;

fn main() {}
