//! The main job, to be tried with curl: a payment that is sent ten times and charged once.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use idem_runtime::Idempotency;
use ledger::Ledger;
use tokio::net::TcpListener;

mod app;
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
    let state = app::AppState { idempotency: idempotency.clone(), ledger };
    greet(address, file.unwrap_or(idempotency.store_name()));
    axum::serve(listener, app::router(state))
        .with_graceful_shutdown(stop_signal())
        .await
        .map_err(|error| error.to_string())?;
    // Also what was carried on after its client had gone is recorded before the process ends.
    idempotency.drain().await;
    Ok(())
}

async fn stop_signal() {
    let interrupt = async { drop(tokio::signal::ctrl_c().await) };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}

#[allow(clippy::print_stdout, reason = "what to try is this program's output")]
fn greet(address: SocketAddr, store: &str) {
    println!(
        r#"payments: listening on http://{address}, records in {store}

Pay, and send the same request again: one charge, and the retry is marked `idempotency-replayed: true`.

  curl -i http://{address}/v1/payments -H 'X-Idempotency-Key: k-1' --json '{{"order":"A-1","amount":1250}}'
  curl -i http://{address}/v1/payments -H 'X-Idempotency-Key: k-1' --json '{{"order":"A-1","amount":1250}}'

Another amount under the same key is refused (422), and so is a payment without a key (428):

  curl -i http://{address}/v1/payments -H 'X-Idempotency-Key: k-1' --json '{{"order":"A-1","amount":9999}}'
  curl -i http://{address}/v1/payments --json '{{"order":"A-1","amount":1250}}'

Hang up in the middle, and retry: the charge was carried on to its end, and is not made again.

  curl -m 0.1 http://{address}/v1/payments -H 'X-Idempotency-Key: k-2' --json '{{"order":"A-2","amount":700}}'
  curl -i --retry 5 --retry-all-errors --fail-with-body http://{address}/v1/payments -H 'X-Idempotency-Key: k-2' --json '{{"order":"A-2","amount":700}}'

With an optional key, and ten retries at once:

  seq 10 | xargs -P 10 -I '{{}}' curl -s -w '\n' http://{address}/pay -H 'Idempotency-Key: k-3' --json '{{"orderId":7}}'

Stop this program, even with `kill -9`, start it again, and retry: the answer is still there, unless it was kept in memory.

What was really charged, and what happened to the requests:

  curl http://{address}/v1/payments
  curl http://{address}/v1/counts
"#
    );
}

#[allow(clippy::print_stderr, reason = "the one line that says why the program ends")]
fn say_error(why: &str) {
    eprintln!("payments: {why}");
}
