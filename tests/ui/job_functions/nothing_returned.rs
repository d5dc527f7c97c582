// mistakes: 1
use idem_runtime::{Idempotency, idempotent_fn};

#[idempotent_fn(ttl = "1h", key = id, store = idempotency)]
async fn job(idempotency: &Idempotency, id: u64) {
    drop((idempotency.clone(), id));
}

fn main() {}
