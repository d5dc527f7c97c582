//! The queue, and where its dead letters go.

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ExchangeKind};

use super::{Settings, channel, dead, in_time};

/// Declares what is not there.
pub(super) async fn declare(connection: &Connection, settings: &Settings) -> lapin::Result<()> {
    let channel = dead_letters(connection, &settings.queue).await?;
    if exists(connection, &settings.queue).await? {
        return close(&channel).await;
    }
    let mut arguments = quorum();
    for (name, value) in [
        ("x-delivery-limit", AMQPValue::LongLongInt(settings.max_deliveries.into())),
        ("x-dead-letter-exchange", AMQPValue::LongString(dead(&settings.queue).into())),
        // The dead letter is stored before the message is gone. A queue can only promise that if, when it is full, it
        // refuses new messages and does not drop old ones.
        ("x-dead-letter-strategy", AMQPValue::LongString("at-least-once".into())),
        ("x-overflow", AMQPValue::LongString("reject-publish".into())),
        ("x-single-active-consumer", AMQPValue::Boolean(settings.single_active)),
    ] {
        arguments.insert(name.into(), value);
    }
    let declared = channel.queue_declare((&*settings.queue).into(), QueueDeclareOptions::durable(), arguments);
    in_time("declare the queue", declared).await?;
    close(&channel).await
}

/// Whether there is this queue. To ask for one that is not there costs a channel.
pub(super) async fn exists(connection: &Connection, queue: &str) -> lapin::Result<bool> {
    const NOT_FOUND: u16 = 404;
    let channel = channel(connection).await?;
    let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let asked = channel.queue_declare(queue.into(), passive, FieldTable::default());
    match in_time("say whether there is the queue", asked).await {
        Ok(_) => close(&channel).await.map(|()| true),
        Err(error) => match error.kind() {
            lapin::ErrorKind::ProtocolError(said) if said.get_id() == NOT_FOUND => Ok(false),
            _ => Err(error),
        },
    }
}

async fn dead_letters(connection: &Connection, queue: &str) -> lapin::Result<Channel> {
    let (dead, channel) = (dead(queue), channel(connection).await?);
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    let declared = channel.exchange_declare((&*dead).into(), ExchangeKind::Fanout, durable, FieldTable::default());
    in_time("declare the dead letters' exchange", declared).await?;
    let declared = channel.queue_declare((&*dead).into(), QueueDeclareOptions::durable(), quorum());
    in_time("declare the dead letters' queue", declared).await?;
    let (queue, exchange) = ((&*dead).into(), (&*dead).into());
    let bound = channel.queue_bind(queue, exchange, "".into(), QueueBindOptions::default(), FieldTable::default());
    in_time("bind the dead letters' queue", bound).await?;
    Ok(channel)
}

async fn close(channel: &Channel) -> lapin::Result<()> {
    in_time("close a channel", channel.close(200, "done".into())).await
}

/// A queue that counts deliveries, and that survives the broker.
fn quorum() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    arguments
}
