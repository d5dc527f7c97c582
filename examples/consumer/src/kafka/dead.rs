//! Dead letters, with the reason why they are, and where they come from.

use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders, OwnedMessage};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::util::Timeout;
use rdkafka::{ClientContext, Message as _};
use tokio_util::sync::CancellationToken;

use super::{Settings, dead, producer};
use crate::decision::Reason;
use crate::handler::Patience;

/// The consumer says already that the brokers are gone.
#[derive(Clone)]
struct Quiet;

impl ClientContext for Quiet {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "librdkafka");
    }
}

/// The way to a topic's dead letters.
#[derive(Clone)]
pub(super) struct DeadLetters {
    producer: FutureProducer<Quiet>,
    topic: String,
    patience: Patience,
}

impl DeadLetters {
    pub(super) fn of(settings: &Settings, patience: Patience) -> Result<Self, KafkaError> {
        let mut config = producer(&settings.brokers);
        // After so long it is tried anew here, where it can be stopped.
        config.set("message.timeout.ms", "30000");
        Ok(Self { producer: config.create_with_context(Quiet)?, topic: dead(&settings.topic), patience })
    }

    /// Puts a copy there, and waits until the broker has it: for as long as that takes, because nothing behind this message is
    /// committed before. `false`: it was stopped before that.
    pub(super) async fn put(&self, record: &OwnedMessage, reason: &Reason, stop: &CancellationToken) -> bool {
        let mut waits = self.patience.waits();
        loop {
            let mut letter = FutureRecord::<[u8], [u8]>::to(&self.topic).headers(headers(record, reason));
            letter.key = record.key();
            letter.payload = record.payload();
            let (error, _) = tokio::select! {
                put = self.producer.send(letter, Timeout::Never) => match put {
                    Ok(_) => return true,
                    Err(error) => error,
                },
                () = stop.cancelled() => return false,
            };
            tracing::warn!(%error, "it cannot be put aside yet");
            tokio::select! {
                () = waits.pass() => {}
                () = stop.cancelled() => return false,
            }
        }
    }
}

/// Its own, and ours. What has been a dead letter before has ours twice: the last ones count.
fn headers(record: &OwnedMessage, reason: &Reason) -> OwnedHeaders {
    let (partition, offset) = (record.partition().to_string(), record.offset().to_string());
    let ours = [
        ("x-reason", reason.code),
        ("x-reason-detail", &*reason.detail),
        ("x-topic", record.topic()),
        ("x-partition", &*partition),
        ("x-offset", &*offset),
    ];
    let its_own = record.headers().cloned().unwrap_or_default();
    ours.into_iter().fold(its_own, |headers, (key, value)| headers.insert(Header { key, value: Some(value) }))
}
