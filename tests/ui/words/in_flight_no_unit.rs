// mistakes: 1
use idem_runtime::idempotent;

#[idempotent(ttl = "1h", in_flight = "wait:5")]
async fn handler(body: String) -> String {
    body
}

fn main() {
    idem_tests::ui::route(handler);
}
