//! Reads, handles and acknowledges, over as many connections as it takes.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::entry::Entry;
use super::source::Source;
use super::{Error, Settings, connect, is_for_good, open, source};
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
    let group = Group { settings: Arc::new(settings.clone()), in_hand: Arc::default(), handler: handler.clone() };
    // They outlive a connection: what is being booked when the server goes away is booked to its end.
    let lanes = Lanes::new(settings.lanes, settings.batch.get(), Held::settle);
    let mut waits = handler.patience.waits();
    // Until all is acknowledged.
    let mut _last_session = None;
    while !handler.stop.is_cancelled() {
        let ended = match Session::open(&client, &group).await {
            Ok(mut session) => {
                tracing::info!(stream = settings.stream, name = settings.name, "consuming");
                waits = handler.patience.waits();
                let ended = session.read(&group, &lanes).await;
                _last_session = Some(session);
                ended
            }
            Err(error) => Err(error),
        };
        match ended {
            Ok(()) => break,
            Err(error) if is_for_good(&error) => return Err(Error::Refused(error)),
            Err(error) => tracing::warn!(%error, "the server is gone"),
        }
        tokio::select! {
            () = waits.pass() => {}
            () = handler.stop.cancelled() => {}
        }
    }
    lanes.finish().await;
    Ok(())
}

/// What all messages of a group need.
#[derive(Clone)]
struct Group {
    settings: Arc<Settings>,
    /// The entries that this process has in hand.
    in_hand: Arc<Mutex<HashSet<String>>>,
    handler: Handler,
}

/// Two connections, from their beginning to their end.
struct Session {
    source: Source,
    /// For what need not wait until something is to be read.
    connection: MultiplexedConnection,
    _keeping: AbortOnDropHandle<()>,
}

/// A message in hand.
struct Held {
    message: Message,
    entry: Entry,
    /// Of the session that it came by: with that, its acknowledgement is lost.
    connection: MultiplexedConnection,
    group: Group,
}

impl Session {
    async fn open(client: &redis::Client, group: &Group) -> redis::RedisResult<Self> {
        let source = Source::open(client, &group.settings).await?;
        let connection = connect(client, Duration::ZERO).await?;
        let keeping = AbortOnDropHandle::new(tokio::spawn(group.clone().keep(connection.clone())));
        Ok(Self { source, connection, _keeping: keeping })
    }

    /// Puts what comes into its lane, until it is told to stop.
    async fn read(&mut self, group: &Group, lanes: &Lanes<Held>) -> redis::RedisResult<()> {
        let mut after = "0".to_owned();
        loop {
            let own = self.source.own(&after).await?;
            let Some(last) = own.last() else { break };
            after.clone_from(&last.id);
            self.take_again(own, group, lanes).await?;
        }
        let mut look_for_abandoned = Instant::now();
        loop {
            tokio::select! {
                () = group.handler.intake.opened() => {}
                () = group.handler.stop.cancelled() => {}
            }
            if group.handler.stop.is_cancelled() {
                return Ok(());
            }
            if look_for_abandoned <= Instant::now() {
                let mut from = Some("0-0".to_owned());
                while let Some(place) = from {
                    let (claimed, next) = self.source.abandoned(&place).await?;
                    self.take_again(claimed, group, lanes).await?;
                    from = next;
                }
                look_for_abandoned = Instant::now() + group.settings.claim_after / 2;
            }
            for entry in self.source.fresh().await? {
                self.take(entry, group, lanes).await;
            }
        }
    }

    /// Entries that were delivered before, to this consumer or another one.
    async fn take_again(
        &mut self,
        mut entries: Vec<Entry>,
        group: &Group,
        lanes: &Lanes<Held>,
    ) -> redis::RedisResult<()> {
        entries.retain(|entry| !group.in_hand.lock().contains(&entry.id));
        let deliveries = self.source.deliveries(&entries).await?;
        for entry in entries {
            let deliveries = deliveries.get(&entry.id).copied().unwrap_or_default();
            tracing::info!(entry = entry.id, deliveries, "delivered again");
            if deliveries > group.settings.max_deliveries {
                tracing::error!(entry = entry.id, deliveries, "put aside: it was delivered too often");
                let reason = Reason::DELIVERED_TOO_OFTEN;
                source::put_aside(&mut self.connection, &group.settings, &entry, &reason).await?;
                group.handler.told();
            } else {
                self.take(entry, group, lanes).await;
            }
        }
        Ok(())
    }

    async fn take(&self, entry: Entry, group: &Group, lanes: &Lanes<Held>) {
        let is_new = group.in_hand.lock().insert(entry.id.clone());
        if is_new {
            let message = entry.message();
            let key = message.order_key().to_owned();
            lanes.put(&key, Held { message, entry, connection: self.connection.clone(), group: group.clone() }).await;
        }
    }
}

impl Group {
    /// Keeps what is in hand from being taken for abandoned.
    async fn keep(self, mut connection: MultiplexedConnection) {
        let mut ticks = tokio::time::interval((self.settings.claim_after / 3).max(Duration::from_millis(10)));
        loop {
            ticks.tick().await;
            let entries: Vec<String> = self.in_hand.lock().iter().cloned().collect();
            for some in entries.chunks(500) {
                if let Err(error) = source::keep(&mut connection, &self.settings, some).await {
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
        let Self { message, entry, connection, group: Group { settings, handler, .. } } = self;
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
