// mistakes: 1
use idem_runtime::idempotent;

trait Api {
    #[idempotent(ttl = "1h")]
    async fn handler();
}

fn main() {}
