// mistakes: 1
use idem_runtime::idempotent;

#[idempotent(ttl = "99999999999999999999d")]
async fn handler(body: String) -> String {
    body
}

fn main() {
    idem_tests::ui::route(handler);
}
