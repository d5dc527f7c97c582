//! A million records end while requests come in: how long the longest of them is held up.

use std::time::{Duration, Instant};

use idem_benches::Table;
use idem_runtime::store::{MemoryStore, SqliteStore, Store};

use super::{TTL, fill, record_for};

const RECORDS: u64 = 1_000_000;

/// How a store is asked.
#[derive(Clone, Copy)]
struct Manner {
    /// How many tasks record the million.
    tasks: usize,
    /// How long the records live that end: longer than it takes to make them.
    ttl: Duration,
    /// No more requests than this are made while they go, in steps.
    most: usize,
    step: usize,
}

const IN_MEMORY: Manner = Manner { tasks: 2, ttl: Duration::from_secs(10), most: 2_000_000, step: 50_000 };
/// Each request waits for the disk twice, so there are fewer.
const IN_SQLITE: Manner = Manner { tasks: 128, ttl: Duration::from_secs(60), most: 40_000, step: 10_000 };

/// The table.
pub(super) async fn table() -> Table {
    let mut table =
        Table::new(&["store", "meanwhile", "requests", "median", "99.99 of 100 within", "longest", "removed"]);
    let bound = usize::MAX;
    for (meanwhile, ttl) in [("nothing ends", TTL), ("a million records end", IN_MEMORY.ttl)] {
        let store = MemoryStore::with_capacity_bytes(bound);
        let left = async || store.len() as u64;
        serve(&mut table, "memory", meanwhile, &store, ttl, IN_MEMORY, left).await;
    }
    for (meanwhile, ttl) in [("nothing ends", TTL), ("a million records end", IN_SQLITE.ttl)] {
        let folder = tempfile::TempDir::new().expect("a folder");
        let builder = SqliteStore::builder(folder.path().join("store.db"));
        let store = builder.response_timeout(Duration::from_secs(20)).open().expect("sqlite");
        let left = async || {
            let count = "SELECT count(*) FROM idem_records";
            let rows: i64 = store.read(move |db| db.query_row(count, [], |row| row.get(0))).await.expect("a count");
            rows.unsigned_abs()
        };
        serve(&mut table, "SQLite", meanwhile, &store, ttl, IN_SQLITE, left).await;
    }
    table
}

/// Records a million, lets them end (or not), and then makes requests one after the other until they are gone.
async fn serve<S: Store + Clone>(
    table: &mut Table,
    name: &str,
    meanwhile: &str,
    store: &S,
    ttl: Duration,
    Manner { tasks, most, step, .. }: Manner,
    left: impl AsyncFn() -> u64,
) {
    let begun = Instant::now();
    fill(store, RECORDS, tasks, ttl).await;
    assert!(begun.elapsed() < ttl, "the first ones have ended before the last one was there");
    if ttl != TTL {
        tokio::time::sleep(ttl).await;
    }
    let before = left().await;
    let mut took = Vec::with_capacity(most);
    let mut after = before;
    // In steps, because counting is no part of a request.
    while took.len() < most {
        let live = took.len() as u64;
        // Where nothing ends, as many requests are made as there would be records to remove.
        if (ttl != TTL && after <= live + RECORDS / 100) || (ttl == TTL && live >= RECORDS / 4) {
            break;
        }
        for _ in 0..step {
            let start = Instant::now();
            record_for(store, TTL).await;
            took.push(start.elapsed());
        }
        after = left().await;
    }
    let removed = (before + took.len() as u64).saturating_sub(after);
    took.sort_unstable();
    let at = |part: f64| {
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank"
        )]
        let rank = (took.len() as f64 * part) as usize;
        format!("{:.1} us", took[rank.min(took.len() - 1)].as_secs_f64() * 1e6)
    };
    table.row(&[
        name.to_owned(),
        meanwhile.to_owned(),
        took.len().to_string(),
        at(0.5),
        at(0.9999),
        at(1.0),
        removed.to_string(),
    ]);
}
