// mistakes: 3
use idem_runtime::{Idempotency, JobRefusal, idempotent_fn};

struct Message {
    id: u64,
    tenant: String,
}

#[idempotent_fn(ttl = "1h", key = message.id, store = idempotency, missing = "execute", record = "success", state = AppState)]
async fn consume(idempotency: Idempotency, message: Message) -> Result<u64, JobRefusal> {
    drop(idempotency);
    Ok(message.id + message.tenant.len() as u64)
}

fn main() {}
