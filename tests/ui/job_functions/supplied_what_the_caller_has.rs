// mistakes: 1
use idem_runtime::{Idempotency, JobRefusal, idempotent_fn};

#[idempotent_fn(ttl = "1h", key = id, store = idempotency)]
async fn job(#[supplied] idempotency: Idempotency, id: u64) -> Result<u64, JobRefusal> {
    drop(idempotency);
    Ok(id)
}

fn main() {}
