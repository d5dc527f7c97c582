// mistakes: 1
use idem_runtime::idempotent;

fn keeps(status: u16) -> bool {
    status == 200
}

#[idempotent(ttl = "1h", record = keeps)]
async fn handler(body: String) -> String {
    body
}

fn main() {
    idem_tests::ui::route(handler);
}
