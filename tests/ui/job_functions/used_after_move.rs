// mistakes: 1
use idem_runtime::{Idempotency, JobRefusal, idempotent_fn};

#[idempotent_fn(ttl = "1h", key = id, store = idempotency)]
async fn job(idempotency: Idempotency, id: String) -> Result<String, JobRefusal> {
    drop(idempotency);
    drop(id);
    Ok(id)
}

fn main() {}
