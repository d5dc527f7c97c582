// mistakes: 2
use idem_runtime::idempotent;

#[idempotent(idem::ttl = "1x")]
async fn handler(body: String) -> String {
    body
}

fn main() {
    idem_tests::ui::route(handler);
}
