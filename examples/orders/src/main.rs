//! Orders that exist once, to be tried with curl.

use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use idem_runtime::{Idempotency, SqliteStore, shutdown_signal};
use orders::Shop;
use tokio::net::TcpListener;

/// A shop that takes an order once, however often it is sent.
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    /// Where records, orders and drafts are kept, in one transaction: `sqlite:FILE`
    #[arg(long, default_value = "sqlite:orders.db", value_name = "URL")]
    store: String,
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:3001", value_name = "ADDR")]
    listen: SocketAddr,
    /// How long a draft lives that is not committed; after that, it is unknown
    #[arg(long, default_value = "24h", value_name = "DURATION", value_parser = draft_ttl)]
    draft_ttl: Duration,
    /// How often expired drafts are deleted
    #[arg(long, default_value = "1m", value_name = "DURATION", value_parser = sweep_every)]
    sweep_every: Duration,
}

fn draft_ttl(text: &str) -> Result<Duration, String> {
    within(text, Duration::ZERO..=Duration::from_secs(366 * 86_400), "at most 366 days")
}

fn sweep_every(text: &str) -> Result<Duration, String> {
    within(text, Duration::from_millis(10)..=Duration::from_secs(86_400), "10 ms to one day")
}

fn within(text: &str, allowed: std::ops::RangeInclusive<Duration>, said: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if allowed.contains(&duration) { Ok(duration) } else { Err(said.to_owned()) }
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
    let file = file_of(&options.store)?;
    let listener = TcpListener::bind(options.listen).await.map_err(|error| {
        format!("cannot listen on {}: {error}; choose another address with --listen", options.listen)
    })?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let store = SqliteStore::open(file).map_err(|error| in_one_line(&error))?;
    let idempotency = Idempotency::new(store.clone());
    let shop = Shop::open(idempotency, store, options.draft_ttl).await;
    let shop = shop.map_err(|error| format!("the orders cannot be kept in {file}: {}", in_one_line(&*error)))?;
    greet(address, file);
    shop.serve(listener, options.sweep_every, shutdown_signal()).await.map_err(|error| error.to_string())
}

/// An order and its record are one transaction, so one file has to have both.
fn file_of(url: &str) -> Result<&str, String> {
    let file = url.strip_prefix("sqlite:").map(|file| file.strip_prefix("//").unwrap_or(file));
    match file {
        Some("" | ":memory:") | None => {
            let scheme: String = url.split(':').next().unwrap_or_default().chars().take(20).collect();
            Err(format!("`{scheme}:` names no file: orders and their records are kept in one, use `sqlite:FILE`"))
        }
        Some(file) => Ok(file),
    }
}

fn in_one_line(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ").replace('\n', " ")
}

#[allow(clippy::print_stdout, reason = "what to try is this program's output")]
fn greet(address: SocketAddr, file: &str) {
    let order = "/v1/orders/7f1e6a52-3d0b-4c55-9c0e-2b8f4a6d1e90";
    println!(
        r#"orders: listening on http://{address}, orders and records in {file}

Order under an id of your own, and again: 201, then 200 with the same order, today and in a year.

  curl -i -X PUT http://{address}{order} -H 'Authorization: Bearer ann' --json '{{"item":"lamp","quantity":2}}'
  curl -i -X PUT http://{address}{order} -H 'Authorization: Bearer ann' --json '{{"item":"lamp","quantity":2}}'

Something else under this id is refused (422), and so is somebody else (409):

  curl -i -X PUT http://{address}{order} -H 'Authorization: Bearer ann' --json '{{"item":"lamp","quantity":3}}'
  curl -i -X PUT http://{address}{order} -H 'Authorization: Bearer bob' --json '{{"item":"lamp","quantity":2}}'

Order with a key: 428 without, 201, then 200 with the same order.

  curl -i http://{address}/v1/orders -H 'Authorization: Bearer ann' --json '{{"item":"chair","quantity":4}}'
  curl -i http://{address}/v1/orders -H 'Authorization: Bearer ann' -H 'X-Idempotency-Key: k-1' --json '{{"item":"chair","quantity":4}}'
  curl -i http://{address}/v1/orders -H 'Authorization: Bearer ann' -H 'X-Idempotency-Key: k-1' --json '{{"item":"chair","quantity":4}}'

Make a draft, look at it, and commit it twice: 201, then 200 with the same order. One that nobody commits expires.

  draft=$(curl -s -o /dev/null -w '%header{{location}}' http://{address}/v1/orders/drafts -H 'Authorization: Bearer ann' --json '{{"item":"table","quantity":1}}')
  curl -i http://{address}$draft -H 'Authorization: Bearer ann'
  curl -i -X PUT http://{address}$draft/commit -H 'Authorization: Bearer ann'
  curl -i -X PUT http://{address}$draft/commit -H 'Authorization: Bearer ann'

Stop this program, even with `kill -9`, start it again, and order or commit the same once more: it is still one order of each.

  curl http://{address}/v1/orders -H 'Authorization: Bearer ann'
"#
    );
}

#[allow(clippy::print_stderr, reason = "the one line that says why the program ends")]
fn say_error(why: &str) {
    eprintln!("orders: {why}");
}
