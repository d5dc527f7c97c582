//! Claim, the handler's writes and the record in one transaction.

use std::future::Future;
use std::time::Duration;

use data_encoding::HEXLOWER;
use sqlx::postgres::PgRow;
use sqlx::{Postgres, Row as _};
use tokio::time::{Instant, timeout_at};

use super::PostgresStore;
use super::calls::{Parameters, Repeat};
use super::fault::{Fault, unexpected};
use super::parked::BEGIN;
use super::sql::safe;
use crate::digest::RecordKey;
use crate::store::stored::{FORMAT, Stored};
use crate::store::{
    Begun, Claim, Committed, Entry, OwnerToken, Recording, StoreError, TransactionalStore, Writes, span,
};

/// An open transaction of `sqlx`, on a connection of the store's.
pub type SqlxTransaction = sqlx::Transaction<'static, Postgres>;

/// Behind this, the handler writes. That it is still there at the end says that the transaction is still the same.
const SAVEPOINT: &str = "SAVEPOINT idem_writes";

/// The lease of most routes: what the store's own connections have as their timeouts, so that it need not be said.
pub(super) const USUAL_LEASE: Duration = Duration::from_secs(30);

/// A server that has been started anew leaves this many dead connections at the most that are worth a try.
const MOST_DEAD: usize = 64;

impl TransactionalStore for PostgresStore {
    type Transaction = SqlxTransaction;

    async fn begin(&self, claim: &Claim, from: Option<OwnerToken>) -> Result<Begun<SqlxTransaction>, StoreError> {
        self.sweep_now_and_then();
        let within = self.inner.response_timeout;
        let deadline = Instant::now() + within;
        // One round trip for all, at the price of parameters: digests and numbers are written out.
        let statement = format!("SELECT {}; {}{SAVEPOINT}", self.begin_call(claim, from), self.timeouts(claim.lease));
        let (transaction, rows) = self.open(&statement, deadline).await?;
        let answer: i64 = rows.first().and_then(|row| row.try_get(0).ok()).ok_or_else(unexpected)?;
        if let Ok(attempt) = u32::try_from(answer) {
            return Ok(Begun::Open { transaction, attempt, leased: false });
        }
        // At once, so that the locks that it may hold mislead nobody.
        self.end_unused(transaction, deadline).await;
        match answer {
            -1 => Ok(Begun::InFlight { same_request: true }),
            -2 => Ok(Begun::InFlight { same_request: false }),
            -3 => Box::pin(self.there(claim)).await,
            _ => Err(unexpected()),
        }
    }

    async fn begin_unguarded(&self, lease: Duration) -> Result<SqlxTransaction, StoreError> {
        let deadline = Instant::now() + self.inner.response_timeout;
        let statement = format!("{}{SAVEPOINT}", self.timeouts(lease));
        self.open(&statement, deadline).await.map(|(transaction, _)| transaction)
    }

    async fn commit(
        &self,
        mut transaction: SqlxTransaction,
        writes: Writes,
        recording: Option<Recording<'_>>,
    ) -> Result<Committed, StoreError> {
        let within = self.inner.response_timeout;
        let deadline = Instant::now() + within;
        let writes = match writes {
            Writes::Keep => "RELEASE",
            Writes::Discard => "ROLLBACK TO",
        };
        let record = match recording.map(|recording| self.record_call(recording)).transpose() {
            Ok(call) => call.map_or_else(String::new, |call| format!("SELECT {call}; ")),
            Err(error) => {
                tracing::warn!(%error, "a transaction cannot be committed");
                self.roll_back(transaction).await;
                return Ok(Committed::No);
            }
        };
        // In one round trip: the first statement that fails keeps the server from those behind it. Chained to an empty
        // transaction, which is what sqlx believes to be in. The savepoint has kept whatever the handler may have set for
        // its own transaction, read-only for instance, from those that follow.
        let end = format!("{writes} {SAVEPOINT}; {record}COMMIT AND CHAIN");
        match in_time(deadline, sqlx::raw_sql(safe(end)).execute(&mut *transaction)).await {
            Ok(_) => {
                self.park(transaction);
                Ok(Committed::Yes)
            }
            // A server that goes down may say so after the commit; every other refusal comes before it.
            Err(fault) if fault.is_refusal() => {
                let error = fault.into_store_error(within);
                tracing::warn!(%error, "a transaction could not be committed");
                Ok(Committed::No)
            }
            Err(fault) => Err(fault.into_store_error(within)),
        }
    }

    async fn roll_back(&self, transaction: SqlxTransaction) {
        let deadline = Instant::now() + self.inner.response_timeout;
        // If it cannot be told to the server, the connection is given up, and with it the transaction.
        let _ = in_time(deadline, transaction.rollback()).await;
    }

    async fn was_committed(&self, claim: &Claim) -> Result<bool, StoreError> {
        // Of the two locks that the transaction holds, the one for its request: a retry that comes at this moment is told
        // that the request runs, and not that another one does.
        let (near, what) = (half(self.lock(claim.key, b"")), self.what(claim));
        let parameters = || {
            Parameters::new().with(claim.key.as_bytes()).with(near).with(what).with(claim.owner.bits().to_be_bytes())
        };
        let row = self.ask(&self.inner.statements.ended, Repeat::Harmless, parameters).await?;
        let ended: Option<bool> = row.ok_or_else(unexpected)?.try_get(0).map_err(|_| unexpected())?;
        ended.ok_or_else(|| StoreError::Unavailable {
            reason: "the transaction has not ended yet".to_owned(),
            source: None,
        })
    }
}

impl PostgresStore {
    /// Begins a transaction with `statement`, on one that is open already if there is any.
    async fn open(&self, statement: &str, deadline: Instant) -> Result<(SqlxTransaction, Vec<PgRow>), StoreError> {
        let within = self.inner.response_timeout;
        for _ in 0..MOST_DEAD {
            let begun = match &self.inner.spare {
                Some(spare) => in_time(deadline, spare.transactions.take()).await,
                // What sqlx needs for that takes 17 KB, which no other request is to carry.
                None => Box::pin(in_time(deadline, self.inner.transactions.begin_with(BEGIN))).await,
            };
            let opened = match begun {
                Ok(mut transaction) => {
                    let rows = sqlx::raw_sql(safe(statement.to_owned())).fetch_all(&mut *transaction);
                    in_time(deadline, rows).await.map(|rows| (transaction, rows))
                }
                Err(fault) => Err(fault),
            };
            match opened {
                Err(fault) if fault.is_lost_connection() && Instant::now() < deadline => {}
                opened => return opened.map_err(|fault| fault.into_store_error(within)),
            }
        }
        Err(Fault::Late.into_store_error(within))
    }

    /// Ends a transaction that no handler has seen.
    async fn end_unused(&self, mut transaction: SqlxTransaction, deadline: Instant) {
        let ended = sqlx::raw_sql("ROLLBACK AND CHAIN").execute(&mut *transaction);
        if in_time(deadline, ended).await.is_ok() {
            self.park(transaction);
        }
    }

    /// Keeps an open and empty transaction, unless its connection is one of the application's own pool.
    fn park(&self, transaction: SqlxTransaction) {
        if let Some(spare) = &self.inner.spare {
            spare.transactions.park(transaction);
        }
    }

    /// What is there instead of an open transaction.
    async fn there(&self, claim: &Claim) -> Result<Begun<SqlxTransaction>, StoreError> {
        Ok(match crate::store::Store::look_up(self, claim.key).await? {
            Some(Entry::Completed(record)) => Begun::Completed(record),
            Some(Entry::InFlight(holder)) => Begun::InFlight { same_request: holder.fingerprint == claim.fingerprint },
            Some(Entry::Abandoned(holder)) => Begun::Abandoned(holder),
            None => {
                let reason = "the entry has ended just now".to_owned();
                return Err(StoreError::Unavailable { reason, source: None });
            }
        })
    }

    /// How long the handler may leave its transaction alone, and how long one of its statements may take.
    fn timeouts(&self, lease: Duration) -> String {
        let millis = span::millis(lease).min(i32::MAX.unsigned_abs().into());
        match self.inner.sets_timeouts {
            true if lease == USUAL_LEASE => String::new(),
            true => timeouts_of_ours(millis, "LOCAL"),
            false => format!("SET LOCAL idle_in_transaction_session_timeout = {millis}; "),
        }
    }

    fn begin_call(&self, claim: &Claim, from: Option<OwnerToken>) -> String {
        let lock = self.lock(claim.key, b"");
        let (near, what) = (half(lock), self.what(claim));
        format!(
            "{}({}, {lock}, {near}, {what}, {}, {})",
            self.inner.statements.begin,
            bytes(claim.key.as_bytes()),
            bytes(&claim.owner.bits().to_be_bytes()),
            from.map_or_else(|| "NULL".to_owned(), |from| bytes(&from.bits().to_be_bytes())),
        )
    }

    fn record_call(&self, recording: Recording<'_>) -> Result<String, StoreError> {
        let Recording { claim, attempt, outcome } = recording;
        let record = Stored::done(claim, attempt, outcome)?;
        Ok(format!(
            "{}({}, {FORMAT}::smallint, {}, {}, {attempt}, {}, {}, {}, {})",
            self.inner.statements.record,
            bytes(claim.key.as_bytes()),
            bytes(&record.owner.bits().to_be_bytes()),
            bytes(record.fingerprint.as_bytes()),
            bytes(&record.digest(claim.key)),
            record.ttl,
            bytes(&record.outcome.head),
            bytes(&record.outcome.body),
        ))
    }

    /// The number of an advisory lock. All applications of a database share these numbers, so they have to look random;
    /// two keys that meet in one all the same are told to come back later.
    fn lock(&self, key: RecordKey, fingerprint: &[u8]) -> i64 {
        let mut hasher = blake3::Hasher::new_derive_key("idem postgres advisory lock v1");
        hasher.update(self.inner.statements.begin.as_bytes()).update(key.as_bytes()).update(fingerprint);
        let [a, b, c, d, e, f, g, h, ..] = *hasher.finalize().as_bytes();
        i64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    /// The second number of a request's lock. The first is half of its key's, and so the same for all requests under one key:
    /// those that are held by others can be told from those of other keys.
    fn what(&self, claim: &Claim) -> i32 {
        half(self.lock(claim.key, claim.fingerprint.as_bytes()))
    }
}

fn half(lock: i64) -> i32 {
    let [a, b, c, d, ..] = lock.to_be_bytes();
    i32::from_be_bytes([a, b, c, d])
}

async fn in_time<T>(deadline: Instant, call: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, Fault> {
    match timeout_at(deadline, call).await {
        Ok(result) => result.map_err(Fault::from),
        Err(_) => Err(Fault::Late),
    }
}

/// What a connection of the store's own gets, or a transaction on it.
pub(super) fn timeouts_of_ours(millis: u64, how: &str) -> String {
    ["idle_in_transaction_session_timeout", "statement_timeout", "lock_timeout"]
        .map(|setting| format!("SET {how} {setting} = {millis}; "))
        .concat()
}

/// With `E`: there, what a backslash means does not depend on a setting.
fn bytes(bytes: &[u8]) -> String {
    format!(r"E'\\x{}'", HEXLOWER.encode(bytes))
}
