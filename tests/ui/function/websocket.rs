// mistakes: 1
use axum::extract::ws::WebSocketUpgrade;
use axum::response::Response;
use idem_runtime::idempotent;

#[idempotent(ttl = "1h")]
async fn handler(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(|_| async {})
}

fn main() {}
