//! Ten thousand duplicates wait for one request: what each takes, how often the store is asked meanwhile, and how long it
//! takes until all have the answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{FromRef, State};
use axum::routing::post;
use axum::{Router, extract::Request};
use http::StatusCode;
use idem_benches::Table;
use idem_runtime::store::{Claim, ClaimOutcome, Entry, Hold, MemoryStore, Outcome, OwnerToken, Store, StoreError};
use idem_runtime::{Idempotency, RecordKey, idempotent};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use super::resident;

const WAITERS: u64 = 10_000;
/// How long they are watched while they wait.
const WATCHED: Duration = Duration::from_secs(2);

#[derive(Clone, FromRef)]
struct AppState {
    idempotency: Idempotency,
    shop: Shop,
}

#[derive(Clone)]
struct Shop {
    effects: Arc<AtomicU64>,
    open: watch::Receiver<bool>,
}

#[idempotent(ttl = "1h", in_flight = "wait:5m")]
async fn pay(State(shop): State<Shop>) -> StatusCode {
    shop.effects.fetch_add(1, Ordering::SeqCst);
    let mut open = shop.open;
    let _ = open.wait_for(|open| *open).await;
    StatusCode::CREATED
}

/// The table.
pub(super) async fn table() -> Table {
    let (opener, open) = watch::channel(false);
    let (effects, asked) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let store = Counted { store: MemoryStore::new(), asked: Arc::clone(&asked) };
    let state = AppState { idempotency: Idempotency::new(store), shop: Shop { effects: Arc::clone(&effects), open } };
    let app = Router::new().route("/pay", post(pay)).with_state(state);

    let mut requests = JoinSet::new();
    requests.spawn(app.clone().oneshot(request()));
    until(|| effects.load(Ordering::SeqCst) == 1).await;
    let (before, begun) = (resident(), Instant::now());
    for _ in 0..WAITERS {
        requests.spawn(app.clone().oneshot(request()));
    }
    // Each asks when it comes, and once more when it has its place.
    until(|| asked.load(Ordering::SeqCst) > 2 * WAITERS).await;
    let (arrived, each) = (begun.elapsed(), resident().saturating_sub(before) / WAITERS);

    let calls = asked.load(Ordering::SeqCst);
    tokio::time::sleep(WATCHED).await;
    let calls = asked.load(Ordering::SeqCst) - calls;

    let released = Instant::now();
    let _ = opener.send(true);
    let mut answers = 0;
    while let Some(answer) = requests.join_next().await {
        assert!(
            matches!(answer, Ok(Ok(answer)) if answer.status() == StatusCode::CREATED),
            "a duplicate got another answer"
        );
        answers += 1;
    }
    let answered = released.elapsed();
    assert_eq!((answers, effects.load(Ordering::SeqCst)), (WAITERS + 1, 1), "answers and effects");

    let mut table = Table::new(&[
        "waiters",
        "all wait after",
        "bytes each",
        "store calls a second",
        "all answered after",
        "effects",
    ]);
    table.row(&[
        WAITERS.to_string(),
        format!("{:.0} ms", arrived.as_secs_f64() * 1e3),
        each.to_string(),
        format!("{}", calls / WATCHED.as_secs()),
        format!("{:.0} ms", answered.as_secs_f64() * 1e3),
        effects.load(Ordering::SeqCst).to_string(),
    ]);
    table
}

fn request() -> Request {
    Request::post("/pay").header("idempotency-key", "hot").body(Body::empty()).expect("a request")
}

async fn until(holds: impl Fn() -> bool) {
    while !holds() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// A store that counts how often it is asked for a claim.
struct Counted {
    store: MemoryStore,
    asked: Arc<AtomicU64>,
}

impl Store for Counted {
    fn name(&self) -> &'static str {
        self.store.name()
    }

    async fn claim(&self, claim: &Claim) -> Result<ClaimOutcome, StoreError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.store.claim(claim).await
    }

    async fn take_over(&self, claim: &Claim, from: OwnerToken) -> Result<ClaimOutcome, StoreError> {
        self.store.take_over(claim, from).await
    }

    async fn renew(&self, claim: &Claim) -> Result<Hold, StoreError> {
        self.store.renew(claim).await
    }

    async fn complete(&self, claim: &Claim, attempt: u32, outcome: &Outcome) -> Result<Hold, StoreError> {
        self.store.complete(claim, attempt, outcome).await
    }

    async fn release(&self, claim: &Claim) -> Result<Hold, StoreError> {
        self.store.release(claim).await
    }

    async fn look_up(&self, key: RecordKey) -> Result<Option<Entry>, StoreError> {
        self.store.look_up(key).await
    }
}
