// mistakes: 1
use idem_runtime::idempotent;

mod runtime {}

#[idempotent(ttl = "1h", crate = crate::runtime)]
async fn generic<T>(_: axum::Json<T>) -> impl Send {
    "ok"
}

fn main() {}
