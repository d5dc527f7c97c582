//! The effect, and its record, in one commit.

use std::time::Duration;

use idem_runtime::rusqlite::{self, Connection, OptionalExtension as _};
use idem_runtime::store::SqliteError;
use idem_runtime::{
    Done, Idempotency, Job, JobError, JobRefusal, NoTransactions, SqliteStore, SqliteTransaction, SqliteTransactions,
};
use serde::{Deserialize, Serialize};

use crate::message::{Malformed, Message, Payment};

/// How messages are guarded. The records are kept for longer than any broker keeps a message, dead letters included.
pub const BOOK: Job = Job::new("book", Duration::from_secs(30 * 24 * 3600));

/// What a message came to. It is recorded: a later release has to be able to read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The booking's number.
    pub booking: i64,
    /// What the account holds since then, in cents.
    pub balance: i64,
}

/// Why a message was not booked, this time.
#[derive(Debug, thiserror::Error)]
pub enum NotBooked {
    /// Its content is no payment.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It was refused: the key, the store, or somebody else who is at it.
    #[error(transparent)]
    Refused(#[from] JobRefusal),
    /// The account does not hold as much. It may, later.
    #[error("the account holds less than is to be paid out")]
    Uncovered,
    /// The file cannot be written to at the moment.
    #[error("the ledger cannot be written")]
    Ledger(#[from] SqliteError),
    /// The work panicked.
    #[error("the work panicked")]
    Panicked,
}

/// Books payments into a ledger.
#[derive(Clone, Debug)]
pub struct Books {
    transactions: SqliteTransactions,
    job: Job,
    scope: String,
}

/// Why there are no books to write to.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The records are kept in another store than SQLite.
    #[error(transparent)]
    NoTransactions(#[from] NoTransactions),
    /// The tables could not be made.
    #[error("the ledger's tables cannot be made")]
    Tables(#[from] SqliteError),
}

impl Books {
    /// Makes the tables that are missing in the database of `store`. `idempotency` guards with that store, or with something
    /// in front of it.
    ///
    /// `scope` is whose ids they are: the queue's or the tenant's name. `lease` is how long a message waits for a consumer
    /// that died with it; 100 ms to 1 h.
    ///
    /// # Errors
    /// When the tables cannot be made, or `idempotency` guards with a store that has no transactions in SQLite.
    ///
    /// # Panics
    /// When the lease is out of its bounds.
    pub async fn open(
        idempotency: &Idempotency,
        store: &SqliteStore,
        scope: impl Into<String>,
        lease: Duration,
    ) -> Result<Self, OpenError> {
        let transactions = idempotency.transactions()?;
        store.write(make_tables).await?;
        Ok(Self { transactions, job: BOOK.lease(lease), scope: scope.into() })
    }

    /// Books a message, or says how it was booked before.
    ///
    /// # Errors
    /// When it was not booked now, and is not known to have been.
    pub async fn book(&self, message: &Message) -> Result<Done<Receipt>, NotBooked> {
        let payment = message.content.clone()?;
        let call = self.job.key(message.id.as_deref()).scope(&*self.scope).fingerprint(&payment);
        let entry = payment.clone();
        // A message without an id is refused before this is asked for.
        let id = message.id.clone().unwrap_or_default();
        let work = async move |mut tx: SqliteTransaction| tx.call(move |db| enter(db, &id, &entry)).await;
        let booked = self.transactions.run(call, async move |tx| match work(tx).await {
            Ok(receipt) => receipt.ok_or(NotBooked::Uncovered),
            Err(error) => Err(NotBooked::Ledger(error)),
        });
        booked.await.map_err(|error| match error {
            JobError::Failed(why) => why,
            JobError::Refused(refusal) => NotBooked::Refused(refusal),
        })
    }
}

/// No constraint keeps a message from being booked twice: that is the guard's work, and what this example shows.
fn make_tables(db: &Connection) -> rusqlite::Result<()> {
    db.execute_batch(
        "CREATE TABLE IF NOT EXISTS bookings (id INTEGER PRIMARY KEY, message TEXT NOT NULL, account TEXT NOT NULL, \
         cents INTEGER NOT NULL, balance INTEGER NOT NULL); \
         CREATE INDEX IF NOT EXISTS bookings_of_account ON bookings (account, id)",
    )
}

/// `None`: the account does not hold as much.
fn enter(db: &Connection, message: &str, payment: &Payment) -> rusqlite::Result<Option<Receipt>> {
    let mut last = db.prepare_cached("SELECT balance FROM bookings WHERE account = ?1 ORDER BY id DESC LIMIT 1")?;
    let held: i64 = last.query_row([&payment.account], |row| row.get(0)).optional()?.unwrap_or(0);
    let Some(balance) = held.checked_add(payment.cents).filter(|balance| *balance >= 0) else { return Ok(None) };
    let mut add =
        db.prepare_cached("INSERT INTO bookings (message, account, cents, balance) VALUES (?1, ?2, ?3, ?4)")?;
    add.execute((message, &payment.account, payment.cents, balance))?;
    Ok(Some(Receipt { booking: db.last_insert_rowid(), balance }))
}

/// A line of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booking {
    /// Its number, from 1.
    pub number: i64,
    /// The id of the message that it was made for.
    pub message: String,
    /// Whose balance it changed.
    pub account: String,
    /// By how much.
    pub cents: i64,
    /// What the account held then.
    pub balance: i64,
}

/// All that is booked.
///
/// # Errors
/// When the file cannot be read.
pub async fn all(store: &SqliteStore) -> Result<Vec<Booking>, SqliteError> {
    store.write(make_tables).await?;
    store
        .read(|db| {
            let mut all = db.prepare("SELECT id, message, account, cents, balance FROM bookings ORDER BY id")?;
            all.query_map([], |row| {
                let (number, message, account, cents, balance) =
                    (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?);
                Ok(Booking { number, message, account, cents, balance })
            })?
            .collect()
        })
        .await
}
