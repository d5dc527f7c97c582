// mistakes: 1
use idem_runtime::{Idempotency, JobRefusal, SqliteTransaction, idempotent_fn};

#[idempotent_fn(ttl = "1h", key = id, store = idempotency)]
async fn job(idempotency: Idempotency, #[supplied] tx: SqliteTransaction, id: u64) -> Result<u64, JobRefusal> {
    drop((idempotency, tx));
    Ok(id)
}

fn main() {}
