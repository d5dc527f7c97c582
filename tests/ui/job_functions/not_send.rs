// mistakes: 1
use idem_runtime::{Idempotency, JobRefusal, idempotent_fn};

#[idempotent_fn(ttl = "1h", key = id, store = idempotency)]
async fn job(idempotency: Idempotency, id: u64) -> Result<u64, JobRefusal> {
    let shared = std::rc::Rc::new(id);
    std::future::ready(()).await;
    Ok(*shared)
}

fn main() {}
