//! Whether this process can do its work, for whoever sends requests to it.

use crate::Idempotency;
use crate::store::StoreError;

/// Why [`Idempotency::ready`] says no. One line, without a password.
///
/// # Examples
///
/// ```
/// use idem_runtime::{Idempotency, MemoryStore, NotReady};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let idempotency = Idempotency::new(MemoryStore::new());
/// idempotency.drain().await;
/// assert!(matches!(idempotency.ready().await, Err(NotReady::Draining)));
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotReady {
    /// [`Idempotency::drain`] was called: the process ends soon, and claims nothing any more.
    #[error("the application is shutting down")]
    Draining,
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Idempotency {
    /// Whether requests had better be sent to this process: the answer to a readiness probe. It takes no longer than one
    /// [`store_timeout`](crate::IdempotencyBuilder::store_timeout).
    ///
    /// It looks a key up that nobody has, and changes nothing. So it says that the store *answers*, and not that it takes
    /// anything new: a Redis that is out of memory and a full disk still replay what is finished, which is more than no
    /// process at all would do, and every other process has the same store. New requests are refused with 503 and
    /// `Retry-After` meanwhile, and counted: watch [`Counts::store_unavailable`](crate::Counts::store_unavailable) for that.
    ///
    /// With [`bypass`](Self::bypass) on, nobody needs the store, and it is not asked.
    ///
    /// Not for a *liveness* probe: to start the process anew does not repair its store.
    ///
    /// # Errors
    ///
    /// [`NotReady::Draining`] once this process drains; [`NotReady::Store`] with why the store does not answer.
    ///
    /// # Examples
    ///
    /// ```
    /// use axum::{Router, extract::State, http::StatusCode, routing::get};
    /// use idem_runtime::{Idempotency, MemoryStore};
    ///
    /// async fn ready(State(idempotency): State<Idempotency>) -> Result<(), StatusCode> {
    ///     idempotency.ready().await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let idempotency = Idempotency::new(MemoryStore::new());
    /// assert!(idempotency.ready().await.is_ok());
    /// let app: Router = Router::new().route("/ready", get(ready)).with_state(idempotency);
    /// # }
    /// ```
    pub async fn ready(&self) -> Result<(), NotReady> {
        let engine = self.engine();
        if engine.is_draining() {
            return Err(NotReady::Draining);
        }
        if !engine.is_bypassed() {
            engine.ask_store().await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::MemoryStore;
    use crate::digest::RecordKey;
    use crate::store::{Claim, ClaimOutcome, Entry, Hold, Outcome, OwnerToken, Store};

    /// Takes every question, and answers none.
    struct Silent;

    impl Store for Silent {
        fn name(&self) -> &'static str {
            "silent"
        }
        async fn claim(&self, _: &Claim) -> Result<ClaimOutcome, StoreError> {
            std::future::pending().await
        }
        async fn take_over(&self, _: &Claim, _: OwnerToken) -> Result<ClaimOutcome, StoreError> {
            std::future::pending().await
        }
        async fn renew(&self, _: &Claim) -> Result<Hold, StoreError> {
            std::future::pending().await
        }
        async fn complete(&self, _: &Claim, _: u32, _: &Outcome) -> Result<Hold, StoreError> {
            std::future::pending().await
        }
        async fn release(&self, _: &Claim) -> Result<Hold, StoreError> {
            std::future::pending().await
        }
        async fn look_up(&self, _: RecordKey) -> Result<Option<Entry>, StoreError> {
            std::future::pending().await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn i43_a_store_that_does_not_answer_is_not_waited_for() {
        let limit = Duration::from_millis(300);
        let idempotency = Idempotency::builder(Silent).store_timeout(limit).build();
        let asked = tokio::time::Instant::now();
        assert!(matches!(idempotency.ready().await, Err(NotReady::Store(StoreError::TimedOut(_)))));
        assert_eq!(asked.elapsed(), limit);
        idempotency.bypass(true);
        assert!(idempotency.ready().await.is_ok(), "nobody needs it");
    }

    #[tokio::test]
    async fn who_drains_is_not_ready() {
        let idempotency = Idempotency::new(MemoryStore::new());
        assert!(idempotency.ready().await.is_ok());
        idempotency.drain().await;
        assert!(matches!(idempotency.ready().await, Err(NotReady::Draining)));
    }
}
