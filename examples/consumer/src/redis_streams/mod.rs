//! Redis Streams, with a consumer group.
//!
//! What holds:
//!
//! - A message's id is its field `id`, which its producer made. It is *not* the id of its entry in the stream: a producer
//!   whose `XADD` got no answer adds the message once more, and that is another entry with the same message.
//! - An entry is acknowledged (`XACK`) when its record is stored, and never before. Until then it stands in the group's list
//!   of pending entries, under the name of the consumer that it was delivered to. That consumer takes it up again when it is
//!   started again; if it is not, another one claims it (`XAUTOCLAIM`) after [`claim_after`](Settings::claim_after).
//! - Entries in hand that wait are claimed anew all the while, so that nobody takes them for abandoned. Nothing breaks if
//!   somebody does: one of both books it, the other one is told to wait or that it was seen before.
//! - Redis counts the deliveries of an entry. One that was delivered too often, and never acknowledged, may be what kills its
//!   consumers: it becomes a dead letter without being tried once more.
//! - A dead letter is added to the stream `NAME.dead` and acknowledged in one transaction, so it is there once.
//! - Messages of one account are handled in the order of their delivery, by each consumer for itself. What is claimed comes
//!   after what was delivered meanwhile; and of several consumers, any may get the next message of an account. For an order
//!   over all of them, give each account a stream of its own, or have one consumer.
//! - Acknowledged entries stay in the stream until something trims it. Whoever trims it knows how late its slowest group is.

mod consume;
mod entry;
mod publish;
mod source;

use std::num::NonZeroUsize;
use std::time::Duration;

use redis::AsyncConnectionConfig;
use redis::aio::MultiplexedConnection;

pub use consume::consume;
pub use publish::publish;

/// Where messages come from.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The server: `redis://USER:PASSWORD@HOST:PORT/DB`.
    pub url: String,
    /// The stream's key.
    pub stream: String,
    /// The group; one that does not exist is made, and begins at the first entry.
    pub group: String,
    /// This consumer's name in it. No two that run at the same time may have the same.
    pub name: String,
    /// How many entries are read at once.
    pub batch: NonZeroUsize,
    /// How many messages are handled at once.
    pub lanes: NonZeroUsize,
    /// How long an entry is left to a consumer that gives no sign of life.
    pub claim_after: Duration,
    /// How often an entry may be delivered.
    pub max_deliveries: usize,
}

/// Why there is nothing to consume from, or to publish to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is no URL of a server.
    #[error("the server's URL is none: write `redis://USER:PASSWORD@HOST:PORT/DB`")]
    Url,
    /// The server refuses this for good.
    #[error("Redis refuses it")]
    Refused(#[source] redis::RedisError),
}

impl Settings {
    /// What the dead letters' stream is called.
    fn dead(&self) -> String {
        format!("{}.dead", self.stream)
    }
}

fn open(url: &str) -> Result<redis::Client, Error> {
    // Not with its own text, which can quote the URL, and so a password.
    redis::Client::open(url).map_err(|_| Error::Url)
}

/// A connection for commands that wait for so long.
async fn connect(client: &redis::Client, longest_wait: Duration) -> redis::RedisResult<MultiplexedConnection> {
    const PATIENCE: Duration = Duration::from_secs(5);
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(longest_wait + PATIENCE));
    client.get_multiplexed_async_connection_with_config(&config).await
}

/// Whether trying again is of no use.
fn is_for_good(error: &redis::RedisError) -> bool {
    matches!(error.code(), Some("NOAUTH" | "WRONGPASS" | "NOPERM" | "WRONGTYPE"))
}
