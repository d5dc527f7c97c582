//! Asks a running server the statements of the Idempotency-Key draft and of Stripe's documentation, and prints a table.
//!
//! Against the example, in two terminals:
//!
//! ```sh
//! cargo run -p payments -- --listen 127.0.0.1:3000
//! cargo run -p idem-tests --bin http-conformance -- --url http://127.0.0.1:3000/v1/payments \
//!     --header X-Idempotency-Key --missing 428 --replay-status 200 \
//!     --body '{"order":"A-1","amount":1}' --other '{"order":"A-1","amount":2}' --invalid '{"order":1}'
//! ```

use std::process::ExitCode;

use clap::Parser;
use idem_tests::http_conformance::{Finding, Subject, ask_all, table};

#[derive(Debug, Parser)]
#[command(about = "Asks a running server the statements of the Idempotency-Key draft and of Stripe's documentation")]
struct Options {
    /// The guarded resource, which takes a POST
    #[arg(long)]
    url: String,
    /// The header that carries the key
    #[arg(long, default_value = "Idempotency-Key")]
    header: String,
    /// A JSON body that succeeds
    #[arg(long)]
    body: String,
    /// Another one that succeeds
    #[arg(long)]
    other: String,
    /// One that is no valid request
    #[arg(long)]
    invalid: Option<String>,
    /// What a request without a key is answered; leave it out if that is carried out
    #[arg(long)]
    missing: Option<u16>,
    /// What a success is answered on a replay; leave it out if with the recorded status
    #[arg(long)]
    replay_status: Option<u16>,
}

#[tokio::main]
#[allow(clippy::print_stdout, reason = "the table is this program's output")]
async fn main() -> ExitCode {
    let Options { url, header, body, other, invalid, missing, replay_status } = Options::parse();
    let findings = ask_all(&Subject { url, header, body, other, invalid, missing, replay_status }).await;
    println!("{}", table(&findings));
    if findings.iter().any(Finding::is_failure) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
