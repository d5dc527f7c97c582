//! What the cases of misuse route their handlers with.

use axum::handler::Handler;
use idem_runtime::Idempotency;

/// Type-checks a route: it has to, also where the attribute is wrong.
pub fn route<H: Handler<T, Idempotency>, T: 'static>(handler: H) {
    drop(axum::routing::post::<H, T, Idempotency>(handler));
}
