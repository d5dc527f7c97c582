// mistakes: 1
use idem_runtime::idempotent;

const TTL: &str = "1h";

#[idempotent(ttl = TTL)]
async fn handler(body: String) -> String {
    body
}

fn main() {
    idem_tests::ui::route(handler);
}
