//! Reads, handles and commits.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::Message as _;
use rdkafka::consumer::{Consumer as _, StreamConsumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::OwnedMessage;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::assignment::{Assignment, Partition};
use super::commits::Commits;
use super::dead::DeadLetters;
use super::{Error, Settings, client, incoming};
use crate::handler::{Handler, Verdict};
use crate::lanes::Lanes;
use crate::message::Message;

pub(super) type Consumer = StreamConsumer<Assignment>;

/// Consumes until the handler's `stop` is cancelled, and then until all that was begun is committed. When the brokers go away,
/// they are looked for again and again; when it is to end meanwhile, it waits for them for as long as a session lasts.
///
/// # Errors
/// When the settings cannot be, or the brokers refuse this for good.
///
/// # Panics
/// On a runtime of one thread: a partition that is taken away has to be given up on the spot.
pub async fn consume(settings: &Settings, handler: Handler) -> Result<(), Error> {
    let consumer = Arc::new(subscribe(settings, &handler).map_err(Error::Settings)?);
    let dead = DeadLetters::of(settings, handler.patience).map_err(Error::Settings)?;
    let lanes = Lanes::new(settings.lanes, settings.in_hand.get(), {
        let (handler, consumer) = (handler.clone(), Arc::clone(&consumer));
        move |held| settle(handler.clone(), Arc::clone(&consumer), dead.clone(), held)
    });
    let mut commits = Commits::of(Arc::clone(&consumer), handler.patience);
    let read = read(settings, &consumer, &handler, &lanes).await;
    lanes.finish().await;
    // Its last holder is the thread that commits.
    drop(consumer);
    commits.end(settings.session_timeout).await;
    read.map_err(Error::Refused)
}

fn subscribe(settings: &Settings, handler: &Handler) -> Result<Consumer, KafkaError> {
    let assignment = Assignment::new(handler.clone(), settings.topic.clone(), settings.hand_over);
    let session = settings.session_timeout;
    let heartbeat = (session / 10).min(Duration::from_secs(3));
    let consumer: Consumer = client(&settings.brokers)
        .set("group.id", &settings.group)
        .set("session.timeout.ms", session.as_millis().to_string())
        .set("heartbeat.interval.ms", heartbeat.as_millis().to_string())
        .set("partition.assignment.strategy", "cooperative-sticky")
        // Only what is done is committed.
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        // A partition without a committed offset has not been read: from its end, messages would be lost.
        .set("auto.offset.reset", "earliest")
        .create_with_context(assignment)?;
    consumer.subscribe(&[&settings.topic])?;
    Ok(consumer)
}

/// A message in hand.
struct Held {
    message: Message,
    record: OwnedMessage,
    partition: Arc<Partition>,
    _room: OwnedSemaphorePermit,
}

/// Puts what comes into its lane, until it is told to stop.
async fn read(
    settings: &Settings,
    consumer: &Consumer,
    handler: &Handler,
    lanes: &Lanes<Held>,
) -> Result<(), KafkaError> {
    let assignment = consumer.context();
    let room = Arc::new(Semaphore::new(settings.in_hand.get()));
    let half = u32::try_from(settings.in_hand.get().div_ceil(2)).unwrap_or(u32::MAX);
    let mut trouble = Trouble::default();
    let mut is_paused = false;
    loop {
        if !is_paused && (!handler.intake.is_open() || room.available_permits() == 0) {
            assignment.pause(consumer, true)?;
            is_paused = true;
        }
        // Not as soon as there is room for one: what librdkafka has fetched is fetched anew after a pause.
        let goes_on = async {
            handler.intake.opened().await;
            room.acquire_many(half).await.is_ok()
        };
        let record = tokio::select! {
            biased;
            () = handler.stop.cancelled() => return Ok(()),
            _ = goes_on, if is_paused => {
                assignment.pause(consumer, false)?;
                is_paused = false;
                continue;
            }
            received = consumer.recv() => match received {
                Ok(record) => record.detach(),
                Err(error @ KafkaError::MessageConsumptionFatal(_)) => return Err(error),
                Err(error) => {
                    trouble.say(&error);
                    continue;
                }
            },
        };
        trouble = Trouble::default();
        let Some(partition) = assignment.partition(record.partition()) else { continue };
        if !partition.progress.lock().take(record.offset()) {
            continue;
        }
        let Ok(room) = Arc::clone(&room).acquire_owned().await else { return Ok(()) };
        let message = incoming::message(&record);
        let key = message.order_key().to_owned();
        lanes.put(&key, Held { message, record, partition, _room: room }).await;
    }
}

async fn settle(handler: Handler, consumer: Arc<Consumer>, dead: DeadLetters, held: Held) {
    let Held { message, record, partition, _room } = held;
    let _running = partition.running.token();
    if partition.stop.is_cancelled() {
        return;
    }
    let handler = Handler { stop: partition.stop.clone(), ..handler };
    match handler.handle(&message).await {
        Verdict::Acknowledge => {}
        Verdict::DeadLetter(reason) => {
            if !dead.put(&record, &reason, &partition.stop).await {
                return;
            }
        }
        Verdict::Leave => return,
    }
    partition.progress.lock().done(record.offset());
    consumer.context().is_done.notify_one();
}

/// What librdkafka says again and again while it looks for a broker is said once.
#[derive(Default)]
struct Trouble(Option<RDKafkaErrorCode>);

impl Trouble {
    fn say(&mut self, error: &KafkaError) {
        let code = error.rdkafka_error_code();
        // It comes with the failure of each of them.
        if code != Some(RDKafkaErrorCode::AllBrokersDown) && self.0 != code {
            tracing::warn!(%error, "Kafka");
            self.0 = code;
        }
    }
}
