//! RabbitMQ, and whatever puts messages into its queues: Celery, too.
//!
//! ```text
//! queue `payments` (quorum, durable) --[delivered too often]--> exchange `payments.dead` -> queue `payments.dead`
//!         |                                                        ^
//!         +-> consumer -- put aside, with `x-reason` --------------+
//! ```
//!
//! What holds:
//!
//! - A message is acknowledged when its record is stored, and never before. Whatever happens in between (the consumer is
//!   killed, the broker goes away with the acknowledgement in its inbox), it is delivered again, and recognised.
//! - What is put aside is confirmed by the broker before the message is acknowledged. A consumer that dies in between leaves
//!   it in both queues, and puts it aside once more: a dead letter may be there twice, under one id.
//! - What cannot be put aside (its exchange was deleted, its queue is full) ends the session, after which a new one declares the
//!   dead letters' exchange and queue anew: all that was in hand is delivered again, and counted as delivered.
//! - Messages of one account are handled in the order of their delivery, by each consumer for itself. What is delivered
//!   *again* comes after what was delivered meanwhile; and with several consumers, messages of one account are with any of
//!   them. For an order over all of them, declare the queue with [`single_active`](Settings::single_active): one consumes,
//!   the others stand by. The order of what is delivered again is not to be had from a broker.
//! - The broker counts how often a message comes back, and puts it aside when it is too often: it may be what kills its
//!   consumers. Waiting does not count, because it is done with the message in hand.
//! - All this is worth what the broker's own promise is. A RabbitMQ 3.10 that is killed in the moment after a queue was declared
//!   has been seen to come back with that queue empty and without a leader: declare queues before there is anything to lose.

mod consume;
mod dead;
mod incoming;
mod publish;
mod topology;

use std::future::Future;
use std::num::{NonZeroU16, NonZeroUsize};
use std::time::Duration;

use lapin::options::ConfirmSelectOptions;
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{Channel, Connection, ConnectionProperties, ErrorKind};

pub use consume::consume;
pub use incoming::message;
pub use publish::publish;

/// Where messages come from.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The broker: `amqp://USER:PASSWORD@HOST:PORT/VHOST`.
    pub url: String,
    /// The queue. One that exists is taken as it is; one that does not is declared, with its dead letters.
    pub queue: String,
    /// How many messages this consumer has in hand at once.
    pub prefetch: NonZeroU16,
    /// How many of them are handled at once.
    pub lanes: NonZeroUsize,
    /// How often a message may come back before the broker puts it aside; of a queue that is declared here.
    pub max_deliveries: u32,
    /// Whether one consumer has the queue alone while it lives; of a queue that is declared here.
    pub single_active: bool,
}

/// Why there is nothing to consume from, or to publish to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is no URL of a broker.
    #[error("the broker's URL is none: write `amqp://USER:PASSWORD@HOST:PORT/VHOST`")]
    Url,
    /// It asks for TLS.
    #[error("no TLS is built in: turn on a feature of lapin for it, or write `amqp://`")]
    Tls,
    /// The broker refuses this for good.
    #[error("RabbitMQ refuses it")]
    Refused(#[source] lapin::Error),
    /// It did not take a message that was published.
    #[error("RabbitMQ did not take a message: its queue is full, or is gone")]
    NotTaken,
}

/// How long an answer of the broker may take.
const PATIENCE: Duration = Duration::from_secs(20);

fn read(url: &str) -> Result<AMQPUri, Error> {
    // Not with its own text, which can quote the URL, and so a password.
    let mut uri: AMQPUri = url.parse().map_err(|_: String| Error::Url)?;
    if uri.scheme == AMQPScheme::AMQPS {
        return Err(Error::Tls);
    }
    // A broker that is gone without a word is noticed.
    uri.query.heartbeat.get_or_insert(10);
    Ok(uri)
}

async fn connect(uri: &AMQPUri) -> lapin::Result<Connection> {
    let name = format!("consumer {}", std::process::id());
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    in_time("connect", Connection::connect_uri(uri.clone(), properties)).await
}

async fn channel(connection: &Connection) -> lapin::Result<Channel> {
    in_time("open a channel", connection.create_channel()).await
}

/// A channel on which the broker says what it has taken.
async fn confirming(connection: &Connection) -> lapin::Result<Channel> {
    let channel = channel(connection).await?;
    in_time("ask for confirmations", channel.confirm_select(ConfirmSelectOptions::default())).await?;
    Ok(channel)
}

/// What the broker answers; an error if it does not answer in time. A connection that ends at the wrong moment can leave a call
/// without any answer.
async fn in_time<T>(step: &str, call: impl Future<Output = lapin::Result<T>>) -> lapin::Result<T> {
    match tokio::time::timeout(PATIENCE, call).await {
        Ok(answer) => answer,
        Err(_) => {
            let unanswered = format!("the broker does not answer: {step}");
            Err(std::io::Error::new(std::io::ErrorKind::TimedOut, unanswered).into())
        }
    }
}

/// Says goodbye. What matters was answered before.
async fn close(connection: &Connection) {
    if let Err(error) = in_time("close the connection", connection.close(200, "done".into())).await {
        tracing::debug!(%error, "the connection was not closed in an orderly way");
    }
}

/// Whether trying again is of no use: wrong credentials, no such virtual host, a queue that was declared otherwise.
fn is_for_good(error: &lapin::Error) -> bool {
    const ACCESS_REFUSED: u16 = 403;
    const PRECONDITION_FAILED: u16 = 406;
    const NOT_ALLOWED: u16 = 530;
    let ErrorKind::ProtocolError(error) = error.kind() else { return false };
    matches!(error.get_id(), ACCESS_REFUSED | PRECONDITION_FAILED | NOT_ALLOWED)
}

/// What the dead letters are called, exchange and queue.
fn dead(queue: &str) -> String {
    format!("{queue}.dead")
}
