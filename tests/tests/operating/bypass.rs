//! The kill switch: everything passes through, and says so.

use std::time::Duration;

use axum::extract::FromRef;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use idem_runtime::rusqlite::Connection;
use idem_runtime::store::SqliteStore;
use idem_runtime::{Done, Idempotency, Job, JobRefusal, SqliteTransaction, SqliteTransactions, idempotent};
use idem_tests::app::{AppState, Bed, router};
use idem_tests::gate::Gate;
use idem_tests::over_every_store;
use idem_tests::server::{Seen, Server};
use serde_json::json;
use tempfile::TempDir;

over_every_store!(
    requests_pass_through_and_say_so,
    what_was_claimed_before_goes_on,
    jobs_pass_through,
    a_store_that_is_gone_is_not_asked,
);

fn says_so(seen: &Seen) -> bool {
    seen.header("idempotency-bypassed").as_deref() == Some("true")
}

async fn requests_pass_through_and_say_so(bed: Bed) {
    let gate = Gate::open();
    let server = Server::start(router(AppState::new(&bed, gate.clone()))).await;
    let recorded = Seen::of(server.post("/pay", "k", &json!(1))).await;
    assert!(!says_so(&recorded));

    bed.idempotency.bypass(true);
    assert!(bed.idempotency.is_bypassed());
    let before = bed.idempotency.counts();
    let passed = [
        // A key that has a record, with its own request and with another one; a key of its own; one that is no key.
        server.post("/pay", "k", &json!(1)),
        server.post("/pay", "k", &json!(2)),
        server.post("/pay", "fresh", &json!(1)),
        server.post("/pay", "", &json!(1)),
        // A key and a scope that are asked for, and not there.
        server.client.post(server.url("/required")),
        server.client.post(server.url("/scoped-by-header")),
    ];
    let count = passed.len();
    for request in passed {
        let seen = Seen::of(request).await;
        assert!(says_so(&seen) && !seen.replayed && seen.status < 300, "{seen:?}");
    }
    assert_eq!(gate.executions(), 1 + count);
    let after = bed.idempotency.counts();
    assert_eq!(after.bypassed - before.bypassed, count as u64);
    let told = Seen::of(server.post("/execution", "k", &json!(1))).await.json();
    assert_eq!((&told["key"], &told["charge"], &told["attempt"]), (&json!(null), &json!(null), &json!(1)));

    bed.idempotency.bypass(false);
    let retry = Seen::of(server.post("/pay", "k", &json!(1))).await;
    assert!(retry.replayed && !says_so(&retry));
    assert_eq!(retry.body, recorded.body);
    let fresh = Seen::of(server.post("/pay", "fresh", &json!(1))).await;
    assert!(!fresh.replayed, "what ran meanwhile has left no record");
    assert_eq!(Seen::of(server.client.post(server.url("/required"))).await.refusal(), "missing_key");
    assert_eq!(bed.idempotency.counts().bypassed, after.bypassed + 1);
}

async fn what_was_claimed_before_goes_on(bed: Bed) {
    let gate = Gate::closed();
    let server = Server::start(router(AppState::new(&bed, gate.clone()))).await;
    let first = tokio::spawn(Seen::of(server.post("/pay", "k", &json!(1))));
    gate.started().await;
    bed.idempotency.bypass(true);
    let duplicate = tokio::spawn(Seen::of(server.post("/pay", "k", &json!(1))));
    gate.started().await;
    gate.let_pass(2);
    let (first, duplicate) = (first.await.unwrap(), duplicate.await.unwrap());
    assert!(!says_so(&first) && says_so(&duplicate));
    assert_ne!(first.json()["number"], duplicate.json()["number"]);

    bed.idempotency.bypass(false);
    let retry = Seen::of(server.post("/pay", "k", &json!(1))).await;
    assert!(retry.replayed);
    assert_eq!(retry.body, first.body);
    assert_eq!(bed.idempotency.counts().recorded, 1);
}

const SHIP: Job = Job::new("ship", Duration::from_secs(3600));

async fn jobs_pass_through(bed: Bed) {
    let idempotency = &bed.idempotency;
    let ship = async |parcel: u32| -> Done<u32> {
        let call = SHIP.key("k");
        idempotency.run::<_, JobRefusal>(call, async move { Ok(parcel) }).await.unwrap()
    };
    let borrowing = async |parcel: &u32| -> Done<u32> {
        let work = async { Ok::<_, JobRefusal>(*parcel) };
        idempotency.run_borrowing(SHIP.key("k"), work).await.unwrap()
    };
    assert_eq!(*ship(1).await, 1);
    idempotency.bypass(true);
    for done in [ship(2).await, borrowing(&2).await] {
        assert_eq!((*done, done.is_replayed()), (2, false));
    }
    let nothing = SHIP.key(None::<&str>);
    assert_eq!(*idempotency.run::<_, JobRefusal>(nothing, async { Ok(3) }).await.unwrap(), 3);
    assert_eq!(idempotency.counts().bypassed, 3);
    idempotency.bypass(false);
    for done in [ship(4).await, borrowing(&4).await] {
        assert_eq!((*done, done.is_replayed()), (1, true));
    }
}

async fn a_store_that_is_gone_is_not_asked(mut bed: Bed) {
    let server = Server::start(router(AppState::new(&bed, Gate::open()))).await;
    if let Some(redis) = &mut bed.redis {
        redis.kill();
        let refused = Seen::of(server.post("/pay", "k", &json!(1))).await;
        assert_eq!(refused.refusal(), "store_unavailable");
    }
    bed.idempotency.bypass(true);
    let seen = Seen::of(server.post("/pay", "k", &json!(1))).await;
    assert_eq!(seen.status, 201);
}

#[derive(Clone, FromRef)]
struct Shop {
    idempotency: Idempotency,
    transactions: SqliteTransactions,
}

#[idempotent(ttl = "1h", fingerprint = "none")]
async fn order(mut tx: SqliteTransaction, Json(status): Json<u16>) -> StatusCode {
    tx.call(|db| db.execute("INSERT INTO orders DEFAULT VALUES", [])).await.unwrap();
    StatusCode::from_u16(status).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_end_by_the_same_rules() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("shop.db");
    let store = SqliteStore::open(&file).unwrap();
    let idempotency = Idempotency::builder(store).store_timeout(Duration::from_secs(30)).bypass(true).build();
    let books = Connection::open(&file).unwrap();
    books.execute_batch("CREATE TABLE orders (id INTEGER PRIMARY KEY)").unwrap();
    let orders = || books.query_row("SELECT count(*) FROM orders", [], |row| row.get::<_, i64>(0)).unwrap();
    let transactions: SqliteTransactions = idempotency.transactions().unwrap();
    let shop = Shop { idempotency: idempotency.clone(), transactions: transactions.clone() };
    let server = Server::start(Router::new().route("/order", post(order)).with_state(shop)).await;
    for (status, left) in [(201, 1), (201, 2), (404, 2), (500, 2)] {
        let seen = Seen::of(server.post("/order", "k", &json!(status))).await;
        assert_eq!((seen.status, says_so(&seen), orders()), (status, true, left));
    }

    let ship = async |fail: bool| {
        let work = async move |mut tx: SqliteTransaction| {
            tx.call(|db| db.execute("INSERT INTO orders DEFAULT VALUES", [])).await.map_err(drop)?;
            if fail { Err(()) } else { Ok(()) }
        };
        transactions.run(SHIP.key("k"), work).await.is_ok()
    };
    assert!(ship(false).await && ship(false).await && !ship(true).await);
    assert_eq!(orders(), 4);
    assert_eq!(idempotency.counts().bypassed, 7);
}
