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
use tracing::{Instrument as _, Span};

use super::progress::Progress;
use super::stats::{Event, Stats};

pub(crate) struct Adoptable<T: Send + 'static> {
    future: Option<Pin<Box<dyn Future<Output = T> + Send>>>,
    progress: Arc<Progress>,
    stats: Arc<Stats>,
    runtime: Handle,
    span: Span,
    /// Whether it is polled in the span, and not only carried on in it.
    enters: bool,
    /// Set while the future is being polled: still set on drop, it panicked, and must not be polled again.
    polling: bool,
}

impl<T: Send + 'static> Adoptable<T> {
    /// Polled in `span`, unless that is off. Must be called within a Tokio runtime.
    pub(crate) fn new(
        future: impl Future<Output = T> + Send + 'static,
        progress: Arc<Progress>,
        stats: Arc<Stats>,
        span: Span,
    ) -> Self {
        let enters = !span.is_disabled();
        Self {
            future: Some(Box::pin(future)),
            progress,
            stats,
            runtime: Handle::current(),
            span: if enters { span } else { Span::current() },
            enters,
            polling: false,
        }
    }
}

impl<T: Send + 'static> Future for Adoptable<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let this = &mut *self;
        let Some(future) = this.future.as_mut() else {
            // As any finished future: nobody polls one again.
            return Poll::Pending;
        };
        let _entered = this.enters.then(|| this.span.enter());
        this.polling = true;
        let poll = future.as_mut().poll(context);
        this.polling = false;
        if poll.is_ready() {
            this.future = None;
        }
        poll
    }
}

impl<T: Send + 'static> Drop for Adoptable<T> {
    fn drop(&mut self) {
        let Some(future) = self.future.take() else { return };
        if self.polling || !self.progress.is_live() {
            return;
        }
        self.progress.adopt();
        self.stats.count(Event::Adopted);
        tracing::debug!(parent: &self.span, "the caller has gone; the request is carried on to its end");
        let span = self.span.clone();
        drop(
            self.runtime.spawn(
                async move {
                    future.await;
                }
                .instrument(span),
            ),
        );
    }
}
