// mistakes: 1
use idem_runtime::idempotent;

#[idempotent(ttl = "1h", operation = 5)]
async fn handler(body: String) -> String {
    body
}

fn main() {
    idem_tests::ui::route(handler);
}
