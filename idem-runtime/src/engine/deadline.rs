//! How long a store call may take.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use super::Engine;
use crate::store::StoreError;

impl Engine {
    /// One store call, with its deadline. One that the store ends early enough needs no timer.
    pub(super) async fn asking<T>(
        &self,
        limit: Duration,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        match self.longest_call {
            Some(longest) if longest <= limit => call.await,
            _ => self.within(limit, call).await,
        }
    }

    /// A call with its deadline.
    pub(super) async fn within<T>(
        &self,
        limit: Duration,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        in_time(limit, call).await.unwrap_or(Err(StoreError::TimedOut(limit)))
    }
}

/// What `call` comes to if it need not wait, as one of a store in memory.
pub(super) async fn at_once<F: Future + Unpin>(call: &mut F) -> Poll<F::Output> {
    poll_fn(|context| Poll::Ready(Pin::new(&mut *call).poll(context))).await
}

/// What `call` comes to, or `None` if it takes longer than `limit`. What is ready at once, from memory or a cache, needs
/// no timer.
pub(super) async fn in_time<F: Future>(limit: Duration, call: F) -> Option<F::Output> {
    let mut call = std::pin::pin!(call);
    let mut timer = std::pin::pin!(None);
    poll_fn(|context| {
        if let Poll::Ready(answer) = call.as_mut().poll(context) {
            return Poll::Ready(Some(answer));
        }
        if timer.is_none() {
            timer.set(Some(tokio::time::sleep(limit)));
        }
        let timer = timer.as_mut().as_pin_mut();
        timer.map_or(Poll::Pending, |timer| timer.poll(context).map(|()| None))
    })
    .await
}
