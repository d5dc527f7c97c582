//! Work that borrows: it is polled where it stands, and what is owned, the claim, is polled beside it.
//!
//! A future that borrows cannot outlive its caller, so it cannot be adopted. Its claim can: if both are dropped, the
//! engine's part moves to the runtime, finds that the work is gone, and settles the claim at once, instead of leaving it
//! to its lease.
//!
//! ```text
//! engine: seize ── started ──> (waits) <── ended ── settle
//! caller:             └──── polls the work ───┘
//! ```

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use tokio::sync::oneshot;

use super::adopt::Adoptable;
use super::leased::{Panic, poll_caught};
use super::{Answer, Call, Ending, Engine, Finished, Refused};
use crate::store::Writes;

/// What the engine's part and the caller's part know of each other.
#[derive(Default)]
struct Shared {
    /// The claim is held: the work may start.
    may_start: AtomicBool,
    /// The work has been polled, so it may have had an effect.
    started: AtomicBool,
}

impl Engine {
    /// As [`execute`](Engine::execute), for work that need not be `'static`. When this is dropped, the work is dropped
    /// with it: what had begun has failed then, and what had ended is recorded.
    pub(crate) async fn execute_in_place<T>(
        self: &Arc<Self>,
        call: Call,
        work: impl Future<Output = T>,
        ending: impl FnOnce(&T) -> Ending,
    ) -> Result<Answer<T>, Refused> {
        let shared = Arc::<Shared>::default();
        let (ended, work_ended) = oneshot::channel::<Result<Ending, Panic>>();
        let (progress, stats) = (Arc::clone(&call.progress), Arc::clone(self.stats()));
        let engine = Arc::clone(self);
        let seen_by_engine = Arc::clone(&shared);
        let mut work_ended = Some(work_ended);
        let guarded = async move {
            let wait = poll_fn(|_| {
                seen_by_engine.may_start.store(true, Ordering::Release);
                let work_ended = work_ended.take().map(|ended| wait_for_the_work(ended, Arc::clone(&seen_by_engine)));
                work_ended.map_or(Poll::Pending, Poll::Ready)
            });
            engine.execute(call, wait).await
        };
        let mut guarded = Adoptable::new(guarded, progress, stats);
        let (mut ended, mut ending) = (Some(ended), Some(ending));
        let mut value = None;
        // Declared last, so dropped first: the work is gone before anybody is told so.
        let mut work = std::pin::pin!(Some(work));
        let answer = poll_fn(|context| {
            loop {
                if let Poll::Ready(answer) = Pin::new(&mut guarded).poll(context) {
                    return Poll::Ready(answer);
                }
                if ended.is_none() || !shared.may_start.load(Ordering::Acquire) {
                    return Poll::Pending;
                }
                shared.started.store(true, Ordering::Release);
                let Poll::Ready(came) = poll_caught(work.as_mut(), context) else { return Poll::Pending };
                let came = came.map(|came| {
                    let ending = ending.take().map_or(Ending::Failed, |ending| ending(&came));
                    value = Some(came);
                    ending
                });
                if let Some(ended) = ended.take() {
                    // Nobody listens any more only if the engine's part has ended, which the next turn shows.
                    drop(ended.send(came));
                }
            }
        })
        .await?;
        match (answer, value) {
            (Answer::Replay { head, body }, _) => Ok(Answer::Replay { head, body }),
            (Answer::Executed(()), Some(value)) => Ok(Answer::Executed(value)),
            (Answer::Executed(()), None) => unreachable!("the work was polled to its end"),
        }
    }
}

async fn wait_for_the_work(work_ended: oneshot::Receiver<Result<Ending, Panic>>, shared: Arc<Shared>) -> Finished<()> {
    let ending = match work_ended.await {
        Ok(Ok(ending)) => ending,
        Ok(Err(panic)) => std::panic::resume_unwind(panic),
        Err(_) if shared.started.load(Ordering::Acquire) => {
            tracing::warn!("a call was dropped before its work had ended");
            Ending::Failed
        }
        Err(_) => Ending::Release,
    };
    Finished { answer: (), ending, writes: Writes::Keep }
}
