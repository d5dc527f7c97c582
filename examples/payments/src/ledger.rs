//! What was really charged: the effect that must not happen twice.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use idem_runtime::rusqlite::{self, Connection, OptionalExtension as _, Row};
use parking_lot::Mutex;
use serde::Serialize;
use thiserror::Error;

use crate::demo;

/// One charge.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Payment {
    /// Its number, from 1.
    pub(crate) id: u64,
    /// What it was for.
    pub(crate) order: String,
    /// In the currency's smallest unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) amount: Option<NonZeroU64>,
    /// Which attempt of its request made it.
    pub(crate) attempt: u32,
}

/// Why nothing was charged, or shown.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Books(#[from] rusqlite::Error),
    #[error(transparent)]
    Unwell(#[from] demo::Unwell),
}

/// The simulated provider, and what it has charged. Its books are a database of its own: what a provider does is in no
/// transaction of ours.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    books: Arc<Mutex<Connection>>,
    delay: Duration,
}

impl Ledger {
    /// In this file, or in memory; each charge takes `delay`.
    pub(crate) fn open(file: Option<&str>, delay: Duration) -> Result<Self, Failure> {
        let books = match file {
            Some(file) => Connection::open(file)?,
            None => Connection::open_in_memory()?,
        };
        books.busy_timeout(Duration::from_secs(5))?;
        books.execute_batch(
            "CREATE TABLE IF NOT EXISTS charges \
             (id INTEGER PRIMARY KEY, order_name TEXT NOT NULL, amount INTEGER, attempt INTEGER NOT NULL)",
        )?;
        Ok(Self { books: Arc::new(Mutex::new(books)), delay })
    }

    /// Charges, and takes its time.
    pub(crate) async fn charge(
        &self,
        order: String,
        amount: Option<NonZeroU64>,
        attempt: u32,
    ) -> Result<Payment, Failure> {
        demo::meet(self.delay).await?;
        self.ask(move |books| {
            books.query_row(
                "INSERT INTO charges (order_name, amount, attempt) VALUES (?1, ?2, ?3) RETURNING *",
                (order, amount.and_then(|amount| i64::try_from(amount.get()).ok()), attempt),
                payment,
            )
        })
        .await
    }

    /// All charges.
    pub(crate) async fn all(&self) -> Result<Vec<Payment>, Failure> {
        self.ask(|books| books.prepare_cached("SELECT * FROM charges ORDER BY id")?.query_map([], payment)?.collect())
            .await
    }

    /// How many there are after this one, and the latest of them, `most` at most, the newest first.
    pub(crate) async fn since(&self, id: u64, most: u32) -> Result<(u64, Vec<Payment>), Failure> {
        let id = number(id);
        self.ask(move |books| {
            let mut count = books.prepare_cached("SELECT count(*) FROM charges WHERE id > ?1")?;
            let count: i64 = count.query_row([id], |row| row.get(0))?;
            let mut latest = books.prepare_cached("SELECT * FROM charges WHERE id > ?1 ORDER BY id DESC LIMIT ?2")?;
            let latest = latest.query_map((id, most), payment)?.collect::<Result<_, _>>()?;
            Ok((count.unsigned_abs(), latest))
        })
        .await
    }

    /// The number of the last one; 0 if there is none.
    pub(crate) async fn last(&self) -> Result<u64, Failure> {
        let last: Option<i64> =
            self.ask(|books| books.query_row("SELECT max(id) FROM charges", [], |row| row.get(0))).await?;
        Ok(last.map_or(0, i64::unsigned_abs))
    }

    /// One charge.
    pub(crate) async fn find(&self, id: u64) -> Result<Option<Payment>, Failure> {
        self.ask(move |books| books.query_row("SELECT * FROM charges WHERE id = ?1", [number(id)], payment).optional())
            .await
    }

    /// SQLite waits for the disk, and that must not keep a thread of the server's from other requests.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Failure> {
        let books = Arc::clone(&self.books);
        let answer = tokio::task::spawn_blocking(move || question(&books.lock())).await;
        Ok(answer.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?)
    }
}

/// As SQLite counts.
fn number(id: u64) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}

fn payment(row: &Row<'_>) -> rusqlite::Result<Payment> {
    let (id, amount): (i64, Option<i64>) = (row.get(0)?, row.get(2)?);
    Ok(Payment {
        id: id.unsigned_abs(),
        order: row.get(1)?,
        amount: amount.and_then(|amount| NonZeroU64::new(amount.unsigned_abs())),
        attempt: row.get(3)?,
    })
}
