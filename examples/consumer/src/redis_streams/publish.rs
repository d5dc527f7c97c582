//! A producer, to try it with.

use std::time::Duration;

use super::{Error, connect, is_for_good, open, source};
use crate::handler::Patience;
use crate::message::Outgoing;

/// How many messages are added at once.
const CHUNK: usize = 256;

/// Adds messages, and ends when the server has them all. What got no answer is added again, under the same id: it may be in
/// the stream twice then.
///
/// # Errors
/// When the server refuses this for good.
pub async fn publish(url: &str, stream: &str, messages: &[Outgoing]) -> Result<(), Error> {
    let client = open(url)?;
    let patience = Patience::default();
    let mut waits = patience.waits();
    let mut left = messages;
    while !left.is_empty() {
        let sent = async {
            let mut connection = connect(&client, Duration::ZERO).await?;
            while !left.is_empty() {
                let (chunk, rest) = left.split_at(CHUNK.min(left.len()));
                source::add(&mut connection, stream, chunk.iter()).await?;
                left = rest;
            }
            Ok(())
        };
        match sent.await {
            Ok(()) => {}
            Err(error) if is_for_good(&error) => return Err(Error::Refused(error)),
            Err(error) => {
                tracing::warn!(%error, left = left.len(), "the server is gone: what it did not answer is sent again");
                waits.pass().await;
            }
        }
    }
    Ok(())
}
