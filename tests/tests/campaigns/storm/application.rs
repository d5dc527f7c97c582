//! An application in this process whose handlers report when they ran.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{FromRef, State};
use axum::http::StatusCode;
use axum::routing::post;
use idem_runtime::store::{CachedStore, EncryptedStore, EncryptionKey, Keyring, PostgresStore, RedisStore, Store};
use idem_runtime::{Execution, Idempotency, PostgresTransaction, PostgresTransactions, idempotent};
use idem_tests::server::{Seen, Server};
use parking_lot::Mutex;
use sqlx::Row as _;
use tokio::sync::watch;

use crate::bed::{self, Bed, Kind};

/// As in the attribute of the handlers.
const LEASE: Duration = Duration::from_secs(15);

/// How much of a lease is left at the least when a handler starts.
const LEFT_AT_START: Duration = Duration::from_secs(3);

/// One run of a handler.
#[derive(Clone, Debug)]
pub(super) struct Ran {
    payment: String,
    attempt: u32,
    began: Instant,
    ended: Instant,
}

/// What the handlers share with the test.
#[derive(Clone)]
pub(super) struct Handlers {
    ran: Arc<Mutex<Vec<Ran>>>,
    held: Arc<AtomicUsize>,
    gate: watch::Sender<bool>,
}

impl Default for Handlers {
    fn default() -> Self {
        Self { ran: Arc::default(), held: Arc::default(), gate: watch::Sender::new(true) }
    }
}

impl Handlers {
    /// From now on, handlers wait.
    pub(super) fn hold(&self) {
        self.gate.send_replace(false);
    }

    pub(super) fn let_pass(&self) {
        self.gate.send_replace(true);
    }

    /// How many wait.
    pub(super) fn held(&self) -> usize {
        self.held.load(Ordering::SeqCst)
    }

    pub(super) fn executions(&self) -> Vec<Ran> {
        self.ran.lock().clone()
    }

    /// Runs a handler's work; gives what it answers.
    async fn run(&self, payment: &str, execution: &Execution) -> String {
        let (attempt, began) = (execution.attempt(), Instant::now());
        self.held.fetch_add(1, Ordering::SeqCst);
        let _ = self.gate.subscribe().wait_for(|is_open| *is_open).await;
        self.held.fetch_sub(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        let mut ran = self.ran.lock();
        ran.push(Ran { payment: payment.to_owned(), attempt, began, ended: Instant::now() });
        format!("payment {payment}, execution {}", ran.len())
    }
}

#[derive(Clone, FromRef)]
struct Leased {
    idempotency: Idempotency,
    handlers: Handlers,
}

#[idempotent(ttl = "1h", lease = "15s")]
async fn leased(State(handlers): State<Handlers>, execution: Execution, payment: String) -> (StatusCode, String) {
    (StatusCode::CREATED, handlers.run(&payment, &execution).await)
}

#[derive(Clone, FromRef)]
struct Exact {
    idempotency: Idempotency,
    transactions: PostgresTransactions,
    handlers: Handlers,
}

#[idempotent(ttl = "1h", lease = "15s")]
async fn exact(
    mut tx: PostgresTransaction,
    State(handlers): State<Handlers>,
    execution: Execution,
    payment: String,
) -> (StatusCode, String) {
    let charge = sqlx::query("INSERT INTO charges (note) VALUES ($1)").bind(&payment).execute(&mut **tx);
    match charge.await {
        Ok(_) => (StatusCode::CREATED, handlers.run(&payment, &execution).await),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, String::new()),
    }
}

pub(super) struct Application(Server);

/// How a client of it sends.
#[derive(Clone)]
pub(super) struct Request {
    client: reqwest::Client,
    url: String,
}

impl Application {
    pub(super) async fn start(kind: Kind, url: &str, handlers: Handlers) -> Self {
        let router = match kind {
            Kind::Redis => over_leases(redis(url).await, handlers),
            Kind::RedisDressed => over_leases(dressed(redis(url).await), handlers),
            Kind::Postgres => over_leases(postgres(url).await, handlers),
            Kind::PostgresTransactions => over_transactions(postgres(url).await, handlers),
            Kind::PostgresTransactionsDressed => over_transactions(dressed(postgres(url).await), handlers),
            Kind::Sqlite | Kind::SqliteTransactions => unreachable!("a file has no server"),
        };
        Self(Server::start(router).await)
    }

    pub(super) fn request(&self) -> Request {
        Request { client: self.0.client.clone(), url: self.0.url("/") }
    }
}

fn guard(store: impl Store) -> Idempotency {
    Idempotency::builder(store).store_timeout(Duration::from_secs(3)).build()
}

fn over_leases(store: impl Store, handlers: Handlers) -> Router {
    Router::new().route("/", post(leased)).with_state(Leased { idempotency: guard(store), handlers })
}

fn over_transactions(store: impl Store, handlers: Handlers) -> Router {
    let idempotency = guard(store);
    let transactions = idempotency.transactions().unwrap();
    Router::new().route("/", post(exact)).with_state(Exact { idempotency, transactions, handlers })
}

async fn redis(url: &str) -> RedisStore {
    RedisStore::builder(url).response_timeout(Duration::from_secs(1)).connect().await.unwrap()
}

async fn postgres(url: &str) -> PostgresStore {
    let builder = PostgresStore::builder(url).response_timeout(Duration::from_secs(2)).max_transactions(16);
    builder.migrate().await.unwrap();
    builder.connect().await.unwrap()
}

fn dressed(store: impl Store) -> impl Store {
    let keyring = Keyring::new("2026-11", EncryptionKey::from_bytes([7; 32])).unwrap();
    CachedStore::new(EncryptedStore::new(store, keyring), 64 * 1024 * 1024)
}

impl Request {
    pub(super) async fn send(&self, payment: usize) -> Seen {
        let request = self.client.post(&self.url).header("idempotency-key", format!("payment-{payment}"));
        Seen::of(request.body(payment.to_string())).await
    }
}

pub(super) struct Effects {
    pub(super) second_executions: usize,
    pub(super) repeated: usize,
}

/// What the handlers did more than once.
pub(super) async fn effects(bed: &Bed, ran: &[Ran]) -> Effects {
    if let (true, bed::Server::Postgres(server)) = (bed.kind.is_transactional(), &bed.server) {
        let row = server.row("SELECT count(*) - count(DISTINCT note) FROM charges").await;
        return Effects { second_executions: usize::try_from(row.get::<i64, _>(0)).unwrap(), repeated: 0 };
    }
    let mut by_payment = HashMap::<&str, Vec<&Ran>>::new();
    ran.iter().for_each(|ran| by_payment.entry(&ran.payment).or_default().push(ran));
    let mut effects = Effects { second_executions: 0, repeated: 0 };
    for runs in by_payment.values_mut() {
        runs.sort_by_key(|ran| ran.began);
        for pair in runs.windows(2) {
            let [one, next] = pair else { continue };
            // The lease of the first has not ended before this, by the store's clock, wherever that stands.
            let leased_until = (one.began + LEFT_AT_START).max(one.ended);
            match next.began < leased_until || next.attempt <= one.attempt {
                true => effects.second_executions += 1,
                false => effects.repeated += 1,
            }
        }
    }
    effects
}

const _: () = assert!(LEFT_AT_START.as_millis() * 5 == LEASE.as_millis());
