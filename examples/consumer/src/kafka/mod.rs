//! Kafka, and what speaks its protocol.
//!
//! ```text
//! topic `payments`, by key --+--> partition 0 --> a consumer of the group --> lanes by account --> booked, recorded
//!                            +--> partition 1 --> another                                              |
//!                                                  topic `payments.dead` <-- put aside, `x-reason` <---+
//! ```
//!
//! What holds:
//!
//! - Kafka has no acknowledgement of a message. It keeps one offset for a partition, and everything below it counts as done.
//!   Messages of a partition are handled side by side, and what is committed is the offset of the first one that is not done.
//!   A message is done when its record is stored, or when the broker has confirmed its dead letter; never before.
//! - So a message that was done can be delivered again: after a kill, after a commit that was lost, after a rebalance. It is
//!   recognised, and not booked again.
//! - Messages of one account are booked in the order in which their partition has them, if the producer gives the account as
//!   their key. That outlives a rebalance: whoever books the second message has seen that the first one is done, because it
//!   has gone through his hands, too. A consumer that has lost its partition without noticing it changes nothing about that.
//! - When a partition goes to another consumer, nothing of it is begun any more; what runs may end, for a while, and what is
//!   done is committed. What still runs after that is waited for by the new owner, for whom it is `in_progress`, and then
//!   `seen before`.
//! - Partitions move one by one (`cooperative-sticky`): what a consumer keeps goes on being booked meanwhile.
//! - While the store is away, all partitions are paused, and nothing is skipped. The consumer stays in its group.
//! - A dead letter may be there twice, under one id: a consumer that dies between the broker's confirmation and its own commit
//!   puts it aside once more.
//! - Kafka does not count deliveries. A message that kills its consumers, and not only itself, stops its partition.

mod assignment;
mod commits;
mod consume;
mod dead;
mod incoming;
mod progress;
mod publish;

use std::num::NonZeroUsize;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;

pub use consume::consume;
pub use incoming::{ID, message};
pub use publish::publish;

/// Where messages come from.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Brokers to begin with: `HOST:PORT`, with commas between them.
    pub brokers: String,
    /// The topic. Its dead letters are in a topic of the same name with `.dead` behind it.
    pub topic: String,
    /// The group of consumers that share the topic's partitions.
    pub group: String,
    /// How many messages this consumer has in hand at once.
    pub in_hand: NonZeroUsize,
    /// How many of them are handled at once.
    pub lanes: NonZeroUsize,
    /// How long the group waits for a consumer that says nothing, before others get its partitions.
    pub session_timeout: Duration,
    /// How long what runs may go on when its partition goes to another consumer. Less than the session timeout, or the group
    /// goes on without this consumer.
    pub hand_over: Duration,
}

/// Why there is nothing to consume from, or to publish to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting that cannot be.
    #[error("librdkafka does not take these settings")]
    Settings(#[source] KafkaError),
    /// The broker refuses this for good.
    #[error("Kafka refuses it")]
    Refused(#[source] KafkaError),
    /// A message was not taken.
    #[error("Kafka did not take a message")]
    NotTaken(#[source] KafkaError),
}

fn client(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    config.set("client.id", format!("consumer-{}", std::process::id()));
    // A broker that comes back is found again soon.
    config.set("reconnect.backoff.max.ms", "1000");
    config
}

/// A producer whose messages are stored once and in order, however often they have to be sent.
fn producer(brokers: &str) -> ClientConfig {
    let mut config = client(brokers);
    config.set("enable.idempotence", "true");
    config
}

/// What the dead letters' topic is called.
fn dead(topic: &str) -> String {
    format!("{topic}.dead")
}
