//! Commits what is done, on a thread of its own.
//!
//! Only a synchronous commit has an outcome that one is told, and it has none for as long as there is no broker: librdkafka
//! sends it again and again. A thread of the runtime that waited for it would keep the program from ending.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::Consumer as _;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::consume::Consumer;
use crate::handler::Patience;

pub(super) struct Commits {
    end: CancellationToken,
    ended: oneshot::Receiver<()>,
}

impl Commits {
    pub(super) fn of(consumer: Arc<Consumer>, patience: Patience) -> Self {
        let (end, runtime) = (CancellationToken::new(), Handle::current());
        let (ending, ended) = oneshot::channel();
        std::thread::spawn({
            let end = end.clone();
            move || {
                runtime.block_on(commit_until(&end, &consumer, patience));
                if let Err(error) = consumer.context().commit(&*consumer) {
                    tracing::warn!(%error, "what is done is not committed: it will be delivered again, and recognised");
                }
                // It leaves its group, which then need not wait for the session's end.
                drop(consumer);
                drop(ending);
            }
        });
        Self { end, ended }
    }

    /// Commits the rest, and leaves the group; if there is no answer within `patience`, without that.
    pub(super) async fn end(&mut self, patience: Duration) {
        self.end.cancel();
        if tokio::time::timeout(patience, &mut self.ended).await.is_err() {
            tracing::warn!("Kafka does not answer: what is not committed will be delivered again, and recognised");
        }
    }
}

/// What is done while a commit is on its way goes into the next one.
async fn commit_until(end: &CancellationToken, consumer: &Consumer, patience: Patience) {
    let mut waits = patience.waits();
    loop {
        tokio::select! {
            () = consumer.context().is_done.notified() => {}
            () = end.cancelled() => return,
        }
        match consumer.context().commit(consumer) {
            Ok(()) => waits = patience.waits(),
            Err(error) => {
                tracing::warn!(%error, "not committed; it is tried again");
                tokio::select! {
                    () = waits.pass() => {}
                    () = end.cancelled() => return,
                }
                consumer.context().is_done.notify_one();
            }
        }
    }
}
