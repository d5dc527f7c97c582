//! Where claims and records live: one small atomic interface, and the stores that implement it.
//!
//! A store knows neither HTTP nor Axum. It keeps, for each [`RecordKey`], at most one entry, which is either a *claim*
//! (somebody is running the request) or a *record* (the outcome). Everything that is decided, is decided by the engine
//! above; a store only has to make each operation **atomic** and to judge time by **its own clock**.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use bytes::Bytes;

use crate::digest::{Fingerprint, RecordKey};

mod age;
#[cfg(feature = "cache")]
mod cached;
#[cfg(feature = "encryption")]
mod encrypted;
mod erased;
mod error;
mod memory;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redis")]
mod redis;
mod span;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod stored;
mod transaction;

pub use age::Age;
#[cfg(feature = "cache")]
pub use cached::CachedStore;
#[cfg(feature = "encryption")]
pub use encrypted::{EncryptedStore, EncryptionKey, Keyring, KeyringError};
pub(crate) use erased::ErasedStore;
pub use error::StoreError;
pub use memory::MemoryStore;
#[cfg(feature = "postgres")]
pub use postgres::{PostgresConnectError, PostgresStore, PostgresStoreBuilder, SqlxTransaction};
#[cfg(feature = "redis")]
pub use redis::{RedisConnectError, RedisStore, RedisStoreBuilder};
#[cfg(feature = "sqlite")]
pub use sqlite::{RusqliteTransaction, SqliteError, SqliteOpenError, SqliteStore, SqliteStoreBuilder, Synchronous};
pub(crate) use transaction::{AnyTransaction, ErasedTransactionalStore};
pub use transaction::{Begun, Committed, Recording, Transactional, TransactionalStore, Writes};

/// Who holds a claim: 128 random bits, made anew for every claim.
///
/// Random and not counted up in the entry: a counter is born again together with its entry, and an owner from the past
/// could match it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct OwnerToken(u128);

impl OwnerToken {
    /// A token that nobody has had before.
    #[must_use]
    pub fn random() -> Self {
        Self(rand::random())
    }

    /// The token with these bits, as a store read it back.
    #[must_use]
    pub const fn from_bits(bits: u128) -> Self {
        Self(bits)
    }

    /// The bits, for a store to keep.
    #[must_use]
    pub const fn bits(self) -> u128 {
        self.0
    }
}

impl fmt::Debug for OwnerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OwnerToken({:032x})", self.0)
    }
}

/// What somebody asks for who wants to run a request.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// Which entry.
    pub key: RecordKey,
    /// Who asks. The same token may be sent again, when an answer was lost.
    pub owner: OwnerToken,
    /// What the request is.
    pub fingerprint: Fingerprint,
    /// How long the claim holds without a sign of life. Whole milliseconds, at least one.
    pub lease: Duration,
    /// How long the record is replayed; also how long an abandoned claim stays visible after its lease ended, so that
    /// "its owner died" can be told from "never seen". Whole milliseconds, at least one.
    pub ttl: Duration,
    /// Whether the claim has to be as durable as a record before it is answered. A request that must never run twice
    /// (`on_failure = "keep"`) needs that. Any other may run again after its owner died; a store may then answer before
    /// the claim would survive a crash of the store's machine.
    pub outlives_a_crash: bool,
}

/// A claim that somebody holds or held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Who.
    pub owner: OwnerToken,
    /// What they run.
    pub fingerprint: Fingerprint,
    /// How many owners there were so far, this one included.
    pub attempt: u32,
}

/// How a request ended, as the engine encoded it: two parts that a store keeps together and gives back as they are.
///
/// Two, so that a body need not be copied to put metadata in front of it. A store never looks inside. `Debug` shows
/// their sizes, not what is in them: what a handler answered must not end up in a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Metadata, in a text that an operator can read.
    pub head: Bytes,
    /// The response body, raw.
    pub body: Bytes,
}

impl Outcome {
    /// How many bytes it has, head and body together.
    #[must_use]
    pub fn len(&self) -> usize {
        self.head.len().saturating_add(self.body.len())
    }

    /// Whether it may say no more than *that* a request was done, and not with which answer. Such a record is the only one
    /// that is ever changed, by hand: see [`Store::reopen`].
    #[cfg(feature = "cache")]
    pub(crate) fn may_be_a_tombstone(&self) -> bool {
        // Encryption adds to a head; what it begins with is then all that is known of it.
        let longest = if self.head.starts_with(b"enc") { RESERVED_HEAD } else { LEAST_RESERVED_HEAD };
        self.body.is_empty() && self.head.len() <= longest
    }

    /// Whether there is neither head nor body.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.head.is_empty() && self.body.is_empty()
    }
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outcome(head: {} B, body: {} B)", self.head.len(), self.body.len())
    }
}

/// A finished request.
///
/// Two are equal if they say the same, however long each of them has still to live: it is the same record at two times.
#[derive(Clone, Debug)]
pub struct Record {
    /// What the request was.
    pub fingerprint: Fingerprint,
    /// How many owners it took.
    pub attempt: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it lives at the least, by the store's clock, from the moment at which the call that gave it was *sent*.
    /// It may live longer; zero, which is always true, is what a store says that cannot tell.
    pub expires_in: Duration,
}

impl PartialEq for Record {
    fn eq(&self, other: &Self) -> bool {
        let Self { fingerprint, attempt, outcome, expires_in: _ } = self;
        *fingerprint == other.fingerprint && *attempt == other.attempt && *outcome == other.outcome
    }
}

impl Eq for Record {}

/// What a store says to a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimOutcome {
    /// The entry is now held by the one who asked, or already was (the same claim sent again).
    Claimed {
        /// How many owners there were so far, this one included: 1 for a fresh claim.
        attempt: u32,
    },
    /// Somebody else holds it, and their lease has not ended.
    InFlight(Holder),
    /// Somebody else held it, and their lease has ended without a record.
    Abandoned(Holder),
    /// It is finished.
    Completed(Record),
}

/// What there is under a key, without claiming it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Held; the lease has not ended.
    InFlight(Holder),
    /// Held once; the lease has ended without a record.
    Abandoned(Holder),
    /// Finished.
    Completed(Record),
}

/// Whether the one who asked was still the owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Hold {
    /// Yes, and what they asked for was done (or had been done by them before).
    Held,
    /// No: somebody took over, or the entry is gone. Nothing was changed.
    Lost,
}

/// Keeps claims and records. Implement it to bring a store of your own.
///
/// # Rules
///
/// - Each method is **one atomic operation** on one entry. No two callers ever both get [`ClaimOutcome::Claimed`] for
///   one key under different tokens while the first one's lease runs.
/// - **Only the store's clock decides** what has expired. At the very instant at which a lease or a TTL ends, it has
///   ended.
/// - Only the holder of the current token may [`renew`](Store::renew), [`complete`](Store::complete) or
///   [`release`](Store::release); anybody else is told [`Hold::Lost`] and changes nothing.
/// - Live claims and unexpired records are **never dropped** to make room: a full store refuses new claims with
///   [`StoreError::Full`].
/// - What cannot be read back as it was written is [`StoreError::Corrupt`], never "not found".
/// - A future that is dropped half-way may or may not have had its effect, as with any lost reply.
///
/// The engine puts a deadline round every call. The suite in `idem_runtime::conformance` (feature `conformance`) checks
/// all of this, and is the judge of what these words mean.
///
/// # Examples
///
/// A store that forwards to another one:
///
/// ```
/// use idem_runtime::store::*;
/// use idem_runtime::RecordKey;
///
/// struct Logged<S>(S);
///
/// impl<S: Store> Store for Logged<S> {
///     fn name(&self) -> &'static str { "logged" }
///     async fn claim(&self, claim: &Claim) -> Result<ClaimOutcome, StoreError> {
///         let outcome = self.0.claim(claim).await;
///         eprintln!("{} -> {outcome:?}", claim.key);
///         outcome
///     }
///     async fn take_over(&self, claim: &Claim, from: OwnerToken) -> Result<ClaimOutcome, StoreError> {
///         self.0.take_over(claim, from).await
///     }
///     async fn renew(&self, claim: &Claim) -> Result<Hold, StoreError> { self.0.renew(claim).await }
///     async fn complete(&self, claim: &Claim, attempt: u32, outcome: &Outcome) -> Result<Hold, StoreError> {
///         self.0.complete(claim, attempt, outcome).await
///     }
///     async fn release(&self, claim: &Claim) -> Result<Hold, StoreError> { self.0.release(claim).await }
///     async fn look_up(&self, key: RecordKey) -> Result<Option<Entry>, StoreError> { self.0.look_up(key).await }
/// }
/// ```
pub trait Store: Send + Sync + 'static {
    /// A short name for logs and metrics: `"memory"`, `"redis"`.
    fn name(&self) -> &'static str;

    /// Claims the entry if there is none; else says what there is. An abandoned claim is not taken over by this, see
    /// [`take_over`](Store::take_over).
    ///
    /// The same claim sent again, after an answer was lost, is answered with [`ClaimOutcome::Claimed`] as long as its
    /// owner is the holder. That changes nothing: the lease still counts from the moment at which the claim was first
    /// applied, and may even have ended. Who sends a claim again measures the lease from the *first* sending.
    ///
    /// # Errors
    /// When the store cannot say, or is full, or cannot read the entry. The claim may have been applied nevertheless.
    fn claim(&self, claim: &Claim) -> impl Future<Output = Result<ClaimOutcome, StoreError>> + Send;

    /// Takes the entry over from `from`, if `from` still holds it and their lease has ended; the attempt goes up by
    /// one. Else says what there is, as [`claim`](Store::claim) would, claiming the entry if it is gone.
    ///
    /// # Errors
    /// As [`claim`](Store::claim).
    fn take_over(
        &self,
        claim: &Claim,
        from: OwnerToken,
    ) -> impl Future<Output = Result<ClaimOutcome, StoreError>> + Send;

    /// Lets the claim hold for another `claim.lease` from now, if its owner still holds it (also when the lease has
    /// ended, but nobody took over).
    ///
    /// # Errors
    /// When the store cannot say.
    fn renew(&self, claim: &Claim) -> impl Future<Output = Result<Hold, StoreError>> + Send;

    /// Replaces the claim by a record that lives for `claim.ttl` from now. Sent again by the same owner, it says
    /// [`Hold::Held`] and changes nothing.
    ///
    /// # Errors
    /// When the store cannot say; [`StoreError::Full`] when this outcome does not fit. An outcome whose body is empty
    /// and whose head has at most [`reserved_head`](Store::reserved_head) bytes always fits: its place was taken by the
    /// claim.
    fn complete(
        &self,
        claim: &Claim,
        attempt: u32,
        outcome: &Outcome,
    ) -> impl Future<Output = Result<Hold, StoreError>> + Send;

    /// Removes the claim, so that the next one starts anew.
    ///
    /// # Errors
    /// When the store cannot say.
    fn release(&self, claim: &Claim) -> impl Future<Output = Result<Hold, StoreError>> + Send;

    /// Says what there is, and changes nothing.
    ///
    /// # Errors
    /// When the store cannot say, or cannot read the entry.
    fn look_up(&self, key: RecordKey) -> impl Future<Output = Result<Option<Entry>, StoreError>> + Send;

    /// Says what there is and how old it is, by the store's clock and as of one moment, and changes nothing. For an operator,
    /// and for nobody else: it may take longer than [`look_up`](Store::look_up), which the engine uses.
    ///
    /// By default, and where the store cannot tell, without an age.
    ///
    /// # Errors
    /// As [`look_up`](Store::look_up).
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::RecordKey;
    /// use idem_runtime::store::{Age, MemoryStore, Store, StoreError};
    ///
    /// async fn show(store: &impl Store, key: RecordKey) -> Result<(), StoreError> {
    ///     match store.inspect(key).await? {
    ///         Some((_, Some(Age::Recorded { ago }))) => println!("recorded {ago:?} ago"),
    ///         Some((entry, age)) => println!("{entry:?}, {age:?}"),
    ///         None => println!("nothing"),
    ///     }
    ///     Ok(())
    /// }
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// # show(&MemoryStore::new(), RecordKey::from_bytes([7; 32])).await.unwrap();
    /// # });
    /// ```
    fn inspect(&self, key: RecordKey) -> impl Future<Output = Result<Option<(Entry, Option<Age>)>, StoreError>> + Send {
        async move { Ok(self.look_up(key).await?.map(|entry| (entry, None))) }
    }

    /// Makes a record a claim of `claim.owner`'s, if it is still the one that was `seen`, whatever it has left to live; the
    /// attempt goes up by one. For an operator who changes what a request has come to, and for nobody else: the engine
    /// never takes a record away. Sent again by the same owner, it says [`Hold::Held`] and changes nothing.
    ///
    /// # Errors
    /// When the store cannot say; [`StoreError::Unsupported`], as by default, when it has no such thing.
    fn reopen(&self, claim: &Claim, seen: &Record) -> impl Future<Output = Result<Hold, StoreError>> + Send {
        let _ = (claim, seen);
        async { Err(StoreError::Unsupported("to reopen a record")) }
    }

    /// Removes what has ended, and says how many entries that were. By default, and for a store that needs no such thing, 0.
    ///
    /// # Errors
    /// When the store cannot say. What was removed before, is.
    fn sweep(&self) -> impl Future<Output = Result<u64, StoreError>> + Send {
        async { Ok(0) }
    }

    /// How many bytes of head a claim reserves for its own record: [`RESERVED_HEAD`]. A store that wraps another one, and
    /// adds something to each head, takes that off; [`LEAST_RESERVED_HEAD`] have to be left.
    fn reserved_head(&self) -> usize {
        RESERVED_HEAD
    }

    /// How long a call may take at the longest, if this store sees to that by itself: whatever a call waits for, it has ended
    /// by then. `None` if it does not, or cannot say.
    ///
    /// The engine puts a deadline round every call. Round one that ends early enough anyway it needs no timer, which is what
    /// this is for: it is worth it where a store has a timer of its own round each request that it sends.
    fn longest_call(&self) -> Option<Duration> {
        None
    }

    /// This store as one whose transactions a handler can write in: `Some(Transactional::of(self))` for a
    /// [`TransactionalStore`], `None` for every other.
    fn transactional(&self) -> Option<Transactional<'_>> {
        None
    }
}

/// How many bytes of head a claim reserves for its own record, unless a store says otherwise: see
/// [`Store::reserved_head`].
pub const RESERVED_HEAD: usize = 128;

/// How many bytes of head the engine needs at the least, so that it can always record *that* a request was done.
pub const LEAST_RESERVED_HEAD: usize = 32;
