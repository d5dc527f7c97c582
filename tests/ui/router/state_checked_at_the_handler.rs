// mistakes: 1
use idem_runtime::idempotent;

#[derive(Clone)]
struct AppState;

#[idempotent(ttl = "1h", state = AppState)]
async fn handler(body: String) -> String {
    body
}

fn main() {}
