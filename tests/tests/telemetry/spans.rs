//! The spans, as a subscriber sees them.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::routing::post;
use idem_runtime::telemetry::{FIELDS, SPAN, TARGET};
use idem_runtime::{Idempotency, Job, MemoryStore, idempotent};
use idem_tests::server::{Seen, Server};
use parking_lot::Mutex;
use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

/// The fields of a span, and what was logged in it.
#[derive(Clone, Debug, Default)]
struct Kept {
    fields: BTreeMap<&'static str, String>,
    events: usize,
}

impl Visit for Kept {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.fields.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name(), value.to_owned());
    }
}

#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Vec<Kept>>>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let metadata = attributes.metadata();
        if metadata.target() == TARGET {
            assert_eq!((metadata.name(), *metadata.level()), (SPAN, Level::INFO));
            let names: Vec<_> = metadata.fields().iter().map(|field| field.name()).collect();
            assert_eq!(names, FIELDS);
            let mut kept = Kept::default();
            attributes.record(&mut kept);
            context.span(id).unwrap().extensions_mut().insert(kept);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(kept) = context.span(id).unwrap().extensions_mut().get_mut::<Kept>() {
            values.record(kept);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if event.metadata().target() == "handler"
            && let Some(span) = context.lookup_current()
            && let Some(kept) = span.extensions_mut().get_mut::<Kept>()
        {
            kept.events += 1;
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        if let Some(kept) = context.span(&id).unwrap().extensions_mut().remove::<Kept>() {
            self.0.lock().push(kept);
        }
    }
}

/// One for all tests of this process: whether a span is wanted at all is kept for the whole process.
fn spans() -> Spans {
    static SPANS: OnceLock<Spans> = OnceLock::new();
    let spans = SPANS.get_or_init(|| {
        let spans = Spans::default();
        tracing::subscriber::set_global_default(Registry::default().with(spans.clone())).unwrap();
        spans
    });
    spans.clone()
}

impl Spans {
    /// Those of an operation that have ended.
    fn of(&self, operation: &str) -> Vec<Kept> {
        self.0.lock().iter().filter(|kept| kept.fields["operation"] == operation).cloned().collect()
    }
}

#[idempotent(ttl = "1h")]
async fn logs(body: String) -> String {
    tracing::info!(target: "handler", "it runs");
    body
}

#[tokio::test]
async fn a_request_has_its_span() {
    let spans = spans();
    let router = Router::new().route("/spans/{id}", post(logs)).with_state(Idempotency::new(MemoryStore::new()));
    let server = Server::start(router).await;
    for _ in 0..2 {
        assert_eq!(Seen::of(server.post("/spans/1", "k-1", &json!(1))).await.status, 200);
    }
    assert_eq!(Seen::of(server.post("/spans/1", "k-1", &json!(2))).await.refusal(), "key_reused");
    assert_eq!(Seen::of(server.client.post(server.url("/spans/1"))).await.refusal(), "missing_key");
    let ended = idem_tests::until("four spans", async || {
        let ended = spans.of("POST /spans/{id}");
        (ended.len() == 4).then_some(ended)
    })
    .await;
    let outcomes: Vec<_> = ended.iter().map(|kept| &*kept.fields["outcome"]).collect();
    assert_eq!(outcomes, ["executed", "replayed", "key_reused", "missing_key"]);
    let events: Vec<_> = ended.iter().map(|kept| kept.events).collect();
    assert_eq!(events, [1, 0, 0, 0], "what the handler logs stands in its span");
    assert!(ended.iter().all(|kept| kept.fields["kind"] == "http" && kept.fields["store"] == "memory"));
    let keys: Vec<_> = ended.iter().map(|kept| kept.fields.get("key").cloned()).collect();
    assert!(keys[0].as_ref().is_some_and(|key| key.len() == 16 && key.bytes().all(|byte| byte.is_ascii_hexdigit())));
    assert!(keys[0] == keys[1] && keys[1] == keys[2], "one digest for all retries: {keys:?}");
    assert_eq!(keys[3], None);
    let attempts: Vec<_> = ended.iter().map(|kept| kept.fields.get("attempt").map(String::as_str)).collect();
    assert_eq!(attempts, [Some("1"), None, None, None]);
    let took = |kept: &Kept, field: &str| kept.fields.get(field).map(|value| value.parse::<f64>().unwrap());
    assert!(took(&ended[0], "claim_ms").is_some_and(|took| took > 0.0));
    assert!(took(&ended[0], "settle_ms").is_some_and(|took| took > 0.0));
    assert!(took(&ended[1], "claim_ms").is_some() && took(&ended[1], "settle_ms").is_none());
}

#[tokio::test]
async fn a_job_has_its_span_whatever_it_comes_to() {
    const SPANNED: Job = Job::new("spanned \"job\"", Duration::from_secs(60));
    let spans = spans();
    let idempotency = Idempotency::new(MemoryStore::new());
    let work = || async {
        tracing::info!(target: "handler", "it runs");
        Ok::<_, String>(1)
    };
    for _ in 0..2 {
        idempotency.run(SPANNED.key("k"), work()).await.unwrap();
    }
    idempotency.run_borrowing(SPANNED.key("b"), work()).await.unwrap();
    assert!(idempotency.run(SPANNED.key(""), work()).await.is_err());
    let panics = idempotency.clone();
    let panics = tokio::spawn(async move {
        let work = async { if true { panic!("of the test") } else { Ok::<u8, String>(1) } };
        panics.run(SPANNED.key("p"), work).await
    });
    assert!(panics.await.is_err());
    let ended = spans.of("spanned %22job%22");
    let outcomes: Vec<_> = ended.iter().map(|kept| &*kept.fields["outcome"]).collect();
    assert_eq!(outcomes, ["executed", "replayed", "executed", "invalid_key", "panicked"]);
    assert!(ended.iter().all(|kept| kept.fields["kind"] == "job"));
    assert_eq!(ended.iter().map(|kept| kept.events).collect::<Vec<_>>(), [1, 0, 1, 0, 0]);
}
