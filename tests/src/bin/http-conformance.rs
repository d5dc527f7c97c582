//! Asks a running server the statements of the Idempotency-Key draft, of Stripe's documentation and of the RFCs behind them,
//! and prints a table. Ends with 0 if none fails, with 1 if one does, and with 2 if it could not ask.
//!
//! Against an example, in two terminals:
//!
//! ```sh
//! cargo run -p payments -- --store memory: --delay 20ms
//! cargo run -p idem-tests --bin http-conformance -- --url http://127.0.0.1:3000/v1/payments \
//!     --header X-Idempotency-Key --missing 428 --replay-status 200 --effects http://127.0.0.1:3000/v1/payments \
//!     --body '{"order":"A-1","amount":1}' --other '{"order":"A-1","amount":2}' --invalid '{"order":1}'
//! ```

use std::process::ExitCode;

use clap::Parser as _;
use idem_tests::http_conformance::{Finding, Options, Subject, ask_all, table};

/// Nothing was asked.
const UNUSABLE: u8 = 2;

#[tokio::main]
#[allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the table, or why there is none, is this program's output"
)]
async fn main() -> ExitCode {
    let options = match Options::try_parse() {
        Ok(options) => options,
        Err(help) if !help.use_stderr() => {
            print!("{help}");
            return ExitCode::SUCCESS;
        }
        Err(wrong) => {
            eprintln!("http-conformance: {}", in_one_line(&wrong));
            return ExitCode::from(UNUSABLE);
        }
    };
    let subject = match Subject::reach(options).await {
        Ok(subject) => subject,
        Err(why) => {
            eprintln!("http-conformance: {why}");
            return ExitCode::from(UNUSABLE);
        }
    };
    let findings = ask_all(&subject).await;
    println!("{}", table(&findings));
    if findings.iter().any(Finding::is_failure) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// What is wrong, without the hints that follow it.
fn in_one_line(wrong: &clap::Error) -> String {
    let text = wrong.to_string();
    let said = text.split("\n\n").next().unwrap_or_default();
    let words: Vec<_> = said.split_whitespace().collect();
    words.join(" ").trim_start_matches("error: ").to_owned()
}
