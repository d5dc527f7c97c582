//! What is given to a recorder, against what is said to be.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use parking_lot::Mutex;

use super::{METRICS, Metric, MetricKind, Outcome};
use crate::store::MemoryStore;
use crate::{Idempotency, InFlight, Job, JobError, OnFailure};

#[derive(Default)]
struct Kept {
    described: Mutex<BTreeMap<String, (MetricKind, String)>>,
    series: Mutex<BTreeMap<(MetricKind, String), Arc<AtomicU64>>>,
}

#[derive(Debug)]
struct Times(Arc<AtomicU64>);

impl HistogramFn for Times {
    fn record(&self, _: f64) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Kept {
    fn series(&self, kind: MetricKind, key: &Key) -> Arc<AtomicU64> {
        let labels: Vec<_> = key.labels().map(|label| format!("{}={:?}", label.key(), label.value())).collect();
        let name = format!("{}{{{}}}", key.name(), labels.join(","));
        Arc::clone(self.series.lock().entry((kind, name)).or_default())
    }

    fn describe(&self, kind: MetricKind, name: &KeyName, help: &SharedString) {
        self.described.lock().insert(name.as_str().to_owned(), (kind, help.to_string()));
    }

    /// What it is now; a gauge is kept as the bits of its value.
    fn now(&self, series: &str) -> f64 {
        let all = self.series.lock();
        let found = all.iter().find(|((_, name), _)| name == series);
        let ((kind, _), value) = found.unwrap_or_else(|| panic!("no {series} in {:?}", all.keys()));
        let value = value.load(Ordering::SeqCst);
        if *kind == MetricKind::Gauge { f64::from_bits(value) } else { f64::from(u32::try_from(value).unwrap()) }
    }
}

impl Recorder for Kept {
    fn describe_counter(&self, name: KeyName, _: Option<Unit>, help: SharedString) {
        self.describe(MetricKind::Counter, &name, &help);
    }
    fn describe_gauge(&self, name: KeyName, _: Option<Unit>, help: SharedString) {
        self.describe(MetricKind::Gauge, &name, &help);
    }
    fn describe_histogram(&self, name: KeyName, _: Option<Unit>, help: SharedString) {
        self.describe(MetricKind::Histogram, &name, &help);
    }
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.series(MetricKind::Counter, key))
    }
    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.series(MetricKind::Gauge, key))
    }
    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(Arc::new(Times(self.series(MetricKind::Histogram, key))))
    }
}

const SHIP: Job = Job::new("ship", Duration::from_secs(3_600)).lease(Duration::from_secs(1));
const ONCE: Job = SHIP.on_failure(OnFailure::Keep);
const WAITING: Job = SHIP.in_flight(InFlight::Wait(Duration::from_secs(60)));

type Worked = Result<String, String>;

async fn ok() -> Worked {
    Ok("parcel".to_owned())
}

#[tokio::test]
async fn i54_what_a_recorder_gets_is_what_is_described_and_it_balances() {
    let kept = Kept::default();
    let _here = metrics::set_default_local_recorder(&kept);
    let idempotency = Idempotency::new(MemoryStore::new());
    let requests =
        |outcome| kept.now(&format!(r#"idem_requests_total{{kind="job",operation="ship",outcome="{outcome}"}}"#));

    // Twice: executed, replayed.
    for _ in 0..2 {
        idempotency.run(SHIP.key("1"), ok()).await.unwrap();
    }
    assert!(matches!(idempotency.run(SHIP.key(""), ok()).await, Err(JobError::Refused(_))));
    assert!(idempotency.run(SHIP.key(None::<String>), ok()).await.is_err());
    assert!(idempotency.run(SHIP.key("1").fingerprint("other"), ok()).await.is_err());
    // Released, and recorded as unknown.
    assert!(idempotency.run(SHIP.key("2"), async { Worked::Err("no".to_owned()) }).await.is_err());
    assert!(idempotency.run(ONCE.key("3"), async { Worked::Err("no".to_owned()) }).await.is_err());
    assert!(idempotency.run(ONCE.key("3"), ok()).await.is_err());
    // A panic ends a claim too.
    let panics = tokio::spawn({
        let idempotency = idempotency.clone();
        async move { idempotency.run(SHIP.key("4"), async { if true { panic!("of the test") } else { ok().await } }).await }
    });
    assert!(panics.await.is_err());
    // One that runs, one that is refused meanwhile, one that waits and one that gives up waiting.
    let (go_on, told) = tokio::sync::oneshot::channel::<()>();
    let (first, started) = (idempotency.clone(), Arc::new(tokio::sync::Notify::new()));
    let signal = Arc::clone(&started);
    let first = tokio::spawn(async move {
        let work = async move {
            signal.notify_one();
            told.await.unwrap();
            ok().await
        };
        first.run(SHIP.key("5"), work).await
    });
    started.notified().await;
    assert!(idempotency.run(SHIP.key("5"), ok()).await.is_err());
    let (mut waits, mut gives_up) =
        (Box::pin(idempotency.run(WAITING.key("5"), ok())), Box::pin(idempotency.run(WAITING.key("5"), ok())));
    for waiting in [&mut waits, &mut gives_up] {
        assert!(std::future::poll_fn(|cx| std::task::Poll::Ready(waiting.as_mut().poll(cx).is_pending())).await);
    }
    assert_eq!(kept.now(r#"idem_waiters{store="memory"}"#), 2.0);
    assert_eq!(kept.now(r#"idem_requests_in_flight{kind="job",operation="ship"}"#), 3.0);
    assert_eq!(kept.now(r#"idem_claims_live{store="memory"}"#), 1.0);
    assert_eq!(idempotency.counts().live, 1);
    drop(gives_up);
    go_on.send(()).unwrap();
    first.await.unwrap().unwrap();
    assert!(waits.await.unwrap().is_replayed());

    for (outcome, times) in [
        (Outcome::Executed, 4.0),
        (Outcome::Replayed, 2.0),
        (Outcome::InvalidKey, 1.0),
        (Outcome::MissingKey, 1.0),
        (Outcome::KeyReused, 1.0),
        (Outcome::OutcomeUnknown, 1.0),
        (Outcome::Panicked, 1.0),
        (Outcome::InProgress, 1.0),
        (Outcome::Abandoned, 1.0),
        (Outcome::Unavailable, 0.0),
    ] {
        assert_eq!(requests(outcome.as_str()), times, "{outcome:?}");
    }
    for (series, times) in [
        (r#"idem_claims_total{store="memory",start="fresh"}"#, 5.0),
        (r#"idem_claims_total{store="memory",start="taken_over"}"#, 0.0),
        (r#"idem_claims_ended_total{store="memory",end="completed"}"#, 3.0),
        (r#"idem_claims_ended_total{store="memory",end="released"}"#, 2.0),
        (r#"idem_claims_ended_total{store="memory",end="expired"}"#, 0.0),
        (r#"idem_claims_live{store="memory"}"#, 0.0),
        (r#"idem_waiters{store="memory"}"#, 0.0),
        (r#"idem_requests_in_flight{kind="job",operation="ship"}"#, 0.0),
        (r#"idem_store_call_duration_seconds{store="memory",call="claim",result="claimed"}"#, 5.0),
        (r#"idem_store_call_duration_seconds{store="memory",call="claim",result="full"}"#, 0.0),
        (r#"idem_store_call_duration_seconds{store="memory",call="claim",result="corrupt"}"#, 0.0),
        (r#"idem_store_call_duration_seconds{store="memory",call="complete",result="done"}"#, 3.0),
        (r#"idem_store_call_duration_seconds{store="memory",call="complete",result="full"}"#, 0.0),
        (r#"idem_store_call_duration_seconds{store="memory",call="release",result="done"}"#, 2.0),
    ] {
        assert_eq!(kept.now(series), times, "{series}");
    }
    let counts = idempotency.counts();
    assert_eq!(
        (counts.claimed, counts.recorded, counts.released, counts.expired, counts.live),
        (5, 3, 2, 0, 0),
        "{counts:?}"
    );
    every_series_is_in_the_catalogue(&kept);
}

fn every_series_is_in_the_catalogue(kept: &Kept) {
    let described = kept.described.lock();
    assert_eq!(described.len(), METRICS.len());
    for metric in METRICS {
        assert_eq!(described.get(metric.name), Some(&(metric.kind, metric.help.to_owned())), "{}", metric.name);
    }
    let mut shown = BTreeSet::new();
    for (kind, series) in kept.series.lock().keys() {
        let (name, labels) = series.split_once('{').unwrap();
        let metric: &Metric = METRICS.iter().find(|metric| metric.name == name).unwrap_or_else(|| panic!("{name}"));
        let labels: Vec<_> =
            labels.trim_end_matches('}').split(',').map(|label| label.split_once('=').unwrap().0).collect();
        assert_eq!((*kind, &*labels), (metric.kind, metric.labels), "{name}");
        shown.insert(name.to_owned());
    }
    assert_eq!(shown.len(), METRICS.len(), "every metric has a series after the first call: {shown:?}");
}

#[test]
fn names_are_of_one_kind_and_say_what_they_are() {
    for metric in METRICS {
        assert!(metric.name.starts_with("idem_"), "{}", metric.name);
        assert_eq!(metric.kind == MetricKind::Counter, metric.name.ends_with("_total"), "{}", metric.name);
        assert!(metric.unit.is_empty() || metric.name.contains(metric.unit), "{}", metric.name);
    }
    assert!(METRICS.is_sorted_by(|one, other| one.name != other.name));
    let texts: BTreeSet<_> = Outcome::ALL.iter().map(|outcome| outcome.as_str()).collect();
    assert_eq!(texts.len(), Outcome::ALL.len());
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn i54_transactions_balance_too() {
    let kept = Kept::default();
    let _here = metrics::set_default_local_recorder(&kept);
    let folder = tempfile::tempdir().unwrap();
    let store = crate::SqliteStore::open(folder.path().join("records.db")).unwrap();
    let idempotency = Idempotency::new(store);
    let transactions: crate::SqliteTransactions = idempotency.transactions().unwrap();
    for (job, name) in [(SHIP, "retry"), (ONCE, "keep")] {
        let key = |what| job.key(format!("{name}-{what}"));
        for _ in 0..2 {
            transactions.run(key("ok"), |_tx| ok()).await.unwrap();
        }
        let failed = transactions.run(key("fails"), async |_tx| Worked::Err("no".to_owned())).await;
        assert!(matches!(failed, Err(JobError::Failed(_))));
        let (panics, call) = (transactions.clone(), key("panics"));
        let work = async |_tx| if true { panic!("of the test") } else { ok().await };
        assert!(tokio::spawn(async move { panics.run(call, work).await }).await.is_err());
    }
    let of_store = |name, labels| kept.now(&format!(r#"{name}{{store="sqlite",{labels}}}"#));
    for (name, labels, times) in [
        ("idem_claims_total", r#"start="fresh""#, 6.0),
        // With `on_failure = "keep"`, that it failed is recorded.
        ("idem_claims_ended_total", r#"end="completed""#, 4.0),
        ("idem_claims_ended_total", r#"end="released""#, 2.0),
        ("idem_claims_ended_total", r#"end="expired""#, 0.0),
        ("idem_store_call_duration_seconds", r#"call="begin",result="claimed""#, 6.0),
        ("idem_store_call_duration_seconds", r#"call="claim",result="claimed""#, 3.0),
        ("idem_store_call_duration_seconds", r#"call="commit",result="done""#, 4.0),
        ("idem_store_call_duration_seconds", r#"call="roll_back",result="done""#, 2.0),
    ] {
        assert_eq!(of_store(name, labels), times, "{name} {labels}");
    }
    assert_eq!(kept.now(r#"idem_claims_live{store="sqlite"}"#), 0.0);
}
