//! The metrics, as handles that are asked for once and kept.
//!
//! They are asked for at the first guarded call, so a recorder that was installed by then is the one that gets them.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Label, Level, Metadata, Unit, with_recorder};
use parking_lot::RwLock;

use super::catalogue::{self, METRICS, Metric, MetricKind};
use super::operation::Kind;
use super::store_call::{CallResult, StoreCall};
use super::{Operation, Outcome, TARGET};
use crate::engine::stats::Event;

/// A program that makes up operations while it runs shall not fill a database of metrics: those beyond are `other`.
const MOST_OPERATIONS: usize = 1_000;

const METADATA: Metadata<'static> = Metadata::new(TARGET, Level::INFO, Some(module_path!()));

fn key(metric: &Metric, values: impl IntoIterator<Item = impl Into<metrics::SharedString>>) -> Key {
    let labels = metric.labels.iter().zip(values).map(|(label, value)| Label::new(*label, value.into()));
    let labels: Vec<_> = labels.collect();
    debug_assert_eq!(labels.len(), metric.labels.len(), "{}", metric.name);
    Key::from_parts(metric.name, labels)
}

fn counter(metric: &Metric, values: impl IntoIterator<Item = impl Into<metrics::SharedString>>) -> Counter {
    with_recorder(|recorder| recorder.register_counter(&key(metric, values), &METADATA))
}

fn gauge(metric: &Metric, values: impl IntoIterator<Item = impl Into<metrics::SharedString>>) -> Gauge {
    with_recorder(|recorder| recorder.register_gauge(&key(metric, values), &METADATA))
}

fn describe() {
    with_recorder(|recorder| {
        for metric in METRICS {
            let name = KeyName::from_const_str(metric.name);
            let unit = match metric.unit {
                "seconds" => Some(Unit::Seconds),
                "bytes" => Some(Unit::Bytes),
                _ => None,
            };
            match metric.kind {
                MetricKind::Counter => recorder.describe_counter(name, unit, metric.help.into()),
                MetricKind::Gauge => recorder.describe_gauge(name, unit, metric.help.into()),
                MetricKind::Histogram => recorder.describe_histogram(name, unit, metric.help.into()),
            }
        }
    });
}

/// What is counted of one [`Idempotency`](crate::Idempotency).
#[derive(Debug)]
pub(crate) struct Meters {
    store: &'static str,
    series: OnceLock<Series>,
    operations: RwLock<HashMap<Box<str>, Vec<Known>>>,
}

/// What is counted of a store, whatever the operation. All of it is there from the beginning, as zero: a series that begins
/// with 1 has not increased.
#[derive(Debug)]
struct Series {
    claimed: Counter,
    taken_over: Counter,
    completed: Counter,
    released: Counter,
    expired: Counter,
    live: Gauge,
    renewals: Counter,
    lost: Counter,
    settle_retries: Counter,
    unrecorded: Counter,
    recorded_bytes: Counter,
    adopted: Counter,
    waiters: Gauge,
}

#[derive(Debug)]
struct Known {
    kind: Kind,
    method: &'static str,
    series: Arc<OfOperation>,
}

impl Meters {
    pub(crate) fn new(store: &'static str) -> Self {
        Self { store, series: OnceLock::new(), operations: RwLock::default() }
    }

    fn series(&self) -> &Series {
        self.series.get_or_init(|| {
            describe();
            let store = self.store;
            Series {
                claimed: counter(&catalogue::CLAIMS, [store, "fresh"]),
                taken_over: counter(&catalogue::CLAIMS, [store, "taken_over"]),
                completed: counter(&catalogue::CLAIMS_ENDED, [store, "completed"]),
                released: counter(&catalogue::CLAIMS_ENDED, [store, "released"]),
                expired: counter(&catalogue::CLAIMS_ENDED, [store, "expired"]),
                live: gauge(&catalogue::CLAIMS_LIVE, [store]),
                renewals: counter(&catalogue::LEASE_RENEWALS, [store]),
                lost: counter(&catalogue::CLAIMS_LOST, [store]),
                settle_retries: counter(&catalogue::SETTLE_RETRIES, [store]),
                unrecorded: counter(&catalogue::UNRECORDED, [store]),
                recorded_bytes: counter(&catalogue::RECORDED_BYTES, [store]),
                adopted: counter(&catalogue::ADOPTED, [store]),
                waiters: gauge(&catalogue::WAITERS, [store]),
            }
        })
    }

    pub(crate) fn count(&self, event: Event) {
        let series = self.series();
        let counter = match event {
            Event::Recorded => &series.completed,
            Event::Released => &series.released,
            Event::Expired => &series.expired,
            Event::Renewed => &series.renewals,
            Event::Lost => &series.lost,
            Event::SettleRetried => &series.settle_retries,
            Event::Unrecorded => &series.unrecorded,
            Event::Adopted => &series.adopted,
            // Counted with its start, in `claimed`.
            Event::Claimed
            // Counted by operation, as the outcome of a call.
            | Event::Unprotected
            | Event::Bypassed
            | Event::Executed
            | Event::TakenOver
            | Event::Replayed
            | Event::InProgress
            | Event::KeyReused
            | Event::OutcomeUnknown
            | Event::NotKept
            | Event::Unavailable
            | Event::Draining
            | Event::Panicked => return,
        };
        counter.increment(1);
    }

    pub(crate) fn claimed(&self, taken_over: bool) {
        let series = self.series();
        if taken_over { &series.taken_over } else { &series.claimed }.increment(1);
        series.live.increment(1.0);
    }

    pub(crate) fn ended(&self) {
        self.series().live.decrement(1.0);
    }

    pub(crate) fn bytes_recorded(&self, bytes: usize) {
        self.series().recorded_bytes.increment(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    pub(crate) fn waits(&self) {
        self.series().waiters.increment(1.0);
    }

    pub(crate) fn waits_no_more(&self) {
        self.series().waiters.decrement(1.0);
    }

    /// The series of an operation, which are made when it is first called.
    pub(super) fn of_operation(&self, operation: Operation<'_>) -> Arc<OfOperation> {
        fn find(known: &[Known], operation: Operation<'_>) -> Option<Arc<OfOperation>> {
            let is_it = |known: &&Known| known.kind == operation.kind && known.method == operation.method;
            known.iter().find(is_it).map(|known| Arc::clone(&known.series))
        }
        let found = self.operations.read().get(operation.name).and_then(|known| find(known, operation));
        if let Some(found) = found {
            return found;
        }
        // So that what is counted of the store is there, and described, from the first call on.
        self.series();
        let mut operations = self.operations.write();
        let operation = if operations.len() < MOST_OPERATIONS { operation } else { Operation::OTHER };
        let known = operations.entry(operation.name.into()).or_default();
        find(known, operation).unwrap_or_else(|| {
            let series = Arc::new(OfOperation::new(operation));
            known.push(Known { kind: operation.kind, method: operation.method, series: Arc::clone(&series) });
            series
        })
    }
}

/// What is counted of one operation.
#[derive(Debug)]
pub(super) struct OfOperation {
    in_flight: Gauge,
    outcomes: Vec<Counter>,
}

impl OfOperation {
    fn new(operation: Operation<'_>) -> Self {
        let (kind, name) = (operation.kind.as_str(), operation.to_string());
        Self {
            in_flight: gauge(&catalogue::REQUESTS_IN_FLIGHT, [kind.to_owned(), name.clone()]),
            outcomes: Outcome::ALL
                .iter()
                .map(|outcome| {
                    counter(&catalogue::REQUESTS, [kind.to_owned(), name.clone(), outcome.as_str().to_owned()])
                })
                .collect(),
        }
    }

    pub(super) fn begin(&self) {
        self.in_flight.increment(1.0);
    }

    pub(super) fn end(&self, outcome: Outcome) {
        if let Some(counter) = self.outcomes.get(outcome as usize) {
            counter.increment(1);
        }
        self.in_flight.decrement(1.0);
    }
}

/// How long the calls of one store take.
#[derive(Debug)]
pub(super) struct StoreMeters {
    store: &'static str,
    calls: [[OnceLock<Histogram>; CallResult::COUNT]; StoreCall::COUNT],
}

impl StoreMeters {
    pub(super) fn new(store: &'static str) -> Self {
        Self { store, calls: std::array::from_fn(|_| std::array::from_fn(|_| OnceLock::new())) }
    }

    pub(super) fn record(&self, call: StoreCall, result: CallResult, took: Duration) {
        let known = self.calls[call as usize][result as usize].get();
        let histogram = known.unwrap_or_else(|| {
            // What calls for somebody's help is there as zero before it happens: a series that begins with 1 has not increased.
            for refusal in [CallResult::Full, CallResult::Corrupt] {
                self.histogram(call, refusal);
            }
            self.histogram(call, result)
        });
        histogram.record(took);
    }

    fn histogram(&self, call: StoreCall, result: CallResult) -> &Histogram {
        self.calls[call as usize][result as usize].get_or_init(|| {
            let key = key(&catalogue::STORE_CALLS, [self.store, call.as_str(), result.as_str()]);
            with_recorder(|recorder| recorder.register_histogram(&key, &METADATA))
        })
    }
}
