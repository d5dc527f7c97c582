//! Handlers that say when they start and go on when they are told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;

/// Counts executions and holds them until it is opened.
#[derive(Clone, Debug)]
pub struct Gate {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    started: Semaphore,
    open: Semaphore,
    executions: AtomicUsize,
    ended: AtomicUsize,
}

impl Gate {
    /// One that holds every execution.
    #[must_use]
    pub fn closed() -> Self {
        Self {
            inner: Arc::new(Inner {
                started: Semaphore::new(0),
                open: Semaphore::new(0),
                executions: AtomicUsize::new(0),
                ended: AtomicUsize::new(0),
            }),
        }
    }

    /// One that holds nothing, and only counts.
    #[must_use]
    pub fn open() -> Self {
        let gate = Self::closed();
        gate.let_pass(Semaphore::MAX_PERMITS / 2);
        gate
    }

    /// Called by a handler: counts it, and holds it.
    pub async fn pass(&self) -> usize {
        let number = self.inner.executions.fetch_add(1, Ordering::SeqCst) + 1;
        self.inner.started.add_permits(1);
        if let Ok(permit) = self.inner.open.acquire().await {
            permit.forget();
        }
        self.inner.ended.fetch_add(1, Ordering::SeqCst);
        number
    }

    /// Waits until one more handler has started.
    pub async fn started(&self) {
        let permit = crate::soon("a handler's start", self.inner.started.acquire()).await;
        permit.map(tokio::sync::SemaphorePermit::forget).unwrap_or_default();
    }

    /// Lets this many handlers go on.
    pub fn let_pass(&self, handlers: usize) {
        self.inner.open.add_permits(handlers);
    }

    /// How many handlers have started.
    #[must_use]
    pub fn executions(&self) -> usize {
        self.inner.executions.load(Ordering::SeqCst)
    }

    /// How many have gone on.
    #[must_use]
    pub fn ended(&self) -> usize {
        self.inner.ended.load(Ordering::SeqCst)
    }
}
