//! Every metric that there is.

/// What a metric does.
///
/// # Examples
///
/// ```
/// use idem_runtime::telemetry::{METRICS, MetricKind};
///
/// // By the custom of Prometheus.
/// let mut counters = METRICS.iter().filter(|metric| metric.kind == MetricKind::Counter);
/// assert!(counters.all(|metric| metric.name.ends_with("_total")));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MetricKind {
    /// It goes up, and begins anew with the process.
    Counter,
    /// It goes up and down.
    Gauge,
    /// How often it was how much.
    Histogram,
}

/// A metric, as it is described to the recorder.
///
/// # Examples
///
/// ```
/// use idem_runtime::telemetry::METRICS;
///
/// let requests = METRICS.iter().find(|metric| metric.name == "idem_requests_total").unwrap();
/// assert_eq!((requests.unit, requests.labels), ("", &["kind", "operation", "outcome"][..]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub kind: MetricKind,
    /// What it counts in: `""`, `"seconds"` or `"bytes"`.
    pub unit: &'static str,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it means, in a sentence.
    pub help: &'static str,
}

macro_rules! catalogue {
    ($($constant:ident: $kind:ident $name:literal [$($label:literal),*] $unit:literal, $help:literal;)*) => {
        $(pub(super) const $constant: Metric = Metric {
            name: $name, kind: MetricKind::$kind, unit: $unit, labels: &[$($label),*], help: $help,
        };)*

        /// Every metric that there is. [The guide](crate::guide::telemetry) explains each.
        ///
        /// # Examples
        ///
        /// Those that need buckets:
        ///
        /// ```
        /// use idem_runtime::telemetry::{METRICS, MetricKind};
        ///
        /// let histograms = METRICS.iter().filter(|metric| metric.kind == MetricKind::Histogram);
        /// assert_eq!(histograms.map(|metric| metric.name).collect::<Vec<_>>(), ["idem_store_call_duration_seconds"]);
        /// ```
        pub const METRICS: &[Metric] = &[$($constant),*];
    };
}

catalogue! {
    REQUESTS: Counter "idem_requests_total" ["kind", "operation", "outcome"] "",
        "Guarded calls that have ended, by what became of them.";
    REQUESTS_IN_FLIGHT: Gauge "idem_requests_in_flight" ["kind", "operation"] "",
        "Guarded calls that are under way, those that wait and those that are carried on without a client included.";
    STORE_CALLS: Histogram "idem_store_call_duration_seconds" ["store", "call", "result"] "seconds",
        "How long a call of the store took, by what came of it.";
    CLAIMS: Counter "idem_claims_total" ["store", "start"] "",
        "Claims that this process was granted: fresh, or taken over from an owner that gave no sign of life.";
    CLAIMS_ENDED: Counter "idem_claims_ended_total" ["store", "end"] "",
        "Claims of this process that have ended: completed by a record, released without one, or expired.";
    CLAIMS_LIVE: Gauge "idem_claims_live" ["store"] "",
        "Claims that this process holds.";
    LEASE_RENEWALS: Counter "idem_lease_renewals_total" ["store"] "",
        "Claims renewed while their handler ran.";
    CLAIMS_LOST: Counter "idem_claims_lost_total" ["store"] "",
        "Claims that their owner had lost when it was done: another one may have run at the same time.";
    SETTLE_RETRIES: Counter "idem_settle_retries_total" ["store"] "",
        "Store calls for a record or a release that failed and are made again.";
    UNRECORDED: Counter "idem_unrecorded_total" ["store"] "",
        "Answers given although their record could not be stored within the lease: a retry runs again.";
    RECORDED_BYTES: Counter "idem_recorded_bytes_total" ["store"] "bytes",
        "Bytes of the answers that were recorded, head and body.";
    ADOPTED: Counter "idem_adopted_total" ["store"] "",
        "Calls whose client had gone and that were carried on to their end.";
    WAITERS: Gauge "idem_waiters" ["store"] "",
        "Duplicates that wait for the first one's answer.";
}
