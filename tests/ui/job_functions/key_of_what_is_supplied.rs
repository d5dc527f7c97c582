// mistakes: 1
use idem_runtime::{Execution, Idempotency, JobRefusal, idempotent_fn};

#[idempotent_fn(ttl = "1h", key = execution.attempt(), store = idempotency)]
async fn job(idempotency: &Idempotency, #[supplied] execution: Execution) -> Result<u32, JobRefusal> {
    drop(idempotency.clone());
    Ok(execution.attempt())
}

fn main() {}
