//! What the command line says.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use data_encoding::HEXLOWER_PERMISSIVE;
use http::StatusCode;
use idem_runtime::RecordKey;
use idem_runtime::admin::{Answer, Operation};

use crate::Failed;

/// Look up, release and settle idempotency keys.
#[derive(Debug, Parser)]
#[command(name = "idem", version)]
pub(crate) struct Arguments {
    /// Where the application keeps its records: `sqlite:FILE`, `redis://HOST:PORT` or `postgres://USER@HOST/DATABASE`; or the
    /// same in IDEM_STORE, where no list of processes shows a password
    #[arg(long, value_name = "URL")]
    pub(crate) store: Option<String>,
    /// A file with the application's secret, without the line feed at its end; or the secret itself in IDEM_SECRET
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say what is known of a key
    Lookup {
        #[command(flatten)]
        which: Which,
        /// Print the recorded body, and nothing else; with --json, in `body` (base64 in `body_base64` if it is no text)
        #[arg(long)]
        body: bool,
    },
    /// Let the next retry of a key run whose outcome nobody knows
    Release {
        #[command(flatten)]
        change: Change,
    },
    /// Record the answer of a key whose outcome nobody knows: retries get it, and nothing runs
    Settle {
        #[command(flatten)]
        change: Change,
        #[command(flatten)]
        answer: GivenAnswer,
        /// How long the answer is replayed
        #[arg(long, default_value = "24h", value_name = "DURATION", value_parser = ttl)]
        ttl: Duration,
        /// The application does not encrypt its records: has to be said for a key that is abandoned, of which that cannot be
        /// seen. What is recorded by this is not encrypted, and an application that encrypts cannot read it
        #[arg(long)]
        not_encrypted: bool,
    },
    /// Remove what has ended
    Sweep,
}

/// Which key.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// The handler: "POST /v1/payments/{id}", its route as a whole; or the name that it has as its `operation`
    #[arg(long, value_name = "OPERATION", conflicts_with_all = ["layer", "job", "digest"], requires = "key")]
    operation: Option<String>,
    /// What a layer guards, and no annotation: its route or its name, as with --operation
    #[arg(long, value_name = "OPERATION", conflicts_with_all = ["job", "digest"], requires = "key")]
    layer: Option<String>,
    /// The job: its `operation`, or the path of its function, `shop::parcels::ship`
    #[arg(long, value_name = "NAME", conflicts_with = "digest", requires = "key")]
    job: Option<String>,
    /// Whose key it is, if the operation has a `scope`
    #[arg(long, value_name = "SCOPE")]
    pub(crate) scope: Option<String>,
    /// The key, without quotes of its own
    #[arg(long, value_name = "KEY", conflicts_with = "digest")]
    pub(crate) key: Option<String>,
    /// The digest under which it is stored, as warnings in the log show it, in place of operation, scope and key
    #[arg(long, value_name = "HEX", value_parser = digest, conflicts_with = "scope")]
    pub(crate) digest: Option<RecordKey>,
    /// Whether --digest is of a job: what is settled then is a value
    #[arg(long, requires = "digest")]
    value: bool,
}

impl Which {
    pub(crate) fn operation(&self) -> Option<Operation> {
        match (&self.operation, &self.layer, &self.job) {
            (Some(text), ..) => Some(Operation::of_handler(text)),
            (_, Some(text), _) => Some(Operation::of_layer(text)),
            (.., Some(name)) => Some(Operation::Job(name.clone())),
            (None, None, None) => None,
        }
    }

    pub(crate) fn is_job(&self) -> bool {
        self.job.is_some() || self.value
    }
}

/// A change, and what is written down of it.
#[derive(Debug, Args)]
pub(crate) struct Change {
    #[command(flatten)]
    pub(crate) which: Which,
    /// Why, for the audit
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub(crate) reason: String,
    /// Where the audit is written, a line of JSON before the change and one after it; standard error if not given
    #[arg(long, value_name = "FILE")]
    pub(crate) audit: Option<PathBuf>,
    /// Write operation, scope and key into the audit as well, and not their digest alone
    #[arg(long)]
    pub(crate) audit_key: bool,
}

/// What a retry is answered.
#[derive(Debug, Args)]
pub(crate) struct GivenAnswer {
    /// The status of a handler's response
    #[arg(long, value_name = "STATUS", default_value = "200", value_parser = status)]
    status: StatusCode,
    /// Its Content-Type
    #[arg(long, value_name = "TYPE", value_parser = content_type)]
    content_type: Option<String>,
    /// A file with the response's body, or with the job's value as JSON
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
}

impl GivenAnswer {
    pub(crate) fn read(&self, of_job: bool) -> Result<Answer, Failed> {
        let body = match &self.body {
            None => Vec::new(),
            Some(file) => std::fs::read(file)
                .map_err(|error| Failed::unusable(format!("{} cannot be read: {error}", file.display())))?,
        };
        match of_job {
            true if self.content_type.is_some() => Err(Failed::wrong("a job's value has no Content-Type: it is JSON")),
            true if self.body.is_none() => Err(Failed::wrong("give the job's value as JSON: --body FILE")),
            true => Ok(Answer::value(body)),
            false => Ok(Answer::response(self.status, self.content_type.as_deref(), body)),
        }
    }
}

fn ttl(text: &str) -> Result<Duration, String> {
    let ttl = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    let allowed = Duration::from_secs(1)..=Duration::from_secs(366 * 86_400);
    if allowed.contains(&ttl) { Ok(ttl) } else { Err("1s to 366days".to_owned()) }
}

fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() { Err("say why".to_owned()) } else { Ok(text.to_owned()) }
}

fn status(text: &str) -> Result<StatusCode, String> {
    let status = text.parse::<StatusCode>().ok().filter(|status| (200..600).contains(&status.as_u16()));
    status.ok_or_else(|| "a status is 200 to 599".to_owned())
}

fn content_type(text: &str) -> Result<String, String> {
    match text.parse::<http::HeaderValue>() {
        Ok(_) if text.contains('/') => Ok(text.to_owned()),
        _ => Err("such as application/json".to_owned()),
    }
}

fn digest(text: &str) -> Result<RecordKey, String> {
    let digits = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok();
    let bytes = digits.and_then(|digits| <[u8; 32]>::try_from(digits).ok());
    bytes.map(RecordKey::from_bytes).ok_or_else(|| "64 hexadecimal digits, as warnings in the log show them".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        <Arguments as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn a_digest_is_what_logs_show() {
        let key = RecordKey::from_bytes([0xa7; 32]);
        assert_eq!(digest(&key.to_string()), Ok(key));
        for wrong in ["", "a7", &"g".repeat(64), &"a".repeat(63), &"ä".repeat(32)] {
            assert!(digest(wrong).is_err(), "{wrong}");
        }
    }
}
