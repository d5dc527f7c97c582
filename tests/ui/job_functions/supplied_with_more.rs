// mistakes: 1
use idem_runtime::{Execution, Idempotency, JobRefusal, idempotent_fn};

#[idempotent_fn(ttl = "1h", key = id, store = idempotency)]
async fn job(idempotency: &Idempotency, #[supplied(now)] execution: Execution, id: u64) -> Result<u64, JobRefusal> {
    drop((idempotency.clone(), execution));
    Ok(id)
}

fn main() {}
