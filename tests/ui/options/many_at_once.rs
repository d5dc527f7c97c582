// mistakes: 5
use idem_runtime::idempotent;

#[idempotent(ttl = 3600, lesae = "10s", key = "header:", missing = 200, replay_status = 204)]
async fn handler(body: String) -> String {
    body
}

fn main() {
    idem_tests::ui::route(handler);
}
