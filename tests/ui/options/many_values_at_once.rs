// mistakes: 6
use idem_runtime::idempotent;

#[idempotent(ttl = "0s", lease = "1x", max_response = "1MB", in_flight = "wait:5", record = "all", on_failure = "ignore")]
async fn handler(body: String) -> String {
    body
}

fn main() {
    idem_tests::ui::route(handler);
}
