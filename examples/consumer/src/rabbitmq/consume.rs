//! Reads, handles and acknowledges, over as many connections as it takes.

use futures_util::StreamExt as _;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::uri::AMQPUri;
use lapin::{Channel, Connection, Consumer};

use super::dead::DeadLetters;
use super::{Error, Settings, close, connect, incoming, is_for_good, read, topology};
use crate::handler::{Handler, Verdict};
use crate::lanes::Lanes;
use crate::message::Message;

/// Consumes until the handler's `stop` is cancelled, and then until all that was begun is acknowledged. When the broker goes
/// away, it is looked for again and again.
///
/// # Errors
/// When the broker refuses this for good.
pub async fn consume(settings: &Settings, handler: Handler) -> Result<(), Error> {
    let uri = read(&settings.url)?;
    // They outlive a connection: what is being booked when the broker goes away is booked to its end.
    let lanes = Lanes::new(settings.lanes, settings.prefetch.get().into(), {
        let handler = handler.clone();
        move |held| settle(handler.clone(), held)
    });
    let mut waits = handler.patience.waits();
    while !handler.stop.is_cancelled() {
        match Session::open(&uri, settings).await {
            Ok(mut session) => {
                tracing::info!(queue = settings.queue, "consuming");
                waits = handler.patience.waits();
                match session.read(&handler, &lanes).await {
                    Ok(()) => {
                        lanes.finish().await;
                        session.close().await;
                        return Ok(());
                    }
                    Err(error) => tracing::warn!(%error, "the broker is gone"),
                }
            }
            Err(error) if is_for_good(&error) => return Err(Error::Refused(error)),
            Err(error) => tracing::warn!(%error, "there is no broker"),
        }
        tokio::select! {
            () = tokio::time::sleep(waits.next().unwrap_or(handler.patience.longest_wait)) => {}
            () = handler.stop.cancelled() => {}
        }
    }
    lanes.finish().await;
    Ok(())
}

/// One connection, from its beginning to its end.
struct Session {
    connection: Connection,
    channel: Channel,
    consumer: Consumer,
    dead: DeadLetters,
}

/// A message in hand.
struct Held {
    message: Message,
    delivery: Delivery,
    dead: DeadLetters,
}

impl Session {
    async fn open(uri: &AMQPUri, settings: &Settings) -> lapin::Result<Self> {
        let connection = connect(uri).await?;
        topology::declare(&connection, settings).await?;
        let dead = DeadLetters::of(&connection, &settings.queue).await?;
        let channel = connection.create_channel().await?;
        channel.basic_qos(settings.prefetch.get(), BasicQosOptions::default()).await?;
        let (queue, tag) = ((&*settings.queue).into(), "".into());
        let consumer = channel.basic_consume(queue, tag, BasicConsumeOptions::default(), FieldTable::default()).await?;
        Ok(Self { connection, channel, consumer, dead })
    }

    /// Puts what comes into its lane, until it is told to stop.
    async fn read(&mut self, handler: &Handler, lanes: &Lanes<Held>) -> lapin::Result<()> {
        loop {
            let next = async {
                handler.intake.opened().await;
                self.consumer.next().await
            };
            let delivery = tokio::select! {
                biased;
                () = handler.stop.cancelled() => {
                    return self.channel.basic_cancel(self.consumer.tag(), BasicCancelOptions::default()).await;
                }
                next = next => match next {
                    Some(delivery) => delivery?,
                    // The queue was deleted, say.
                    None => return Err(std::io::Error::other("the broker has ended the subscription").into()),
                },
            };
            let message = incoming::message(&delivery.properties, &delivery.data);
            if delivery.redelivered {
                tracing::info!(key = handler.books.digits(&message), "delivered again");
            }
            let key = message.order_key().to_owned();
            lanes.put(&key, Held { message, delivery, dead: self.dead.clone() }).await;
        }
    }

    /// Ends when the broker has all acknowledgements. What was not acknowledged is delivered again, to somebody else.
    async fn close(self) {
        if let Err(error) = self.channel.close(200, "done".into()).await {
            tracing::warn!(%error, "the last acknowledgements may be lost");
        }
        close(&self.connection).await;
    }
}

async fn settle(handler: Handler, held: Held) {
    let Held { message, delivery, dead } = held;
    // Of a connection that is gone: it is delivered again, or has been.
    if !delivery.usable() {
        return;
    }
    match handler.handle(&message).await {
        Verdict::Acknowledge => {}
        Verdict::DeadLetter(reason) => {
            if let Err(error) = dead.put(&delivery, &reason).await {
                tracing::warn!(%error, "it is in its queue still, and will be delivered again");
                return;
            }
        }
        Verdict::Leave => return,
    }
    match delivery.ack(BasicAckOptions::default()).await {
        Ok(true) => handler.told(),
        lost => {
            tracing::warn!(error = ?lost.err(), "the acknowledgement is lost: it will be delivered again, and recognised")
        }
    }
}
