//! A server whose metrics and logs a test reads: its handlers do what the body says, and wait for the test where it says so.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRef, Path, State};
use axum::http::StatusCode;
use axum::routing::{any, get, post};
use clap::Parser;
use idem_runtime::{Execution, Idempotency, Job, idempotent};
use idem_tests::process::exit_code;
use metrics_exporter_prometheus::PrometheusBuilder;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower_http::catch_panic::CatchPanicLayer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

#[derive(Debug, Parser)]
struct Options {
    #[arg(long)]
    store: String,
}

#[derive(Clone, Debug, FromRef)]
struct AppState {
    idempotency: Idempotency,
    doors: Doors,
}

/// What handlers wait at, by its name.
#[derive(Clone, Debug)]
struct Doors {
    open: watch::Sender<BTreeSet<String>>,
    waiting: Arc<Mutex<Vec<String>>>,
}

impl Doors {
    async fn pass(&self, name: &str) {
        let mut open = self.open.subscribe();
        self.waiting.lock().push(name.to_owned());
        let _ = open.wait_for(|open| open.contains(name)).await;
        self.waiting.lock().retain(|waiting| waiting != name);
    }
}

/// `hold NAME`, `panic`, `fail`, `large`, or anything else, which is answered.
async fn work(doors: &Doors, body: String) -> (StatusCode, String) {
    match body.split_once(' ').map_or((&*body, ""), |both| both) {
        ("hold", name) => doors.pass(name).await,
        ("panic", _) => panic!("as the test wants it"),
        ("fail", _) => return (StatusCode::BAD_GATEWAY, String::new()),
        ("large", _) => return (StatusCode::CREATED, "x".repeat(2_000)),
        _ => {}
    }
    (StatusCode::CREATED, format!("done: {} B", body.len()))
}

#[idempotent(ttl = "1h", lease = "2s", max_response = "1KiB")]
async fn pay(State(doors): State<Doors>, body: String) -> (StatusCode, String) {
    work(&doors, body).await
}

#[idempotent(ttl = "1h", lease = "2s", on_failure = "keep")]
async fn pay_once(State(doors): State<Doors>, body: String) -> (StatusCode, String) {
    work(&doors, body).await
}

#[idempotent(ttl = "1h", lease = "2s", in_flight = "wait:60s")]
async fn pay_waiting(State(doors): State<Doors>, body: String) -> (StatusCode, String) {
    work(&doors, body).await
}

#[idempotent(ttl = "1h", missing = "execute")]
async fn optional(State(doors): State<Doors>, body: String) -> (StatusCode, String) {
    work(&doors, body).await
}

#[idempotent(ttl = "1h", scope = "header:X-Tenant")]
async fn scoped(State(doors): State<Doors>, body: String) -> (StatusCode, String) {
    work(&doors, body).await
}

/// The attribute refuses control characters in a name; a job's is any text.
const HOSTILE: Job = Job::new("job \"at\\once\"\nor # never} 1\r\t\u{1b}[31m", Duration::from_secs(3_600));

#[idempotent(ttl = "1h", operation = "pay \"at\\once\" # never} 1")]
async fn hostile(State(idempotency): State<Idempotency>, execution: Execution, body: String) -> String {
    let call = HOSTILE.key(execution.key());
    match idempotency.run(call, async { Ok::<_, Infallible>(body) }).await {
        Ok(done) => done.into_inner(),
        Err(error) => error.to_string(),
    }
}

#[idempotent(ttl = "1h")]
async fn whatever(body: String) -> String {
    body
}

async fn open(State(doors): State<Doors>, Path(name): Path<String>) {
    doors.open.send_if_modified(|open| open.insert(name));
}

async fn waiting(State(doors): State<Doors>) -> String {
    doors.waiting.lock().join("\n")
}

#[tokio::main]
async fn main() -> ExitCode {
    exit_code("metered-server", serve(Options::parse()).await)
}

#[allow(clippy::print_stdout, reason = "the address is this program's output")]
async fn serve(options: Options) -> Result<(), Box<dyn std::error::Error>> {
    let log = tracing_subscriber::fmt::layer().with_ansi(false).with_span_events(FmtSpan::FULL);
    let ours = Targets::new().with_target("idem_runtime", LevelFilter::TRACE);
    tracing_subscriber::registry().with(log).with(ours).init();
    let shown = PrometheusBuilder::new().set_buckets(&[0.001, 0.01, 0.1, 1.0])?.install_recorder()?;
    let idempotency = Idempotency::connect(&options.store).await?;
    let (opened, _) = watch::channel(BTreeSet::new());
    let state = AppState { idempotency: idempotency.clone(), doors: Doors { open: opened, waiting: Arc::default() } };
    let router = Router::new()
        .route("/pay", post(pay))
        .route("/pay-once", post(pay_once))
        .route("/pay-waiting", post(pay_waiting))
        .route("/optional", post(optional))
        .route("/scoped/{id}", post(scoped))
        .route("/hostile", post(hostile))
        .route("/any", any(whatever))
        .fallback(whatever)
        .layer(CatchPanicLayer::new())
        .route("/doors", get(waiting))
        .route("/doors/{name}", post(open))
        .with_state(state)
        .route("/metrics", get(move || std::future::ready(shown.render())));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    axum::serve(listener, router)
        .with_graceful_shutdown(async move { terminate.recv().await.unwrap_or_default() })
        .await?;
    idempotency.drain().await;
    Ok(())
}
