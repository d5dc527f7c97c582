//! The options for Kafka.

use std::num::NonZeroUsize;
use std::time::Duration;

use clap::Args;
use consumer::kafka::{self, Settings};

use super::in_one_line;
use crate::booking::Booking;
use crate::outgoing::Messages;

#[derive(Clone, Debug, Args)]
pub(crate) struct Topic {
    /// Brokers to begin with, with commas between them
    #[arg(long, default_value = "127.0.0.1:9092", value_name = "HOST:PORT")]
    brokers: String,
    /// The topic; its dead letters are in TOPIC.dead
    #[arg(long, default_value = "payments", value_name = "TOPIC")]
    topic: String,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Member {
    /// The group of consumers that share the topic's partitions
    #[arg(long, default_value = "ledger", value_name = "NAME")]
    group: String,
    /// How many messages are in hand at once
    #[arg(long, default_value = "256", value_name = "NUMBER")]
    in_hand: NonZeroUsize,
    /// How long the group waits for a consumer that says nothing
    #[arg(long, default_value = "45s", value_name = "DURATION", value_parser = humantime::parse_duration)]
    session_timeout: Duration,
    /// How long what runs may go on when its partition goes to another consumer
    #[arg(long, default_value = "5s", value_name = "DURATION", value_parser = humantime::parse_duration)]
    hand_over: Duration,
}

impl Topic {
    pub(crate) async fn consume(self, member: Member, booking: &Booking) -> Result<(), String> {
        let (handler, idempotency) = booking.handler(&self.topic).await?;
        let Member { group, in_hand, session_timeout, hand_over } = member;
        let Self { brokers, topic } = self;
        let lanes = booking.lanes;
        let settings = Settings { brokers, topic, group, in_hand, lanes, session_timeout, hand_over };
        let consumed = kafka::consume(&settings, handler).await;
        idempotency.drain().await;
        consumed.map_err(|error| in_one_line(&error))
    }

    pub(crate) async fn publish(self, messages: &Messages) -> Result<(), String> {
        let published = kafka::publish(&self.brokers, &self.topic, &messages.outgoing()).await;
        published.map_err(|error| in_one_line(&error))
    }
}
