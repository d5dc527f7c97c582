//! What an operator sees: a `tracing` span for each guarded call, and metrics (feature `metrics`).
//!
//! [The guide](crate::guide::telemetry) explains each metric and each field, and what to do when it moves.
//!
//! ```text
//! a call   -> Seen ──────── span, requests by outcome, requests in flight
//! a claim  -> Tally, Stats ─ claims, how they ended, leases, recordings
//! a store  -> Observed ──── how long each call took, and what came of it
//! ```
//!
//! Nothing here holds a key, a scope or a body. What becomes a label is bounded: operations come from the program and not
//! from its clients.

#[cfg(feature = "metrics")]
mod catalogue;
#[cfg_attr(not(feature = "metrics"), path = "silent.rs")]
mod meters;
mod observed;
mod operation;
mod outcome;
mod seen;
mod store_call;
#[cfg(all(test, feature = "metrics"))]
mod tests;

#[cfg(feature = "metrics")]
pub use catalogue::{METRICS, Metric, MetricKind};
pub(crate) use meters::Meters;
pub(crate) use observed::Observed;
pub(crate) use operation::Operation;
pub use outcome::Outcome;
pub(crate) use seen::{Seen, record_attempt};

/// The target of the spans, for a filter: `idem_runtime::call=info`.
///
/// # Examples
///
/// ```
/// let filter = format!("warn,{}=info", idem_runtime::telemetry::TARGET);
/// assert_eq!(filter, "warn,idem_runtime::call=info");
/// ```
pub const TARGET: &str = "idem_runtime::call";

/// The name of the spans.
///
/// # Examples
///
/// ```
/// let is_of_ours = |span: &tracing::Metadata<'_>| span.name() == idem_runtime::telemetry::SPAN;
/// # let _ = is_of_ours;
/// ```
pub const SPAN: &str = "idempotent";

/// The fields of a span. Those that cannot be known yet are recorded when they are.
///
/// # Examples
///
/// ```
/// assert!(idem_runtime::telemetry::FIELDS.contains(&"outcome"));
/// ```
pub const FIELDS: [&str; 8] = ["kind", "operation", "store", "key", "attempt", "claim_ms", "settle_ms", "outcome"];
