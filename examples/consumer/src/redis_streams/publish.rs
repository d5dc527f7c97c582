//! A producer, to try it with.

use super::{Error, is_for_good, lasting, open, source};
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
    let mut connection = lasting(&open(url)?)?;
    let patience = Patience::default();
    for chunk in messages.chunks(CHUNK) {
        let mut waits = patience.waits();
        while let Err(error) = source::add(&mut connection, stream, chunk.iter()).await {
            if is_for_good(&error) {
                return Err(Error::Refused(error));
            }
            tracing::warn!(%error, "the server is gone: what it did not answer is sent again");
            tokio::time::sleep(waits.next().unwrap_or(patience.longest_wait)).await;
        }
    }
    Ok(())
}
