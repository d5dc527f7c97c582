//! The store in a SQLite file: no server, and nothing lost when the process or the machine goes down.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::stored::{State, Stored};
use super::{Age, Claim, ClaimOutcome, Entry, Hold, Outcome, OwnerToken, Record, Store, StoreError, Transactional};
use crate::digest::RecordKey;

mod beside;
mod builder;
mod clock;
mod entered;
mod error;
mod fault;
mod guard;
mod reader;
mod row;
mod startup;
mod transaction;
mod writer;

pub use builder::{SqliteStoreBuilder, Synchronous};
use clock::{Clock, Now};
use entered::Claimed;
pub use error::{SqliteError, SqliteOpenError};
use fault::{Failure, Fault};
use reader::Readers;
use row::{Found, Owned, Prepared};
pub use transaction::RusqliteTransaction;
use writer::{Desk, Survives, Writer};

/// Keeps everything in a SQLite database, in a file of its own or in the application's.
///
/// For the processes of one machine, without a server. What it has acknowledged survives their end, and the machine's.
///
/// - Two tables, `idem_records` and `idem_version`, made when the store is opened. Nothing of the client's key or of the
///   caller is in there, only digests. SQLite itself is built in; it needs a C compiler.
/// - One thread writes. What is asked of it while a commit is on its way to the disk goes into the next one, so that many
///   requests share a flush. Other threads read: a replay waits neither for a commit nor for a lock.
/// - Records, and claims where `on_failure = "keep"`, are on the disk before they are answered
///   ([`Synchronous::Full`]). The claims of other routes survive the process, and not a power failure, in which whoever
///   held them has ended too.
/// - Leases are judged by the time since the machine was started, which nobody can set; after a restart all of them have
///   ended. Records end by the wall clock.
/// - Another connection that keeps the database locked is waited for, for at most half of the
///   [response timeout](SqliteStoreBuilder::response_timeout); then requests are refused with 503, and nothing runs.
/// - Finished requests are replayed also while nothing can be written, on a disk that is full or has become read-only; new
///   ones are refused with 503. Like PostgreSQL it cannot promise that a running request is recorded meanwhile: that is tried
///   again until its lease ends, and it answers then.
/// - Rows that have ended are removed a few at a time with other changes, and by [`sweep`](Self::sweep). Their place in the
///   file is used again; the file does not shrink.
/// - A handler can write in the record's own transaction: see [`Transaction`](crate::Transaction). SQLite has one lock for
///   all who write, and the handler has it from its first statement to its end: keep that short.
///
/// Why `rusqlite` and not `sqlx`: to commit what many requests want in one go, one thread has to have the connection to
/// itself, which a pool of connections does not give.
///
/// Clones share the connections.
///
/// # Examples
///
/// ```
/// use idem_runtime::Idempotency;
/// use idem_runtime::store::SqliteStore;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let file = folder.path().join("shop.db");
/// let store = SqliteStore::open(file)?;
/// let idempotency = Idempotency::new(store);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SqliteStore {
    inner: Arc<Inner>,
}

struct Inner {
    writer: Writer,
    readers: Readers,
    path: PathBuf,
    /// How long a handler may keep the thread that writes waiting.
    hold: Duration,
    response_timeout: Duration,
}

impl SqliteStore {
    /// The SQL that makes what this store needs. It is run when a store is opened, and may be run by hand before.
    pub const SCHEMA_SQL: &'static str = startup::SCHEMA_SQL;

    /// Opens the database in this file with every default, and makes what is missing. Blocks for a moment.
    ///
    /// # Errors
    /// As [`SqliteStoreBuilder::open`].
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::store::SqliteStore;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let file = folder.path().join("shop.db");
    /// let store = SqliteStore::open(file)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn open(file: impl AsRef<Path>) -> Result<Self, SqliteOpenError> {
        Self::builder(file).open()
    }

    /// Settings of your own for the database in this file.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use idem_runtime::store::SqliteStore;
    ///
    /// let builder = SqliteStore::builder("shop.db").hold(Duration::from_secs(2));
    /// ```
    pub fn builder(file: impl AsRef<Path>) -> SqliteStoreBuilder {
        SqliteStoreBuilder::new(file.as_ref())
    }

    /// Removes records and abandoned claims that have ended, until none is left, and says how many rows they were.
    ///
    /// The store does this by itself, a few rows at a time, as other changes are made; call it where none are made for long.
    ///
    /// # Errors
    /// When the database cannot be written to. What was removed before, is.
    ///
    /// # Examples
    ///
    /// ```
    /// # async fn example(store: idem_runtime::store::SqliteStore) -> Result<(), idem_runtime::StoreError> {
    /// let removed = store.sweep().await?;
    /// println!("{removed} rows");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn sweep(&self) -> Result<u64, StoreError> {
        const BATCH: usize = 1_000;
        let mut removed = 0;
        loop {
            let batch = self.change(Survives::Process, |desk| row::sweep(&desk.db, BATCH, desk.clock.now())).await?;
            removed += batch as u64;
            if batch < BATCH {
                return Ok(removed);
            }
        }
    }

    /// Waits for an answer, but not behind a handler that keeps the thread for itself, or a lock that nobody gives up.
    async fn answered<T, E: From<StoreError>>(&self, waiting: oneshot::Receiver<Result<T, E>>) -> Result<T, E> {
        let within = self.inner.response_timeout;
        match tokio::time::timeout(within, waiting).await {
            Ok(answer) => answer.unwrap_or_else(|_| Err(Fault::Stopped.into_store_error().into())),
            Err(_) => Err(StoreError::TimedOut(within).into()),
        }
    }

    fn writer(&self) -> &Writer {
        &self.inner.writer
    }

    /// How long a handler may keep the thread that writes waiting.
    fn hold(&self, lease: Duration) -> Duration {
        self.inner.hold.min(lease)
    }

    async fn change<T, E>(
        &self,
        survives: Survives,
        change: impl FnOnce(&Desk) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: Failure,
    {
        let (answer, waiting) = oneshot::channel();
        self.writer().change(survives, answer, change);
        self.answered(waiting).await
    }

    /// Claims the entry, or takes it over `from` somebody, and says what there is, and how the claim came about.
    async fn seize<T: Send + 'static>(
        &self,
        claim: &Claim,
        from: Option<OwnerToken>,
        survives: Survives,
        say: impl FnOnce(ClaimOutcome, Claimed) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, waiting) = oneshot::channel();
        let (claim, writer) = (*claim, self.writer().clone());
        let fresh = Prepared::of(claim.key, Stored::held(&claim, 1));
        // Looked at first where nobody waits: most of what comes again is finished.
        self.inner.readers.send(Box::new(move |db, clock: Clock| {
            let now = clock.now();
            match Found::find(db, claim.key).map(|found| found.filter(|found| !found.is_over(now))) {
                Err(error) => drop(answer.send(Err(error))),
                Ok(Some(found)) if !may_be_had(&found, &claim, from, now) => {
                    drop(answer.send(Ok(say(outcome_of(found.into_entry(now)), Claimed::Before))));
                }
                Ok(_) => writer.change(survives, answer, move |desk| {
                    let (outcome, claimed) = claim_now(desk, &claim, from, &fresh)?;
                    Ok(say(outcome, claimed))
                }),
            }
        }));
        self.answered(waiting).await
    }
}

/// Whether a claim on what was found would be granted.
fn may_be_had(found: &Found, claim: &Claim, from: Option<OwnerToken>, now: Now) -> bool {
    found.is_claim_of(claim.owner) || from.is_some_and(|from| found.is_claim_of(from) && found.is_abandoned(now))
}

fn claim_now(
    desk: &Desk,
    claim: &Claim,
    from: Option<OwnerToken>,
    fresh: &Prepared,
) -> Result<(ClaimOutcome, Claimed), StoreError> {
    let (db, now) = (&desk.db, desk.clock.now());
    Ok(match Found::find(db, claim.key)? {
        Some(found) if !found.is_over(now) => {
            if found.is_claim_of(claim.owner) {
                (ClaimOutcome::Claimed { attempt: found.attempt() }, Claimed::Before)
            } else if may_be_had(&found, claim, from, now) {
                let attempt = found.attempt().saturating_add(1);
                found.replace(db, claim, attempt, now)?;
                (ClaimOutcome::Claimed { attempt }, Claimed::From(Arc::new(found)))
            } else {
                (outcome_of(found.into_entry(now)), Claimed::Before)
            }
        }
        over => {
            fresh.claim(db, over.as_ref(), claim, now)?;
            (ClaimOutcome::Claimed { attempt: 1 }, Claimed::Fresh)
        }
    })
}

fn outcome_of(entry: Entry) -> ClaimOutcome {
    match entry {
        Entry::InFlight(holder) => ClaimOutcome::InFlight(holder),
        Entry::Abandoned(holder) => ClaimOutcome::Abandoned(holder),
        Entry::Completed(record) => ClaimOutcome::Completed(record),
    }
}

fn is_recorded_by(desk: &Desk, key: RecordKey, owner: OwnerToken) -> Result<bool, StoreError> {
    Ok(Owned::find(&desk.db, key, owner, desk.clock.now())?.is_some_and(|owned| owned.state == State::Done))
}

impl Store for SqliteStore {
    fn name(&self) -> &'static str {
        "sqlite"
    }

    async fn claim(&self, claim: &Claim) -> Result<ClaimOutcome, StoreError> {
        self.seize(claim, None, survives(claim), |outcome, _| outcome).await
    }

    async fn take_over(&self, claim: &Claim, from: OwnerToken) -> Result<ClaimOutcome, StoreError> {
        self.seize(claim, Some(from), survives(claim), |outcome, _| outcome).await
    }

    async fn renew(&self, claim: &Claim) -> Result<Hold, StoreError> {
        let claim = *claim;
        self.change(Survives::Process, move |desk| {
            let now = desk.clock.now();
            match Owned::held(&desk.db, claim.key, claim.owner, now)? {
                Some(owned) => owned.renew(&desk.db, &claim, now).map(|()| Hold::Held),
                None => Ok(Hold::Lost),
            }
        })
        .await
    }

    async fn complete(&self, claim: &Claim, attempt: u32, outcome: &Outcome) -> Result<Hold, StoreError> {
        let (key, owner) = (claim.key, claim.owner);
        let record = Prepared::of(key, Stored::done(claim, attempt, outcome)?);
        self.change(Survives::Machine, move |desk| {
            let now = desk.clock.now();
            match Owned::find(&desk.db, key, owner, now)? {
                Some(owned) if owned.state == State::Held => record.record(&desk.db, &owned, now).map(|()| Hold::Held),
                Some(_) => Ok(Hold::Held),
                None => Ok(Hold::Lost),
            }
        })
        .await
    }

    async fn release(&self, claim: &Claim) -> Result<Hold, StoreError> {
        let (key, owner) = (claim.key, claim.owner);
        let released = self.change(Survives::Process, move |desk| entered::release(desk, key, owner)).await?;
        Ok(if released { Hold::Held } else { Hold::Lost })
    }

    async fn look_up(&self, key: RecordKey) -> Result<Option<Entry>, StoreError> {
        let (answer, waiting) = oneshot::channel();
        self.inner.readers.send(Box::new(move |db, clock| {
            let now = clock.now();
            let found = Found::find(db, key).map(|found| found.filter(|found| !found.is_over(now)));
            drop(answer.send(found.map(|found| found.map(|found| found.into_entry(now)))));
        }));
        self.answered(waiting).await
    }

    /// Of a claim without its last sign of life: a row does not keep how long its lease was.
    async fn inspect(&self, key: RecordKey) -> Result<Option<(Entry, Option<Age>)>, StoreError> {
        let (answer, waiting) = oneshot::channel();
        self.inner.readers.send(Box::new(move |db, clock| {
            let now = clock.now();
            let found = Found::find(db, key).map(|found| found.filter(|found| !found.is_over(now)));
            drop(answer.send(found.map(|found| found.map(|found| found.into_entry_with_age(now)))));
        }));
        self.answered(waiting).await
    }

    async fn reopen(&self, claim: &Claim, seen: &Record) -> Result<Hold, StoreError> {
        let (claim, seen) = (*claim, seen.clone());
        self.change(Survives::Machine, move |desk| {
            let now = desk.clock.now();
            match Found::find(&desk.db, claim.key)?.filter(|found| !found.is_over(now)) {
                Some(found) if found.is_claim_of(claim.owner) => Ok(Hold::Held),
                Some(found) if found.is_record(&seen) => {
                    found.replace(&desk.db, &claim, seen.attempt.saturating_add(1), now).map(|()| Hold::Held)
                }
                _ => Ok(Hold::Lost),
            }
        })
        .await
    }

    async fn sweep(&self) -> Result<u64, StoreError> {
        Self::sweep(self).await
    }

    fn transactional(&self) -> Option<Transactional<'_>> {
        Some(Transactional::of(self))
    }
}

fn survives(claim: &Claim) -> Survives {
    if claim.outlives_a_crash { Survives::Machine } else { Survives::Process }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.inner.path).finish_non_exhaustive()
    }
}
