//! Claim, the handler's writes and the record in one transaction.

use std::future::Future;
use std::time::Duration;

use sqlx::postgres::PgRow;
use sqlx::{Postgres, Row as _};
use tokio::time::{Instant, timeout_at};

use super::calls::{Parameters, Repeat};
use super::fault::{Fault, unexpected};
use super::row::{FORMAT, Stored};
use super::sql::safe;
use super::{PostgresStore, number};
use crate::digest::RecordKey;
use crate::store::{
    Begun, Claim, Committed, Entry, OwnerToken, Recording, StoreError, TransactionalStore, Writes, span,
};

/// An open transaction of `sqlx`, on a connection of the store's.
pub type SqlxTransaction = sqlx::Transaction<'static, Postgres>;

/// Read committed, whatever the default is: after the lock was taken, the record has to be seen as it is then.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// A server that has been started anew leaves this many dead connections at the most that are worth a try.
const MOST_DEAD: usize = 64;

impl TransactionalStore for PostgresStore {
    type Transaction = SqlxTransaction;

    async fn begin(&self, claim: &Claim, from: Option<OwnerToken>) -> Result<Begun<SqlxTransaction>, StoreError> {
        self.sweep_now_and_then();
        let within = self.inner.response_timeout;
        let deadline = Instant::now() + within;
        let mut transaction = self.begin_plain(BEGIN, deadline).await?;
        // One round trip for both, at the price of a statement without parameters: digests and numbers are written out.
        let statement =
            safe(format!("SELECT o_answer, o_attempt FROM {}; SAVEPOINT idem_writes", self.call(claim, from)));
        let rows = in_time(deadline, sqlx::raw_sql(statement).fetch_all(&mut *transaction)).await;
        let rows = match rows {
            Ok(rows) => rows,
            Err(fault) => return Err(fault.into_store_error(within)),
        };
        let (answer, attempt) = rows.first().and_then(read).ok_or_else(unexpected)?;
        if answer == "open" {
            let attempt = u32::try_from(attempt).map_err(|_| StoreError::corrupt("its attempt is out of range"))?;
            return Ok(Begun::Open { transaction, attempt });
        }
        // At once, so that the locks that it may hold mislead nobody.
        self.roll_back(transaction).await;
        match answer.as_str() {
            "same" => Ok(Begun::InFlight { same_request: true }),
            "other" => Ok(Begun::InFlight { same_request: false }),
            "there" => self.there(claim).await,
            _ => Err(unexpected()),
        }
    }

    async fn begin_unguarded(&self, lease: Duration) -> Result<SqlxTransaction, StoreError> {
        let deadline = Instant::now() + self.inner.response_timeout;
        let lease = span::millis(lease);
        let mut begin = format!("{BEGIN}; SET LOCAL idle_in_transaction_session_timeout = {lease}");
        if self.inner.sets_timeouts {
            begin.push_str(&format!("; SET LOCAL statement_timeout = {lease}; SET LOCAL lock_timeout = {lease}"));
        }
        self.begin_plain(&begin, deadline).await
    }

    async fn commit(
        &self,
        mut transaction: SqlxTransaction,
        writes: Writes,
        recording: Option<Recording<'_>>,
    ) -> Result<Committed, StoreError> {
        let within = self.inner.response_timeout;
        let deadline = Instant::now() + within;
        // Until the commit is sent, whatever goes wrong means that nothing is left.
        if let Err(fault) = self.prepare_commit(&mut transaction, writes, recording, deadline).await {
            let error = fault.into_store_error(within);
            tracing::warn!(%error, "a transaction cannot be committed");
            self.roll_back(transaction).await;
            return Ok(Committed::No);
        }
        match in_time(deadline, transaction.commit()).await {
            Ok(()) => Ok(Committed::Yes),
            // Refused, by a deferred constraint for instance. A server that goes down may say so after the commit.
            Err(fault) if fault.is_refusal() => Ok(Committed::No),
            Err(fault) => Err(fault.into_store_error(within)),
        }
    }

    async fn roll_back(&self, transaction: SqlxTransaction) {
        let deadline = Instant::now() + self.inner.response_timeout;
        // If it cannot be told to the server, the connection is given up, and with it the transaction.
        let _ = in_time(deadline, transaction.rollback()).await;
    }

    async fn was_committed(&self, claim: &Claim) -> Result<bool, StoreError> {
        let parameters = || {
            Parameters::new()
                .with(claim.key.as_bytes())
                .with(self.lock(claim.key, b""))
                .with(claim.owner.bits().to_be_bytes())
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
    async fn begin_plain(&self, statement: &str, deadline: Instant) -> Result<SqlxTransaction, StoreError> {
        let within = self.inner.response_timeout;
        for _ in 0..MOST_DEAD {
            let begin = self.inner.transactions.begin_with(safe(statement.to_owned()));
            match in_time(deadline, begin).await {
                Err(fault) if fault.is_lost_connection() && Instant::now() < deadline => {}
                begun => return begun.map_err(|fault| fault.into_store_error(within)),
            }
        }
        Err(Fault::Late.into_store_error(within))
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

    async fn prepare_commit(
        &self,
        transaction: &mut SqlxTransaction,
        writes: Writes,
        recording: Option<Recording<'_>>,
        deadline: Instant,
    ) -> Result<(), Fault> {
        if writes == Writes::Discard {
            let undo = sqlx::raw_sql("ROLLBACK TO SAVEPOINT idem_writes").execute(&mut **transaction);
            in_time(deadline, undo).await?;
        }
        let Some(Recording { claim, attempt, outcome }) = recording else { return Ok(()) };
        let record = Stored::done(claim, attempt, outcome).map_err(|_| Fault::TooLarge)?;
        let parameters = Parameters::new()
            .with(claim.key.as_bytes())
            .with(FORMAT)
            .with(record.owner.bits().to_be_bytes())
            .with(record.fingerprint.as_bytes())
            .with(i64::from(record.attempt))
            .with(record.digest(claim.key))
            .with(number(record.ttl))
            .with(&*record.outcome.head)
            .with(&*record.outcome.body)
            .ready()?;
        let query = sqlx::query_with(self.inner.statements.record.clone(), parameters);
        let row = in_time(deadline, query.fetch_one(&mut **transaction)).await?;
        match row.try_get::<bool, _>(0)? {
            true => Ok(()),
            false => Err(Fault::HandlersTransaction),
        }
    }

    fn call(&self, claim: &Claim, from: Option<OwnerToken>) -> String {
        let bytes = |bytes: &[u8]| format!("'\\x{}'::bytea", hex(bytes));
        let lease = span::millis(claim.lease);
        let from = from.map_or_else(|| "NULL".to_owned(), |from| bytes(&from.bits().to_be_bytes()));
        let statement = if self.inner.sets_timeouts { format!("'{lease}'") } else { "NULL".to_owned() };
        format!(
            "{}({}, {}, {}, {}, {from}, '{lease}', {statement})",
            self.inner.statements.begin,
            bytes(claim.key.as_bytes()),
            self.lock(claim.key, b""),
            self.lock(claim.key, claim.fingerprint.as_bytes()),
            bytes(&claim.owner.bits().to_be_bytes()),
        )
    }

    /// The number of an advisory lock. All applications of a database share these numbers, so they have to look random;
    /// two keys that meet in one all the same are told to come back later.
    fn lock(&self, key: RecordKey, fingerprint: &[u8]) -> i64 {
        let mut hasher = blake3::Hasher::new_derive_key("idem postgres advisory lock v1");
        hasher.update(self.inner.statements.begin.as_bytes()).update(key.as_bytes()).update(fingerprint);
        let [a, b, c, d, e, f, g, h, ..] = *hasher.finalize().as_bytes();
        i64::from_be_bytes([a, b, c, d, e, f, g, h])
    }
}

async fn in_time<T>(deadline: Instant, call: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, Fault> {
    match timeout_at(deadline, call).await {
        Ok(result) => result.map_err(Fault::from),
        Err(_) => Err(Fault::Late),
    }
}

fn read(row: &PgRow) -> Option<(String, i64)> {
    Some((row.try_get(0).ok()?, row.try_get(1).ok()?))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
