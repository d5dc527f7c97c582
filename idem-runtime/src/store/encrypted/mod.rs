//! Recorded outcomes, encrypted before a store sees them.

use std::fmt;
use std::time::Duration;

use super::{Age, Claim, ClaimOutcome, Entry, Hold, Outcome, OwnerToken, Record, Store, StoreError, Transactional};
use crate::digest::RecordKey;

mod key;
mod keyring;
mod seal;
#[cfg(test)]
mod tests;
mod transactions;

pub use key::{EncryptionKey, KeyringError};
pub use keyring::Keyring;
use seal::Binding;

/// Encrypts what is recorded, and keeps it in another store.
///
/// Whoever reads the store, its backups or its traffic sees digests, sizes and times, and which key a record needs; the
/// answer itself, status, headers and body, only with the key. Whoever *writes* to it without the key cannot make up an
/// answer: a record that was altered, cut off, put under another key or given to another request, and one that was never
/// encrypted, is [`StoreError::Corrupt`]: the request is refused with 503, and the handler does not run.
///
/// - XChaCha20-Poly1305, with a random nonce for each record. Keys have ids and can be changed: see [`Keyring`].
/// - A record grows by at most 78 bytes. Encrypting takes about a microsecond, and a millisecond for each MiB.
/// - Claims hold no more than digests, and are kept as they are. Key the digests too, with
///   [`IdempotencyBuilder::secret`](crate::IdempotencyBuilder::secret).
/// - It does not keep anybody who can write to the store from deleting records, from putting an older record of the same
///   request back, or from changing when one expires.
/// - Turned on for a store that is in use, it does not read what was recorded before: retries of those requests are
///   refused with 503 until their records have expired. Processes without the key refuse what is recorded from then on.
///
/// A handler's own transactions work as they do without it.
///
/// # With a cache
///
/// `CachedStore::new(EncryptedStore::new(store, keyring), bytes)` keeps decrypted answers in memory: a hit costs nothing.
/// The other way round, `EncryptedStore::new(CachedStore::new(store, bytes), keyring)`, the cache holds encrypted ones,
/// and each hit is decrypted.
///
/// # Examples
///
/// ```
/// use idem_runtime::store::{EncryptedStore, EncryptionKey, Keyring, MemoryStore};
/// use idem_runtime::Idempotency;
///
/// # fn secret() -> String { "5f".repeat(32) }
/// let key: EncryptionKey = secret().parse()?;
/// let store = EncryptedStore::new(MemoryStore::new(), Keyring::new("2026-11", key)?);
/// let idempotency = Idempotency::new(store);
/// # Ok::<(), idem_runtime::store::KeyringError>(())
/// ```
#[derive(Clone)]
pub struct EncryptedStore<S> {
    inner: S,
    keyring: Keyring,
}

impl<S: Store> EncryptedStore<S> {
    /// Encrypts what `inner` is given to keep.
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::store::{EncryptedStore, EncryptionKey, Keyring, MemoryStore};
    ///
    /// let keyring = Keyring::new("2026-11", EncryptionKey::from_bytes([11; 32]))?;
    /// let store = EncryptedStore::new(MemoryStore::new(), keyring);
    /// # Ok::<(), idem_runtime::store::KeyringError>(())
    /// ```
    #[must_use]
    pub fn new(inner: S, keyring: Keyring) -> Self {
        Self { inner, keyring }
    }

    fn seal(&self, claim: &Claim, attempt: u32, outcome: &Outcome) -> Result<Outcome, StoreError> {
        seal::seal(&self.keyring, &Binding { key: claim.key, fingerprint: claim.fingerprint, attempt }, outcome)
    }

    fn open(&self, key: RecordKey, record: Record) -> Result<Record, StoreError> {
        let binding = Binding { key, fingerprint: record.fingerprint, attempt: record.attempt };
        Ok(Record { outcome: seal::open(&self.keyring, &binding, &record.outcome)?, ..record })
    }

    fn open_answer(&self, key: RecordKey, answer: ClaimOutcome) -> Result<ClaimOutcome, StoreError> {
        match answer {
            ClaimOutcome::Completed(record) => self.open(key, record).map(ClaimOutcome::Completed),
            other => Ok(other),
        }
    }
}

impl<S: Store> Store for EncryptedStore<S> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    async fn claim(&self, claim: &Claim) -> Result<ClaimOutcome, StoreError> {
        self.open_answer(claim.key, self.inner.claim(claim).await?)
    }

    async fn take_over(&self, claim: &Claim, from: OwnerToken) -> Result<ClaimOutcome, StoreError> {
        self.open_answer(claim.key, self.inner.take_over(claim, from).await?)
    }

    async fn renew(&self, claim: &Claim) -> Result<Hold, StoreError> {
        self.inner.renew(claim).await
    }

    async fn complete(&self, claim: &Claim, attempt: u32, outcome: &Outcome) -> Result<Hold, StoreError> {
        self.inner.complete(claim, attempt, &self.seal(claim, attempt, outcome)?).await
    }

    async fn release(&self, claim: &Claim) -> Result<Hold, StoreError> {
        self.inner.release(claim).await
    }

    async fn look_up(&self, key: RecordKey) -> Result<Option<Entry>, StoreError> {
        match self.inner.look_up(key).await? {
            Some(Entry::Completed(record)) => Ok(Some(Entry::Completed(self.open(key, record)?))),
            other => Ok(other),
        }
    }

    async fn inspect(&self, key: RecordKey) -> Result<Option<(Entry, Option<Age>)>, StoreError> {
        match self.inner.inspect(key).await? {
            Some((Entry::Completed(record), age)) => Ok(Some((Entry::Completed(self.open(key, record)?), age))),
            other => Ok(other),
        }
    }

    /// The store below compares what *it* has: what was encrypted, in one step with the change.
    async fn reopen(&self, claim: &Claim, seen: &Record) -> Result<Hold, StoreError> {
        match self.inner.look_up(claim.key).await? {
            Some(Entry::Completed(sealed)) if self.open(claim.key, sealed.clone())? == *seen => {
                self.inner.reopen(claim, &sealed).await
            }
            Some(Entry::InFlight(holder) | Entry::Abandoned(holder)) if holder.owner == claim.owner => Ok(Hold::Held),
            _ => Ok(Hold::Lost),
        }
    }

    async fn sweep(&self) -> Result<u64, StoreError> {
        self.inner.sweep().await
    }

    fn longest_call(&self) -> Option<Duration> {
        self.inner.longest_call()
    }

    fn reserved_head(&self) -> usize {
        self.inner.reserved_head().saturating_sub(seal::OVERHEAD)
    }

    fn transactional(&self) -> Option<Transactional<'_>> {
        self.inner.transactional().map(|_| Transactional(self))
    }
}

impl<S: Store> fmt::Debug for EncryptedStore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncryptedStore").field("store", &self.inner.name()).field("keyring", &self.keyring).finish()
    }
}
