//! What a record takes, and how long a claim takes, as the store fills: from a thousand live keys to ten million in memory,
//! and to a million elsewhere. What a million records that end at once do to those who come meanwhile, and what ten thousand
//! take who wait for one.
//!
//! `cargo run --release -p idem-benches --bin growth` prints the tables and writes them to `benches/GROWTH.md`. It needs
//! 10 GiB of memory and some ten minutes, and starts its own `redis-server` and PostgreSQL, which have to be installed.

mod expiry;
mod plain;
mod waiters;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use idem_benches::{Table, machine, median};
use idem_runtime::store::{
    Claim, ClaimOutcome, Hold, MemoryStore, Outcome, OwnerToken, PostgresStore, RedisStore, SqliteStore, Store,
};
use idem_runtime::{Fingerprint, RecordKey};
use idem_tests::postgres_server::PostgresServer;
use idem_tests::redis_server::RedisServer;
use tokio::task::JoinSet;

const BODY: usize = 200;
const PAYLOAD: usize = HEAD.len() + BODY;
const HEAD: &[u8] = b"v1 kept\nHTTP/1.1 201 Created\r\ncontent-type: application/json\r\n\r\n";
/// Longer than this program takes.
const TTL: Duration = Duration::from_secs(36_000);
const ELSEWHERE: [u64; 4] = [1_000, 10_000, 100_000, 1_000_000];

#[tokio::main]
async fn main() -> ExitCode {
    // First, while the process has no memory of others to reuse.
    let waiters = waiters::table().await;
    let mut table = Table::new(&["store", "live records", "claim", "against 1,000", "replay", "bytes a record"]);
    in_memory(&mut table).await;
    plain::table(&mut table);
    in_redis(&mut table).await;
    in_sqlite(&mut table).await;
    in_postgres(&mut table).await;
    let expiry = expiry::table().await;
    let text = format!(
        "# As a store fills\n\nRecords with {BODY} B of body and {} B of head, under random keys. {}. A claim of a key that is \
         new, and a replay, by one task: medians of 21 batches. Bytes: what the process, the server or the file has grown by, \
         for each record.\n\n{}\nIn memory, a replay of one key takes as long among ten million records as among a thousand. \
         What grows is the claim of a new key: where it goes is in no cache of the processor any more. That is so for any table \
         of that size: the plain one is 256 of hashbrown's tables, each behind a lock, of 24 bytes an entry, with \
         the time read once for each claim and nothing else done.\n\n## A million records end\n\n\
         Requests that come meanwhile, one after the other: each a claim and its record. They remove what has ended, little by \
         little.\n\n{}\n## Ten thousand wait for one\n\n\
         Duplicates of a request that still runs, in memory, with `in_flight = \"wait:5m\"`. Bytes: of the whole request, \
         as the router has it.\n\n{}",
        HEAD.len(),
        machine(),
        table.as_str(),
        expiry.as_str(),
        waiters.as_str()
    );
    print(&text);
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("GROWTH.md");
    if std::fs::write(file, &text).is_err() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

#[allow(clippy::print_stdout, reason = "the table is this program's output")]
fn print(text: &str) {
    print!("{text}");
}

fn claim() -> Claim {
    claim_for(TTL)
}

fn claim_for(ttl: Duration) -> Claim {
    Claim {
        key: RecordKey::from_bytes(rand::random()),
        owner: OwnerToken::random(),
        fingerprint: Fingerprint::from_bytes([7; 32]),
        lease: Duration::from_secs(30),
        ttl,
        outlives_a_crash: false,
    }
}

fn outcome() -> Outcome {
    // Bytes of its own, as an answer has.
    Outcome { head: Bytes::copy_from_slice(HEAD), body: Bytes::from(vec![b'x'; BODY]) }
}

async fn record(store: &impl Store) -> Claim {
    record_for(store, TTL).await
}

async fn record_for(store: &impl Store, ttl: Duration) -> Claim {
    let claim = claim_for(ttl);
    let claimed = store.claim(&claim).await;
    assert!(matches!(claimed, Ok(ClaimOutcome::Claimed { .. })), "{claimed:?}");
    let completed = store.complete(&claim, 1, &outcome()).await;
    assert!(matches!(completed, Ok(Hold::Held)), "{completed:?}");
    claim
}

/// Fills the store with so many records more, by so many tasks.
async fn fill<S: Store + Clone>(store: &S, more: u64, tasks: usize, ttl: Duration) {
    let left = Arc::new(AtomicU64::new(more));
    let mut set = JoinSet::new();
    for _ in 0..tasks {
        let (store, left) = (store.clone(), Arc::clone(&left));
        set.spawn(async move {
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
                record_for(&store, ttl).await;
            }
        });
    }
    set.join_all().await;
}

/// How long one claim takes of a new key, and one of a finished one, in microseconds. All that is claimed is released.
async fn latencies(store: &impl Store, batch: u32) -> (f64, f64) {
    let finished = record(store).await;
    let (mut claims, mut replays) = (Vec::new(), Vec::new());
    for _ in 0..21 {
        let new: Vec<Claim> = (0..batch).map(|_| claim()).collect();
        let start = Instant::now();
        for claim in &new {
            let claimed = store.claim(claim).await;
            assert!(matches!(claimed, Ok(ClaimOutcome::Claimed { .. })), "{claimed:?}");
        }
        claims.push(start.elapsed().as_secs_f64() * 1e6 / f64::from(batch));
        for claim in &new {
            assert!(matches!(store.release(claim).await, Ok(Hold::Held)));
        }
        let start = Instant::now();
        for _ in 0..batch {
            let again = Claim { owner: OwnerToken::random(), ..finished };
            let answer = store.claim(&again).await;
            assert!(matches!(answer, Ok(ClaimOutcome::Completed(_))), "{answer:?}");
        }
        replays.push(start.elapsed().as_secs_f64() * 1e6 / f64::from(batch));
    }
    (median(claims), median(replays))
}

/// One way of growing.
struct Growth<'a, S> {
    store: &'a S,
    name: &'a str,
    sizes: &'a [u64],
    tasks: usize,
    batch: u32,
}

impl<S: Store + Clone> Growth<'_, S> {
    async fn run(&self, table: &mut Table, size: impl AsyncFn() -> u64) {
        let Self { store, name, sizes, tasks, batch } = self;
        let empty = size().await;
        let (mut there, mut first) = (0, None);
        for live in *sizes {
            fill(*store, live - there, *tasks, TTL).await;
            there = *live;
            let grown = size().await.saturating_sub(empty);
            let (claim, replay) = latencies(*store, *batch).await;
            let first = *first.get_or_insert(claim);
            table.row(&[
                (*name).to_owned(),
                live.to_string(),
                format!("{claim:.2} us"),
                format!("{:.2}", claim / first),
                format!("{replay:.2} us"),
                // Below that, it is what a page or an arena takes.
                if *live < 100_000 {
                    String::new()
                } else {
                    format!("payload + {}", (grown / live).saturating_sub(PAYLOAD as u64))
                },
            ]);
        }
    }
}

async fn in_memory(table: &mut Table) {
    let store = MemoryStore::with_capacity_bytes(usize::MAX);
    let sizes = [1_000, 10_000, 100_000, 1_000_000, 10_000_000];
    let growth = Growth { store: &store, name: "memory", sizes: &sizes, tasks: 2, batch: 1_000 };
    growth.run(table, async || resident()).await;
}

/// What this process has in memory.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<u64>().map_or(0, |kib| kib * 1024)
}

async fn in_redis(table: &mut Table) {
    let options = ["--save", "", "--appendonly", "no"];
    for (name, server) in
        [("Redis 7.0", RedisServer::with(&options).await), ("Valkey 9.1", RedisServer::newer("valkey", &options).await)]
    {
        let store =
            RedisStore::builder(server.url()).response_timeout(Duration::from_secs(5)).connect().await.expect("redis");
        let growth = Growth { store: &store, name, sizes: &ELSEWHERE, tasks: 128, batch: 100 };
        growth
            .run(table, async || {
                let info: String = server.command(&["INFO", "memory"]).await;
                let used = info.lines().find_map(|line| line.strip_prefix("used_memory:")).unwrap_or_default();
                used.trim().parse().unwrap_or(0)
            })
            .await;
    }
}

async fn in_sqlite(table: &mut Table) {
    let folder = tempfile::TempDir::new().expect("a folder");
    let file = folder.path().join("store.db");
    let store = SqliteStore::builder(&file).response_timeout(Duration::from_secs(20)).open().expect("sqlite");
    let growth = Growth { store: &store, name: "SQLite", sizes: &ELSEWHERE, tasks: 128, batch: 100 };
    growth
        .run(table, async || {
            let pages = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
            let bytes: i64 = store.read(move |db| db.query_row(pages, [], |row| row.get(0))).await.expect("pages");
            bytes.unsigned_abs()
        })
        .await;
}

async fn in_postgres(table: &mut Table) {
    let server = PostgresServer::with(&["max_connections=100"]).await;
    let builder = PostgresStore::builder(server.url()).max_connections(32).response_timeout(Duration::from_secs(20));
    builder.migrate().await.expect("tables");
    let store = builder.connect().await.expect("postgres");
    let growth = Growth { store: &store, name: "PostgreSQL 15", sizes: &ELSEWHERE, tasks: 64, batch: 20 };
    growth
        .run(table, async || {
            let row = server.row("SELECT pg_total_relation_size('idem.records')").await;
            sqlx::Row::get::<i64, _>(&row, 0).unsigned_abs()
        })
        .await;
}
