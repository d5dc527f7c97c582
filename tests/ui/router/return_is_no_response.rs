// mistakes: 1
use idem_runtime::idempotent;

struct Receipt;

#[idempotent(ttl = "1h")]
async fn handler() -> Receipt {
    Receipt
}

fn main() {}
