//! A store that writes down how many claims are held at once.

use std::sync::Arc;

use idem_runtime::RecordKey;
use idem_runtime::store::{Claim, ClaimOutcome, Entry, Hold, Outcome, OwnerToken, Store, StoreError};
use parking_lot::Mutex;

/// Forwards to another store.
#[derive(Debug)]
pub struct Ledger<S> {
    inner: S,
    lines: Lines,
}

/// What was written down; shared with whoever reads it.
#[derive(Clone, Debug, Default)]
pub struct Lines(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    held: Vec<OwnerToken>,
    most: usize,
    claims: usize,
    records: usize,
    releases: usize,
}

impl Lines {
    /// The most claims that were held at the same moment.
    #[must_use]
    pub fn most_at_once(&self) -> usize {
        self.0.lock().most
    }

    /// How many are held now.
    #[must_use]
    pub fn held(&self) -> usize {
        self.0.lock().held.len()
    }

    /// How many claims were granted, how many of them were recorded, and how many released.
    #[must_use]
    pub fn counts(&self) -> (usize, usize, usize) {
        let seen = self.0.lock();
        (seen.claims, seen.records, seen.releases)
    }

    fn granted(&self, claim: &Claim, outcome: &Result<ClaimOutcome, StoreError>) {
        if let Ok(ClaimOutcome::Claimed { .. }) = outcome {
            let mut seen = self.0.lock();
            seen.claims += 1;
            seen.held.push(claim.owner);
            seen.most = seen.most.max(seen.held.len());
        }
    }
}

impl<S> Ledger<S> {
    /// In front of `inner`.
    pub fn new(inner: S) -> (Self, Lines) {
        let lines = Lines::default();
        (Self { inner, lines: lines.clone() }, lines)
    }
}

impl<S: Store> Store for Ledger<S> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    async fn claim(&self, claim: &Claim) -> Result<ClaimOutcome, StoreError> {
        let outcome = self.inner.claim(claim).await;
        self.lines.granted(claim, &outcome);
        outcome
    }

    async fn take_over(&self, claim: &Claim, from: OwnerToken) -> Result<ClaimOutcome, StoreError> {
        let outcome = self.inner.take_over(claim, from).await;
        self.lines.granted(claim, &outcome);
        outcome
    }

    async fn renew(&self, claim: &Claim) -> Result<Hold, StoreError> {
        self.inner.renew(claim).await
    }

    async fn complete(&self, claim: &Claim, attempt: u32, outcome: &Outcome) -> Result<Hold, StoreError> {
        let hold = self.inner.complete(claim, attempt, outcome).await;
        let mut seen = self.lines.0.lock();
        seen.records += 1;
        seen.held.retain(|owner| *owner != claim.owner);
        hold
    }

    async fn release(&self, claim: &Claim) -> Result<Hold, StoreError> {
        let hold = self.inner.release(claim).await;
        let mut seen = self.lines.0.lock();
        seen.releases += 1;
        seen.held.retain(|owner| *owner != claim.owner);
        hold
    }

    async fn look_up(&self, key: RecordKey) -> Result<Option<Entry>, StoreError> {
        self.inner.look_up(key).await
    }

    fn reserved_head(&self) -> usize {
        self.inner.reserved_head()
    }
}
