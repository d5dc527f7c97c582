//! The effect, and its record, in one commit.

use std::time::Duration;

use idem_runtime::admin::{Admin, Operation};
use idem_runtime::rusqlite::{self, Connection, OptionalExtension as _};
use idem_runtime::store::SqliteError;
use idem_runtime::{
    Done, Idempotency, Job, JobError, JobRefusal, NoTransactions, SqliteStore, SqliteTransaction, SqliteTransactions,
};
use serde::{Deserialize, Serialize};

use crate::message::{Malformed, Message, Payment};

/// How messages are guarded: with a record for as long as one can be kept. A broker may keep a message for longer: a dead
/// letter or a quorum queue's message has no end, and a new group reads a stream or a topic from its beginning. What comes then
/// is found among the bookings.
pub const BOOK: Job = Job::new(OPERATION, Duration::from_secs(366 * 24 * 3600));

const OPERATION: &str = "book";

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
    /// It was booked so long ago that its record has ended.
    #[error("it was booked before, as number {0}, and its record has ended")]
    BookedBefore(i64),
    /// Its id is that of a booking whose record has ended, and which is another one.
    #[error("the id belongs to booking {0}, which is of another content")]
    IdTaken(i64),
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
    admin: Admin,
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
        Ok(Self { transactions, job: BOOK.lease(lease), scope: scope.into(), admin: idempotency.admin() })
    }

    /// What a message is called in the log: the first 16 digits of its record's key, as in the spans of the guard. Its id stays
    /// out of there: whoever knows one can send in its name. `-`, if it has none.
    #[must_use]
    pub fn digits(&self, message: &Message) -> String {
        let Some(id) = &message.id else { return "-".to_owned() };
        let key = self.admin.key(&Operation::Job(OPERATION.to_owned()), Some(&self.scope), id);
        let mut digits = key.to_string();
        digits.truncate(16);
        digits
    }

    /// Books a message, or says how it was booked before.
    ///
    /// # Errors
    /// When it was not booked now, and is not known to have been.
    pub async fn book(&self, message: &Message) -> Result<Done<Receipt>, NotBooked> {
        let payment = message.content.clone()?;
        let call = self.job.key(message.id.as_deref()).scope(&*self.scope).fingerprint(&payment);
        let (entry, scope) = (payment.clone(), self.scope.clone());
        // A message without an id is refused before this is asked for.
        let id = message.id.clone().unwrap_or_default();
        let work = async move |mut tx: SqliteTransaction| tx.call(move |db| enter(db, &scope, &id, &entry)).await;
        let booked = self.transactions.run(call, async move |tx| match work(tx).await {
            Ok(entered) => entered,
            Err(error) => Err(NotBooked::Ledger(error)),
        });
        booked.await.map_err(|error| match error {
            JobError::Failed(why) => why,
            JobError::Refused(refusal) => NotBooked::Refused(refusal),
        })
    }
}

/// That each message is booked once is the guard's work. The constraint is for what is older than any record.
fn make_tables(db: &Connection) -> rusqlite::Result<()> {
    db.execute_batch(
        "CREATE TABLE IF NOT EXISTS bookings (id INTEGER PRIMARY KEY, scope TEXT NOT NULL, message TEXT NOT NULL, \
         account TEXT NOT NULL, cents INTEGER NOT NULL, balance INTEGER NOT NULL, UNIQUE (scope, message)); \
         CREATE INDEX IF NOT EXISTS bookings_of_account ON bookings (account, id)",
    )
}

fn enter(
    db: &Connection,
    scope: &str,
    message: &str,
    payment: &Payment,
) -> rusqlite::Result<Result<Receipt, NotBooked>> {
    // Asked for, and not only run into: whether the account is covered is no question any more.
    let mut known = db.prepare_cached("SELECT id, account, cents FROM bookings WHERE scope = ?1 AND message = ?2")?;
    let known = known.query_row((scope, message), |row| {
        Ok((row.get::<_, i64>(0)?, Payment { account: row.get(1)?, cents: row.get(2)? }))
    });
    if let Some((number, booked)) = known.optional()? {
        let why = if booked == *payment { NotBooked::BookedBefore } else { NotBooked::IdTaken };
        return Ok(Err(why(number)));
    }
    let mut last = db.prepare_cached("SELECT balance FROM bookings WHERE account = ?1 ORDER BY id DESC LIMIT 1")?;
    let held: i64 = last.query_row([&payment.account], |row| row.get(0)).optional()?.unwrap_or(0);
    let Some(balance) = held.checked_add(payment.cents).filter(|balance| *balance >= 0) else {
        return Ok(Err(NotBooked::Uncovered));
    };
    let mut add = db
        .prepare_cached("INSERT INTO bookings (scope, message, account, cents, balance) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    add.execute((scope, message, &payment.account, payment.cents, balance))?;
    Ok(Ok(Receipt { booking: db.last_insert_rowid(), balance }))
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
    store
        .read(|db| {
            let is_there = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'bookings')";
            if !db.query_row(is_there, [], |row| row.get(0))? {
                return Ok(Vec::new());
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::Decision;

    #[tokio::test]
    async fn what_is_older_than_its_record_is_not_booked_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ledger.db");
        let store = SqliteStore::open(&file).unwrap();
        let idempotency = Idempotency::new(store.clone());
        let books = Books::open(&idempotency, &store, "payments", Duration::from_secs(1)).await.unwrap();
        let message = |id: &str, cents| Message {
            id: Some(id.to_owned()),
            content: Ok(Payment { account: "ann".to_owned(), cents }),
        };
        assert_eq!(books.book(&message("p-1", 5)).await.unwrap().booking, 1);
        // It is paid out, so that the same would not be covered.
        assert_eq!(books.book(&message("p-2", -5)).await.unwrap().booking, 2);
        // More than a year later. The store lets nobody at its own table.
        assert_eq!(Connection::open(&file).unwrap().execute("DELETE FROM idem_records", ()).unwrap(), 2);

        let again = books.book(&message("p-2", -5)).await;
        assert!(matches!(again, Err(NotBooked::BookedBefore(2))), "{again:?}");
        assert_eq!(Decision::after(&again), Decision::Acknowledge);
        let another = books.book(&message("p-1", 6)).await;
        assert!(matches!(another, Err(NotBooked::IdTaken(1))), "{another:?}");
        assert!(matches!(Decision::after(&another), Decision::PutAside(reason) if reason.code == "key_reused"));
        assert_eq!(all(&store).await.unwrap().len(), 2);

        // Ids are their scope's, and another queue's are not these.
        let other = Books::open(&idempotency, &store, "refunds", Duration::from_secs(1)).await.unwrap();
        assert_eq!(other.book(&message("p-1", 5)).await.unwrap().booking, 3);
        let by_hand = "INSERT INTO bookings (scope, message, account, cents, balance) SELECT scope, message, account, \
                       cents, balance FROM bookings WHERE id = 1";
        let twice = store.write(move |db| db.execute(by_hand, ()).map(drop)).await.unwrap_err();
        assert!(format!("{twice:?}").contains("UNIQUE"), "{twice:?}");
    }
}
