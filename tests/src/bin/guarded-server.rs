//! A server for tests that kill it: its handlers stop at a gate that the test holds in its hand, and write their
//! effects into a file that outlives them.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRef, State};
use axum::http::StatusCode;
use axum::routing::post;
use clap::Parser;
use idem_runtime::store::{PostgresStore, RedisStore, SqliteStore};
use idem_runtime::{
    Execution, Idempotency, IdempotencyBuilder, PostgresTransaction, PostgresTransactions, SqliteTransaction,
    SqliteTransactions, idempotent,
};
use idem_tests::gated::{self, Gated};
use idem_tests::process::exit_code;
use tokio::net::TcpListener;

#[derive(Debug, Parser)]
struct Options {
    #[arg(long)]
    store: String,
    /// Where the test listens.
    #[arg(long)]
    gate: SocketAddr,
    /// Where effects are written.
    #[arg(long)]
    effects: PathBuf,
    /// A step of the store's at which to stop too: `before-claim`, say.
    #[arg(long)]
    stop_at: Option<String>,
}

#[derive(Clone, Debug, FromRef)]
struct AppState {
    idempotency: Idempotency,
    outside: Outside,
}

#[derive(Clone, Debug)]
struct Outside {
    gate: SocketAddr,
    effects: Arc<PathBuf>,
}

impl Outside {
    async fn stop_at(&self, step: &str) -> std::io::Result<()> {
        gated::stop_at(self.gate, step).await
    }

    async fn charge(
        &self,
        tx: &mut sqlx::PgConnection,
        execution: &Execution,
    ) -> Result<(StatusCode, String), StatusCode> {
        let attempt = execution.attempt();
        let failed = |_| StatusCode::INTERNAL_SERVER_ERROR;
        self.stop_at("before-effect").await.map_err(failed)?;
        let charge = sqlx::query("INSERT INTO charges (note) VALUES ($1)").bind(execution.key());
        charge.execute(tx).await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
        self.stop_at("after-effect").await.map_err(failed)?;
        Ok((StatusCode::CREATED, format!("paid by {} in attempt {attempt}", std::process::id())))
    }

    async fn charge_in_file(
        &self,
        tx: &mut SqliteTransaction,
        execution: &Execution,
    ) -> Result<(StatusCode, String), StatusCode> {
        let (attempt, note) = (execution.attempt(), execution.key());
        let failed = |_| StatusCode::INTERNAL_SERVER_ERROR;
        self.stop_at("before-effect").await.map_err(failed)?;
        let charge = tx.call(move |db| db.execute("INSERT INTO charges (note) VALUES (?1)", [note]));
        charge.await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
        self.stop_at("after-effect").await.map_err(failed)?;
        Ok((StatusCode::CREATED, format!("paid by {} in attempt {attempt}", std::process::id())))
    }

    async fn pay(&self, execution: &Execution) -> Result<(StatusCode, String), StatusCode> {
        let unreachable = |_| StatusCode::INTERNAL_SERVER_ERROR;
        let attempt = execution.attempt();
        self.stop_at("before-effect").await.map_err(unreachable)?;
        let mut effects =
            std::fs::File::options().append(true).create(true).open(&*self.effects).map_err(unreachable)?;
        let line = format!("{} {attempt}\n", execution.key().unwrap_or_default());
        effects.write_all(line.as_bytes()).map_err(unreachable)?;
        self.stop_at("after-effect").await.map_err(unreachable)?;
        Ok((StatusCode::CREATED, format!("paid by {} in attempt {attempt}", std::process::id())))
    }
}

#[idempotent(ttl = "1h", lease = "2s")]
async fn pay(State(outside): State<Outside>, execution: Execution) -> Result<(StatusCode, String), StatusCode> {
    outside.pay(&execution).await
}

#[idempotent(ttl = "1h", lease = "2s", on_failure = "keep")]
async fn pay_once(State(outside): State<Outside>, execution: Execution) -> Result<(StatusCode, String), StatusCode> {
    outside.pay(&execution).await
}

#[idempotent(ttl = "1h", in_flight = "wait:60s")]
async fn pay_waiting(State(outside): State<Outside>, execution: Execution) -> Result<(StatusCode, String), StatusCode> {
    outside.pay(&execution).await
}

#[idempotent(ttl = "2h", lease = "1h")]
async fn pay_slowly(State(outside): State<Outside>, execution: Execution) -> Result<(StatusCode, String), StatusCode> {
    outside.pay(&execution).await
}

/// Behind a layer alone.
async fn pay_plainly(State(outside): State<Outside>, execution: Execution) -> Result<(StatusCode, String), StatusCode> {
    outside.pay(&execution).await
}

/// Where the store has transactions, the effect is a row that is written in the record's own.
#[derive(Clone, Debug, FromRef)]
struct ExactState {
    idempotency: Idempotency,
    transactions: PostgresTransactions,
    outside: Outside,
}

/// The same, where the store is a file.
#[derive(Clone, Debug, FromRef)]
struct FileState {
    idempotency: Idempotency,
    transactions: SqliteTransactions,
    outside: Outside,
}

#[idempotent(ttl = "1h", lease = "3s")]
async fn pay_exactly_in_file(
    mut tx: SqliteTransaction,
    State(outside): State<Outside>,
    execution: Execution,
) -> Result<(StatusCode, String), StatusCode> {
    outside.charge_in_file(&mut tx, &execution).await
}

#[idempotent(ttl = "1h", lease = "3s", on_failure = "keep")]
async fn pay_exactly_in_file_or_never(
    mut tx: SqliteTransaction,
    State(outside): State<Outside>,
    execution: Execution,
) -> Result<(StatusCode, String), StatusCode> {
    outside.charge_in_file(&mut tx, &execution).await
}

#[idempotent(ttl = "1h", lease = "3s")]
async fn pay_exactly(
    mut tx: PostgresTransaction,
    State(outside): State<Outside>,
    execution: Execution,
) -> Result<(StatusCode, String), StatusCode> {
    outside.charge(&mut tx, &execution).await
}

#[idempotent(ttl = "1h", lease = "3s", on_failure = "keep")]
async fn pay_exactly_or_never(
    mut tx: PostgresTransaction,
    State(outside): State<Outside>,
    execution: Execution,
) -> Result<(StatusCode, String), StatusCode> {
    outside.charge(&mut tx, &execution).await
}

/// With longer deadlines than by default where the tests stop a call on its way, and for PostgreSQL, whose connections are
/// processes: the tests share two cores.
async fn connect(options: &Options) -> Result<Idempotency, Box<dyn std::error::Error>> {
    let patient = |builder: IdempotencyBuilder| builder.store_timeout(Duration::from_secs(30)).build();
    let store = &*options.store;
    let stop_at = options.stop_at.clone();
    match store.split(':').next() {
        Some("postgres") => {
            let builder = PostgresStore::builder(store).response_timeout(Duration::from_secs(20));
            builder.migrate().await?;
            let store = builder.connect().await?;
            Ok(patient(match stop_at {
                Some(step) => Idempotency::builder(Gated::with_transactions(store, options.gate, step)),
                None => Idempotency::builder(store),
            }))
        }
        Some("redis") if stop_at.is_some() => {
            let store = RedisStore::connect(store).await?;
            Ok(patient(Idempotency::builder(Gated::new(store, options.gate, stop_at.unwrap_or_default()))))
        }
        Some("sqlite") => {
            let file = store.trim_start_matches("sqlite:");
            let builder = SqliteStore::builder(file).response_timeout(Duration::from_secs(20));
            let store = builder.hold(Duration::from_secs(60)).open()?;
            Ok(patient(match stop_at {
                Some(step) => Idempotency::builder(Gated::with_transactions(store, options.gate, step)),
                None => Idempotency::builder(store),
            }))
        }
        _ => Ok(Idempotency::connect(store).await?),
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    exit_code("guarded-server", serve(Options::parse()).await)
}

#[allow(clippy::print_stdout, reason = "the address is this program's output")]
async fn serve(options: Options) -> Result<(), Box<dyn std::error::Error>> {
    let idempotency = connect(&options).await?;
    let outside = Outside { gate: options.gate, effects: Arc::new(options.effects) };
    let state = AppState { idempotency: idempotency.clone(), outside: outside.clone() };
    let layer = idempotency.layer(Duration::from_secs(3600)).lease(Duration::from_secs(2)).build()?;
    let layered = Router::new()
        .route("/layered/plain", post(pay_plainly))
        .route("/layered/annotated", post(pay_waiting))
        .route_layer(layer);
    let mut router = Router::new()
        .route("/pay", post(pay))
        .route("/pay-once", post(pay_once))
        .route("/pay-waiting", post(pay_waiting))
        .route("/pay-slowly", post(pay_slowly))
        .merge(layered)
        .with_state(state);
    if let Ok(transactions) = idempotency.transactions() {
        let state = ExactState { idempotency: idempotency.clone(), transactions, outside: outside.clone() };
        let exact = Router::new()
            .route("/pay-exactly", post(pay_exactly))
            .route("/pay-exactly-or-never", post(pay_exactly_or_never))
            .with_state(state);
        router = router.merge(exact);
    }
    if let Ok(transactions) = idempotency.transactions() {
        let state = FileState { idempotency: idempotency.clone(), transactions, outside };
        let exact = Router::new()
            .route("/pay-exactly", post(pay_exactly_in_file))
            .route("/pay-exactly-or-never", post(pay_exactly_in_file_or_never))
            .with_state(state);
        router = router.merge(exact);
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    axum::serve(listener, router)
        .with_graceful_shutdown(async move { terminate.recv().await.unwrap_or_default() })
        .await?;
    idempotency.drain().await;
    Ok(())
}
