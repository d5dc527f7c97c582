// mistakes: 1
use idem_runtime::{Idempotency, JobRefusal, idempotent_fn};

#[idempotent_fn(ttl = "1h")]
struct Job(Idempotency, JobRefusal);

fn main() {}
