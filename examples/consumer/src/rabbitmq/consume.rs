//! Reads, handles and acknowledges, over as many connections as it takes.

use futures_util::StreamExt as _;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::uri::AMQPUri;
use lapin::{Channel, Connection, Consumer};
use tokio_util::sync::CancellationToken;

use super::dead::DeadLetters;
use super::{Error, Settings, close, connect, in_time, incoming, is_for_good, read, topology};
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
                match session.read(&handler, &lanes).await {
                    Ok(Ended::Stopped) => {
                        lanes.finish().await;
                        session.close().await;
                        return Ok(());
                    }
                    // The waits go on growing: another session may fare no better.
                    Ok(Ended::NotPutAside) => tracing::warn!("a new session is begun, with the dead letters' queue"),
                    Err(error) => {
                        tracing::warn!(%error, "the broker is gone");
                        waits = handler.patience.waits();
                    }
                }
                // What it had in hand is delivered again then, and not before.
                close(&session.connection).await;
            }
            Err(error) if is_for_good(&error) => return Err(Error::Refused(error)),
            Err(error) => tracing::warn!(%error, "there is no broker"),
        }
        tokio::select! {
            () = waits.pass() => {}
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
    /// A message could not be put aside. It is nobody's as long as this session has it in hand.
    not_put_aside: CancellationToken,
}

/// Why a session has ended in order.
enum Ended {
    Stopped,
    NotPutAside,
}

/// A message in hand.
struct Held {
    message: Message,
    delivery: Delivery,
    dead: DeadLetters,
    not_put_aside: CancellationToken,
}

impl Session {
    async fn open(uri: &AMQPUri, settings: &Settings) -> lapin::Result<Self> {
        let connection = connect(uri).await?;
        topology::declare(&connection, settings).await?;
        let dead = DeadLetters::of(&connection, &settings.queue).await?;
        let channel = super::channel(&connection).await?;
        in_time("say how many may be in hand", channel.basic_qos(settings.prefetch.get(), BasicQosOptions::default()))
            .await?;
        let (queue, tag) = ((&*settings.queue).into(), "".into());
        let subscribed = channel.basic_consume(queue, tag, BasicConsumeOptions::default(), FieldTable::default());
        let consumer = in_time("subscribe", subscribed).await?;
        Ok(Self { connection, channel, consumer, dead, not_put_aside: CancellationToken::new() })
    }

    /// Puts what comes into its lane, until it is told to stop.
    async fn read(&mut self, handler: &Handler, lanes: &Lanes<Held>) -> lapin::Result<Ended> {
        loop {
            let next = async {
                handler.intake.opened().await;
                self.consumer.next().await
            };
            let delivery = tokio::select! {
                biased;
                () = handler.stop.cancelled() => {
                    let cancelled = self.channel.basic_cancel(self.consumer.tag(), BasicCancelOptions::default());
                    in_time("end the subscription", cancelled).await?;
                    return Ok(Ended::Stopped);
                }
                () = self.not_put_aside.cancelled() => return Ok(Ended::NotPutAside),
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
            let (dead, not_put_aside) = (self.dead.clone(), self.not_put_aside.clone());
            lanes.put(&key, Held { message, delivery, dead, not_put_aside }).await;
        }
    }

    /// Ends when the broker has all acknowledgements. What was not acknowledged is delivered again, to somebody else.
    async fn close(self) {
        if let Err(error) = in_time("close the channel", self.channel.close(200, "done".into())).await {
            tracing::warn!(%error, "the last acknowledgements may be lost");
        }
        close(&self.connection).await;
    }
}

async fn settle(handler: Handler, held: Held) {
    let Held { message, delivery, dead, not_put_aside } = held;
    // Of a connection that is gone: it is delivered again, or has been.
    if !delivery.usable() {
        return;
    }
    match handler.handle(&message).await {
        Verdict::Acknowledge => {}
        Verdict::DeadLetter(reason) => {
            if let Err(error) = dead.put(&delivery, &reason).await {
                tracing::warn!(%error, "it cannot be put aside: it is in its queue still, and will be delivered again");
                not_put_aside.cancel();
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
