// mistakes: 1
use idem_runtime::{Idempotency, JobRefusal, idempotent_fn};

#[idempotent_fn(ttl = "1h", key = self.0, store = STORE)]
struct Job(Idempotency, JobRefusal);

fn main() {}
