//! The main job, to be tried with curl and watched in a browser: a payment that is sent ten times and charged once.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use idem_runtime::{Idempotency, shutdown_signal};
use ledger::Ledger;
use tokio::net::TcpListener;
use tokio::sync::watch;

mod app;
mod demo;
mod greeting;
mod ledger;

/// A payment service whose retries are safe.
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    /// Where records are kept: `sqlite:FILE`, `memory:` or `redis://HOST:PORT`. The charges are kept in the same FILE, and
    /// in memory with the others
    #[arg(long, default_value = "sqlite:payments.db", value_name = "URL")]
    store: String,
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:3000", value_name = "ADDR")]
    listen: SocketAddr,
    /// How long the simulated provider takes for a charge
    #[arg(long, default_value = "300ms", value_name = "DURATION", value_parser = humantime::parse_duration)]
    delay: Duration,
    /// How long it takes when the page asks for a slow one
    #[arg(long, default_value = "4s", value_name = "DURATION", value_parser = humantime::parse_duration)]
    slow: Duration,
    /// How long running payments may take to end when the program is told to stop
    #[arg(long, default_value = "20s", value_name = "DURATION", value_parser = humantime::parse_duration)]
    grace: Duration,
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
    let listener = TcpListener::bind(options.listen).await.map_err(|error| {
        format!("cannot listen on {}: {error}; choose another address with --listen", options.listen)
    })?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let idempotency = Idempotency::connect(&options.store).await.map_err(|error| error.to_string())?;
    let file = options.store.strip_prefix("sqlite:").map(|file| file.strip_prefix("//").unwrap_or(file));
    let ledger = Ledger::open(file, options.delay).map_err(|error| format!("the charges cannot be kept: {error}"))?;
    let state = app::AppState { idempotency: idempotency.clone(), ledger: ledger.clone() };
    // Only who is on this machine may make something go wrong.
    let faults = address.ip().is_loopback();
    let mut app = app::router(state);
    if faults {
        app = demo::with_faults(app, demo::Slow(options.slow));
    }
    let (stop, stopping) = watch::channel(());
    let live = demo::Live::start(idempotency.clone(), ledger, faults, stopping).await;
    let app = app.merge(demo::router(live.map_err(|error| format!("the charges cannot be read: {error}"))?));
    greeting::greet(address, file.unwrap_or(idempotency.store_name()));
    let told = async move {
        shutdown_signal().await;
        // What the page watches would never end by itself.
        drop(stop);
    };
    let service = app.into_make_service_with_connect_info::<demo::Line>();
    // Also what was carried on after its client had gone is recorded before the process ends.
    idempotency
        .serve_gracefully(told, options.grace, |stop| axum::serve(listener, service).with_graceful_shutdown(stop))
        .await
        .map_err(|error| error.to_string())
}

#[allow(clippy::print_stderr, reason = "the one line that says why the program ends")]
fn say_error(why: &str) {
    eprintln!("payments: {why}");
}
