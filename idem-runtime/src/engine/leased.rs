//! Runs the work while its claim is renewed.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use super::Engine;
use super::progress::Progress;
use super::stats::Event;
use crate::store::{Claim, Hold};

/// What a panic carries.
pub(super) type Panic = Box<dyn Any + Send>;

/// Polls `work` to its end, and renews `claim` beside it if there is a lease. A panic of the work is caught, so that the
/// claim can be settled; the work is dropped then and never polled again.
pub(super) async fn run_leased<F: Future>(
    engine: &Arc<Engine>,
    claim: &Claim,
    progress: &Arc<Progress>,
    leased: bool,
    work: F,
) -> Result<F::Output, Panic> {
    let mut work = std::pin::pin!(Some(work));
    // Made when the work first has to wait, so that work that does not wait needs no timer.
    let mut renewal: Option<Pin<Box<dyn Future<Output = ()> + Send>>> = None;
    poll_fn(move |context| {
        if let Poll::Ready(ended) = poll_caught(work.as_mut(), context) {
            return Poll::Ready(ended);
        }
        if !leased {
            return Poll::Pending;
        }
        let renewal = renewal.get_or_insert_with(|| Box::pin(renew(Arc::clone(engine), *claim, Arc::clone(progress))));
        let Poll::Pending = renewal.as_mut().poll(context) else { unreachable!("renewal has no end of its own") };
        Poll::Pending
    })
    .await
}

/// Polls `work` to its end where there is no lease to renew.
pub(super) async fn run_caught<F: Future>(work: F) -> Result<F::Output, Panic> {
    let mut work = std::pin::pin!(Some(work));
    poll_fn(move |context| poll_caught(work.as_mut(), context)).await
}

pub(super) fn poll_caught<F: Future>(
    mut work: Pin<&mut Option<F>>,
    context: &mut Context<'_>,
) -> Poll<Result<F::Output, Panic>> {
    let Some(running) = work.as_mut().as_pin_mut() else { return Poll::Pending };
    match catch_unwind(AssertUnwindSafe(|| running.poll(context))) {
        Ok(poll) => poll.map(Ok),
        Err(panic) => {
            work.set(None);
            Poll::Ready(Err(panic))
        }
    }
}

/// Renews at a third of the lease for as long as it is polled.
async fn renew(engine: Arc<Engine>, claim: Claim, progress: Arc<Progress>) {
    let every = claim.lease / 3;
    let mut next = progress.valid_until().unwrap_or_else(Instant::now) - claim.lease + every;
    loop {
        tokio::time::sleep_until(next).await;
        let sent = Instant::now();
        let limit = engine.limits.store_timeout.min(claim.lease);
        match engine.asking(limit, engine.store.renew(&claim)).await {
            Ok(Hold::Held) => {
                engine.stats.count(Event::Renewed);
                progress.renewed(sent + claim.lease);
                next = sent + every;
            }
            Ok(Hold::Lost) => {
                tracing::warn!(key = %claim.key, "a claim was lost while its handler runs");
                progress.signal_lost();
                return std::future::pending().await;
            }
            Err(error) => {
                tracing::warn!(key = %claim.key, %error, "a claim could not be renewed");
                let now = Instant::now();
                if progress.valid_until().is_some_and(|end| end <= now) {
                    progress.signal_lost();
                }
                next = now + (every / 4).max(Duration::from_millis(10));
            }
        }
    }
}
