// mistakes: 1
use axum::extract::Request;
use idem_runtime::idempotent;

#[idempotent(ttl = "1h")]
async fn handler(_: Request, _: String) {}

fn main() {
    idem_tests::ui::route(handler);
}
