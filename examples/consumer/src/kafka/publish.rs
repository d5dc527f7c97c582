//! A producer, to try it with.

use std::collections::VecDeque;

use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::future_producer::DeliveryFuture;
use rdkafka::producer::{FutureProducer, FutureRecord};

use super::{Error, ID, producer};
use crate::message::{Outgoing, Payment};

/// How many messages wait for their confirmation at once.
const WINDOW: usize = 256;

/// Sends messages to a topic, each under its account as key, and ends when the brokers have confirmed them all. What they did
/// not confirm is sent again by librdkafka, for five minutes, and stored once.
///
/// # Errors
/// When the brokers did not take a message. Those before it are in the topic, and some behind it may be: send all of them
/// again, under the same ids.
pub async fn publish(brokers: &str, topic: &str, messages: &[Outgoing]) -> Result<(), Error> {
    let producer: FutureProducer = producer(brokers).create().map_err(Error::Settings)?;
    let mut sent = VecDeque::new();
    for message in messages {
        if sent.len() == WINDOW {
            confirmed(sent.pop_front()).await?;
        }
        sent.push_back(send(&producer, topic, message)?);
    }
    while !sent.is_empty() {
        confirmed(sent.pop_front()).await?;
    }
    Ok(())
}

fn send(producer: &FutureProducer, topic: &str, message: &Outgoing) -> Result<DeliveryFuture, Error> {
    let payment = Payment::from_json(message.content.as_bytes());
    let headers = OwnedHeaders::new();
    let headers = match &message.id {
        Some(id) => headers.insert(Header { key: ID, value: Some(id) }),
        None => headers,
    };
    let mut record = FutureRecord::to(topic).payload(&message.content).headers(headers);
    if let Ok(payment) = &payment {
        record = record.key(&payment.account);
    }
    producer.send_result(record).map_err(|(error, _)| Error::NotTaken(error))
}

async fn confirmed(delivery: Option<DeliveryFuture>) -> Result<(), Error> {
    match delivery {
        // Its producer is not gone.
        Some(delivery) => match delivery.await {
            Ok(Err((error, _))) => Err(Error::NotTaken(error)),
            Ok(Ok(_)) | Err(_) => Ok(()),
        },
        None => Ok(()),
    }
}
