//! The store in Redis or Valkey: one string per entry, one key per operation.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{Age, Claim, ClaimOutcome, Entry, Hold, Outcome, OwnerToken, Record, Store, StoreError, span};
use crate::digest::RecordKey;

mod builder;
mod calls;
mod cluster;
mod dial;
mod error;
mod fault;
mod hello;
mod link;
mod native;
mod own;
mod reading;
mod request;
mod script;
mod slots;
mod startup;
mod tls;
mod topology;
mod url;
mod value;
mod way;

pub use builder::RedisStoreBuilder;
use calls::{Changed, Errand, Found, Tried};
pub use error::RedisConnectError;
use native::Native;
use reading::{Left, Reading, Snapshot};
use request::Wait;
use topology::Topology;
use value::{Marker, Value, Written};

/// How often a claim is tried when the entry is gone each time it is looked at again.
const TRIES: usize = 8;

/// Keeps everything in Redis (7.0 or later) or Valkey (7.2 or later): on one server, on the primary that sentinels name, or
/// on a cluster.
///
/// For any number of processes. What survives a crash of the server is what the server persisted. A failover can lose the
/// newest writes, and then a request may run twice, unless replicas have to confirm them first: see
/// [`wait_replicas`](RedisStoreBuilder::wait_replicas).
///
/// - One string per record, named `idem:` and 64 hexadecimal digits. What is in it begins with a line of text that can be
///   read with `redis-cli`; nothing of the client's key or of the caller is in there, only digests.
/// - Only the server's clock decides. A claim is one round trip, and so is every other operation but a take-over, which
///   is two.
/// - The server has to keep what it was given: with any `maxmemory-policy` but `noeviction` the connection is refused,
///   unless [`allow_eviction`](RedisStoreBuilder::allow_eviction) insists.
/// - When its memory is full, running requests are still recorded and finished ones still replayed; new ones are refused
///   with [`StoreError::Full`].
/// - One connection to each server, shared by all, made again by itself when it is lost. Nothing is ever read from a
///   replica.
///
/// Clones share the connections.
///
/// # URLs
///
/// | URL | what is there |
/// |---|---|
/// | `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]` | one server |
/// | `redis+unix:///PATH` | one server, by its socket |
/// | `redis+sentinel://[USER:PASSWORD@]HOST[:PORT][,HOST[:PORT]..]/SERVICE[/DATABASE]` | sentinels, which know the primary of this service |
/// | `redis+cluster://[USER:PASSWORD@]HOST[:PORT][,HOST[:PORT]..]` | nodes of a cluster, of which one is enough to find the others |
/// | `rediss://..`, `rediss+sentinel://..`, `rediss+cluster://..` | the same, encrypted (feature `redis-tls`) |
///
/// What is in a user name or a password that means something in a URL is percent-encoded. `valkey` may stand for `redis`.
///
/// # Rights
///
/// A user needs no more than this (`ACL SETUSER`), `idem:` being the [prefix](RedisStoreBuilder::prefix):
///
/// ```text
/// ~idem:* +set +get +pttl +getrange +pexpire +del +evalsha +eval
/// ```
///
/// In a cluster also `+cluster|slots +asking`; to wait for replicas also `+wait +pexpiretime +pexpireat`; and
/// `+delex` (Redis 8.4) or `+delifeq` (Valkey 9.0) for releases without a script. With `+info`, or `+config|get`, the store
/// can see for itself that the server does not evict. At the sentinels: `+sentinel|get-master-addr-by-name`.
///
/// # Examples
///
/// ```no_run
/// use idem_runtime::store::RedisStore;
///
/// # async fn example() -> Result<(), idem_runtime::store::RedisConnectError> {
/// let store = RedisStore::connect("redis://localhost").await?;
/// let other = RedisStore::builder("redis://:secret@cache:6379/2").prefix("shop:idem:").connect().await?;
/// let watched = RedisStore::connect("redis+sentinel://one,two,three/shop").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedisStore {
    inner: Arc<Inner>,
}

struct Inner {
    topology: Topology,
    native: Native,
    address: String,
    prefix: String,
    response_timeout: Duration,
    /// How long a request that meets a passing fault is sent again.
    patience: Duration,
    /// After that long, no operation waits for anything any more.
    longest: Duration,
    /// How many replicas have to confirm what is written.
    wait: Option<Wait>,
}

impl RedisStore {
    /// Connects to what is at `url`, with every default.
    ///
    /// # Errors
    /// As [`RedisStoreBuilder::connect`].
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::store::{RedisConnectError, RedisStore};
    ///
    /// # async fn example() -> Result<RedisStore, RedisConnectError> {
    /// RedisStore::connect("redis://cache").await
    /// # }
    /// ```
    pub async fn connect(url: impl Into<String>) -> Result<Self, RedisConnectError> {
        Self::builder(url).connect().await
    }

    /// Settings of your own for what is at `url`.
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::store::RedisStore;
    ///
    /// let builder = RedisStore::builder("redis://cache").prefix("shop:idem:");
    /// ```
    pub fn builder(url: impl Into<String>) -> RedisStoreBuilder {
        RedisStoreBuilder::new(url)
    }

    fn new(inner: Inner) -> Self {
        Self { inner: Arc::new(inner) }
    }

    fn errand(&self, key: RecordKey) -> Errand<'_> {
        let inner = &*self.inner;
        let mut name = String::with_capacity(inner.prefix.len() + 64);
        name.push_str(&inner.prefix);
        name.push_str(const_hex::Buffer::<32>::new().format(key.as_bytes()));
        Errand { inner, key, name, until: Instant::now() + inner.longest }
    }
}

impl Errand<'_> {
    /// What is there, or `None` when `new` was put there and confirmed.
    ///
    /// If replicas are waited for, that is looked at first: what is there already can be said without a connection of its
    /// own, and also while replicas are out of reach.
    async fn find_or_put(&self, new: &Value) -> Result<Found, StoreError> {
        if self.inner.wait.is_some()
            && let Some(found) = Box::pin(self.read()).await?
        {
            return Ok(Some(found));
        }
        self.put(new, self.inner.wait).await
    }

    /// Makes sure that what is about to be acted on survives a failover, if that is asked for: the asker's own claim, and a
    /// record that is so young that whoever wrote it may not have its confirmation yet.
    async fn vouch(&self, value: &Value, left: Left, asker: Option<OwnerToken>) -> Result<(), StoreError> {
        if self.inner.wait.is_none() {
            return Ok(());
        }
        let doubtful = match (value.marker, left) {
            (Marker::Pending, _) => asker == Some(value.owner),
            (Marker::Completed, Left::Millis(left)) => value.ttl.saturating_sub(left) < value.lease,
            (Marker::Completed, _) => false,
        };
        match doubtful {
            true => self.confirm(&value::prefix(value.marker, value.owner)).await,
            false => Ok(()),
        }
    }

    /// What is there, once it has been settled: for a claim that met something doubtful.
    async fn settled(&self, claim: &Claim, doubtful: &Value) -> Result<Option<ClaimOutcome>, StoreError> {
        let Some((value, left)) = self.settle(Some(doubtful)).await? else { return Ok(None) };
        self.vouch(&value, left, Some(claim.owner)).await?;
        Ok(reading::answer(value, left, claim.owner, Snapshot::Atomic).sure())
    }

    async fn claim(&self, claim: &Claim) -> Result<ClaimOutcome, StoreError> {
        let new = Value::pending(claim, 1);
        for _ in 0..TRIES {
            let Some((value, left)) = self.find_or_put(&new).await? else {
                return Ok(ClaimOutcome::Claimed { attempt: 1 });
            };
            self.vouch(&value, left, Some(claim.owner)).await?;
            match reading::answer(value, left, claim.owner, Snapshot::Torn) {
                Reading::Sure(answer) => return Ok(answer),
                Reading::Doubtful(value) => {
                    if let Some(answer) = Box::pin(self.settled(claim, &value)).await? {
                        return Ok(answer);
                    }
                }
            }
        }
        Err(StoreError::Unavailable { reason: "the entry changes all the time".to_owned(), source: None })
    }

    /// The claim, if `owner` holds it and their lease has ended.
    async fn abandoned_by(&self, owner: OwnerToken) -> Result<Option<Value>, StoreError> {
        let found = self.read().await?;
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
        self.errand(claim.key).claim(claim).await
    }

    async fn take_over(&self, claim: &Claim, from: OwnerToken) -> Result<ClaimOutcome, StoreError> {
        let errand = self.errand(claim.key);
        if from != claim.owner
            && let Some(abandoned) = errand.abandoned_by(from).await?
        {
            let attempt = abandoned.attempt.saturating_add(1);
            if errand.replace(&abandoned, &Value::pending(claim, attempt)).await? {
                return Ok(ClaimOutcome::Claimed { attempt });
            }
        }
        errand.claim(claim).await
    }

    async fn renew(&self, claim: &Claim) -> Result<Hold, StoreError> {
        let errand = self.errand(claim.key);
        let pending = value::prefix(Marker::Pending, claim.owner);
        let arguments = (&pending[..], span::millis(claim.lease));
        errand.change(&script::RENEW, &arguments, self.inner.wait).await.map(Hold::from)
    }

    /// Natively, if the server can: the claim is as it was written, for a renewal changes only its expiry. Whatever a
    /// command does not do, the script does, or says why not.
    ///
    /// In the last millisecond of an entry, which the script takes for its end, a command may still find it. Nobody can tell:
    /// whoever saw that it had ended has removed it.
    async fn complete(&self, claim: &Claim, attempt: u32, outcome: &Outcome) -> Result<Hold, StoreError> {
        let record = Value::completed(claim, attempt, outcome)?;
        let (errand, wait) = (self.errand(claim.key), self.inner.wait);
        let (written, lifetime) = (Written(claim.key, &record), record.lifetime());
        if self.inner.native.has_set() {
            let held = Value::pending(claim, attempt);
            let set = native::set(&errand.name, &Written(claim.key, &held), &written, lifetime);
            if errand.try_native(set, wait).await? == Tried::Done {
                return Ok(Hold::Held);
            }
        }
        let [pending, completed] =
            [Marker::Pending, Marker::Completed].map(|marker| value::prefix(marker, claim.owner));
        let arguments = (&pending[..], &completed[..], written, lifetime);
        let changed = errand.change(&script::COMPLETE, &arguments, wait).await?;
        if changed == Changed::Before {
            // By this owner, but perhaps over another connection, or without the replicas' answer.
            errand.confirm(&completed).await?;
        }
        Ok(Hold::from(changed))
    }

    async fn release(&self, claim: &Claim) -> Result<Hold, StoreError> {
        let errand = self.errand(claim.key);
        // The first attempt is the usual one. Another one is another value, and a matter for the script.
        let held = Value::pending(claim, 1);
        let mut answer_was_lost = false;
        if let Some(delete) = self.inner.native.delete(&errand.name, Written(claim.key, &held)) {
            match errand.try_native(delete, None).await? {
                Tried::Done => return Ok(Hold::Held),
                Tried::InVain { sent_before } => answer_was_lost = sent_before,
            }
        }
        let pending = value::prefix(Marker::Pending, claim.owner);
        match errand.change(&script::RELEASE, &&pending[..], None).await? {
            // That is what was asked for; only the answer that said so was lost.
            Changed::Gone { perhaps_by_us } if perhaps_by_us || answer_was_lost => Ok(Hold::Held),
            changed => Ok(Hold::from(changed)),
        }
    }

    async fn look_up(&self, key: RecordKey) -> Result<Option<Entry>, StoreError> {
        let errand = self.errand(key);
        let Some((value, left)) = errand.read().await? else { return Ok(None) };
        errand.vouch(&value, left, None).await?;
        if let Reading::Sure(entry) = reading::look(value, left, Snapshot::Torn) {
            return Ok(Some(entry));
        }
        let Some((value, left)) = Box::pin(errand.settle(None)).await? else { return Ok(None) };
        errand.vouch(&value, left, None).await?;
        Ok(reading::look(value, left, Snapshot::Atomic).sure())
    }

    async fn inspect(&self, key: RecordKey) -> Result<Option<(Entry, Option<Age>)>, StoreError> {
        let errand = self.errand(key);
        let Some((value, left)) = errand.read_as_of_one_moment().await? else { return Ok(None) };
        errand.vouch(&value, left, None).await?;
        let age = reading::age(&value, left);
        Ok(reading::look(value, left, Snapshot::Atomic).sure().map(|entry| (entry, age)))
    }

    /// By the script that takes claims over: it puts one value in the place of another that is still there, to the byte, and
    /// has no more left than its TTL, as every record has.
    async fn reopen(&self, claim: &Claim, seen: &Record) -> Result<Hold, StoreError> {
        let errand = self.errand(claim.key);
        let is_mine = |value: &Value| value.marker == Marker::Pending && value.owner == claim.owner;
        match errand.read().await? {
            Some((value, Left::Millis(_))) if value.is_record(seen) => {
                if errand.replace(&value, &Value::pending(claim, value.attempt.saturating_add(1))).await? {
                    return Ok(Hold::Held);
                }
            }
            Some((value, _)) if is_mine(&value) => {}
            _ => return Ok(Hold::Lost),
        }
        // It is another's by now; or one's own, by a request whose answer was lost.
        match errand.read().await? {
            Some((value, _)) if is_mine(&value) => {
                errand.confirm(&value::prefix(Marker::Pending, claim.owner)).await.map(|()| Hold::Held)
            }
            _ => Ok(Hold::Lost),
        }
    }

    /// Each request is bounded by the response timeout, and so is what is sent again.
    fn longest_call(&self) -> Option<Duration> {
        Some(self.inner.longest)
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
