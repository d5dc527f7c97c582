//! What a consumer of a group can read, and say.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::streams::{StreamAutoClaimOptions, StreamPendingCountReply, StreamReadOptions};
use redis::{AsyncCommands as _, RedisResult};

use super::entry::{CONTENT, Entry, ID};
use super::{Settings, connect};
use crate::decision::Reason;

/// How long a read waits for new entries, and so how long a stop may take.
const BLOCK: Duration = Duration::from_millis(500);

/// Reads, on a connection of its own: a read that waits holds up all that is said after it.
pub(super) struct Source {
    connection: MultiplexedConnection,
    settings: Arc<Settings>,
}

impl Source {
    /// Makes the group, if need be.
    pub(super) async fn open(client: &redis::Client, settings: &Arc<Settings>) -> RedisResult<Self> {
        let mut connection = connect(client, BLOCK).await?;
        let made: RedisResult<()> = connection.xgroup_create_mkstream(&settings.stream, &settings.group, "0").await;
        match made {
            Err(error) if error.code() != Some("BUSYGROUP") => Err(error),
            _ => Ok(Self { connection, settings: Arc::clone(settings) }),
        }
    }

    /// New entries; none, if none came.
    pub(super) async fn fresh(&mut self) -> RedisResult<Vec<Entry>> {
        self.read(">", self.options().block(BLOCK.as_millis() as usize)).await
    }

    /// Entries that were delivered to this consumer before, and were not acknowledged: those after this one.
    pub(super) async fn own(&mut self, after: &str) -> RedisResult<Vec<Entry>> {
        self.read(after, self.options()).await
    }

    fn options(&self) -> StreamReadOptions {
        StreamReadOptions::default().group(&self.settings.group, &self.settings.name).count(self.settings.batch.get())
    }

    async fn read(&mut self, after: &str, options: StreamReadOptions) -> RedisResult<Vec<Entry>> {
        let reply: Option<Vec<(String, Vec<Entry>)>> =
            self.connection.xread_options(&[&self.settings.stream], &[after], &options).await?;
        Ok(reply.into_iter().flatten().flat_map(|(_, entries)| entries).collect())
    }

    /// Claims entries of consumers that give no sign of life, from a place in the list; and the next place, if there is one.
    pub(super) async fn abandoned(&mut self, from: &str) -> RedisResult<(Vec<Entry>, Option<String>)> {
        let Settings { stream, group, name, batch, claim_after, .. } = &*self.settings;
        let options = StreamAutoClaimOptions::default().count(batch.get());
        let idle = claim_after.as_millis() as u64;
        let (next, claimed, deleted): (String, Vec<Entry>, Vec<String>) =
            self.connection.xautoclaim_options(stream, group, name, idle, from, options).await?;
        if !deleted.is_empty() {
            let entries = deleted.len();
            tracing::error!(entries, "entries were trimmed away before they were handled");
        }
        Ok((claimed, Some(next).filter(|next| next != "0-0")))
    }

    /// How often each of these was delivered. They are this consumer's own.
    pub(super) async fn deliveries(&mut self, entries: &[Entry]) -> RedisResult<HashMap<String, usize>> {
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return Ok(HashMap::new()) };
        let Settings { stream, group, name, .. } = &*self.settings;
        // There may be others in between, which this consumer has in hand.
        let mut from = first.id.clone();
        let mut counts = HashMap::new();
        loop {
            let page: StreamPendingCountReply =
                self.connection.xpending_consumer_count(stream, group, &from, &last.id, 1_000, name).await?;
            let full = page.ids.len() == 1_000;
            if let Some(last) = page.ids.last() {
                from = format!("({}", last.id);
            }
            counts.extend(page.ids.into_iter().map(|entry| (entry.id, entry.times_delivered)));
            if !full {
                return Ok(counts);
            }
        }
    }
}

/// Acknowledges an entry; `false`, if somebody has done so already.
pub(super) async fn acknowledge(
    connection: &mut (impl ConnectionLike + Send),
    settings: &Settings,
    entry: &Entry,
) -> RedisResult<bool> {
    redis::cmd("XACK").arg(&settings.stream).arg(&settings.group).arg(&entry.id).query_async(connection).await
}

/// Adds an entry to the dead letters and acknowledges it, both or neither. Its fields stay as they are.
pub(super) async fn put_aside(
    connection: &mut (impl ConnectionLike + Send),
    settings: &Settings,
    entry: &Entry,
    reason: &Reason,
) -> RedisResult<()> {
    let mut add = redis::cmd("XADD");
    add.arg(settings.dead()).arg("*");
    for (name, value) in &entry.fields {
        add.arg(name).arg(value);
    }
    add.arg("x-reason").arg(reason.code).arg("x-reason-detail").arg(&*reason.detail).arg("x-entry").arg(&entry.id);
    let mut both = redis::pipe();
    both.atomic().add_command(add).ignore();
    both.cmd("XACK").arg(&settings.stream).arg(&settings.group).arg(&entry.id).ignore();
    both.exec_async(connection).await
}

/// Says that these are being worked on. Counts no delivery.
pub(super) async fn keep(
    connection: &mut (impl ConnectionLike + Send),
    settings: &Settings,
    entries: &[String],
) -> RedisResult<()> {
    let Settings { stream, group, name, .. } = settings;
    redis::cmd("XCLAIM").arg(stream).arg(group).arg(name).arg(0).arg(entries).arg("JUSTID").exec_async(connection).await
}

/// Adds messages to the stream.
pub(super) async fn add<'m>(
    connection: &mut (impl ConnectionLike + Send),
    stream: &str,
    messages: impl Iterator<Item = &'m crate::message::Outgoing>,
) -> RedisResult<()> {
    let mut pipeline = redis::pipe();
    for message in messages {
        let add = pipeline.cmd("XADD").arg(stream).arg("*");
        if let Some(id) = &message.id {
            add.arg(ID).arg(id);
        }
        add.arg(CONTENT).arg(&message.content).ignore();
    }
    pipeline.exec_async(connection).await
}
