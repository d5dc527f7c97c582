//! Idempotent Axum handlers: a retry gets the recorded answer, and the handler does not run twice.
//!
//! ```
//! use axum::{Json, Router, routing::post};
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
//! | `macros` | yes | `#[idempotent]`, `#[idempotent_fn]` |
//! | `redis` | no | `RedisStore`, and `redis://` in [`Idempotency::connect`] |
//! | `postgres` | no | `PostgresStore`, and `postgres://` in [`Idempotency::connect`]; needs Rust 1.94 |
//! | `sqlite` | no | `SqliteStore`, and `sqlite:FILE` in [`Idempotency::connect`]; builds SQLite, with a C compiler |
//! | `redis-tls` | no | `rediss://` and the like, with rustls |
//! | `cache` | no | `CachedStore`: finished requests are replayed from memory, without a round trip |
//! | `encryption` | no | `EncryptedStore`: recorded answers are encrypted before a store sees them |
//! | `preconditions` | no | `IfMatch`: 412 and 428 behind the replay; `Created`: 201 with `Location` and `ETag` |
//! | `utoipa` | no | a handler with `#[utoipa::path]` documents its key and its refusals: `openapi`; for utoipa 6 |
//! | `signal` | no | `shutdown_signal`: Ctrl-C and `SIGTERM` |
//! | `metrics` | no | metrics, through the facade of the crate `metrics`: [guide::telemetry] |
//! | `admin` | no | what an operator does to a key by hand: [guide::operating] |
//! | `cli` | no | the command line `idem`, which does the same |
//! | `conformance` | no | the suite that judges a [`Store`] |
//!
//! # What is guaranteed
//!
//! One execution under one live claim, one recorded answer per key, and no answer from an owner that lost its claim.
//!
//! A handler runs again under the same key in these cases only: its answer was one that is not recorded (a 429, say), or
//! it failed and `on_failure = "retry"`, which includes an owner that died: the claim, the effect, *the lease ends*
//! without a sign of life, the second claim, the effect again. No token prevents that. With `on_failure = "keep"` a
//! failed handler is not run again, and a retry is told that the outcome is unknown. What a handler writes in the
//! record's own [`Transaction`] happens exactly once.
//!
//! Queue consumers, jobs and senders of webhooks are guarded the same way, without a request: [guide::jobs]. Whole routers
//! are guarded by a layer: [guide::layer]. What an operator needs: [guide::operating], [guide::telemetry].
//!
//! [Why does my handler not compile?](guide::why_does_my_handler_not_compile)

#![forbid(unsafe_code)]

#[cfg(feature = "admin")]
pub mod admin;
mod bounds;
#[cfg(feature = "conformance")]
pub mod conformance;
mod connect;
mod defaults;
mod digest;
mod engine;
pub mod guide;
pub mod http;
mod idempotency;
pub mod job;
#[cfg(feature = "utoipa")]
pub mod openapi;
mod ready;
mod shutdown;
pub mod store;
pub mod telemetry;

pub use connect::ConnectError;
pub use defaults::Defaults;
pub use digest::{Fingerprint, RecordKey};
pub use engine::stats::Counts;
pub use engine::{InFlight, OnFailure};
/// An entity tag, a typed header of the crate `headers` 0.4.
#[cfg(feature = "preconditions")]
pub use headers::ETag;
#[cfg(feature = "preconditions")]
pub use http::created::{BadLocation, Created};
pub use http::execution::Execution;
pub use http::key_value::KeyValue;
pub use http::layer::{IdempotencyLayer, IdempotencyLayerBuilder, IdempotencyService, LayerError, LayerMistake};
#[cfg(feature = "preconditions")]
pub use http::precondition::{BadTag, IfMatch, Unmet, strong_etag};
pub use http::refusal::{Refusal, RefusalCode};
pub use http::route::{Missing, Recorded};
pub use http::transaction::{NoTransactions, Transaction, Transactions};
#[cfg(feature = "macros")]
pub use idem_macros::{idempotent, idempotent_fn};
pub use idempotency::{Idempotency, IdempotencyBuilder};
pub use job::{Done, Job, JobCall, JobError, JobRefusal};
pub use ready::NotReady;
#[cfg(feature = "signal")]
pub use shutdown::shutdown_signal;
pub use shutdown::{ShutdownError, StillRunning, Stopping};
pub use store::MemoryStore;
#[cfg(feature = "postgres")]
pub use store::PostgresStore;
/// The record's own transaction in a [`PostgresStore`]: a [`Transaction`] that derefs to one of `sqlx` 0.9.
///
/// # Examples
///
/// ```no_run
/// use axum::{Router, extract::FromRef, http::StatusCode, routing::post};
/// use idem_runtime::{Idempotency, PostgresTransaction, PostgresTransactions, idempotent};
///
/// #[derive(Clone, FromRef)]
/// struct AppState {
///     idempotency: Idempotency,
///     transactions: PostgresTransactions,
/// }
///
/// #[idempotent(ttl = "24h", state = AppState)]
/// async fn pay(mut tx: PostgresTransaction, body: String) -> Result<StatusCode, StatusCode> {
///     // Stored together with the record of this request, or not at all.
///     sqlx::query("INSERT INTO payments (note) VALUES ($1)")
///         .bind(body)
///         .execute(&mut **tx)
///         .await
///         .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
///     Ok(StatusCode::CREATED)
/// }
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let idempotency = Idempotency::connect("postgres://shop:secret@db/shop").await?;
/// let transactions = idempotency.transactions()?;
/// let app: Router = Router::new().route("/pay", post(pay)).with_state(AppState { idempotency, transactions });
/// # Ok(())
/// # }
/// ```
#[cfg(feature = "postgres")]
pub type PostgresTransaction = Transaction<store::SqlxTransaction>;
/// What the router state needs for a [`PostgresTransaction`].
#[cfg(feature = "postgres")]
pub type PostgresTransactions = Transactions<store::SqlxTransaction>;
#[cfg(feature = "redis")]
pub use store::RedisStore;
#[cfg(feature = "sqlite")]
pub use store::SqliteStore;
/// The record's own transaction in a [`SqliteStore`]: a [`Transaction`] that derefs to a
/// [`RusqliteTransaction`](store::RusqliteTransaction), whose `call` runs statements of [`rusqlite`].
///
/// # Examples
///
/// ```
/// use axum::{Router, extract::FromRef, http::StatusCode, routing::post};
/// use idem_runtime::{Idempotency, SqliteTransaction, SqliteTransactions, idempotent};
///
/// #[derive(Clone, FromRef)]
/// struct AppState {
///     idempotency: Idempotency,
///     transactions: SqliteTransactions,
/// }
///
/// #[idempotent(ttl = "24h", state = AppState)]
/// async fn pay(mut tx: SqliteTransaction, body: String) -> Result<StatusCode, StatusCode> {
///     // Stored together with the record of this request, or not at all.
///     tx.call(move |db| db.execute("INSERT INTO payments (note) VALUES (?1)", [body]))
///         .await
///         .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
///     Ok(StatusCode::CREATED)
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let file = folder.path().join("shop.db");
/// let idempotency = Idempotency::connect(&format!("sqlite:{}", file.display())).await?;
/// let transactions = idempotency.transactions()?;
/// let app: Router = Router::new().route("/pay", post(pay)).with_state(AppState { idempotency, transactions });
/// # Ok(())
/// # }
/// ```
#[cfg(feature = "sqlite")]
pub type SqliteTransaction = Transaction<store::RusqliteTransaction>;
/// What the router state needs for a [`SqliteTransaction`].
#[cfg(feature = "sqlite")]
pub type SqliteTransactions = Transactions<store::RusqliteTransaction>;
/// The release of `rusqlite` whose connections a [`SqliteTransaction`] gives to statements.
#[cfg(feature = "sqlite")]
pub use rusqlite;
pub use store::{Store, StoreError};

/// What the expansions of `#[idempotent]` and `#[idempotent_fn]` use. Not for anybody else: it changes without notice.
#[doc(hidden)]
pub mod __private {
    pub use axum::response::{IntoResponse, Response};

    pub use crate::engine::{InFlight, OnFailure};
    pub use crate::http::guarded::{Guarded, Request, open};
    pub use crate::http::key_value::{KeyValue, arguments};
    pub use crate::http::route::{Content, KeySource, Missing, Recorded, Route, ScopeSource, milliseconds, text};
    pub use crate::http::run::{Replayable, Run, run};
    pub use crate::http::state::{
        ProvidesIdempotency, body_argument, last_argument, leading_argument, state_provides_idempotency,
    };
    pub use crate::http::wanted::{Elsewhere, Header, PathParameter, Wants};
    pub use crate::job::{
        Job, codec, idempotency, run as run_job, run_borrowing as run_borrowing_job, transaction, transactions,
    };
    #[cfg(feature = "utoipa")]
    pub use crate::openapi::contract as openapi;
}
