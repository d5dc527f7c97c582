// mistakes: 1
use idem_runtime::idempotent;

#[idempotent(ttl = "1h", record = |head| head.status.is_success())]
async fn handler(body: String) -> String {
    body
}

fn main() {
    idem_tests::ui::route(handler);
}
