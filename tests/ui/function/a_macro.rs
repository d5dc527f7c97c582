// mistakes: 1
use idem_runtime::idempotent;

#[idempotent(ttl = "1h")]
macro_rules! handler {
    () => {};
}

fn main() {}
