//! Dead letters, with the reason why they are.

use lapin::message::Delivery;
use lapin::options::BasicPublishOptions;
use lapin::types::{AMQPValue, ShortString};
use lapin::{Channel, Connection};

use super::{confirming, dead, in_time};
use crate::decision::Reason;

/// The way to a queue's dead letters.
#[derive(Clone, Debug)]
pub(super) struct DeadLetters {
    channel: Channel,
    exchange: ShortString,
}

impl DeadLetters {
    pub(super) async fn of(connection: &Connection, queue: &str) -> lapin::Result<Self> {
        Ok(Self { channel: confirming(connection).await?, exchange: dead(queue).into() })
    }

    /// Puts a copy there, and waits until the broker has it. A rejection would say nothing about why.
    pub(super) async fn put(&self, delivery: &Delivery, reason: &Reason) -> Result<(), NotPut> {
        let mut headers = delivery.properties.headers().clone().unwrap_or_default();
        headers.insert("x-reason".into(), AMQPValue::LongString(reason.code.into()));
        headers.insert("x-reason-detail".into(), AMQPValue::LongString((&*reason.detail).into()));
        let properties = delivery.properties.clone().with_headers(headers).with_delivery_mode(PERSISTENT);
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let (exchange, key) = (self.exchange.clone(), delivery.routing_key.clone());
        let published = self.channel.basic_publish(exchange, key, options, &delivery.data, properties);
        let confirmed = in_time("confirm a dead letter", in_time("publish a dead letter", published).await?).await?;
        if confirmed.is_ack() && confirmed.take_message().is_none() { Ok(()) } else { Err(NotPut::NoQueue) }
    }
}

/// Stored, and not only in memory.
pub(super) const PERSISTENT: u8 = 2;

/// Why it is not among the dead letters.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotPut {
    #[error(transparent)]
    Broker(#[from] lapin::Error),
    #[error("the broker has no queue for dead letters, or does not take them")]
    NoQueue,
}
