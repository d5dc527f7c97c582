// mistakes: 2
use idem_runtime::idempotent;

#[idempotent(ttl = "1h", scope = user.id, fingerprint = order)]
async fn handler(body: String) -> String {
    body
}

fn main() {
    idem_tests::ui::route(handler);
}
