//! A producer, to try it with.

use lapin::options::BasicPublishOptions;
use lapin::{BasicProperties, Connection};

use super::dead::PERSISTENT;
use super::{Error, Settings, close, confirming, connect, in_time, is_for_good, read, topology};
use crate::handler::Patience;
use crate::message::Outgoing;

/// How many messages wait for their confirmation at once.
const WINDOW: usize = 256;

/// Sends messages, and ends when the broker has confirmed them all. What was not confirmed when the broker went away is sent
/// again, under the same id: it may be in the queue twice then.
///
/// # Errors
/// When the broker refuses this for good.
pub async fn publish(settings: &Settings, messages: &[Outgoing]) -> Result<(), Error> {
    let (uri, patience) = (read(&settings.url)?, Patience::default());
    let mut waits = patience.waits();
    let mut left: Vec<&Outgoing> = messages.iter().collect();
    loop {
        let sent = async {
            let connection = connect(&uri).await?;
            topology::declare(&connection, settings).await?;
            send(&connection, &settings.queue, &mut left).await?;
            close(&connection).await;
            Ok(())
        };
        match sent.await {
            Ok(()) if left.is_empty() => return Ok(()),
            Ok(()) => return Err(Error::NotTaken),
            Err(error) if is_for_good(&error) => return Err(Error::Refused(error)),
            Err(error) => {
                tracing::warn!(%error, left = left.len(), "the broker is gone: what it did not confirm is sent again")
            }
        }
        waits.pass().await;
    }
}

/// Takes out of `left` what is confirmed.
async fn send(connection: &Connection, queue: &str, left: &mut Vec<&Outgoing>) -> lapin::Result<()> {
    let channel = confirming(connection).await?;
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    while !left.is_empty() {
        let mut confirmations = Vec::new();
        for message in left.iter().take(WINDOW) {
            let properties =
                BasicProperties::default().with_delivery_mode(PERSISTENT).with_content_type("application/json".into());
            let properties = match &message.id {
                Some(id) => properties.with_message_id((&**id).into()),
                None => properties,
            };
            let content = message.content.as_bytes();
            let published = channel.basic_publish("".into(), queue.into(), options, content, properties);
            confirmations.push(in_time("publish", published).await?);
        }
        for confirmation in confirmations {
            let confirmed = in_time("confirm", confirmation).await?;
            if !confirmed.is_ack() || confirmed.take_message().is_some() {
                return Ok(());
            }
            // Confirmed or not, they stand in the order in which they were sent.
            left.remove(0);
        }
    }
    Ok(())
}
