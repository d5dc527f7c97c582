//! What an operator does to a key by hand: look it up, release it, settle it. Behind the feature `admin`.
//!
//! The command line `idem` (feature `cli`) is this with arguments; an application can build the same into a program of its
//! own, with its own store: one that is encrypted, say. [`guide::operating`](crate::guide::operating) says when to use what.
//!
//! ```text
//! Operation, scope, key -> RecordKey -> look_up -> release ─┬─ take over (abandoned) or reopen (unknown), then give back
//!                                                  settle ──┴─ .. then record
//! ```

use std::time::Duration;

use crate::bounds;
use crate::digest::RecordKey;
use crate::store::{Claim, ClaimOutcome, Entry, ErasedStore, Hold, OwnerToken, StoreError};
use crate::{Fingerprint, Idempotency};

mod answer;
mod known;
mod operation;
#[cfg(test)]
mod tests;

pub use answer::{Answer, UnfitAnswer};
pub use known::{KeyState, Known};
pub use operation::Operation;

/// How long an operator's own claim holds: a change is made in two steps, and a retry in between is refused as in progress.
const LEASE: Duration = Duration::from_secs(10);

/// Why nothing was changed.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use idem_runtime::admin::{AdminError, KeyState, Operation};
/// use idem_runtime::{Idempotency, Job, MemoryStore};
///
/// const SHIP: Job = Job::new("ship", Duration::from_secs(3600));
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let idempotency = Idempotency::new(MemoryStore::new());
/// idempotency.run(SHIP.key("order-7"), async { Ok::<_, ()>(1) }).await.unwrap();
///
/// // It has run, and nothing makes it run again.
/// let admin = idempotency.admin();
/// let key = admin.key(&Operation::Job("ship".into()), None, "order-7");
/// assert!(matches!(admin.release(key).await, Err(AdminError::Refused(KeyState::Recorded))));
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdminError {
    /// There is nothing under this key, or not any more.
    #[error("nothing is known of this key")]
    NotFound,
    /// What it has come to is not to be changed by hand.
    #[error("the key is {}: {}", .0.as_str(), why_not(.0))]
    Refused(KeyState),
    /// Somebody else changed it, or showed a sign of life, since it was looked at.
    #[error("the key has changed meanwhile: look it up again")]
    Changed,
    /// The answer cannot be recorded.
    #[error(transparent)]
    Unfit(#[from] UnfitAnswer),
    /// The store could not do it. The change may have been made nevertheless: look the key up again.
    #[error(transparent)]
    Store(#[from] StoreError),
}

const fn why_not(state: &KeyState) -> &'static str {
    match state {
        KeyState::InFlight => "its owner shows signs of life, and a live claim is never taken away",
        KeyState::Recorded => "it is finished, and its answer is replayed",
        KeyState::NotKept => "it is finished, and would run again",
        KeyState::Abandoned | KeyState::OutcomeUnknown => "it can be released and settled",
    }
}

/// What an operator does by hand, as [`Idempotency::admin`] gives it.
#[derive(Clone, Debug)]
pub struct Admin {
    idempotency: Idempotency,
}

impl Idempotency {
    /// What an operator does by hand, to what this store keeps.
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::{Idempotency, MemoryStore, admin::Operation};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), idem_runtime::StoreError> {
    /// let admin = Idempotency::new(MemoryStore::new()).admin();
    /// let key = admin.key(&Operation::of_handler("POST /pay"), Some("tenant-1"), "k-1");
    /// assert_eq!(admin.look_up(key).await?, None);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn admin(&self) -> Admin {
        Admin { idempotency: self.clone() }
    }
}

impl Admin {
    /// What a key's record is stored under. The application's secret is a part of that, and so are operation and scope: with
    /// another one of either, nothing is found.
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::{Idempotency, MemoryStore, admin::Operation};
    ///
    /// let admin = Idempotency::new(MemoryStore::new()).admin();
    /// let of = |scope| admin.key(&Operation::of_handler("POST /pay"), Some(scope), "k-1");
    /// assert_eq!(of("tenant-1"), of("tenant-1"));
    /// assert_ne!(of("tenant-1"), of("tenant-2"));
    /// ```
    #[must_use]
    pub fn key(&self, operation: &Operation, scope: Option<&str>, key: &str) -> RecordKey {
        self.idempotency.digester().key_of(operation.name(), scope, key)
    }

    /// What is known of a key.
    ///
    /// # Errors
    /// When the store cannot say, or cannot read the entry.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use idem_runtime::admin::{KeyState, Operation};
    /// use idem_runtime::{Idempotency, Job, MemoryStore};
    ///
    /// const SHIP: Job = Job::new("ship", Duration::from_secs(3600));
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let idempotency = Idempotency::new(MemoryStore::new());
    /// idempotency.run(SHIP.key("order-7"), async { Ok::<_, ()>(1) }).await.unwrap();
    ///
    /// let admin = idempotency.admin();
    /// let known = admin.look_up(admin.key(&Operation::Job("ship".into()), None, "order-7")).await?.unwrap();
    /// assert_eq!((known.state, known.attempt), (KeyState::Recorded, 1));
    /// assert_eq!(known.answer.unwrap().body(), "1");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn look_up(&self, key: RecordKey) -> Result<Option<Known>, StoreError> {
        let Some((entry, age)) = self.store().inspect(key).await? else { return Ok(None) };
        Ok(Some(Known { age, ..Known::read(entry)? }))
    }

    /// Lets the next retry run: for a key that is [`Abandoned`](KeyState::Abandoned) or whose outcome is
    /// [unknown](KeyState::OutcomeUnknown), once it is certain that what it was for has *not* happened, or may happen twice.
    ///
    /// It is compared with what was seen, in one step: of a release and an owner that shows a sign of life after all, one
    /// comes too late.
    ///
    /// Gives the state that the key was in.
    ///
    /// # Errors
    /// [`AdminError`]. Nothing was changed, but for [`AdminError::Store`], after which that is not known.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use idem_runtime::admin::{Answer, KeyState, Operation};
    /// use idem_runtime::{Idempotency, Job, MemoryStore, OnFailure};
    ///
    /// const SHIP: Job = Job::new("ship", Duration::from_secs(3600)).on_failure(OnFailure::Keep);
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let idempotency = Idempotency::new(MemoryStore::new());
    /// // Whether the parcel is on its way, nobody knows.
    /// idempotency.run(SHIP.key("order-7"), async { Err::<u32, _>("the connection was lost") }).await.unwrap_err();
    ///
    /// let admin = idempotency.admin();
    /// let key = admin.key(&Operation::Job("ship".into()), None, "order-7");
    /// // It is not: the next call ships it.
    /// assert_eq!(admin.release(key).await?, KeyState::OutcomeUnknown);
    /// let parcel = idempotency.run(SHIP.key("order-7"), async { Ok::<_, ()>(1) }).await.unwrap();
    /// assert_eq!(*parcel, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn release(&self, key: RecordKey) -> Result<KeyState, AdminError> {
        let (held, before) = self.take(key).await?;
        match self.store().release(&held.claim).await? {
            Hold::Held => Ok(before),
            Hold::Lost => Err(AdminError::Changed),
        }
    }

    /// Records `answer` as that of a key that is [`Abandoned`](KeyState::Abandoned) or whose outcome is
    /// [unknown](KeyState::OutcomeUnknown), once it is certain that what it was for *has* happened. Retries are answered with
    /// it for `ttl`: 1 s to 366 days; and no shorter than the unknown outcome would have been kept. The handler does not run.
    ///
    /// Gives the state that the key was in. Compared as with [`release`](Self::release).
    ///
    /// # Errors
    /// [`AdminError`]. Nothing was changed, but for [`AdminError::Store`], after which that is not known.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use idem_runtime::admin::{Answer, KeyState, Operation};
    /// use idem_runtime::{Idempotency, Job, MemoryStore, OnFailure};
    ///
    /// const SHIP: Job = Job::new("ship", Duration::from_secs(3600)).on_failure(OnFailure::Keep);
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let idempotency = Idempotency::new(MemoryStore::new());
    /// // Whether the parcel is on its way, nobody knows.
    /// idempotency.run(SHIP.key("order-7"), async { Err::<u32, _>("the connection was lost") }).await.unwrap_err();
    ///
    /// let admin = idempotency.admin();
    /// let key = admin.key(&Operation::Job("ship".into()), None, "order-7");
    /// // It is, and has a number: the next call gets it, and ships nothing.
    /// admin.settle(key, &Answer::value("7731"), Duration::from_secs(3600)).await?;
    /// let parcel = idempotency.run(SHIP.key("order-7"), async { Ok::<_, ()>(1) }).await.unwrap();
    /// assert_eq!(*parcel, 7731);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn settle(&self, key: RecordKey, answer: &Answer, ttl: Duration) -> Result<KeyState, AdminError> {
        let ttl = ttl.clamp(bounds::TTL.least, bounds::TTL.most);
        let outcome = answer.encode(&self.idempotency.face().replayed_header)?;
        let (held, before) = self.take(key).await?;
        let done = Claim { ttl: ttl.max(held.kept_for), ..held.claim };
        match self.store().complete(&done, held.attempt, &outcome).await? {
            Hold::Held => Ok(before),
            Hold::Lost => Err(AdminError::Changed),
        }
    }

    /// Removes what has ended from the store, and says how many rows that were. Stores do it by themselves as requests come;
    /// call it where none come for long. 0 for a store that has nothing to remove.
    ///
    /// # Errors
    /// When the store cannot be written to. What was removed before, is.
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::{Idempotency, MemoryStore};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), idem_runtime::StoreError> {
    /// assert_eq!(Idempotency::new(MemoryStore::new()).admin().sweep().await?, 0);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn sweep(&self) -> Result<u64, StoreError> {
        self.store().sweep().await
    }

    /// Makes the operator the owner of what nobody owns any more.
    async fn take(&self, key: RecordKey) -> Result<(Held, KeyState), AdminError> {
        let entry = self.store().look_up(key).await?.ok_or(AdminError::NotFound)?;
        let claim = |fingerprint: Fingerprint| Claim {
            key,
            owner: OwnerToken::random(),
            fingerprint,
            lease: LEASE,
            // Where the second step fails, this is all that says that the key must not run again.
            ttl: bounds::TTL.most,
            // A settled outcome has to be as durable as any other.
            outlives_a_crash: true,
        };
        match &entry {
            Entry::InFlight(_) => Err(AdminError::Refused(KeyState::InFlight)),
            Entry::Abandoned(holder) => {
                let (claim, expected) = (claim(holder.fingerprint), holder.attempt.saturating_add(1));
                match self.store().take_over(&claim, holder.owner).await? {
                    ClaimOutcome::Claimed { attempt } if attempt == expected => {
                        Ok((Held { claim, attempt, kept_for: Duration::ZERO }, KeyState::Abandoned))
                    }
                    ClaimOutcome::Claimed { .. } => {
                        // It had ended meanwhile, and this is a new claim of ours.
                        let _ = self.store().release(&claim).await?;
                        Err(AdminError::NotFound)
                    }
                    _ => Err(AdminError::Changed),
                }
            }
            Entry::Completed(record) => {
                let state = Known::read(entry.clone())?.state;
                if state != KeyState::OutcomeUnknown {
                    return Err(AdminError::Refused(state));
                }
                let claim = claim(record.fingerprint);
                match self.store().reopen(&claim, record).await? {
                    Hold::Held => {
                        let attempt = record.attempt.saturating_add(1);
                        Ok((Held { claim, attempt, kept_for: record.expires_in }, state))
                    }
                    Hold::Lost => Err(AdminError::Changed),
                }
            }
        }
    }

    fn store(&self) -> &dyn ErasedStore {
        self.idempotency.engine().store()
    }
}

/// A claim of the operator's.
struct Held {
    claim: Claim,
    attempt: u32,
    /// How long what it replaces would still have been there, as far as that is known.
    kept_for: Duration,
}
