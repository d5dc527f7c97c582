// mistakes: 1
use idem_runtime::{Idempotency, JobRefusal, idempotent_fn};

#[idempotent_fn(ttl = "1h", key = id, store = idempotency)]
async fn job(idempotency: &Idempotency, id: u64) -> Result<impl Sized, JobRefusal> {
    drop(idempotency.clone());
    Ok(id)
}

fn main() {}
