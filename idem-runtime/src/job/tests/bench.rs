//! A store that a test looks into, and calls of both ways on it.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::store::{Claim, ClaimOutcome, Entry, Hold, Holder, Outcome, OwnerToken, Store, StoreError};
use crate::{Done, Idempotency, Job, JobCall, JobError, MemoryStore, RecordKey};

/// Runs a call both ways.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    Owned,
    Borrowing,
}

pub(super) const WAYS: [Way; 2] = [Way::Owned, Way::Borrowing];

pub(super) struct Bench {
    pub(super) store: Arc<Shared>,
    pub(super) idempotency: Idempotency,
    pub(super) runs: Arc<AtomicUsize>,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::on(Arc::default())
    }

    pub(super) fn on(store: Arc<Shared>) -> Self {
        Self { idempotency: Idempotency::new(Watched(Arc::clone(&store))), store, runs: Arc::default() }
    }

    pub(super) async fn run<T, E>(
        &self,
        way: Way,
        call: JobCall,
        work: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<Done<T>, JobError<E>>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        E: Send + 'static,
    {
        let runs = Arc::clone(&self.runs);
        let work = async move {
            runs.fetch_add(1, Ordering::SeqCst);
            work.await
        };
        match way {
            Way::Owned => self.idempotency.run(call, work).await,
            Way::Borrowing => self.idempotency.run_borrowing(call, work).await,
        }
    }

    pub(super) async fn number(&self, way: Way, call: JobCall) -> Result<Done<u32>, JobError<Infallible>> {
        self.run(way, call, async { Ok(7) }).await
    }

    pub(super) fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }

    pub(super) async fn entry(&self, job: Job, key: &str) -> Option<Entry> {
        let call = job.key(key).identify(&self.idempotency).unwrap();
        self.store.memory.look_up(call.key).await.unwrap()
    }
}

/// What a test sees of a store, and does to it.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) memory: MemoryStore,
    slow: Mutex<Option<(&'static str, Duration)>>,
}

impl Shared {
    /// The next call of this name is applied after so long.
    pub(super) fn takes(&self, call: &'static str, time: Duration) {
        *self.slow.lock() = Some((call, time));
    }

    async fn slowly(&self, call: &'static str) {
        let slow = self.slow.lock().take_if(|(slow, _)| *slow == call);
        if let Some((_, time)) = slow {
            tokio::time::sleep(time).await;
        }
    }

    pub(super) async fn release_of(&self, key: RecordKey, holder: Holder) {
        let Holder { owner, fingerprint, .. } = holder;
        let (lease, ttl) = (Duration::from_secs(30), Duration::from_secs(3600));
        let claim = Claim { key, owner, fingerprint, lease, ttl, outlives_a_crash: false };
        assert_eq!(self.memory.release(&claim).await.unwrap(), Hold::Held);
    }
}

struct Watched(Arc<Shared>);

impl Store for Watched {
    fn name(&self) -> &'static str {
        "watched"
    }
    async fn claim(&self, claim: &Claim) -> Result<ClaimOutcome, StoreError> {
        self.0.slowly("claim").await;
        self.0.memory.claim(claim).await
    }
    async fn take_over(&self, claim: &Claim, from: OwnerToken) -> Result<ClaimOutcome, StoreError> {
        self.0.memory.take_over(claim, from).await
    }
    async fn renew(&self, claim: &Claim) -> Result<Hold, StoreError> {
        self.0.memory.renew(claim).await
    }
    async fn complete(&self, claim: &Claim, attempt: u32, outcome: &Outcome) -> Result<Hold, StoreError> {
        self.0.slowly("complete").await;
        self.0.memory.complete(claim, attempt, outcome).await
    }
    async fn release(&self, claim: &Claim) -> Result<Hold, StoreError> {
        self.0.memory.release(claim).await
    }
    async fn look_up(&self, key: RecordKey) -> Result<Option<Entry>, StoreError> {
        self.0.memory.look_up(key).await
    }
}
