// mistakes: 1
use axum::http::Response;
use http_body_util::{Full, StreamBody};
use idem_runtime::idempotent;

#[idempotent(ttl = "1h")]
async fn handler() -> Response<StreamBody<Full<axum::body::Bytes>>> {
    todo!()
}

fn main() {}
