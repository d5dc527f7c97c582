// mistakes: 1
use idem_runtime::{Idempotency, idempotent_fn};

pub struct ShipError;

#[idempotent_fn(ttl = "1h", key = id, store = idempotency)]
async fn job(idempotency: &Idempotency, id: u64) -> Result<u64, ShipError> {
    drop(idempotency.clone());
    Ok(id)
}

fn main() {}
