// mistakes: 1
use axum::response::Sse;
use idem_runtime::idempotent;

#[idempotent(ttl = "1h")]
async fn handler() -> Sse<Events> {
    todo!()
}

type Events = futures_core::stream::BoxStream<'static, Result<axum::response::sse::Event, std::io::Error>>;

fn main() {}
