//! The options that do not depend on the broker, and what is made of them.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use consumer::handler::Countdown;
use consumer::intake::Intake;
use consumer::{Books, Handler, Patience};
use idem_runtime::{Idempotency, SqliteStore};

#[derive(Clone, Debug, Args)]
#[group(skip)]
pub(crate) struct Booking {
    /// The SQLite file with the bookings and the records of the messages; several consumers may share it
    #[arg(long, default_value = "ledger.db", value_name = "FILE")]
    pub(crate) ledger: PathBuf,
    /// Whose ids they are; the queue's name unless said otherwise
    #[arg(long, value_name = "NAME")]
    scope: Option<String>,
    /// How many messages are handled at once; those of one account never are
    #[arg(long, default_value = "8", value_name = "NUMBER")]
    pub(crate) lanes: NonZeroUsize,
    /// How often the work may fail before its message becomes a dead letter
    #[arg(long, default_value = "5", value_name = "NUMBER")]
    max_failures: NonZeroU32,
    /// How long a message waits for a consumer that died with it
    #[arg(long, default_value = "5s", value_name = "DURATION", value_parser = lease)]
    lease: Duration,
    /// End after so many messages
    #[arg(long, value_name = "NUMBER")]
    stop_after: Option<NonZeroUsize>,
    /// How long a message that was booked is not acknowledged: a time to kill this program in, and see that it is not
    /// booked again
    #[arg(long, default_value = "0s", value_name = "DURATION", value_parser = humantime::parse_duration)]
    pause_before_ack: Duration,
}

fn lease(text: &str) -> Result<Duration, String> {
    let lease = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    let possible = Duration::from_millis(100)..=Duration::from_secs(3_600);
    if possible.contains(&lease) { Ok(lease) } else { Err("100ms to 1h are possible".to_owned()) }
}

pub(crate) fn open(ledger: &Path) -> Result<SqliteStore, String> {
    SqliteStore::open(ledger).map_err(|error| format!("the ledger cannot be opened: {error}"))
}

impl Booking {
    /// A handler, and the guard that is drained when it ends.
    pub(crate) async fn handler(&self, queue: &str) -> Result<(Handler, Idempotency), String> {
        let store = open(&self.ledger)?;
        let idempotency = Idempotency::new(store.clone());
        let scope = self.scope.as_deref().unwrap_or(queue);
        let books = Books::open(&idempotency, &store, scope, self.lease).await.map_err(|error| error.to_string())?;
        let stop = consumer::stop::at_signal();
        let handler = Handler {
            books,
            patience: Patience { failures: self.max_failures, ..Patience::default() },
            intake: Intake::default(),
            stop_after: self.stop_after.map(|messages| Countdown::new(messages, stop.clone())),
            stop,
            pause_before_ack: self.pause_before_ack,
        };
        Ok((handler, idempotency))
    }
}
