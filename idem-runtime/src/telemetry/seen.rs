//! One guarded call, from its beginning to its outcome.

use std::sync::atomic::{AtomicU8, Ordering};

use tracing::Span;
use tracing::field::Empty;
use tracing::level_filters::LevelFilter;

use super::{Meters, Operation, Outcome, SPAN, TARGET};
use crate::digest::RecordKey;
use crate::engine::Engine;

/// How many digits of a record's key stand in a span: enough to find what belongs together.
const DIGITS: usize = 16;

/// A call while it is under way. It is shown when this is dropped, however that comes about.
pub(crate) struct Seen {
    span: Span,
    #[cfg(feature = "metrics")]
    series: std::sync::Arc<super::meters::OfOperation>,
    outcome: AtomicU8,
}

const NONE: u8 = u8::MAX;

impl Seen {
    /// A call that `engine` guards.
    pub(crate) fn of(operation: Operation<'_>, engine: &Engine) -> Self {
        Self::new(operation, engine.store().name(), engine.stats().meters())
    }

    #[cfg_attr(not(feature = "metrics"), allow(unused_variables, reason = "there are no series to be found"))]
    pub(super) fn new(operation: Operation<'_>, store: &'static str, meters: &Meters) -> Self {
        // Where nobody can see it, not even one that is off: with the feature `log` of tracing, that costs something at each step.
        let span = if spans_may_be_seen() { span_of(operation, store) } else { Span::none() };
        #[cfg(feature = "metrics")]
        let series = meters.of_operation(operation);
        #[cfg(feature = "metrics")]
        series.begin();
        Self {
            span,
            #[cfg(feature = "metrics")]
            series,
            outcome: AtomicU8::new(NONE),
        }
    }

    /// What the call is to be carried out in.
    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }

    /// Which record it belongs to.
    pub(crate) fn identified(&self, key: RecordKey) {
        if !self.span.is_disabled() {
            let digits = key.to_string();
            self.span.record("key", digits.get(..DIGITS).unwrap_or_default());
        }
    }

    pub(crate) fn end(&self, outcome: Outcome) {
        self.outcome.store(outcome as u8, Ordering::Relaxed);
    }
}

fn span_of(operation: Operation<'_>, store: &'static str) -> Span {
    tracing::info_span!(
        target: TARGET,
        SPAN,
        kind = operation.kind.as_str(),
        operation = %operation,
        store,
        key = Empty,
        attempt = Empty,
        claim_ms = Empty,
        settle_ms = Empty,
        outcome = Empty,
    )
}

impl Drop for Seen {
    fn drop(&mut self) {
        let outcome = Outcome::from_index(*self.outcome.get_mut())
            .unwrap_or_else(|| if std::thread::panicking() { Outcome::Panicked } else { Outcome::Abandoned });
        self.span.record("outcome", outcome.as_str());
        #[cfg(feature = "metrics")]
        self.series.end(outcome);
    }
}

/// Whether anybody may want a span. One atomic load, and no filter is asked: it could only be asked for the span itself.
pub(super) fn spans_may_be_seen() -> bool {
    LevelFilter::current() >= LevelFilter::INFO
}

/// How many owners there have been, of the call that is being carried out.
pub(crate) fn record_attempt(attempt: u32) {
    if spans_may_be_seen() {
        Span::current().record("attempt", attempt);
    }
}
