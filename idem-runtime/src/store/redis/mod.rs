//! The store in Redis or Valkey: one string per entry, one key per operation.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::redis::RedisError;
use ::redis::aio::ConnectionManager;

use super::{Claim, ClaimOutcome, Entry, Hold, Outcome, OwnerToken, Store, StoreError, span};
use crate::digest::RecordKey;

mod builder;
mod calls;
mod error;
mod fault;
mod link;
mod reading;
mod script;
mod startup;
mod value;

pub use builder::RedisStoreBuilder;
pub use error::RedisConnectError;
use link::Link;
use reading::{Left, Reading, Snapshot};
use value::{Marker, Value};

/// How often a claim is tried when the entry is gone each time it is looked at again.
const TRIES: usize = 8;

/// Keeps everything in Redis (7.0 or later) or Valkey (7.2 or later).
///
/// For any number of processes. What survives a crash of the server is what the server persisted; a failover can lose
/// the newest writes, and then a request may run twice.
///
/// - One string per record, named `idem:` and 64 hexadecimal digits. What is in it begins with a line of text that can be
///   read with `redis-cli`; nothing of the client's key or of the caller is in there, only digests.
/// - Only the server's clock decides. A claim is one round trip, and so is every other operation but a take-over, which
///   is two.
/// - The server has to keep what it was given: with any `maxmemory-policy` but `noeviction` the connection is refused,
///   unless [`allow_eviction`](RedisStoreBuilder::allow_eviction) insists.
/// - When its memory is full, running requests are still recorded and finished ones still replayed; new ones are refused
///   with [`StoreError::Full`].
/// - One connection, shared by all, made again by itself when it is lost. It speaks to one server: give it the primary,
///   not a node of a cluster.
///
/// Clones share the connection.
///
/// # Examples
///
/// ```no_run
/// use idem_runtime::store::RedisStore;
///
/// # async fn example() -> Result<(), idem_runtime::store::RedisConnectError> {
/// let store = RedisStore::connect("redis://localhost").await?;
/// let other = RedisStore::builder("redis://:secret@cache:6379/2").prefix("shop:idem:").connect().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedisStore {
    inner: Arc<Inner>,
}

struct Inner {
    link: Link,
    address: String,
    prefix: String,
    response_timeout: Duration,
}

impl RedisStore {
    /// Connects to the server at `url`, `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`, with every default.
    ///
    /// # Errors
    /// As [`RedisStoreBuilder::connect`].
    pub async fn connect(url: impl Into<String>) -> Result<Self, RedisConnectError> {
        Self::builder(url).connect().await
    }

    /// Settings of your own for the server at `url`.
    pub fn builder(url: impl Into<String>) -> RedisStoreBuilder {
        RedisStoreBuilder::new(url)
    }

    fn new(link: Link, address: String, prefix: String, response_timeout: Duration) -> Self {
        Self { inner: Arc::new(Inner { link, address, prefix, response_timeout }) }
    }

    fn connection(&self) -> ConnectionManager {
        self.inner.link.manager()
    }

    fn name_of(&self, key: RecordKey) -> String {
        format!("{}{key}", self.inner.prefix)
    }

    /// What a failed command means to the caller, and to the connection.
    fn failed(&self, error: &RedisError) -> StoreError {
        self.inner.link.heed(error);
        fault::store_error(error, self.inner.response_timeout)
    }

    /// The claim under `key`, if `owner` holds it and their lease has ended.
    async fn abandoned_by(&self, owner: OwnerToken, key: RecordKey) -> Result<Option<Value>, StoreError> {
        let found = self.read(key).await?;
        let is_theirs = |value: &Value, left| value.owner == owner && reading::is_abandoned(value, left);
        Ok(match found {
            Some((value, Left::Millis(left))) if is_theirs(&value, left) => Some(value),
            _ => None,
        })
    }
}

impl Store for RedisStore {
    fn name(&self) -> &'static str {
        "redis"
    }

    async fn claim(&self, claim: &Claim) -> Result<ClaimOutcome, StoreError> {
        let new = Value::pending(claim, 1);
        let encoded = new.encode(claim.key);
        for _ in 0..TRIES {
            let Some((value, left)) = self.put(claim.key, &encoded, new.lifetime()).await? else {
                return Ok(ClaimOutcome::Claimed { attempt: 1 });
            };
            let doubtful = match reading::answer(value, left, claim.owner, Snapshot::Torn) {
                Reading::Sure(answer) => return Ok(answer),
                Reading::Doubtful(value) => value,
            };
            if let Some((value, left)) = self.settle(claim.key, Some(&doubtful)).await?
                && let Reading::Sure(answer) = reading::answer(value, left, claim.owner, Snapshot::Atomic)
            {
                return Ok(answer);
            }
        }
        Err(StoreError::Unavailable { reason: "the entry changes all the time".to_owned(), source: None })
    }

    async fn take_over(&self, claim: &Claim, from: OwnerToken) -> Result<ClaimOutcome, StoreError> {
        if from != claim.owner
            && let Some(abandoned) = self.abandoned_by(from, claim.key).await?
        {
            let attempt = abandoned.attempt.saturating_add(1);
            if self.replace(claim.key, &abandoned, &Value::pending(claim, attempt)).await? {
                return Ok(ClaimOutcome::Claimed { attempt });
            }
        }
        self.claim(claim).await
    }

    async fn renew(&self, claim: &Claim) -> Result<Hold, StoreError> {
        let pending = value::prefix(Marker::Pending, claim.owner);
        self.change(&script::RENEW, claim.key, &(pending, span::millis(claim.lease))).await
    }

    // A server that has `SET .. IFEQ` could do this without a script, given the claim as it was written: faster where
    // bodies are large.
    async fn complete(&self, claim: &Claim, attempt: u32, outcome: &Outcome) -> Result<Hold, StoreError> {
        let record = Value::completed(claim, attempt, outcome)?;
        let pending = value::prefix(Marker::Pending, claim.owner);
        let completed = value::prefix(Marker::Completed, claim.owner);
        let arguments = (pending, completed, record.encode(claim.key), record.lifetime());
        self.change(&script::COMPLETE, claim.key, &arguments).await
    }

    async fn release(&self, claim: &Claim) -> Result<Hold, StoreError> {
        let pending = value::prefix(Marker::Pending, claim.owner);
        self.change(&script::RELEASE, claim.key, &(pending,)).await
    }

    async fn look_up(&self, key: RecordKey) -> Result<Option<Entry>, StoreError> {
        let Some((value, left)) = self.read(key).await? else { return Ok(None) };
        if let Reading::Sure(entry) = reading::look(value, left, Snapshot::Torn) {
            return Ok(Some(entry));
        }
        let settled = self.settle(key, None).await?;
        Ok(settled.and_then(|(value, left)| reading::look(value, left, Snapshot::Atomic).sure()))
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("address", &self.inner.address)
            .field("prefix", &self.inner.prefix)
            .finish_non_exhaustive()
    }
}
