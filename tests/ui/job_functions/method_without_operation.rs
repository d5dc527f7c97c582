// mistakes: 1
use idem_runtime::{Idempotency, JobRefusal, idempotent_fn};

struct Consumer {
    idempotency: Idempotency,
}

impl Consumer {
    #[idempotent_fn(ttl = "1h", key = id, store = &self.idempotency)]
    async fn job(&self, id: u64) -> Result<u64, JobRefusal> {
        Ok(id)
    }
}

fn main() {}
