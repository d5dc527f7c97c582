//! What every case needs: handles, claims, time.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::Harness;
use super::verdict::{Failure, Verdict, same};
use crate::digest::{Fingerprint, RecordKey};
use crate::store::{Claim, ClaimOutcome, Entry, Hold, Holder, Outcome, OwnerToken, Record, Store};

/// How many "processes" there are.
const HANDLES: usize = 4;

/// A lease, and a TTL, that do not end while a case runs, on however slow a machine.
const LONG: Duration = Duration::from_secs(3_600);

pub(super) struct Stage<'h, H: Harness> {
    pub(super) harness: &'h H,
    handles: Vec<Arc<H::Store>>,
}

impl<'h, H: Harness> Stage<'h, H> {
    pub(super) async fn set(harness: &'h H) -> Self {
        let mut handles = Vec::with_capacity(HANDLES);
        for _ in 0..HANDLES {
            handles.push(Arc::new(harness.store().await));
        }
        Self { harness, handles }
    }

    /// The first process.
    pub(super) fn here(&self) -> &H::Store {
        &self.handles[0]
    }

    /// The second process.
    pub(super) fn there(&self) -> &H::Store {
        &self.handles[1]
    }

    /// Runs `count` tasks that all start at the same moment, on all handles in turn.
    pub(super) async fn race<T, F>(
        &self,
        count: usize,
        task: impl Fn(usize, Arc<H::Store>) -> F,
    ) -> Result<Vec<T>, Failure>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Failure>> + Send + 'static,
    {
        let start = Arc::new(Barrier::new(count));
        let mut tasks = JoinSet::new();
        for number in 0..count {
            let store = Arc::clone(&self.handles[number % self.handles.len()]);
            let (start, task) = (Arc::clone(&start), task(number, store));
            tasks.spawn(async move {
                start.wait().await;
                task.await
            });
        }
        let mut results = Vec::with_capacity(count);
        while let Some(result) = tasks.join_next().await {
            results.push(result.map_err(|_| Failure::new("a task panicked"))??);
        }
        Ok(results)
    }

    /// A claim on a key that nobody has used, which holds as long as the case lasts.
    pub(super) fn claim(&self) -> Claim {
        Claim {
            key: RecordKey::from_bytes(rand::random()),
            owner: OwnerToken::random(),
            fingerprint: Fingerprint::from_bytes(rand::random()),
            lease: LONG,
            ttl: LONG,
            outlives_a_crash: false,
        }
    }

    /// A claim whose lease ends with the next [`tick`](Self::tick), and which stays visible as abandoned.
    pub(super) fn short_claim(&self) -> Claim {
        Claim { lease: self.harness.tick(), ..self.claim() }
    }

    /// Lets so much time pass that what was short has ended.
    pub(super) async fn tick(&self) {
        self.harness.pass(self.harness.tick()).await;
    }

    /// A claim that is held.
    pub(super) async fn held(&self) -> Result<Claim, Failure> {
        let claim = self.claim();
        fresh(self.here(), &claim).await?;
        Ok(claim)
    }

    /// A claim whose lease has ended.
    pub(super) async fn abandoned(&self) -> Result<Claim, Failure> {
        let claim = self.short_claim();
        fresh(self.here(), &claim).await?;
        self.tick().await;
        Ok(claim)
    }

    /// A record, and the claim that it comes from.
    pub(super) async fn recorded(&self) -> Result<(Claim, Record), Failure> {
        let claim = self.held().await?;
        let record = record(&claim, 1, outcome());
        same("complete", self.here().complete(&claim, 1, &record.outcome).await?, Hold::Held)?;
        Ok((claim, record))
    }
}

/// Makes a claim that nothing stands in the way of.
pub(super) async fn fresh(store: &impl Store, claim: &Claim) -> Verdict {
    same("a fresh claim", store.claim(claim).await?, ClaimOutcome::Claimed { attempt: 1 })
}

/// The same request, sent to somebody else.
pub(super) fn rival(claim: &Claim) -> Claim {
    Claim { owner: OwnerToken::random(), ..*claim }
}

pub(super) fn holder(claim: &Claim, attempt: u32) -> Holder {
    Holder { owner: claim.owner, fingerprint: claim.fingerprint, attempt }
}

pub(super) fn record(claim: &Claim, attempt: u32, outcome: Outcome) -> Record {
    Record { fingerprint: claim.fingerprint, attempt, outcome, expires_in: claim.ttl }
}

/// An outcome that is like no other.
pub(super) fn outcome() -> Outcome {
    let head = format!("{{\"status\":201,\"id\":{}}}\n", rand::random::<u32>());
    Outcome { head: head.into(), body: Bytes::copy_from_slice(&rand::random::<[u8; 32]>()) }
}

/// An outcome that fits where a claim was.
pub(super) fn tombstone(store: &impl Store) -> Outcome {
    Outcome { head: Bytes::from(vec![b't'; store.reserved_head()]), body: Bytes::new() }
}

/// Fails unless everybody sees `expected` under the claim's key.
pub(super) async fn seen<H: Harness>(stage: &Stage<'_, H>, claim: &Claim, expected: &Entry) -> Verdict {
    for store in [stage.here(), stage.there()] {
        same("look_up", store.look_up(claim.key).await?.as_ref(), Some(expected))?;
        same("inspect", store.inspect(claim.key).await?.map(|(entry, _)| entry).as_ref(), Some(expected))?;
    }
    let answer = match expected.clone() {
        Entry::InFlight(holder) => ClaimOutcome::InFlight(holder),
        Entry::Abandoned(holder) => ClaimOutcome::Abandoned(holder),
        Entry::Completed(record) => ClaimOutcome::Completed(record),
    };
    same("a rival's claim", stage.there().claim(&rival(claim)).await?, answer)
}

/// Fails if anything is left under the claim's key; then claims it, to see that it can be.
pub(super) async fn gone<H: Harness>(stage: &Stage<'_, H>, claim: &Claim) -> Verdict {
    for store in [stage.here(), stage.there()] {
        same("look_up", store.look_up(claim.key).await?, None)?;
        same("inspect", store.inspect(claim.key).await?, None)?;
    }
    fresh(stage.there(), &rival(claim)).await
}
