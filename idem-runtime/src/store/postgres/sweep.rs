//! Removing what has ended.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::PostgresStore;
use super::calls::{Parameters, Repeat};
use super::fault;
use crate::store::StoreError;

/// How many rows one statement removes at most: few enough for it to stay well below its timeout, also with large bodies.
const BATCH: i64 = 1_000;

/// A sweep that the store starts itself follows after so many claims...
const CLAIMS: u32 = 1_024;

/// ...and stops after so many batches: more than enough to keep up, and never a flood.
const BATCHES: usize = 8;

/// When the store sweeps by itself.
pub(super) struct Sweeper {
    claims: AtomicU32,
    running: AtomicBool,
}

impl Sweeper {
    /// Starts counting anywhere, so that processes which were started together do not sweep together.
    pub(super) fn new() -> Self {
        Self { claims: AtomicU32::new(rand::random_range(0..CLAIMS)), running: AtomicBool::new(false) }
    }

    fn is_due(&self) -> bool {
        self.claims.fetch_add(1, Ordering::Relaxed) % CLAIMS == CLAIMS - 1
    }
}

/// One at a time per store, also when a sweep panics or is dropped with its runtime.
struct Turn<'a>(&'a AtomicBool);

impl<'a> Turn<'a> {
    fn take(running: &'a AtomicBool) -> Option<Self> {
        (!running.swap(true, Ordering::Acquire)).then_some(Self(running))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl PostgresStore {
    /// Removes records and abandoned claims that have ended, until none is left, and says how many rows they were.
    ///
    /// The store does this by itself, a little at a time, as claims are made; call it where none are made for long.
    /// Claims that hold and records that have not ended are left alone, whatever runs at the same time, and so is what
    /// somebody else is just changing.
    ///
    /// # Errors
    /// When the server cannot be reached or does not answer in time. What was removed before, is.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example(store: idem_runtime::store::PostgresStore) -> Result<(), idem_runtime::StoreError> {
    /// let removed = store.sweep().await?;
    /// println!("{removed} rows");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn sweep(&self) -> Result<u64, StoreError> {
        let mut removed = 0;
        loop {
            let batch = self.sweep_batch().await?;
            removed += batch.unsigned_abs();
            if batch < BATCH {
                return Ok(removed);
            }
        }
    }

    async fn sweep_batch(&self) -> Result<i64, StoreError> {
        let row = self.ask(&self.inner.statements.sweep, Repeat::Harmless, || Parameters::new().with(BATCH)).await?;
        row.and_then(|row| sqlx::Row::try_get(&row, 0).ok()).ok_or_else(fault::unexpected)
    }

    /// Counts a claim, and now and then starts a sweep that nobody waits for.
    pub(super) fn sweep_now_and_then(&self) {
        if !self.inner.sweeper.is_due() {
            return;
        }
        let store = self.clone();
        drop(tokio::spawn(async move {
            let Some(_turn) = Turn::take(&store.inner.sweeper.running) else { return };
            for _ in 0..BATCHES {
                match store.sweep_batch().await {
                    Ok(BATCH..) => {}
                    Ok(_) => return,
                    Err(error) => {
                        tracing::debug!(%error, "what has ended could not be removed; the next sweep tries again");
                        return;
                    }
                }
            }
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i52_one_sweep_at_a_time_and_one_in_so_many_claims() {
        let sweeper = Sweeper::new();
        assert_eq!((0..3 * CLAIMS).filter(|_| sweeper.is_due()).count(), 3);
        let turn = Turn::take(&sweeper.running);
        assert!(turn.is_some() && Turn::take(&sweeper.running).is_none());
        drop(turn);
        assert!(Turn::take(&sweeper.running).is_some());
    }
}
