// mistakes: 1
#![deny(unused)]
use idem_runtime::{Idempotency, JobRefusal, idempotent_fn};

#[idempotent_fn(ttl = "1h", key = id, store = idempotency)]
pub async fn job(idempotency: &Idempotency, id: u64, unused: u64) -> Result<u64, JobRefusal> {
    Ok(id)
}

fn main() {}
