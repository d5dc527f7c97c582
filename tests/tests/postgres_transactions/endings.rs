//! What the handler answers decides what becomes of its writes and of the record.

use super::*;

#[tokio::test]
async fn i45_a_success_is_committed_with_its_record_and_replayed() {
    let shop = Shop::open(Gate::open()).await;
    let first = shop.post("/pay", "k", "201").await;
    assert_eq!((first.status, first.replayed, &*first.body), (201, false, &b"charge 1"[..]));
    assert_eq!((shop.charges().await, shop.records().await), (1, 1));
    for _ in 0..3 {
        let again = shop.post("/pay", "k", "201").await;
        assert!(again.replayed);
        assert_eq!((again.status, &again.headers, &again.body), (201, &first.headers, &first.body));
    }
    assert_eq!(shop.post("/pay", "k", "202").await.refusal(), "key_reused");
    assert_eq!((shop.charges().await, shop.records().await, shop.gate.executions()), (1, 1, 1));
    let counts = shop.idempotency.counts();
    assert_eq!((counts.executed, counts.recorded, counts.replayed, counts.lost), (1, 1, 3, 0));
}

#[tokio::test]
async fn i45_a_failure_leaves_neither_writes_nor_record() {
    let shop = Shop::open(Gate::open()).await;
    for (run, how) in ["500", "503", "429", "409", "412"].into_iter().enumerate() {
        assert_eq!(shop.post("/pay", how, how).await.status.to_string(), how);
        assert_eq!((shop.charges().await, shop.records().await), (0, 0), "{how}");
        assert_eq!(shop.post("/pay", how, how).await.status.to_string(), how);
        assert_eq!(shop.gate.executions(), 2 * (run + 1));
    }
    let gone = shop.http.client.post(shop.http.url("/pay")).header("idempotency-key", "p").body("panics");
    assert!(soon("the panic", gone.send()).await.is_err());
    assert_eq!((shop.charges().await, shop.records().await), (0, 0));
    let counts = shop.idempotency.counts();
    assert_eq!((counts.executed, counts.released, counts.panicked), (11, 11, 1));
}

#[tokio::test]
async fn i45_a_recorded_refusal_keeps_the_record_and_undoes_the_writes() {
    let shop = Shop::open(Gate::open()).await;
    let first = shop.post("/pay", "k", "402").await;
    assert_eq!((first.status, shop.charges().await, shop.records().await), (402, 0, 1));
    let again = shop.post("/pay", "k", "402").await;
    assert!(again.replayed && again.status == 402 && again.body == first.body);
    // Where only successes are recorded, nothing is left.
    assert_eq!(shop.post("/success", "k", "402").await.status, 402);
    assert_eq!((shop.charges().await, shop.records().await), (0, 1));
    assert!(!shop.post("/success", "k", "402").await.replayed);
}

#[tokio::test]
async fn a_success_that_the_route_does_not_record_is_committed() {
    let shop = Shop::open(Gate::open()).await;
    assert_eq!(shop.post("/chosen", "k", "201").await.status, 201);
    assert_eq!((shop.charges().await, shop.records().await), (1, 0));
}

#[tokio::test]
async fn i22_an_answer_that_is_too_large_is_committed_and_never_run_again() {
    let shop = Shop::open(Gate::open()).await;
    let first = shop.post("/pay", "k", "large").await;
    assert_eq!((first.status, first.body.len()), (201, 2000));
    assert_eq!(shop.post("/pay", "k", "large").await.refusal(), "response_not_kept");
    assert_eq!((shop.charges().await, shop.records().await, shop.gate.executions()), (1, 1, 1));
}

#[tokio::test]
async fn i35_keep_records_a_failure_and_undoes_its_writes() {
    let shop = Shop::open(Gate::open()).await;
    assert_eq!(shop.post("/keep", "five", "500").await.status, 500);
    let again = shop.post("/keep", "five", "500").await;
    assert!(again.replayed && again.status == 500);
    let gone = shop.http.client.post(shop.http.url("/keep")).header("idempotency-key", "p").body("panics");
    assert!(soon("the panic", gone.send()).await.is_err());
    assert_eq!(shop.post("/keep", "p", "panics").await.refusal(), "outcome_unknown");
    assert_eq!((shop.charges().await, shop.records().await, shop.gate.executions()), (0, 2, 2));
    assert_eq!(shop.post("/keep", "good", "201").await.status, 201);
    assert!(shop.post("/keep", "good", "201").await.replayed);
    assert_eq!(shop.post("/keep", "busy", "429").await.status, 429);
    assert_eq!((shop.charges().await, shop.records().await), (1, 3));
}

#[tokio::test]
async fn without_a_key_the_same_rules_end_the_transaction() {
    let shop = Shop::open(Gate::open()).await;
    let post = async |how: &'static str| {
        let request = shop.http.client.post(shop.http.url("/optional")).body(how).send();
        soon("an answer", request).await.map(|answer| answer.status().as_u16())
    };
    assert_eq!(post("201").await.unwrap(), 201);
    assert_eq!(post("402").await.unwrap(), 402);
    assert_eq!(post("500").await.unwrap(), 500);
    assert!(post("panics").await.is_err());
    assert_eq!((shop.charges().await, shop.records().await), (1, 0));
    assert_eq!(shop.idempotency.counts().unprotected, 4);
}

#[tokio::test]
async fn a_handler_that_does_not_use_its_transaction_is_recorded() {
    let shop = Shop::open(Gate::open()).await;
    let first = Seen::of(shop.http.post("/unused", "k", &json!(1))).await;
    let again = Seen::of(shop.http.post("/unused", "k", &json!(1))).await;
    assert!(first.status == 200 && again.replayed && again.body == first.body);
    assert_eq!(shop.gate.executions(), 1);
}

#[tokio::test]
async fn transactions_within_the_transaction_are_savepoints() {
    let shop = Shop::open(Gate::open()).await;
    assert_eq!(shop.post("/pay", "k", "nested").await.status, 201);
    let notes: String = shop.database.row("SELECT string_agg(note, '; ' ORDER BY note) FROM charges").await.get(0);
    assert_eq!(notes, "nested; nested, kept");
}

#[tokio::test]
async fn a_transaction_that_failed_is_never_answered_as_a_success() {
    let shop = Shop::open(Gate::open()).await;
    for how in ["goes on after an error", "moves it out"] {
        assert_eq!(shop.post("/pay", &how.replace(' ', "-"), how).await.refusal(), "store_unavailable");
        assert_eq!((shop.charges().await, shop.records().await), (0, 0), "{how}");
    }
    // What it committed itself stays; but it is told that this is no success, and there is no record that says so.
    assert_eq!(shop.post("/pay", "self", "commits by itself").await.refusal(), "store_unavailable");
    assert_eq!(shop.records().await, 0);
}

#[tokio::test]
async fn a_store_without_transactions_fails_when_the_application_starts() {
    let memory = Idempotency::new(idem_runtime::MemoryStore::new());
    let missing: Result<PostgresTransactions, _> = memory.transactions();
    let error = missing.unwrap_err().to_string();
    assert!(error.starts_with("the store `memory` has no transactions") && error.contains("postgres://"), "{error}");
}

#[tokio::test]
async fn a_transaction_without_a_record_is_a_mistake_that_shows_at_once() {
    async fn unguarded(mut tx: PostgresTransaction) -> StatusCode {
        let _ = sqlx::query("SELECT 1").execute(&mut **tx).await;
        StatusCode::CREATED
    }
    #[idempotent(ttl = "1h")]
    async fn two(one: PostgresTransaction, other: PostgresTransaction) -> StatusCode {
        drop((one, other));
        StatusCode::CREATED
    }
    let shop = Shop::open(Gate::open()).await;
    let transactions = shop.idempotency.transactions().unwrap();
    let state = AppState { idempotency: shop.idempotency.clone(), transactions, gate: shop.gate.clone() };
    let router = Router::new().route("/unguarded", post(unguarded)).route("/two", post(two)).with_state(state);
    let http = Server::start(router).await;
    assert!(soon("the panic", http.client.post(http.url("/unguarded")).send()).await.is_err());
    let refused = send(&http, "/two", "k", "").await;
    assert_eq!((refused.status, refused.refusal().as_str()), (500, "misconfigured"));
}
