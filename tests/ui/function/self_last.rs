// mistakes: 1
use idem_runtime::idempotent;

struct Api;

impl Api {
    #[idempotent(ttl = "1h")]
    async fn handler(self: Box<Self>, _body: String) {}
}

fn main() {}
