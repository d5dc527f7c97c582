//! Poll in place, adopt on drop.
//!
//! Axum drops a handler's future when the client hangs up or a timeout layer gives up. A request that may hold a claim
//! must not end there: its effect may have happened, and nobody would record it. So the future is polled by whoever
//! awaits it, without a spawn, and only if it is dropped unfinished it moves to the Tokio runtime, which polls it to its
//! end.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::runtime::Handle;
use tracing::Instrument as _;

use super::progress::Progress;
use super::stats::{Event, Stats};

pub(crate) struct Adoptable<T: Send + 'static> {
    future: Option<Pin<Box<dyn Future<Output = T> + Send>>>,
    progress: Arc<Progress>,
    stats: Arc<Stats>,
    /// Known from the first time that it had to wait.
    whereabouts: Option<(Handle, tracing::Span)>,
    /// Set while the future is being polled: still set on drop, it panicked, and must not be polled again.
    polling: bool,
}

impl<T: Send + 'static> Adoptable<T> {
    /// Must be polled within a Tokio runtime.
    pub(crate) fn new(
        future: impl Future<Output = T> + Send + 'static,
        progress: Arc<Progress>,
        stats: Arc<Stats>,
    ) -> Self {
        Self { future: Some(Box::pin(future)), progress, stats, whereabouts: None, polling: false }
    }

    /// As [`poll`](Future::poll). Who gives a `Pending` of it on to others, calls [`remember`](Self::remember) before.
    pub(crate) fn poll_here(&mut self, context: &mut Context<'_>) -> Poll<T> {
        let Some(future) = self.future.as_mut() else {
            // As any finished future: nobody polls one again.
            return Poll::Pending;
        };
        self.polling = true;
        let poll = future.as_mut().poll(context);
        self.polling = false;
        if poll.is_ready() {
            self.future = None;
        }
        poll
    }

    /// Keeps in mind where it is polled: what is dropped may be dropped anywhere.
    pub(crate) fn remember(&mut self) {
        self.whereabouts.get_or_insert_with(|| (Handle::current(), tracing::Span::current()));
    }

    /// Whether it is carried on if it is dropped now.
    pub(crate) fn is_carried_on(&self) -> bool {
        self.future.is_some() && !self.polling && self.progress.is_live()
    }
}

impl<T: Send + 'static> Future for Adoptable<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let poll = self.poll_here(context);
        if poll.is_pending() {
            self.remember();
        }
        poll
    }
}

impl<T: Send + 'static> Drop for Adoptable<T> {
    fn drop(&mut self) {
        if !self.is_carried_on() {
            return;
        }
        let (Some(future), Some((runtime, span))) = (self.future.take(), self.whereabouts.take()) else { return };
        self.progress.adopt();
        self.stats.count(Event::Adopted);
        tracing::debug!(parent: &span, "the caller has gone; the request is carried on to its end");
        let carried_on = async move {
            future.await;
        };
        drop(runtime.spawn(carried_on.instrument(span)));
    }
}
