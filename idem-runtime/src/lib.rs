//! Idempotent Axum handlers: a retry gets the recorded answer, and the handler does not run twice.
//!
//! ```
//! use axum::{Json, Router, extract::FromRef, routing::post};
//! use idem_runtime::{Idempotency, MemoryStore, idempotent};
//!
//! #[derive(serde::Deserialize)]
//! struct Order { id: u64 }
//!
//! #[idempotent(ttl = "1h", key = "header:Idempotency-Key")]
//! async fn pay(Json(order): Json<Order>) -> String {
//!     // runs once per key; every retry gets the recorded answer
//!     format!("order {} is paid", order.id)
//! }
//!
//! let app: Router = Router::new().route("/pay", post(pay)).with_state(Idempotency::new(MemoryStore::new()));
//! ```
//!
//! # Features
//!
//! | feature | default | gives |
//! |---|---|---|
//! | `macros` | yes | `#[idempotent]` |
//! | `redis` | no | `RedisStore`, and `redis://` in [`Idempotency::connect`] |
//! | `conformance` | no | the suite that judges a [`Store`] |
//!
//! # What is guaranteed
//!
//! Between two claims a handler can run twice in one case only: the claim, the effect, *the lease ends* without a sign
//! of life from its owner, the second claim, the effect again. With `on_failure = "keep"` not even then: the second
//! request is told that the outcome is unknown. Fencing keeps a stale owner from ever overwriting a record or answering
//! with an answer of its own.

#![forbid(unsafe_code)]

#[cfg(feature = "conformance")]
pub mod conformance;
mod connect;
mod digest;
mod engine;
pub mod http;
mod idempotency;
pub mod store;

pub use connect::ConnectError;
pub use digest::{Fingerprint, RecordKey};
pub use engine::stats::Counts;
pub use http::execution::Execution;
pub use http::key_value::KeyValue;
pub use http::refusal::{Refusal, RefusalCode};
#[cfg(feature = "macros")]
pub use idem_macros::idempotent;
pub use idempotency::{Idempotency, IdempotencyBuilder};
pub use store::MemoryStore;
#[cfg(feature = "redis")]
pub use store::RedisStore;
pub use store::{Store, StoreError};

/// What the expansion of `#[idempotent]` uses. Not for anybody else: it changes without notice.
#[doc(hidden)]
pub mod __private {
    pub use core::time::Duration;

    pub use axum::response::{IntoResponse, Response};

    pub use crate::engine::{InFlight, OnFailure};
    pub use crate::http::guarded::{Guarded, Request, open};
    pub use crate::http::key_value::{Arguments, KeyValue};
    pub use crate::http::route::{Content, KeySource, Missing, Recorded, Route, ScopeSource};
    pub use crate::http::run::{Replayable, Run, run};
    pub use crate::http::state::{ProvidesIdempotency, state_provides_idempotency};
}
