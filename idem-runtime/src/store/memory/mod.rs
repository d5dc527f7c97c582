//! The store in this process's memory.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::{Age, Claim, ClaimOutcome, Entry, Hold, Outcome, OwnerToken, Record, Store, StoreError};
use crate::digest::RecordKey;

mod clock;
mod entry;
mod room;
mod shard;
#[cfg(test)]
mod tests;

use clock::{Clock, Moment};
use entry::Done;
use room::{NoRoom, Room};
use shard::{Address, Shard};

/// So many that none is large: a table that grows is laid out anew in one go, and its shard waits for that.
const SHARDS: usize = 256;
const DEFAULT_BOUND: usize = 256 * 1024 * 1024;

/// How many buckets of each shard a full store looks through before it refuses: a bounded piece of work, tens of
/// microseconds over all shards, and the next one that is refused goes on where this one stopped.
const BUCKETS_WHEN_FULL: usize = 16;

/// Keeps everything in the memory of this process.
///
/// For one process, and for tests. When the process ends, all claims and records are gone with it: a request that is
/// retried across a restart, or at another instance of the application, runs again. Otherwise it keeps every rule of
/// [`Store`].
///
/// - It is **bounded**: by 256 MiB, or as said with [`with_capacity_bytes`](Self::with_capacity_bytes). A record takes
///   its own size plus 200 bytes. A full store refuses new claims with [`StoreError::Full`]; it never drops a claim or
///   an unexpired record.
/// - What has ended is removed little by little by the claims that follow, and all at once by [`sweep`](Self::sweep).
///   There is no background task.
/// - What a record of 64 KiB costs is, for nine tenths, the kernel's handing out of fresh pages. Where transparent huge pages
///   are to be had, glibc asks for them with `GLIBC_TUNABLES=glibc.malloc.hugetlb=1` in the process's environment: 2
///   microseconds instead of 23.
/// - It goes by Tokio's clock, which is monotonic, and stands still where a test has paused it.
///
/// Clones share their entries.
///
/// # Examples
///
/// ```
/// use idem_runtime::store::MemoryStore;
///
/// let store = MemoryStore::with_capacity_bytes(64 * 1024 * 1024);
/// assert!(store.is_empty());
/// assert_eq!(store.capacity_bytes(), 67_108_864);
/// ```
#[derive(Clone)]
pub struct MemoryStore {
    inner: Arc<Inner>,
}

struct Inner {
    shards: Box<[Mutex<Shard>]>,
    room: Room,
    clock: Clock,
    /// Keeps outsiders from choosing keys that meet in one chain: without a secret of the application, anybody can
    /// calculate the digest of a key.
    seed: u64,
    /// The shard at which the next sweep of a full store begins.
    next_shard: AtomicUsize,
}

impl MemoryStore {
    /// An empty store, bounded by 256 MiB.
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::store::MemoryStore;
    ///
    /// let store = MemoryStore::new();
    /// assert_eq!(store.capacity_bytes(), 256 * 1024 * 1024);
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity_bytes(DEFAULT_BOUND)
    }

    /// An empty store whose entries take at most `bound` bytes together. Nothing is allocated in advance.
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::store::MemoryStore;
    ///
    /// let store = MemoryStore::with_capacity_bytes(64 * 1024 * 1024);
    /// assert_eq!(store.capacity_bytes(), 67_108_864);
    /// ```
    #[must_use]
    pub fn with_capacity_bytes(bound: usize) -> Self {
        let inner = Inner {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            room: Room::new(bound),
            clock: Clock::start(),
            seed: rand::random(),
            next_shard: AtomicUsize::new(0),
        };
        Self { inner: Arc::new(inner) }
    }

    /// How many bytes the entries may take together.
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::store::MemoryStore;
    ///
    /// let store = MemoryStore::new();
    /// // How full it is, for a gauge.
    /// let full = store.bytes() as f64 / store.capacity_bytes() as f64;
    /// assert_eq!(full, 0.0);
    /// ```
    #[must_use]
    pub fn capacity_bytes(&self) -> usize {
        self.inner.room.bound()
    }

    /// How many bytes the entries take: for each its payload and 200 bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::store::MemoryStore;
    ///
    /// assert_eq!(MemoryStore::new().bytes(), 0);
    /// ```
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.inner.room.taken()
    }

    /// How many entries there are, those included that have ended and are not swept yet.
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::store::MemoryStore;
    ///
    /// assert_eq!(MemoryStore::new().len(), 0);
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    /// Whether there are no entries.
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::store::MemoryStore;
    ///
    /// assert!(MemoryStore::new().is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Removes every entry that has ended, and says how many there were.
    ///
    /// Never needed for correctness, nor to stay within the bound. Worth calling from time to time where claims come in
    /// bursts with long pauses, to give memory back during a pause. It holds up one of 256 shards at a time, for about a
    /// quarter of a millisecond per million entries.
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::store::MemoryStore;
    ///
    /// let store = MemoryStore::new();
    /// assert_eq!(store.sweep(), 0, "nothing has ended");
    /// ```
    pub fn sweep(&self) -> usize {
        let inner = &*self.inner;
        let sweep = |shard: &Mutex<Shard>| {
            let mut shard = shard.lock();
            let all = shard.buckets();
            shard.sweep(all, inner.clock.now(), &inner.room).entries
        };
        inner.shards.iter().map(sweep).sum()
    }
}

impl Inner {
    /// Runs `operation` on the shard of `key`, under its lock.
    ///
    /// The clock is read under the lock too, so that the operations on one key happen in the order of their times.
    fn on<T>(&self, key: RecordKey, operation: impl FnOnce(&mut Shard, Address, Moment) -> T) -> T {
        let (word, shard) = words(key);
        let at = Address { key, hash: fold(word ^ self.seed) };
        let mut shard = self.shards[shard as usize % SHARDS].lock();
        let now = self.clock.now();
        operation(&mut shard, at, now)
    }

    /// Runs `operation` again, once, if it found no room and if some could be made.
    fn with_room<T>(&self, mut operation: impl FnMut() -> Result<T, NoRoom>) -> Result<T, StoreError> {
        operation()
            .or_else(|NoRoom { wanted }| {
                self.make_room(wanted);
                operation()
            })
            .map_err(|NoRoom { .. }| StoreError::Full)
    }

    /// Looks for what has ended, one shard after the other, until it has given `wanted` bytes or each had its turn.
    fn make_room(&self, wanted: usize) {
        let first = self.next_shard.load(Ordering::Relaxed);
        let mut given = 0;
        for shard in (first..first + SHARDS).map(|shard| shard % SHARDS) {
            given += self.shards[shard].lock().sweep(BUCKETS_WHEN_FULL, self.clock.now(), &self.room).bytes;
            self.next_shard.store((shard + 1) % SHARDS, Ordering::Relaxed);
            if given >= wanted {
                return;
            }
        }
    }
}

/// The bits of a key's digest that the table and the choice of the shard use. A digest is uniformly random, so any do;
/// they must not be the same ones, or each shard would use a 256th of its table.
fn words(key: RecordKey) -> (u64, u64) {
    let [a, b, c, d, e, f, g, h, i, ..] = *key.as_bytes();
    (u64::from_le_bytes([a, b, c, d, e, f, g, h]), u64::from(i))
}

fn fold(word: u64) -> u64 {
    const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
    let product = u128::from(word) * u128::from(ODD);
    (product as u64) ^ ((product >> 64) as u64)
}

impl Store for MemoryStore {
    fn name(&self) -> &'static str {
        "memory"
    }

    async fn claim(&self, claim: &Claim) -> Result<ClaimOutcome, StoreError> {
        let inner = &*self.inner;
        inner.with_room(|| inner.on(claim.key, |shard, at, now| shard.claim(at, claim, now, &inner.room)))
    }

    async fn take_over(&self, claim: &Claim, from: OwnerToken) -> Result<ClaimOutcome, StoreError> {
        let inner = &*self.inner;
        inner.with_room(|| inner.on(claim.key, |shard, at, now| shard.take_over(at, claim, from, now, &inner.room)))
    }

    async fn renew(&self, claim: &Claim) -> Result<Hold, StoreError> {
        Ok(self.inner.on(claim.key, |shard, at, now| shard.renew(at, claim, now)))
    }

    async fn complete(&self, claim: &Claim, attempt: u32, outcome: &Outcome) -> Result<Hold, StoreError> {
        let inner = &*self.inner;
        let record = Done::copy(claim, attempt, outcome).ok_or(StoreError::Full)?;
        inner.with_room(|| inner.on(claim.key, |shard, at, now| shard.complete(at, claim, &record, now, &inner.room)))
    }

    async fn release(&self, claim: &Claim) -> Result<Hold, StoreError> {
        Ok(self.inner.on(claim.key, |shard, at, now| shard.release(at, claim, now, &self.inner.room)))
    }

    async fn look_up(&self, key: RecordKey) -> Result<Option<Entry>, StoreError> {
        Ok(self.inner.on(key, |shard, at, now| shard.look_up(at, now)))
    }

    /// Of a claim. A record does not keep how long it was to live, nor does a claim its lease.
    async fn inspect(&self, key: RecordKey) -> Result<Option<(Entry, Option<Age>)>, StoreError> {
        Ok(self.inner.on(key, |shard, at, now| shard.inspect(at, now)))
    }

    async fn reopen(&self, claim: &Claim, seen: &Record) -> Result<Hold, StoreError> {
        let inner = &*self.inner;
        inner.with_room(|| inner.on(claim.key, |shard, at, now| shard.reopen(at, claim, seen, now, &inner.room)))
    }

    async fn sweep(&self) -> Result<u64, StoreError> {
        Ok(Self::sweep(self) as u64)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("entries", &self.len())
            .field("bytes", &self.bytes())
            .field("capacity_bytes", &self.capacity_bytes())
            .finish()
    }
}
