//! Pages for people who use the crate.

/// Why does my handler not compile?
#[doc = include_str!("../docs/why-not-compile.md")]
pub mod why_does_my_handler_not_compile {}

/// Idempotency beyond HTTP: consumers, jobs, senders.
#[doc = include_str!("../docs/jobs.md")]
pub mod jobs {}

/// Whole routers at once: a layer with the options as values.
#[doc = include_str!("../docs/layer.md")]
pub mod layer {}

/// Every misuse of the attribute, and what the compiler says to it.
#[doc = include_str!("../docs/misuse.md")]
pub mod misuses {}

/// Faults that were tried, and what came of them.
#[doc = include_str!("../docs/faults.md")]
pub mod faults {}

/// Running it: defaults, shutdown, readiness, the kill switch, and keys whose outcome nobody knows.
#[doc = include_str!("../docs/operating.md")]
pub mod operating {}

/// What a client is told when it is refused, and what it does then.
#[doc = include_str!("../docs/problems.md")]
pub mod problems {}

/// What an operator sees: spans and metrics, each of them explained.
#[doc = include_str!("../docs/telemetry.md")]
pub mod telemetry {}
