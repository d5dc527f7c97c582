//! From a message to what its broker is told.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use tokio_util::sync::CancellationToken;

use crate::books::{Books, NotBooked};
use crate::decision::{Decision, Reason};
use crate::intake::Intake;
use crate::message::Message;

/// What a broker is told of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is done.
    Acknowledge,
    /// To the dead letters with it, and then acknowledge it.
    DeadLetter(Reason),
    /// Nothing: this consumer ends, and the message is delivered again, to this one or another.
    Leave,
}

/// How long and how often a message is tried.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How often the work may fail before its message is put aside.
    pub failures: NonZeroU32,
    /// The wait before the second try; it doubles with every further one, and half as much again is added by chance.
    pub first_wait: Duration,
    /// The longest wait.
    pub longest_wait: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            failures: const { NonZeroU32::new(5).unwrap() },
            first_wait: Duration::from_millis(100),
            longest_wait: Duration::from_secs(5),
        }
    }
}

impl Patience {
    /// The waits, one after the other, without an end.
    #[must_use]
    pub fn waits(&self) -> Waits {
        let waits = ExponentialBuilder::default()
            .with_min_delay(self.first_wait)
            .with_max_delay(self.longest_wait)
            .with_jitter()
            .without_max_times()
            .build();
        Waits { waits, longest: self.longest_wait }
    }
}

/// Waits, of which each is about twice as long as the one before.
#[derive(Debug)]
pub struct Waits {
    waits: ExponentialBackoff,
    longest: Duration,
}

impl Waits {
    /// The next one.
    pub async fn pass(&mut self) {
        tokio::time::sleep(self.waits.next().unwrap_or(self.longest)).await;
    }
}

/// Handles messages, whatever broker they come from.
#[derive(Clone, Debug)]
pub struct Handler {
    /// Where they are booked.
    pub books: Books,
    /// How long and how often each is tried.
    pub patience: Patience,
    /// Whether more of them are taken in: to be asked before each read.
    pub intake: Intake,
    /// Says that this consumer ends: what has begun is brought to its end, and nothing else is begun.
    pub stop: CancellationToken,
    /// Ends this consumer when it has handled so many.
    pub stop_after: Option<Countdown>,
    /// How long a message that was booked is not acknowledged: a time to kill this program in.
    pub pause_before_ack: Duration,
}

/// Stops a consumer after so many messages.
#[derive(Clone, Debug)]
pub struct Countdown {
    left: Arc<AtomicUsize>,
    stop: CancellationToken,
}

impl Countdown {
    /// After this many.
    #[must_use]
    pub fn new(messages: NonZeroUsize, stop: CancellationToken) -> Self {
        Self { left: Arc::new(AtomicUsize::new(messages.get())), stop }
    }

    fn count(&self) {
        if self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.stop.cancel();
        }
    }
}

impl Handler {
    /// Handles one message to its end. It is tried in place, for as long as that takes: whoever waits behind it waits.
    pub async fn handle(&self, message: &Message) -> Verdict {
        let key = &*self.books.digits(message);
        let mut waits = self.patience.waits();
        let mut failures = 0;
        loop {
            if self.stop.is_cancelled() {
                return Verdict::Leave;
            }
            let tried = self.try_once(message).await;
            let decision = Decision::after(&tried);
            match (&decision, &tried) {
                (Decision::Pause, _) => self.intake.close(),
                _ => self.intake.open(),
            }
            match (decision, tried) {
                (Decision::Acknowledge, Ok(done)) => {
                    let how = if done.is_replayed() { "seen before" } else { "booked" };
                    tracing::info!(key, booking = done.booking, "{how}");
                    self.pause().await;
                    return Verdict::Acknowledge;
                }
                (Decision::Acknowledge, Err(why)) => {
                    tracing::info!(key, %why, "seen before");
                    return Verdict::Acknowledge;
                }
                (Decision::Leave, _) => return Verdict::Leave,
                (Decision::PutAside(reason), _) => {
                    tracing::error!(key, code = reason.code, why = %reason.detail, "put aside");
                    return Verdict::DeadLetter(reason);
                }
                (Decision::Retry(reason), _) => {
                    failures += 1;
                    if failures >= self.patience.failures.get() {
                        tracing::error!(key, failures, why = %reason.detail, "put aside");
                        return Verdict::DeadLetter(reason);
                    }
                    tracing::warn!(key, failures, why = %reason.detail, "not booked; it is tried again");
                }
                (Decision::Wait | Decision::Pause, Err(why)) => {
                    tracing::warn!(key, why = chain(&why), "not now; it is tried again");
                }
                (Decision::Wait | Decision::Pause, Ok(_)) => {}
            }
            tokio::select! {
                () = waits.pass() => {}
                () = self.stop.cancelled() => {}
            }
        }
    }

    /// Says that the broker was told, and so that this message is done with.
    pub fn told(&self) {
        if let Some(countdown) = &self.stop_after {
            countdown.count();
        }
    }

    /// On a task of its own: a panic ends the try, and not the consumer.
    async fn try_once(&self, message: &Message) -> Result<idem_runtime::Done<crate::Receipt>, NotBooked> {
        let (books, message) = (self.books.clone(), message.clone());
        let tried = tokio::spawn(async move { books.book(&message).await }).await;
        tried.unwrap_or(Err(NotBooked::Panicked))
    }

    async fn pause(&self) {
        if !self.pause_before_ack.is_zero() {
            tracing::info!("not acknowledged yet");
            tokio::select! {
                () = tokio::time::sleep(self.pause_before_ack) => {}
                () = self.stop.cancelled() => {}
            }
        }
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
