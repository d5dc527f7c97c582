// mistakes: 1
use idem_runtime::idempotent;

fn into(text: String) -> String {
    text
}

#[idempotent(ttl = "1h", key = into(body))]
async fn handler(body: String) -> String {
    body
}

fn main() {
    idem_tests::ui::route(handler);
}
