// mistakes: 1
use idem_runtime::idempotent;

#[idempotent(ttl = "1h", key = body.pop())]
async fn handler(mut body: String) -> String {
    body
}

fn main() {
    idem_tests::ui::route(handler);
}
