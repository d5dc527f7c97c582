// mistakes: 2
use idem_runtime::idempotent;

#[idempotent(ttl = "1h"; lease = "10")]
async fn handler(body: String) -> String {
    body
}

fn main() {
    idem_tests::ui::route(handler);
}
