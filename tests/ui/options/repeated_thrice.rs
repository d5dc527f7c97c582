// mistakes: 2
use idem_runtime::idempotent;

#[idempotent(ttl = "1h", lease = "1s", lease = "2s", lease = "3s")]
async fn handler(body: String) -> String {
    body
}

fn main() {
    idem_tests::ui::route(handler);
}
