//! Each store against its own limit: the same bytes written and read with the same client, without a guard.
//!
//! `cargo run --release -p idem-benches --bin stores [--quick] [--only STORE]` prints the tables and writes them to `benches/STORES.md`.
//! It starts its own `redis-server` and PostgreSQL, which have to be installed.

mod sqlite;

use std::future::Future;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use bytes::Bytes;
use idem_benches::{Table, machine, median, per_second};
use idem_runtime::store::{
    Begun, Claim, ClaimOutcome, Committed, Hold, Outcome, OwnerToken, PostgresStore, Recording, RedisStore, Store,
    TransactionalStore, Writes,
};
use idem_runtime::{Fingerprint, RecordKey};
use idem_tests::postgres_server::PostgresServer;
use idem_tests::redis_server::RedisServer;

/// How long each side runs in each round.
const TURN: Duration = Duration::from_millis(1_500);
const BODY: usize = 200;

fn main() -> ExitCode {
    let rounds = if std::env::args().any(|argument| argument == "--quick") { 1 } else { 7 };
    let Ok(runtime) = tokio::runtime::Builder::new_multi_thread().enable_all().build() else {
        return ExitCode::FAILURE;
    };
    let text = runtime.block_on(measure(rounds));
    print(&text);
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("STORES.md");
    // A part of the tables is not written as if it were the whole.
    let whole = std::env::args().len() == 1;
    match whole && std::fs::write(file, &text).is_err() {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    }
}

#[allow(clippy::print_stdout, reason = "the table is this program's output")]
fn print(text: &str) {
    print!("{text}");
}

struct Bench {
    rounds: usize,
    /// No two calls of the whole run have the same.
    numbers: Arc<AtomicU64>,
    table: Table,
}

impl Bench {
    /// Runs the two in turns, and notes the ratio.
    async fn compare<A, B>(
        &mut self,
        what: [&str; 4],
        tasks: usize,
        ours: impl Fn(u64) -> A + Clone + Send + Sync + 'static,
        limit: impl Fn(u64) -> B + Clone + Send + Sync + 'static,
    ) where
        A: Future<Output = ()> + Send,
        B: Future<Output = ()> + Send,
    {
        let numbers = Arc::clone(&self.numbers);
        let warm_up = TURN / 5;
        per_second(tasks, warm_up, &numbers, ours.clone()).await;
        per_second(tasks, warm_up, &numbers, limit.clone()).await;
        let (mut all_ours, mut all_limits, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..self.rounds {
            let one = per_second(tasks, TURN, &numbers, ours.clone()).await;
            let other = per_second(tasks, TURN, &numbers, limit.clone()).await;
            all_ours.push(one);
            all_limits.push(other);
            ratios.push(one / other);
        }
        let [store, case, against, target] = what;
        self.table.row(&[
            store.to_owned(),
            case.to_owned(),
            tasks.to_string(),
            format!("{:.0}", median(all_ours)),
            against.to_owned(),
            format!("{:.0}", median(all_limits)),
            format!("{:.2}", median(ratios)),
            target.to_owned(),
        ]);
    }
}

async fn measure(rounds: usize) -> String {
    let heads = ["store", "case", "tasks", "per second", "its limit", "per second", "ratio", "target"];
    let mut bench = Bench { rounds, numbers: Arc::default(), table: Table::new(&heads) };
    let only = std::env::args().skip_while(|argument| argument != "--only").nth(1);
    let wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
    if wanted("redis") {
        let options = ["--save", "", "--appendonly", "no"];
        redis(&mut bench, "Redis 7.0", RedisServer::with(&options).await, "0.80").await;
        redis(&mut bench, "Redis 8.6", RedisServer::newer("redis", &options).await, "0.90").await;
        redis(&mut bench, "Valkey 9.1", RedisServer::newer("valkey", &options).await, "0.90").await;
    }
    if wanted("sqlite") {
        sqlite::sqlite(&mut bench).await;
    }
    if wanted("postgres") {
        postgres(&mut bench).await;
    }
    format!(
        "# Each store against its own limit\n\nBodies of {BODY} B. {}. Each side ran for {:.1} s in each of {rounds} \
         rounds, in turns; medians. Server and clients share the cores.\n\n{}\nOn Redis, a claim sends two commands, \
         because it has to learn when what it finds ends: a record whose expiry somebody removed would be replayed for ever \
         otherwise. The same two commands sent raw reach 0.87 to 0.90 of one `GET`, and 0.82 to 0.85 with a timer round \
         each; the rest is spread over encoding, checking and copying. A fresh execution sends a third, and on Redis 7.0, \
         which has no command that compares and sets, that is a script. On PostgreSQL a guarded transaction takes the same \
         three round trips as the bare one, and writes twice as much. In SQLite a transaction is three writes where the bare \
         one is one, all on the one thread that writes: claim and record alone, without a handler on it, reach 0.34. Then a \
         handler has the thread to itself from its statement to its end, which are two wake-ups of threads, one after the \
         other. Letting the thread spin meanwhile gains a third at most, and nothing once requests have other work to do.\n",
        machine(),
        TURN.as_secs_f64(),
        bench.table.as_str()
    )
}

fn claim(number: u64) -> Claim {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&number.to_be_bytes());
    key[8..24].copy_from_slice(&RUN.with(|run| *run));
    Claim {
        key: RecordKey::from_bytes(key),
        owner: OwnerToken::random(),
        fingerprint: Fingerprint::from_bytes([7; 32]),
        lease: Duration::from_secs(30),
        ttl: Duration::from_secs(3_600),
        outlives_a_crash: false,
    }
}

thread_local! {
    static RUN: [u8; 16] = rand::random();
}

fn outcome() -> Outcome {
    Outcome {
        head: Bytes::from_static(b"v1 kept\nHTTP/1.1 201 Created\r\ncontent-type: application/json\r\n\r\n"),
        body: Bytes::from_static(&[b'x'; BODY]),
    }
}

async fn fresh(store: &impl Store, number: u64) {
    let claim = claim(number);
    let claimed = store.claim(&claim).await;
    assert!(matches!(claimed, Ok(ClaimOutcome::Claimed { .. })), "{claimed:?}");
    let completed = store.complete(&claim, 1, &outcome()).await;
    assert!(matches!(completed, Ok(Hold::Held)), "{completed:?}");
}

async fn replay(store: &impl Store, recorded: &Claim) {
    let claim = Claim { owner: OwnerToken::random(), ..*recorded };
    let answer = store.claim(&claim).await;
    assert!(matches!(answer, Ok(ClaimOutcome::Completed(_))), "{answer:?}");
}

/// Something to replay.
async fn recorded(store: &impl Store) -> Vec<Claim> {
    let mut all = Vec::new();
    for number in 0..1_000_u64 {
        let claim = claim(number | 1 << 63);
        let _ = store.claim(&claim).await;
        let _ = store.complete(&claim, 1, &outcome()).await;
        all.push(claim);
    }
    all
}

fn pick(all: &[Claim], number: u64) -> Claim {
    all[usize::try_from(number).unwrap_or(0) % all.len()]
}

async fn redis(bench: &mut Bench, name: &str, server: RedisServer, fresh_target: &str) {
    let store = RedisStore::connect(server.url()).await.expect("redis");
    let client = redis::Client::open(server.url()).expect("a client");
    let raw = client.get_connection_manager().await.expect("a connection");
    for tasks in [32, 256] {
        let (one, other) = (store.clone(), raw.clone());
        bench
            .compare(
                [name, "fresh: claim, record", "two raw `SET`s", fresh_target],
                tasks,
                move |number| {
                    let store = one.clone();
                    async move { fresh(&store, number).await }
                },
                move |number| {
                    let mut raw = other.clone();
                    async move {
                        let key = claim(number).key;
                        for bytes in [120, 120 + 66 + BODY] {
                            let value = vec![b'x'; bytes];
                            let mut set = redis::cmd("SET");
                            set.arg(key.as_bytes()).arg(value).arg("PX").arg(3_600_000);
                            set.query_async::<()>(&mut raw).await.expect("SET");
                        }
                    }
                },
            )
            .await;
        let all: Arc<[Claim]> = recorded(&store).await.into();
        let (one, claims) = (store.clone(), Arc::clone(&all));
        let mut set = raw.clone();
        for claim in all.iter() {
            let mut key = b"raw".to_vec();
            key.extend_from_slice(claim.key.as_bytes());
            redis::cmd("SET").arg(key).arg(vec![b'x'; 120 + 66 + BODY]).query_async::<()>(&mut set).await.expect("SET");
        }
        let other = raw.clone();
        bench
            .compare(
                [name, "replay", "raw `GET`", "0.80"],
                tasks,
                move |number| {
                    let (store, claim) = (one.clone(), pick(&claims, number));
                    async move { replay(&store, &claim).await }
                },
                move |number| {
                    let (mut raw, claim) = (other.clone(), pick(&all, number));
                    async move {
                        let mut key = b"raw".to_vec();
                        key.extend_from_slice(claim.key.as_bytes());
                        let value: Vec<u8> = redis::cmd("GET").arg(key).query_async(&mut raw).await.expect("GET");
                        assert_eq!(value.len(), 120 + 66 + BODY);
                    }
                },
            )
            .await;
    }
}

const INSERT: &str = "INSERT INTO payments (reference, note) VALUES ($1, $2)";

async fn postgres(bench: &mut Bench) {
    let server = PostgresServer::with(&["max_connections=300"]).await;
    server.run("CREATE TABLE payments (id bigserial PRIMARY KEY, reference bytea NOT NULL, note bytea NOT NULL)").await;
    for tasks in [1, 16] {
        let connections = u32::try_from(tasks).unwrap_or(1);
        let builder = PostgresStore::builder(server.url())
            .max_connections(connections)
            .max_transactions(connections)
            .response_timeout(Duration::from_secs(20));
        builder.migrate().await.expect("tables");
        let store = builder.connect().await.expect("postgres");
        let pool = sqlx::postgres::PgPoolOptions::new()
            .max_connections(connections)
            .test_before_acquire(false)
            .connect(&server.url())
            .await
            .expect("a pool");
        let bare = move |number: u64| {
            let pool = pool.clone();
            async move {
                let mut transaction = pool.begin().await.expect("BEGIN");
                insert(&mut transaction, number).await;
                transaction.commit().await.expect("COMMIT");
            }
        };
        let one = store.clone();
        let ours = move |number: u64| {
            let store = one.clone();
            async move {
                let (claim, outcome) = (claim(number), outcome());
                let Ok(Begun::Open { mut transaction, attempt, .. }) = store.begin(&claim, None).await else {
                    panic!("no transaction")
                };
                insert(&mut transaction, number).await;
                let recording = Recording { claim: &claim, attempt, outcome: &outcome };
                let committed = store.commit(transaction, Writes::Keep, Some(recording)).await;
                assert!(matches!(committed, Ok(Committed::Yes)), "{committed:?}");
            }
        };
        let target = if tasks == 16 { "0.70" } else { "" };
        let what = ["PostgreSQL 15", "fresh in a transaction", "`BEGIN`, the same `INSERT`, `COMMIT`", target];
        bench.compare(what, tasks, ours, bare.clone()).await;
        let one = store.clone();
        let lease = move |number: u64| {
            let store = one.clone();
            async move { fresh(&store, number).await }
        };
        bench
            .compare(
                ["PostgreSQL 15", "fresh: claim, record", "`BEGIN`, one `INSERT`, `COMMIT`", ""],
                tasks,
                lease,
                bare,
            )
            .await;
    }
}

async fn insert(transaction: &mut sqlx::PgConnection, number: u64) {
    let reference = claim(number).key;
    let query = sqlx::query(INSERT).bind(reference.as_bytes().as_slice()).bind([b'x'; BODY].as_slice());
    query.execute(transaction).await.expect("INSERT");
}
