//! Finished requests, kept in this process's memory in front of another store.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{Age, Claim, ClaimOutcome, Entry, Hold, Outcome, OwnerToken, Record, Store, StoreError, Transactional};
use crate::digest::RecordKey;

mod firsts;
mod kept;
mod records;
#[cfg(test)]
mod tests;
mod transactions;

use firsts::Firsts;
use records::{Asked, Records};

/// Answers retries of finished requests from this process's memory, and asks another store about everything else.
///
/// A record does not change before it ends, so a copy of it is as good as the record: a hit costs no round trip, and is
/// what the store would have said. What a claim needs to be safe is never cached: who holds a key, whether it is free,
/// and when a lease ends, only the store says.
///
/// - A record is kept when this process recorded it, and when it was found in the store. It is never kept for longer than
///   it lives: that is counted, by a clock that nobody sets, from the moment at which the store was asked, and a
///   hundredth of it is left to the store, for clocks that run at different speeds.
/// - Bounded by bytes: heads and bodies, and 320 bytes for each record, which is what its administration takes at the
///   most. What is asked for least makes room. A record of more than 4 MiB, or of more than half the bytes, is not kept.
/// - A record that has no answer, but says that there was none or that it was not kept, is never in it: an operator can
///   change that.
/// - The fingerprint is judged as ever: another request under a cached key is refused with 422.
/// - Finished requests are replayed from it while the store cannot be reached.
/// - Each process has a cache of its own; there is nothing to invalidate. Clones share it.
///
/// A handler's own transactions work as they do without it.
///
/// # What it does not see
///
/// A record that an **operator removes by hand**, in any way but by waiting for its end, goes on being replayed by the
/// processes that have it in their caches: [`clear`](Self::clear) them, or start them anew.
///
/// # With encryption
///
/// `CachedStore::new(EncryptedStore::new(store, keyring), bytes)` keeps decrypted answers in memory: a hit costs nothing.
/// The other way round, `EncryptedStore::new(CachedStore::new(store, bytes), keyring)`, the cache holds encrypted ones,
/// and each hit is decrypted.
///
/// # Examples
///
/// ```
/// use idem_runtime::store::{CachedStore, MemoryStore};
/// use idem_runtime::Idempotency;
///
/// # let redis = MemoryStore::new();
/// // 64 MiB in front of a store that is a round trip away.
/// let idempotency = Idempotency::new(CachedStore::new(redis, 64 * 1024 * 1024));
/// ```
#[derive(Clone)]
pub struct CachedStore<S> {
    inner: S,
    shared: Arc<Shared>,
}

struct Shared {
    records: Records,
    firsts: Firsts,
}

impl<S: Store> CachedStore<S> {
    /// Keeps at most `bytes` of what is finished in front of `inner`.
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::store::{CachedStore, MemoryStore};
    ///
    /// let store = CachedStore::new(MemoryStore::new(), 64 * 1024 * 1024);
    /// ```
    #[must_use]
    pub fn new(inner: S, bytes: usize) -> Self {
        Self { inner, shared: Arc::new(Shared { records: Records::new(bytes), firsts: Firsts::default() }) }
    }

    /// How many bytes the cached records count for now, those included that have ended and were not asked for since.
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::store::{CachedStore, MemoryStore};
    ///
    /// let store = CachedStore::new(MemoryStore::new(), 64 * 1024 * 1024);
    /// assert_eq!(store.bytes(), 0);
    /// ```
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.shared.records.bytes()
    }

    /// Forgets everything, in this process: for after records were removed from the store by hand.
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::store::{CachedStore, MemoryStore};
    ///
    /// let store = CachedStore::new(MemoryStore::new(), 64 * 1024 * 1024);
    /// // An operator has removed a record by hand, and asks every process to do this.
    /// store.clear();
    /// assert_eq!(store.bytes(), 0);
    /// ```
    pub fn clear(&self) {
        self.shared.records.clear();
    }

    fn cached(&self, key: RecordKey) -> Option<Record> {
        self.shared.records.get(key)
    }

    /// Notes what the store said to a claim that was sent at `asked`.
    fn note(&self, claim: &Claim, asked: Asked, answer: &ClaimOutcome) {
        match answer {
            ClaimOutcome::Completed(record) => self.shared.records.keep(claim.key, asked, record),
            ClaimOutcome::Claimed { .. } => self.shared.firsts.add(claim.owner),
            ClaimOutcome::InFlight(_) | ClaimOutcome::Abandoned(_) => {}
        }
    }

    /// Notes what the store surely holds since a call that was sent at `asked`.
    fn recorded(&self, claim: &Claim, asked: Asked, attempt: u32, outcome: &Outcome) {
        let (fingerprint, outcome) = (claim.fingerprint, outcome.clone());
        self.shared.records.keep(claim.key, asked, &Record { fingerprint, attempt, outcome, expires_in: claim.ttl });
    }
}

impl<S: Store> Store for CachedStore<S> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    async fn claim(&self, claim: &Claim) -> Result<ClaimOutcome, StoreError> {
        if let Some(record) = self.cached(claim.key) {
            return Ok(ClaimOutcome::Completed(record));
        }
        let asked = self.shared.records.ask();
        let answer = self.inner.claim(claim).await?;
        self.note(claim, asked, &answer);
        Ok(answer)
    }

    async fn take_over(&self, claim: &Claim, from: OwnerToken) -> Result<ClaimOutcome, StoreError> {
        if let Some(record) = self.cached(claim.key) {
            return Ok(ClaimOutcome::Completed(record));
        }
        let asked = self.shared.records.ask();
        let answer = self.inner.take_over(claim, from).await?;
        self.note(claim, asked, &answer);
        Ok(answer)
    }

    async fn renew(&self, claim: &Claim) -> Result<Hold, StoreError> {
        self.inner.renew(claim).await
    }

    async fn complete(&self, claim: &Claim, attempt: u32, outcome: &Outcome) -> Result<Hold, StoreError> {
        // Before it is sent: from then on it may be what the store holds, whatever is sent next.
        let is_first = self.shared.firsts.take(claim.owner);
        let asked = self.shared.records.ask();
        let hold = self.inner.complete(claim, attempt, outcome).await?;
        if hold == Hold::Held && is_first {
            self.recorded(claim, asked, attempt, outcome);
        }
        Ok(hold)
    }

    async fn release(&self, claim: &Claim) -> Result<Hold, StoreError> {
        self.shared.firsts.take(claim.owner);
        self.inner.release(claim).await
    }

    async fn look_up(&self, key: RecordKey) -> Result<Option<Entry>, StoreError> {
        if let Some(record) = self.cached(key) {
            return Ok(Some(Entry::Completed(record)));
        }
        let asked = self.shared.records.ask();
        let entry = self.inner.look_up(key).await?;
        if let Some(Entry::Completed(record)) = &entry {
            self.shared.records.keep(key, asked, record);
        }
        Ok(entry)
    }

    /// Of the store itself, whatever is cached.
    async fn inspect(&self, key: RecordKey) -> Result<Option<(Entry, Option<Age>)>, StoreError> {
        self.inner.inspect(key).await
    }

    /// What this process has cached of it is forgotten, with all else. What others have, is not: but of what an operator
    /// changes, no cache has a copy.
    async fn reopen(&self, claim: &Claim, seen: &Record) -> Result<Hold, StoreError> {
        let hold = self.inner.reopen(claim, seen).await;
        // Also when it failed: it may have been done.
        self.clear();
        hold
    }

    async fn sweep(&self) -> Result<u64, StoreError> {
        self.inner.sweep().await
    }

    fn longest_call(&self) -> Option<Duration> {
        self.inner.longest_call()
    }

    fn reserved_head(&self) -> usize {
        self.inner.reserved_head()
    }

    fn transactional(&self) -> Option<Transactional<'_>> {
        self.inner.transactional().map(|_| Transactional(self))
    }
}

impl<S: Store> fmt::Debug for CachedStore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedStore")
            .field("store", &self.inner.name())
            .field("bytes", &self.bytes())
            .finish_non_exhaustive()
    }
}
