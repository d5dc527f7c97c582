//! The options of each broker.

use std::num::{NonZeroU16, NonZeroUsize};

use clap::Args;
use consumer::rabbitmq;

use crate::common::Common;
use crate::outgoing::Messages;

#[derive(Clone, Debug, Args)]
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
    pub(crate) async fn consume(self, prefetch: NonZeroU16, common: &Common) -> Result<(), String> {
        let (handler, idempotency) = common.handler(&self.queue).await?;
        let consumed = rabbitmq::consume(&self.settings(prefetch, common.lanes), handler).await;
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

pub(crate) fn in_one_line(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ").replace('\n', " ")
}
