//! `idem`: looks up what is known of an idempotency key, and releases or settles a key whose outcome nobody knows.
//!
//! `guide::operating` says when to use what. Exit codes: 0 done; 1 the store or a file could not be used; 2 wrong arguments;
//! 3 nothing is known of the key; 4 refused: the key is in a state in which that is not done.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line speaks on both")]

use std::process::ExitCode;

use clap::Parser;
use idem_runtime::StoreError;
use idem_runtime::admin::{AdminError, KeyState};

mod age;
mod arguments;
mod audit;
mod report;
mod store;

use arguments::{Arguments, Command, Which};
use report::Report;

/// Why the program ends without having done what it was asked for.
struct Failed {
    code: u8,
    why: String,
}

impl Failed {
    fn new(code: u8, why: impl Into<String>) -> Self {
        Self { code, why: why.into() }
    }

    /// A file or the store.
    fn unusable(why: impl Into<String>) -> Self {
        Self::new(1, why)
    }

    fn wrong(why: impl Into<String>) -> Self {
        Self::new(2, why)
    }

    fn not_found() -> Self {
        Self::new(
            3,
            "nothing is known of this key. It may have ended; or it is another one: the operation, the scope and the \
             application's secret are parts of what it is stored under, and have to be exactly as they were; and the keys \
             of a layer are found with --layer alone",
        )
    }
}

impl From<AdminError> for Failed {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::NotFound => Self::not_found(),
            AdminError::Refused(_) | AdminError::Changed => Self::new(4, error.to_string()),
            AdminError::Unfit(_) => Self::wrong(error.to_string()),
            other => Self::unusable(in_one_line(&other)),
        }
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::unusable(in_one_line(&error))
    }
}

fn in_one_line(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    let mut texts: Vec<String> = causes.map(ToString::to_string).collect();
    texts.dedup();
    texts.join(": ").replace('\n', " ")
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let done = match runtime {
        Ok(runtime) => runtime.block_on(run(arguments)),
        Err(error) => Err(Failed::unusable(error.to_string())),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failed { code, why }) => {
            eprintln!("idem: {why}");
            ExitCode::from(code)
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Failed> {
    let Arguments { store, secret_file, json, command } = arguments;
    let store = store.or_else(|| std::env::var("IDEM_STORE").ok().filter(|url| !url.is_empty()));
    let store = store.ok_or_else(|| Failed::wrong("name the store: --store URL, or the variable IDEM_STORE"))?;
    let admin = store::open(&store, secret_file.as_deref()).await?.admin();
    match command {
        Command::Lookup { which, body } => {
            let key = which.key(&admin)?;
            let known = admin.look_up(key).await?.ok_or_else(Failed::not_found)?;
            let report = Report { key, known: &known, with_body: body };
            report.print(json).map_err(|error| Failed::unusable(format!("the answer cannot be written: {error}")))
        }
        Command::Release { change } => {
            let key = change.which.key(&admin)?;
            let known = admin.look_up(key).await?.ok_or_else(Failed::not_found)?;
            let audit = audit::Audit::begin("release", &change, key, &known)?;
            let before = audit.end("released", admin.release(key).await)?;
            say(json, key, before.as_str(), "released", "the next retry runs");
            Ok(())
        }
        Command::Settle { change, answer, ttl, not_encrypted } => {
            let key = change.which.key(&admin)?;
            let answer = answer.read(change.which.is_job())?;
            let known = admin.look_up(key).await?.ok_or_else(Failed::not_found)?;
            if known.state == KeyState::Abandoned && !not_encrypted {
                return Err(Failed::wrong(
                    "an application that encrypts its records cannot read what this records, and refuses the key until that \
                     has ended. Say --not-encrypted if it does not encrypt; if it does, settle with `Idempotency::admin`",
                ));
            }
            let audit = audit::Audit::begin("settle", &change, key, &known)?;
            let settled = match known.state {
                // What could be read is not encrypted.
                KeyState::Abandoned | KeyState::OutcomeUnknown => admin.settle(key, &answer, ttl).await,
                state => Err(AdminError::Refused(state)),
            };
            let before = audit.end("recorded", settled)?;
            say(json, key, before.as_str(), "recorded", "retries are answered with this");
            Ok(())
        }
        Command::Sweep => {
            let rows = admin.sweep().await?;
            match json {
                true => println!("{}", serde_json::json!({ "removed": rows })),
                false => println!("{rows} rows had ended and are removed"),
            }
            Ok(())
        }
    }
}

fn say(json: bool, key: idem_runtime::RecordKey, before: &str, after: &str, meaning: &str) {
    match json {
        true => {
            println!("{}", serde_json::json!({ "key": key.to_string(), "before": before, "after": after }));
        }
        false => println!("{key}: was {before}, is {after}; {meaning}"),
    }
}

impl Which {
    fn key(&self, admin: &idem_runtime::admin::Admin) -> Result<idem_runtime::RecordKey, Failed> {
        if let Some(digest) = &self.digest {
            return Ok(*digest);
        }
        match (self.operation(), &self.key) {
            (Some(operation), Some(key)) => Ok(admin.key(&operation, self.scope.as_deref(), key)),
            _ => Err(Failed::wrong("name the key: --operation (or --layer, or --job) and --key, or --digest")),
        }
    }
}
