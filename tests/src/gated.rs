//! A store whose calls a test can stop, from outside of the process that makes them.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use idem_runtime::RecordKey;
use idem_runtime::store::{
    Begun, Claim, ClaimOutcome, Committed, Entry, Hold, Outcome, OwnerToken, Record, Recording, Store, StoreError,
    Transactional, TransactionalStore, Writes,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Says at `gate` where this process stands, and waits to be let on.
///
/// # Errors
/// When nobody listens there.
pub async fn stop_at(gate: SocketAddr, step: &str) -> io::Result<()> {
    let mut gate = TcpStream::connect(gate).await?;
    gate.write_all(format!("{step}\n").as_bytes()).await?;
    gate.read_u8().await.map(drop)
}

/// Forwards to another store, and stops at one step: `before-claim`, `after-claim`, `before-completion` or
/// `after-completion`. A transaction's begin is its claim, and its commit its completion.
pub struct Gated<S> {
    inner: S,
    gate: SocketAddr,
    step: String,
    transactional: fn(&Self) -> Option<Transactional<'_>>,
}

impl<S: Store> Gated<S> {
    /// In front of a store without transactions.
    pub fn new(inner: S, gate: SocketAddr, step: String) -> Self {
        Self { inner, gate, step, transactional: |_| None }
    }

    async fn stop_at(&self, step: &str) {
        if self.step == step {
            stop_at(self.gate, step).await.unwrap_or_default();
        }
    }
}

impl<S: TransactionalStore> Gated<S> {
    /// In front of a store with transactions.
    pub fn with_transactions(inner: S, gate: SocketAddr, step: String) -> Self {
        Self { inner, gate, step, transactional: |store| Some(Transactional::of(store)) }
    }
}

impl<S: Store> Store for Gated<S> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    async fn claim(&self, claim: &Claim) -> Result<ClaimOutcome, StoreError> {
        self.stop_at("before-claim").await;
        let answer = self.inner.claim(claim).await;
        self.stop_at("after-claim").await;
        answer
    }

    async fn take_over(&self, claim: &Claim, from: OwnerToken) -> Result<ClaimOutcome, StoreError> {
        self.inner.take_over(claim, from).await
    }

    async fn renew(&self, claim: &Claim) -> Result<Hold, StoreError> {
        self.inner.renew(claim).await
    }

    async fn complete(&self, claim: &Claim, attempt: u32, outcome: &Outcome) -> Result<Hold, StoreError> {
        self.stop_at("before-completion").await;
        let answer = self.inner.complete(claim, attempt, outcome).await;
        self.stop_at("after-completion").await;
        answer
    }

    async fn release(&self, claim: &Claim) -> Result<Hold, StoreError> {
        self.inner.release(claim).await
    }

    async fn look_up(&self, key: RecordKey) -> Result<Option<Entry>, StoreError> {
        self.inner.look_up(key).await
    }

    async fn reopen(&self, claim: &Claim, seen: &Record) -> Result<Hold, StoreError> {
        self.inner.reopen(claim, seen).await
    }

    async fn sweep(&self) -> Result<u64, StoreError> {
        self.inner.sweep().await
    }

    fn reserved_head(&self) -> usize {
        self.inner.reserved_head()
    }

    fn transactional(&self) -> Option<Transactional<'_>> {
        (self.transactional)(self)
    }
}

impl<S: TransactionalStore> TransactionalStore for Gated<S> {
    type Transaction = S::Transaction;

    async fn begin(&self, claim: &Claim, from: Option<OwnerToken>) -> Result<Begun<S::Transaction>, StoreError> {
        self.stop_at("before-claim").await;
        let answer = self.inner.begin(claim, from).await;
        self.stop_at("after-claim").await;
        answer
    }

    async fn begin_unguarded(&self, lease: Duration) -> Result<S::Transaction, StoreError> {
        self.inner.begin_unguarded(lease).await
    }

    async fn commit(
        &self,
        transaction: S::Transaction,
        writes: Writes,
        recording: Option<Recording<'_>>,
    ) -> Result<Committed, StoreError> {
        self.stop_at("before-completion").await;
        let answer = self.inner.commit(transaction, writes, recording).await;
        self.stop_at("after-completion").await;
        answer
    }

    async fn roll_back(&self, transaction: S::Transaction) {
        self.inner.roll_back(transaction).await;
    }

    async fn was_committed(&self, claim: &Claim) -> Result<bool, StoreError> {
        self.inner.was_committed(claim).await
    }
}

impl<S: Store> std::fmt::Debug for Gated<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gated").field("store", &self.inner.name()).field("step", &self.step).finish_non_exhaustive()
    }
}
