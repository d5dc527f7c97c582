//! Which partitions are this consumer's, and what is done of each.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::KafkaResult;
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::progress::Progress;
use crate::handler::Handler;

/// A partition, from the time that it is assigned to this consumer until it is taken away.
pub(super) struct Partition {
    number: i32,
    /// Stops with the consumer, and when the partition is taken away.
    pub(super) stop: CancellationToken,
    /// The messages that are being handled, and not those that wait for it.
    pub(super) running: TaskTracker,
    pub(super) progress: Mutex<Progress>,
}

/// What is told to librdkafka, and what it tells.
pub(super) struct Assignment {
    handler: Handler,
    topic: String,
    hand_over: Duration,
    partitions: Mutex<HashMap<i32, Arc<Partition>>>,
    /// One commit at a time, or an earlier one could undo a later one.
    committing: Mutex<()>,
    is_paused: AtomicBool,
    /// Something is done that may be committed.
    pub(super) is_done: Notify,
}

impl Assignment {
    pub(super) fn new(handler: Handler, topic: String, hand_over: Duration) -> Self {
        Self {
            handler,
            topic,
            hand_over,
            partitions: Mutex::default(),
            committing: Mutex::default(),
            is_paused: AtomicBool::new(false),
            is_done: Notify::new(),
        }
    }

    /// The partition of this number, unless it was taken away.
    pub(super) fn partition(&self, number: i32) -> Option<Arc<Partition>> {
        self.partitions.lock().get(&number).cloned()
    }

    /// Stops what comes, or lets it come again. The consumer goes on polling: who does not poll is taken for dead, and hears
    /// of no rebalance.
    pub(super) fn pause(&self, consumer: &impl Consumer<Self>, paused: bool) -> KafkaResult<()> {
        if self.is_paused.swap(paused, Ordering::Relaxed) == paused {
            return Ok(());
        }
        let all = consumer.assignment()?;
        if paused { consumer.pause(&all) } else { consumer.resume(&all) }
    }

    /// Commits what is done, and waits until the broker has it.
    pub(super) fn commit(&self, consumer: &impl Consumer<Self>) -> KafkaResult<()> {
        let _alone = self.committing.lock();
        let ours: Vec<_> = self.partitions.lock().values().cloned().collect();
        self.commit_these(consumer, &ours)
    }

    fn commit_these(&self, consumer: &impl Consumer<Self>, partitions: &[Arc<Partition>]) -> KafkaResult<()> {
        let mut offsets = TopicPartitionList::new();
        let mut positions = Vec::new();
        for partition in partitions {
            if let Some(position) = partition.progress.lock().position() {
                offsets.add_partition_offset(&self.topic, partition.number, Offset::Offset(position))?;
                positions.push((partition, position));
            }
        }
        if positions.is_empty() {
            return Ok(());
        }
        // Not the asynchronous one, whose outcome nobody is told.
        consumer.commit(&offsets, CommitMode::Sync)?;
        for (partition, position) in positions {
            let count = partition.progress.lock().committed(position);
            tracing::info!(partition = partition.number, position, "committed");
            (0..count).for_each(|_| self.handler.told());
        }
        Ok(())
    }

    fn assigned(&self, list: &TopicPartitionList) {
        let mut partitions = self.partitions.lock();
        for element in list.elements() {
            let number = element.partition();
            let (stop, running) = (self.handler.stop.child_token(), TaskTracker::new());
            tracing::info!(partition = number, "assigned");
            partitions.insert(number, Arc::new(Partition { number, stop, running, progress: Mutex::default() }));
        }
    }

    /// Begins nothing more of these, lets what runs end, and commits what is done.
    fn revoked(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) {
        let ours: Vec<_> = {
            let mut partitions = self.partitions.lock();
            list.elements().iter().filter_map(|element| partitions.remove(&element.partition())).collect()
        };
        for partition in &ours {
            partition.stop.cancel();
            partition.running.close();
        }
        self.let_end(&ours);
        // They are somebody else's already.
        let is_lost = consumer.assignment_lost();
        let committed = if is_lost {
            Ok(())
        } else {
            let _alone = self.committing.lock();
            self.commit_these(consumer, &ours)
        };
        if let Err(error) = committed {
            tracing::warn!(%error, "what is done is not committed: it will be delivered again, and recognised");
        }
        for partition in &ours {
            tracing::info!(partition = partition.number, is_lost, "given up");
        }
    }

    fn let_end(&self, partitions: &[Arc<Partition>]) {
        if partitions.iter().all(|partition| partition.running.is_empty()) {
            return;
        }
        let ends = async {
            for partition in partitions {
                partition.running.wait().await;
            }
        };
        let within = tokio::time::timeout(self.hand_over, ends);
        // librdkafka asks for it here and now, on a thread of the runtime.
        if tokio::task::block_in_place(|| Handle::current().block_on(within)).is_err() {
            tracing::warn!("something still runs: the partition's next consumer will wait for it");
        }
    }
}

impl ClientContext for Assignment {}

impl ConsumerContext for Assignment {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(list) => self.assigned(list),
            Rebalance::Revoke(list) => self.revoked(consumer, list),
            Rebalance::Error(error) => tracing::warn!(%error, "a rebalance failed"),
        }
    }

    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(list) = rebalance
            && self.is_paused.load(Ordering::Relaxed)
            && let Err(error) = consumer.pause(list)
        {
            tracing::warn!(%error, "new partitions cannot be paused");
        }
    }
}
