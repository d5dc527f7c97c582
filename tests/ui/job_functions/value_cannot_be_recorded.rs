// mistakes: 2
use idem_runtime::{Idempotency, JobRefusal, idempotent_fn};

pub struct Parcel(u64);

#[idempotent_fn(ttl = "1h", key = id, store = idempotency)]
async fn job(idempotency: &Idempotency, id: u64) -> Result<Parcel, JobRefusal> {
    drop(idempotency.clone());
    Ok(Parcel(id))
}

fn main() {}
