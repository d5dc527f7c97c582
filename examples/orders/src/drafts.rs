//! Drafts: light, and gone by themselves if nobody commits them.
//!
//! One that has expired is as unknown as one that never was: 404, and not 410, for which something of every draft would have
//! to be remembered for ever. That begins with its deadline, and not when its row happens to be deleted. The clock is the
//! database's.

use std::time::Duration;

use idem_runtime::SqliteStore;
use idem_runtime::rusqlite::{Connection, OptionalExtension as _, Result};
use idem_runtime::store::SqliteError;
use serde::Serialize;

use crate::orders::Goods;
use crate::request::Id;

/// So many are deleted in one go: nobody else writes meanwhile.
const BATCH: usize = 100;

/// Milliseconds since 1970.
macro_rules! now {
    () => {
        "CAST(unixepoch('now', 'subsec') * 1000 AS INTEGER)"
    };
}

/// A draft.
#[derive(Debug, Serialize)]
pub(crate) struct Draft {
    pub(crate) id: Id,
    #[serde(flatten)]
    goods: Goods,
    /// When it does, committed or not.
    expires: String,
    /// The URL of the order that it has become.
    order: Option<String>,
}

/// All drafts.
#[derive(Clone, Debug)]
pub(crate) struct Drafts {
    pub(crate) store: SqliteStore,
    pub(crate) ttl: Duration,
}

/// Made if it is missing; fails if there is another one of this name.
pub(crate) fn make_table(db: &Connection) -> Result<()> {
    db.execute_batch(
        "CREATE TABLE IF NOT EXISTS drafts (
             id TEXT NOT NULL PRIMARY KEY,
             owner TEXT NOT NULL,
             item TEXT NOT NULL,
             quantity INTEGER NOT NULL CHECK (quantity > 0),
             -- Milliseconds since 1970.
             expires INTEGER NOT NULL
         ) STRICT;
         CREATE INDEX IF NOT EXISTS drafts_expires ON drafts (expires);
         SELECT id, owner, item, quantity, expires FROM drafts LIMIT 0",
    )
}

/// What is in a draft that can be committed.
pub(crate) fn goods(db: &Connection, owner: &str, id: &Id) -> Result<Option<Goods>> {
    db.prepare_cached(concat!("SELECT item, quantity FROM drafts WHERE id = ?1 AND owner = ?2 AND expires > ", now!()))?
        .query_row((id, owner), |row| Ok(Goods { item: row.get(0)?, quantity: row.get(1)? }))
        .optional()
}

impl Drafts {
    /// Makes one.
    pub(crate) async fn make(&self, owner: String, goods: Goods) -> std::result::Result<Draft, SqliteError> {
        let ttl = i64::try_from(self.ttl.as_millis()).unwrap_or(i64::MAX);
        self.store
            .write(move |db| {
                let id = Id::random();
                let expires = db
                    .prepare_cached(concat!(
                        "INSERT INTO drafts (id, owner, item, quantity, expires) VALUES (?1, ?2, ?3, ?4, ?5 + ",
                        now!(),
                        ") RETURNING strftime('%FT%R:%fZ', expires / 1000.0, 'unixepoch')"
                    ))?
                    .query_row((id, owner, &goods.item, goods.quantity, ttl), |row| row.get(0))?;
                Ok(Draft { id, goods, expires, order: None })
            })
            .await
    }

    /// One that has not expired.
    pub(crate) async fn find(&self, owner: String, id: Id) -> std::result::Result<Option<Draft>, SqliteError> {
        self.store
            .read(move |db| {
                db.prepare_cached(concat!(
                    "SELECT drafts.item, drafts.quantity, strftime('%FT%R:%fZ', drafts.expires / 1000.0, 'unixepoch'), \
                     '/v1/orders/' || orders.id \
                     FROM drafts LEFT JOIN orders ON orders.draft = drafts.id \
                     WHERE drafts.id = ?1 AND drafts.owner = ?2 AND drafts.expires > ",
                    now!()
                ))?
                .query_row((id, owner), |row| {
                    let goods = Goods { item: row.get(0)?, quantity: row.get(1)? };
                    Ok(Draft { id, goods, expires: row.get(2)?, order: row.get(3)? })
                })
                .optional()
            })
            .await
    }

    /// Deletes what has expired, now and after each pause.
    pub(crate) async fn sweep_for_ever(self, pause: Duration) {
        loop {
            match self.sweep_a_batch().await {
                Ok(BATCH..) => continue,
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "expired drafts could not be deleted"),
            }
            tokio::time::sleep(pause).await;
        }
    }

    async fn sweep_a_batch(&self) -> std::result::Result<usize, SqliteError> {
        self.store
            .write(|db| {
                db.prepare_cached(concat!(
                    "DELETE FROM drafts WHERE id IN (SELECT id FROM drafts WHERE expires <= ",
                    now!(),
                    " ORDER BY expires LIMIT ?1)"
                ))?
                .execute([BATCH as i64])
            })
            .await
    }
}
