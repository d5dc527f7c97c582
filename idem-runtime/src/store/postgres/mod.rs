//! The store in PostgreSQL: one row per entry, one statement per operation.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{PgPool, Postgres};

use super::stored::{FORMAT, State, Stored, Time};
use super::{
    Age, Claim, ClaimOutcome, Entry, Hold, Outcome, OwnerToken, Record, Store, StoreError, Transactional, span,
};
use crate::digest::RecordKey;

mod builder;
mod calls;
mod error;
mod fault;
mod parked;
mod row;
mod sql;
mod startup;
mod sweep;
mod transaction;

pub use builder::PostgresStoreBuilder;
use calls::{Parameters, Repeat};
pub use error::PostgresConnectError;
use parked::Parked;
use row::Found;
use sql::Statements;
use sweep::Sweeper;
pub use transaction::SqlxTransaction;

/// Keeps everything in a table in PostgreSQL.
///
/// For any number of processes. What it has acknowledged survives a crash of the server; `synchronous_commit = off` is
/// overridden.
///
/// - One row per key, `idem.records` unless said otherwise. Nothing of the client's key or of the caller is in there, only
///   digests. The tables are made by [`migrate`](PostgresStoreBuilder::migrate), or by hand with [`SCHEMA_SQL`](Self::SCHEMA_SQL).
/// - Only the server's clock decides. A claim is one round trip, and so is every other operation but a take-over, which
///   is two, and a completion that is sent again.
/// - Connections of its own, 10 unless said otherwise, with timeouts for statements and locks: no call waits for longer
///   than the [response timeout](PostgresStoreBuilder::response_timeout).
/// - Finished requests are replayed also while nothing can be written, on a full disk for instance; new ones are refused
///   then, with [`StoreError::Full`]. Unlike the other stores it cannot promise that a running request is recorded on a
///   full disk: every change needs room in the server's log.
/// - Rows that have ended are removed in small batches as claims are made, and by [`sweep`](Self::sweep).
/// - The connections have a state of their own, prepared statements and timeouts. A pooler in between has to keep a
///   session, as PgBouncer does with `pool_mode = session`.
/// - A handler can write in the record's own transaction: see [`Transaction`](crate::Transaction). It holds a connection
///   of a second pool while it runs, and its key by two advisory locks; it reads what is committed (`READ COMMITTED`),
///   whatever the default is. Under load the next transaction is opened as the one before it ends, at most 10 ms before
///   its handler runs: by that much `now()` in it may be early, as it is in every transaction that has begun before it
///   was needed.
/// - TLS is used if the application turns on a TLS feature of `sqlx` 0.9, `tls-rustls` for instance; then
///   `?sslmode=verify-full` in the URL demands it.
///
/// Needs Rust 1.94. Clones share the connections.
///
/// # Examples
///
/// ```no_run
/// use idem_runtime::store::PostgresStore;
///
/// # async fn example() -> Result<(), idem_runtime::store::PostgresConnectError> {
/// let builder = PostgresStore::builder("postgres://shop:secret@db:5432/shop").schema("shop_idem");
/// builder.migrate().await?;
/// let store = builder.connect().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PostgresStore {
    inner: Arc<Inner>,
}

struct Inner {
    pool: PgPool,
    /// For transactions that a handler holds while it runs: whatever they do, the pool above stays free.
    transactions: PgPool,
    /// Whether statements in a handler's transaction get timeouts of the store's: not on the application's own pool.
    sets_timeouts: bool,
    /// None on the application's own pool: its connections are not to be kept from it for longer than needed.
    spare: Option<Spares>,
    address: String,
    statements: Statements,
    response_timeout: Duration,
    sweeper: Sweeper,
}

/// Of the store's own two pools.
struct Spares {
    connections: Arc<Parked<PoolConnection<Postgres>>>,
    transactions: Arc<Parked<SqlxTransaction>>,
}

impl PostgresStore {
    /// The SQL that makes what this store needs, for the schema `idem` and the table `records`: what
    /// [`migrate`](PostgresStoreBuilder::migrate) runs, for an operator who wants to run it by hand.
    ///
    /// One transaction; may be run again. [`schema_sql`](PostgresStoreBuilder::schema_sql) gives it with other names.
    pub const SCHEMA_SQL: &'static str = sql::SCHEMA_SQL;

    /// Connects to the database at `url`, `postgres://[USER[:PASSWORD]@]HOST[:PORT]/DATABASE`, with every default. The
    /// tables have to be there: see [`migrate`](PostgresStoreBuilder::migrate).
    ///
    /// # Errors
    /// As [`PostgresStoreBuilder::connect`].
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::store::{PostgresConnectError, PostgresStore};
    ///
    /// # async fn example() -> Result<PostgresStore, PostgresConnectError> {
    /// PostgresStore::connect("postgres://shop:secret@db/shop").await
    /// # }
    /// ```
    pub async fn connect(url: impl Into<String>) -> Result<Self, PostgresConnectError> {
        Self::builder(url).connect().await
    }

    /// Settings of your own for the database at `url`.
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::store::PostgresStore;
    ///
    /// let builder = PostgresStore::builder("postgres://shop:secret@db/shop").max_connections(20);
    /// ```
    pub fn builder(url: impl Into<String>) -> PostgresStoreBuilder {
        PostgresStoreBuilder::new(url)
    }

    /// On connections of the application's own pool, of `sqlx` 0.9.
    ///
    /// The settings of its connections are the application's: set `lock_timeout` and `statement_timeout`, below the
    /// [response timeout](PostgresStoreBuilder::response_timeout), and leave `default_transaction_isolation` at
    /// `read committed` and `synchronous_commit` on. If handlers hold connections of the same pool while they run, give it
    /// more connections than handlers run at once: a handler's own claim has to be renewed and completed on one.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use idem_runtime::store::PostgresStore;
    ///
    /// # async fn example(pool: sqlx::PgPool) -> Result<(), idem_runtime::store::PostgresConnectError> {
    /// let store = PostgresStore::from_pool(pool).connect().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn from_pool(pool: PgPool) -> PostgresStoreBuilder {
        PostgresStoreBuilder::with_pool(pool)
    }

    async fn look(&self, key: RecordKey) -> Result<Option<(Stored, Time)>, StoreError> {
        let parameters = || Parameters::new().with(key.as_bytes());
        match self.ask(&self.inner.statements.look, Repeat::Harmless, parameters).await? {
            None => Ok(None),
            Some(row) => match Found::read(key, &row)? {
                Found::There { stored, time } => Ok(Some((stored, time))),
                Found::Claimed => Err(fault::unexpected()),
            },
        }
    }
}

impl Store for PostgresStore {
    fn name(&self) -> &'static str {
        "postgres"
    }

    async fn claim(&self, claim: &Claim) -> Result<ClaimOutcome, StoreError> {
        self.sweep_now_and_then();
        let new = Stored::held(claim, 1);
        let digest = new.digest(claim.key);
        let parameters = || {
            Parameters::new()
                .with(claim.key.as_bytes())
                .with(FORMAT)
                .with(new.owner.bits().to_be_bytes())
                .with(new.fingerprint.as_bytes())
                .with(digest)
                .with(number(span::millis(claim.lease)))
                .with(number(new.ttl))
        };
        let Some(row) = self.ask(&self.inner.statements.claim, Repeat::Harmless, parameters).await? else {
            let reason = "the entry changes all the time".to_owned();
            return Err(StoreError::Unavailable { reason, source: None });
        };
        Ok(match Found::read(claim.key, &row)? {
            Found::Claimed => ClaimOutcome::Claimed { attempt: 1 },
            Found::There { stored, .. } if stored.state == State::Held && stored.owner == claim.owner => {
                ClaimOutcome::Claimed { attempt: stored.attempt }
            }
            Found::There { stored, time } => match stored.into_entry(time) {
                Entry::InFlight(holder) => ClaimOutcome::InFlight(holder),
                Entry::Abandoned(holder) => ClaimOutcome::Abandoned(holder),
                Entry::Completed(record) => ClaimOutcome::Completed(record),
            },
        })
    }

    async fn take_over(&self, claim: &Claim, from: OwnerToken) -> Result<ClaimOutcome, StoreError> {
        // Read first: the new row's digest covers the attempt, and a damaged claim is nobody's to take.
        if from != claim.owner
            && let Some((old, Time { lease_ended: true, .. })) = self.look(claim.key).await?
            && old.state == State::Held
            && old.owner == from
        {
            let new = Stored::held(claim, old.attempt.saturating_add(1));
            let digest = new.digest(claim.key);
            let parameters = || {
                Parameters::new()
                    .with(claim.key.as_bytes())
                    .with(from.bits().to_be_bytes())
                    .with(FORMAT)
                    .with(new.owner.bits().to_be_bytes())
                    .with(new.fingerprint.as_bytes())
                    .with(i64::from(new.attempt))
                    .with(digest)
                    .with(number(span::millis(claim.lease)))
                    .with(number(new.ttl))
                    .with(i64::from(old.attempt))
            };
            if self.ask(&self.inner.statements.take_over, Repeat::Harmless, parameters).await?.is_some() {
                return Ok(ClaimOutcome::Claimed { attempt: new.attempt });
            }
        }
        // Also after a take-over whose answer was lost: the claim is then found to be held by the one who asks.
        self.claim(claim).await
    }

    async fn renew(&self, claim: &Claim) -> Result<Hold, StoreError> {
        let parameters = || owned_by(claim).with(number(span::millis(claim.lease)));
        Ok(hold(self.ask(&self.inner.statements.renew, Repeat::Harmless, parameters).await?.is_some()))
    }

    async fn complete(&self, claim: &Claim, attempt: u32, outcome: &Outcome) -> Result<Hold, StoreError> {
        let record = Stored::done(claim, attempt, outcome)?;
        let digest = record.digest(claim.key);
        let parameters = || {
            owned_by(claim)
                .with(FORMAT)
                .with(record.fingerprint.as_bytes())
                .with(i64::from(record.attempt))
                .with(digest)
                .with(number(record.ttl))
                .with(&*record.outcome.head)
                .with(&*record.outcome.body)
        };
        if self.ask(&self.inner.statements.complete, Repeat::Harmless, parameters).await?.is_some() {
            return Ok(Hold::Held);
        }
        // A statement of its own: within one, whoever lost a race against itself would see the row as it was before.
        let done = self.ask(&self.inner.statements.is_completed, Repeat::Harmless, || owned_by(claim)).await?;
        Ok(hold(done.is_some()))
    }

    async fn release(&self, claim: &Claim) -> Result<Hold, StoreError> {
        Ok(hold(self.ask(&self.inner.statements.release, Repeat::No, || owned_by(claim)).await?.is_some()))
    }

    async fn look_up(&self, key: RecordKey) -> Result<Option<Entry>, StoreError> {
        Ok(self.look(key).await?.map(|(stored, time)| stored.into_entry(time)))
    }

    /// Of a claim without its last sign of life: a row does not keep how long its lease was.
    async fn inspect(&self, key: RecordKey) -> Result<Option<(Entry, Option<Age>)>, StoreError> {
        let parameters = || Parameters::new().with(key.as_bytes());
        let Some(row) = self.ask(&self.inner.statements.inspect, Repeat::Harmless, parameters).await? else {
            return Ok(None);
        };
        let Found::There { stored, time } = Found::read(key, &row)? else { return Err(fault::unexpected()) };
        let age = stored.age(time, row::lease_left(&row)?);
        Ok(Some((stored.into_entry(time), age)))
    }

    async fn reopen(&self, claim: &Claim, seen: &Record) -> Result<Hold, StoreError> {
        let is_mine = |stored: &Stored| stored.state == State::Held && stored.owner == claim.owner;
        match self.look(claim.key).await? {
            Some((old, _)) if old.is_record(seen) => {
                let new = Stored::held(claim, old.attempt.saturating_add(1));
                let (was, digest) = (old.digest(claim.key), new.digest(claim.key));
                let parameters = || {
                    Parameters::new()
                        .with(claim.key.as_bytes())
                        .with(old.owner.bits().to_be_bytes())
                        .with(FORMAT)
                        .with(new.owner.bits().to_be_bytes())
                        .with(new.fingerprint.as_bytes())
                        .with(i64::from(new.attempt))
                        .with(digest)
                        .with(number(span::millis(claim.lease)))
                        .with(number(new.ttl))
                        .with(was)
                };
                if self.ask(&self.inner.statements.reopen, Repeat::Harmless, parameters).await?.is_some() {
                    return Ok(Hold::Held);
                }
            }
            Some((found, _)) if is_mine(&found) => return Ok(Hold::Held),
            _ => return Ok(Hold::Lost),
        }
        // It is another's by now; or one's own, by a statement whose answer was lost.
        Ok(hold(self.look(claim.key).await?.is_some_and(|(found, _)| is_mine(&found))))
    }

    async fn sweep(&self) -> Result<u64, StoreError> {
        Self::sweep(self).await
    }

    fn transactional(&self) -> Option<Transactional<'_>> {
        Some(Transactional::of(self))
    }
}

/// The first two parameters of every statement that only the owner may send.
fn owned_by(claim: &Claim) -> Parameters {
    Parameters::new().with(claim.key.as_bytes()).with(claim.owner.bits().to_be_bytes())
}

fn hold(changed: bool) -> Hold {
    if changed { Hold::Held } else { Hold::Lost }
}

/// Leases and TTLs are cut far below where this could matter.
fn number(millis: u64) -> i64 {
    i64::try_from(millis).unwrap_or(i64::MAX)
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("address", &self.inner.address).finish_non_exhaustive()
    }
}
