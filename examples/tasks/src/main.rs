//! Preconditions and retries together, to be tried with curl: a task is added to the list that the client has read, once.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use idem_runtime::{Idempotency, SqliteStore, shutdown_signal};
use limit::Limit;
use tasks::Tasks;
use tokio::net::TcpListener;

mod app;
mod greeting;
mod limit;
mod problem;
mod tasks;

/// How long running requests may take to end when the program is told to stop.
const GRACE: Duration = Duration::from_secs(20);

/// A list of tasks for each user, whose changes are safe to retry.
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    /// Where tasks and records are kept, in one file: `sqlite:FILE`
    #[arg(long, default_value = "sqlite:tasks.db", value_name = "URL")]
    store: String,
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:3002", value_name = "ADDR")]
    listen: SocketAddr,
    /// How many requests one address may send in the long run; `0.1` is one in ten seconds
    #[arg(long, default_value = "20", value_name = "NUMBER", value_parser = rate)]
    requests_per_second: f64,
    /// How many of them it may send at once
    #[arg(long, default_value = "50", value_name = "NUMBER")]
    burst: NonZeroU32,
    /// How long a new task is written and not committed, at most 4s: a time to kill this program in
    #[arg(long, default_value = "0s", value_name = "DURATION", value_parser = delay)]
    delay: Duration,
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "it is no number".to_owned())?;
    let possible = 1e-6..=1e6;
    if possible.contains(&rate) { Ok(rate) } else { Err("0.000001 to 1000000 are possible".to_owned()) }
}

/// Below the time for which the store lets a handler leave its transaction alone.
fn delay(text: &str) -> Result<Duration, String> {
    let delay = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if delay <= Duration::from_secs(4) { Ok(delay) } else { Err("at most 4s are possible".to_owned()) }
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .with_writer(std::io::stderr)
        .init();
    match serve(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            say_error(&why);
            ExitCode::FAILURE
        }
    }
}

async fn serve(options: Options) -> Result<(), String> {
    let limit = Limit::new(Duration::from_secs_f64(1.0 / options.requests_per_second), options.burst)?;
    let listener = TcpListener::bind(options.listen).await.map_err(|error| {
        format!("cannot listen on {}: {error}; choose another address with --listen", options.listen)
    })?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let file = options.store.strip_prefix("sqlite:").map(|file| file.strip_prefix("//").unwrap_or(file));
    let file = file.ok_or("tasks and records are kept in one SQLite file: name it with --store sqlite:FILE")?;
    let store = SqliteStore::open(file).map_err(|error| error.to_string())?;
    let idempotency = Idempotency::new(store.clone());
    let transactions = idempotency.transactions().map_err(|error| error.to_string())?;
    let tasks = Tasks::open(store).await.map_err(|error| format!("the tasks cannot be kept in {file}: {error}"))?;
    let delay = app::Delay(options.delay);
    let state = app::AppState { idempotency: idempotency.clone(), transactions, tasks, delay };
    greeting::greet(address, file);
    let forgetting = tokio::spawn(limit.clone().forget());
    let service = app::router(state, limit).into_make_service_with_connect_info::<SocketAddr>();
    // Also what was carried on after its client had gone is recorded before the process ends.
    let served = idempotency
        .serve_gracefully(shutdown_signal(), GRACE, |stop| axum::serve(listener, service).with_graceful_shutdown(stop))
        .await;
    forgetting.abort();
    served.map_err(|error| error.to_string())
}

#[allow(clippy::print_stderr, reason = "the one line that says why the program ends")]
fn say_error(why: &str) {
    eprintln!("tasks: {why}");
}
