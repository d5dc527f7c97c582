// mistakes: 1
use axum::Json;
use idem_runtime::idempotent;

#[derive(serde::Deserialize)]
struct Tenant(String);

#[idempotent(ttl = "1h", scope = tenant)]
async fn handler(Json(tenant): Json<Tenant>) -> String {
    tenant.0
}

fn main() {
    idem_tests::ui::route(handler);
}
