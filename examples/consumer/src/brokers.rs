//! The options of each broker.

use std::num::{NonZeroU16, NonZeroUsize};
use std::time::Duration;

use clap::Args;
use consumer::{rabbitmq, redis_streams};

use crate::booking::Booking;
use crate::outgoing::Messages;

#[cfg(feature = "kafka")]
pub(crate) mod kafka;

#[derive(Clone, Debug, Args)]
#[group(skip)]
pub(crate) struct RabbitMq {
    /// The broker
    #[arg(long, default_value = "amqp://guest:guest@127.0.0.1:5672/%2f", value_name = "URL")]
    url: String,
    /// The queue; one that does not exist is declared, with its dead letters
    #[arg(long, default_value = "payments", value_name = "NAME")]
    queue: String,
    /// How often a message may come back before the broker puts it aside, in a queue that is declared now
    #[arg(long, default_value = "20", value_name = "NUMBER")]
    max_deliveries: u32,
    /// Declare the queue so that one consumer has it alone while it lives: the order is kept over all of them
    #[arg(long)]
    single_active: bool,
}

impl RabbitMq {
    pub(crate) async fn consume(self, prefetch: NonZeroU16, booking: &Booking) -> Result<(), String> {
        let (handler, idempotency) = booking.handler(&self.queue).await?;
        let consumed = rabbitmq::consume(&self.settings(prefetch, booking.lanes), handler).await;
        idempotency.drain().await;
        consumed.map_err(|error| in_one_line(&error))
    }

    pub(crate) async fn publish(self, messages: &Messages) -> Result<(), String> {
        let settings = self.settings(NonZeroU16::MIN, NonZeroUsize::MIN);
        rabbitmq::publish(&settings, &messages.outgoing()).await.map_err(|error| in_one_line(&error))
    }

    fn settings(self, prefetch: NonZeroU16, lanes: NonZeroUsize) -> rabbitmq::Settings {
        let Self { url, queue, max_deliveries, single_active } = self;
        rabbitmq::Settings { url, queue, prefetch, lanes, max_deliveries, single_active }
    }
}

#[derive(Clone, Debug, Args)]
#[group(skip)]
pub(crate) struct RedisStreams {
    /// The server
    #[arg(long, default_value = "redis://127.0.0.1:6379", value_name = "URL")]
    url: String,
    /// The stream
    #[arg(long, default_value = "payments", value_name = "KEY")]
    stream: String,
}

#[derive(Clone, Debug, Args)]
#[group(skip)]
pub(crate) struct Member {
    /// The consumer group
    #[arg(long, default_value = "ledger", value_name = "NAME")]
    group: String,
    /// This consumer's name in it, which no other one has that runs at the same time
    #[arg(long, default_value = "consumer-1", value_name = "NAME")]
    name: String,
    /// How many entries are read at once
    #[arg(long, default_value = "64", value_name = "NUMBER")]
    batch: NonZeroUsize,
    /// How long an entry is left to a consumer that gives no sign of life
    #[arg(long, default_value = "30s", value_name = "DURATION", value_parser = humantime::parse_duration)]
    claim_after: Duration,
    /// How often an entry may be delivered before it is put aside
    #[arg(long, default_value = "20", value_name = "NUMBER")]
    max_deliveries: usize,
}

impl RedisStreams {
    pub(crate) async fn consume(self, member: Member, booking: &Booking) -> Result<(), String> {
        let (handler, idempotency) = booking.handler(&self.stream).await?;
        let Member { group, name, batch, claim_after, max_deliveries } = member;
        let Self { url, stream } = self;
        let lanes = booking.lanes;
        let settings = redis_streams::Settings { url, stream, group, name, batch, lanes, claim_after, max_deliveries };
        let consumed = redis_streams::consume(&settings, handler).await;
        idempotency.drain().await;
        consumed.map_err(|error| in_one_line(&error))
    }

    pub(crate) async fn publish(self, messages: &Messages) -> Result<(), String> {
        let Self { url, stream } = self;
        redis_streams::publish(&url, &stream, &messages.outgoing()).await.map_err(|error| in_one_line(&error))
    }
}

pub(crate) fn in_one_line(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ").replace('\n', " ")
}
