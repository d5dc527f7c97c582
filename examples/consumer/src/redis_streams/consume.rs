//! Reads, handles and acknowledges, over as many connections as it takes.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use redis::aio::ConnectionManager;
use redis::streams::StreamId;
use tokio::time::Instant;

use super::source::Source;
use super::{Error, Settings, entry, is_for_good, lasting, open, source};
use crate::decision::Reason;
use crate::handler::{Handler, Verdict};
use crate::lanes::Lanes;
use crate::message::Message;

/// Consumes until the handler's `stop` is cancelled, and then until all that was begun is acknowledged. When the server goes
/// away, it is looked for again and again.
///
/// # Errors
/// When the server refuses this for good.
pub async fn consume(settings: &Settings, handler: Handler) -> Result<(), Error> {
    let client = open(&settings.url)?;
    let group = Group {
        connection: lasting(&client)?,
        settings: Arc::new(settings.clone()),
        in_hand: Arc::default(),
        handler: handler.clone(),
    };
    let keeping = tokio::spawn(group.clone().keep());
    // They outlive a connection: what is being booked when the server goes away is booked to its end.
    let lanes = Lanes::new(settings.lanes, settings.batch.get(), Held::settle);
    let mut waits = handler.patience.waits();
    while !handler.stop.is_cancelled() {
        let ended = match Source::open(&client, settings).await {
            Ok(mut source) => {
                tracing::info!(stream = settings.stream, name = settings.name, "consuming");
                waits = handler.patience.waits();
                group.read(&mut source, &lanes).await
            }
            Err(error) => Err(error),
        };
        match ended {
            Ok(()) => break,
            Err(error) if is_for_good(&error) => return Err(Error::Refused(error)),
            Err(error) => tracing::warn!(%error, "the server is gone"),
        }
        tokio::select! {
            () = tokio::time::sleep(waits.next().unwrap_or(handler.patience.longest_wait)) => {}
            () = handler.stop.cancelled() => {}
        }
    }
    lanes.finish().await;
    keeping.abort();
    Ok(())
}

/// What all messages of a group need.
#[derive(Clone)]
struct Group {
    connection: ConnectionManager,
    settings: Arc<Settings>,
    /// The entries that this process has in hand.
    in_hand: Arc<Mutex<HashSet<String>>>,
    handler: Handler,
}

/// A message in hand.
struct Held {
    message: Message,
    entry: StreamId,
    group: Group,
}

impl Group {
    /// Puts what comes into its lane, until it is told to stop.
    async fn read(&self, source: &mut Source<'_>, lanes: &Lanes<Held>) -> redis::RedisResult<()> {
        let mut after = "0".to_owned();
        loop {
            let own = source.own(&after).await?;
            let Some(last) = own.last() else { break };
            after.clone_from(&last.id);
            self.take_again(own, source, lanes).await?;
        }
        let mut look_for_abandoned = Instant::now();
        loop {
            tokio::select! {
                () = self.handler.intake.opened() => {}
                () = self.handler.stop.cancelled() => {}
            }
            if self.handler.stop.is_cancelled() {
                return Ok(());
            }
            if look_for_abandoned <= Instant::now() {
                let mut from = Some("0-0".to_owned());
                while let Some(place) = from {
                    let (claimed, next) = source.abandoned(&place).await?;
                    self.take_again(claimed, source, lanes).await?;
                    from = next;
                }
                look_for_abandoned = Instant::now() + self.settings.claim_after / 2;
            }
            for entry in source.fresh().await? {
                self.take(entry, lanes).await;
            }
        }
    }

    /// Entries that were delivered before, to this consumer or another one.
    async fn take_again(
        &self,
        mut entries: Vec<StreamId>,
        source: &mut Source<'_>,
        lanes: &Lanes<Held>,
    ) -> redis::RedisResult<()> {
        entries.retain(|entry| !self.in_hand.lock().contains(&entry.id));
        let deliveries = source.deliveries(&entries).await?;
        for entry in entries {
            let deliveries = deliveries.get(&entry.id).copied().unwrap_or_default();
            tracing::info!(entry = entry.id, deliveries, "delivered again");
            if deliveries > self.settings.max_deliveries {
                tracing::error!(entry = entry.id, deliveries, "put aside: it was delivered too often");
                let mut connection = self.connection.clone();
                source::put_aside(&mut connection, &self.settings, &entry, &Reason::DELIVERED_TOO_OFTEN).await?;
                self.handler.told();
            } else {
                self.take(entry, lanes).await;
            }
        }
        Ok(())
    }

    async fn take(&self, entry: StreamId, lanes: &Lanes<Held>) {
        if self.in_hand.lock().insert(entry.id.clone()) {
            let message = entry::message(&entry);
            let key = message.order_key().to_owned();
            lanes.put(&key, Held { message, entry, group: self.clone() }).await;
        }
    }

    /// Keeps what is in hand from being taken for abandoned.
    async fn keep(mut self) {
        let mut ticks = tokio::time::interval((self.settings.claim_after / 3).max(Duration::from_millis(10)));
        loop {
            ticks.tick().await;
            let entries: Vec<String> = self.in_hand.lock().iter().cloned().collect();
            for some in entries.chunks(500) {
                if let Err(error) = source::keep(&mut self.connection, &self.settings, some).await {
                    tracing::debug!(%error, "what is in hand was not claimed anew");
                }
            }
        }
    }
}

impl Held {
    async fn settle(mut self) {
        self.settle_entry().await;
        self.group.in_hand.lock().remove(&self.entry.id);
    }

    async fn settle_entry(&mut self) {
        let Self { message, entry, group: Group { connection, settings, handler, .. } } = self;
        let told = match handler.handle(message).await {
            Verdict::Acknowledge => source::acknowledge(connection, settings, entry).await.map(drop),
            Verdict::DeadLetter(reason) => source::put_aside(connection, settings, entry, &reason).await,
            Verdict::Leave => return,
        };
        match told {
            Ok(()) => handler.told(),
            Err(error) => {
                tracing::warn!(%error, "the acknowledgement is lost: it will be delivered again, and recognised")
            }
        }
    }
}
