//! The attributes of idem, `#[idempotent]` and `#[idempotent_fn]`: the compile-time half.
//!
//! Depend on `idem-runtime`, which re-exports them and holds everything that they expand to.
//!
//! An attribute goes through three steps, a module each: `args` turns its tokens into options with spans, `model` checks
//! the options and the handler's signature and collects every mistake, `expand` turns what is right into tokens. When
//! something is wrong, `fallback` emits the handler as it is written, beside the errors.

mod args;
mod attribute;
mod errors;
mod expand;
mod fallback;
mod item;
mod model;
mod near;
#[cfg(test)]
mod tests;

use proc_macro::TokenStream;

/// Makes an Axum handler idempotent: it runs once per key, and every retry gets the recorded response.
///
/// ```ignore
/// use axum::{Json, extract::State, http::StatusCode, response::IntoResponse};
/// use idem_runtime::idempotent;
///
/// #[idempotent(ttl = "1h", scope = user.tenant_id)]
/// async fn pay(
///     State(db): State<Db>,
///     user: AuthUser,
///     Json(order): Json<Order>,
/// ) -> Result<impl IntoResponse, AppError> {
///     let payment = db.pay(user.id, order).await?;
///     Ok((StatusCode::CREATED, Json(payment)))
/// }
/// ```
///
/// # Options
///
/// | option | values | default | meaning |
/// |---|---|---|---|
/// | `ttl` | duration | required | how long the recorded response is replayed: 1 s to 366 days |
/// | `key` | `"header:NAME"`, `"path:NAME"`, `"query:NAME"`, `"body:/json/pointer"`, or an expression | `"header:Idempotency-Key"` | where the key comes from |
/// | `scope` | `"header:NAME"` or an expression | none | whose key it is: the same key under two scopes is two keys |
/// | `operation` | string | method and matched route | names the operation; part of the key |
/// | `missing` | `"execute"`, or a 4xx status | `400` | a request without a key: run it unprotected, or refuse it with this status |
/// | `replay_status` | 2xx status with a body | as recorded | the status of a replayed success |
/// | `record` | `"success"`, `"final"`, or the path of a function | `"final"` | which answers are recorded |
/// | `on_failure` | `"retry"`, `"keep"` | `"retry"` | what a 5xx, a panic or an owner that died means: the next retry runs the handler again (at least once), or the failure is the outcome (at most once) |
/// | `in_flight` | `"reject"`, `"wait:DURATION"` | `"reject"` | a duplicate that arrives while the first request runs: refuse it, or let it wait for up to 5 minutes |
/// | `lease` | duration | `"30s"` | how long a claim outlives the last sign of life of its owner: 100 ms to 1 h, and shorter than `ttl` |
/// | `fingerprint` | `"body"`, `"json"`, `"none"`, or an expression | `"body"` | what must be the same for a retry to count as the same request |
/// | `max_response` | size | `"1MiB"` | the largest response body that is recorded: up to 1 GiB |
/// | `state` | type | none | the router's state, to be told at the handler when it has no `Idempotency`, or when an argument is no extractor |
/// | `crate` | path | `::idem_runtime` | where the runtime is, if it is renamed |
///
/// An application can have other defaults for `missing`, `record`, `on_failure`, `in_flight`, `lease` and `max_response`
/// (`idem_runtime::Defaults`). An option that is written wins.
///
/// **Durations** are numbers with units, the larger unit first: `"500ms"`, `"30s"`, `"1h30m"`, `"7d"`, `"2w"`.
/// **Sizes** are one number with a unit: `"4096B"`, `"64KiB"`, `"1MiB"`, `"1GiB"`.
///
/// **Expressions** name the handler's arguments: `key = order.id`, `scope = (user.tenant_id, user.id)`,
/// `key = format!("{tenant}-{id}")`. They are evaluated before the claim, by reference, so they can neither move out of
/// an argument nor await. A key or a scope is text, an integer, or an `Option` or a tuple of those; a `None` key is a
/// missing key. A fingerprint is anything that is `Serialize`.
///
/// **`record`** takes a function over the response's head, `fn(&http::response::Parts) -> bool`, that says whether an
/// answer is recorded.
///
/// **`fingerprint = "json"`** lets the order of an object's members and white space differ. **`"none"`** gives up the
/// check of the body: a client that uses a key again with another body gets the response to the first, and never learns
/// that the second was not done. The method, the path and the query are compared all the same.
///
/// # The handler
///
/// - It stays a function of the same name, visibility, attributes and generics. Axum runs the leading extractors first,
///   on replays too, so authentication happens before any key is touched.
/// - The router's state provides the store: `Idempotency: FromRef<S>`.
/// - The body runs as one future, which is `Send + 'static` as in plain Axum. If the client goes away, the future is
///   carried to its end, so that its outcome is recorded.
/// - `#[tracing::instrument]` stands above `#[idempotent]`, because below it would log the guarded arguments.
///   `#[debug_handler]` and `#[utoipa::path]` may stand on either side; with the feature `utoipa` of idem-runtime, a
///   `#[utoipa::path]` below it documents the key and the refusals too.
///
/// # Errors
///
/// Whatever can be known at compile time is checked there, and all mistakes are reported at once, each at the text that
/// holds it: unknown options with the name that was meant, malformed durations and sizes, headers that cannot be a key,
/// options that contradict each other, and functions that cannot be handlers, such as those that return an event stream.
/// The handler is compiled as it is written then, so that the rest of the crate still type-checks.
#[proc_macro_attribute]
pub fn idempotent(args: TokenStream, item: TokenStream) -> TokenStream {
    attribute::idempotent(args.into(), item.into()).into()
}

/// Makes an asynchronous function idempotent that is no handler, such as a queue's consumer, a job or the sender of a
/// webhook: it runs once per key, and every later call gets the value that it came to.
///
/// ```ignore
/// use idem_runtime::{Idempotency, JobRefusal, idempotent_fn};
///
/// #[idempotent_fn(ttl = "7d", key = message.id, scope = message.tenant, store = idempotency)]
/// async fn ship(idempotency: Idempotency, message: Message) -> Result<Parcel, ShipError> {
///     post(message.order).await
/// }
///
/// impl From<JobRefusal> for ShipError { /* .. */ }
/// ```
///
/// # Options
///
/// | option | values | default | meaning |
/// |---|---|---|---|
/// | `ttl` | duration | required | how long the value is replayed: 1 s to 366 days |
/// | `key` | an expression | required | which calls are the same |
/// | `store` | an expression that yields an `&Idempotency` | required | where the value is kept |
/// | `scope` | an expression | none | whose key it is: the same key under two scopes is two keys |
/// | `operation` | string | the path of the module and the function's name; required for a method | names the operation; part of the key |
/// | `on_failure` | `"retry"`, `"keep"` | `"retry"` | what an `Err`, a panic or an owner that died means: the next call runs the function again (at least once), or is told that the outcome is unknown (at most once) |
/// | `in_flight` | `"reject"`, `"wait:DURATION"` | `"reject"` | a duplicate that comes while the first call runs: refuse it, or let it wait for up to 5 minutes |
/// | `lease` | duration | `"30s"` | how long a claim outlives the last sign of life of its owner: 100 ms to 1 h, and shorter than `ttl` |
/// | `fingerprint` | `"none"`, or an expression | `"none"` | what must be the same for a call to count as the same |
/// | `crate` | path | `::idem_runtime` | where the runtime is, if it is renamed |
///
/// Durations and expressions are written as for [`macro@idempotent`]; expressions may name `self`. An application can have
/// other defaults for `on_failure`, `in_flight` and `lease` (`idem_runtime::Defaults`); an option that is written wins.
///
/// **`operation`** is a part of every key. Where none is given, a function that is renamed or moved to another module
/// forgets what it has done: name it before you do that, and where two functions of one name are in one module.
///
/// # The function
///
/// - It is an `async fn` that returns a `Result<T, E>`, and keeps its signature. `T` is recorded as JSON, so it is
///   `Serialize + DeserializeOwned`; `E` takes refusals, `E: From<JobRefusal>`. Up to 1 MiB of JSON is kept.
/// - `Ok` is recorded, and given again. An `Err` is given once, and follows `on_failure`.
/// - A caller that wants to know whether the function ran, has it return `Result<Done<T>, E>`.
/// - An argument that begins with `#[supplied]` is not passed by the caller: it is what only the running call has. Its
///   type is `Execution` (the attempt, keys for calls that the function makes itself, whether the claim still holds), or
///   `PostgresTransaction` or `SqliteTransaction`: the transaction in which the record is stored, together with what the
///   function writes in it. Then `store` yields `&PostgresTransactions` or `&SqliteTransactions`.
/// - If its caller goes, a function whose arguments are its own is carried to its end, so that its outcome is recorded;
///   therefore its body is `Send + 'static`. A method, and a function that borrows or has parameters of type or
///   lifetime, ends with its caller; if it had begun, that is a failure.
/// - Below `#[async_trait]` it would stand on a function that is not `async` any more: call a free function from there.
///
/// # Errors
///
/// As for [`macro@idempotent`]: all mistakes at once, each at the text that holds it.
#[proc_macro_attribute]
pub fn idempotent_fn(args: TokenStream, item: TokenStream) -> TokenStream {
    attribute::idempotent_fn(args.into(), item.into()).into()
}
