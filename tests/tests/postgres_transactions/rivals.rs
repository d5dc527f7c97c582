//! Duplicates that come while the first one still runs.

use idem_tests::until;
use tokio::task::JoinSet;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_of_64_at_once_in_two_applications_one_runs_and_the_others_are_told_at_once() {
    let shop = Shop::open(Gate::closed()).await;
    let (other, _) = application(&shop.database, 16, shop.gate.clone()).await;
    let mut requests = JoinSet::new();
    for number in 0..64 {
        let http = if number % 2 == 0 { &shop.http } else { &other };
        let request = http.client.post(http.url("/pay")).header("idempotency-key", "k").body("201");
        requests.spawn(Seen::of(request));
    }
    let mut refused = 0;
    while refused < 63 {
        let seen = soon("a refusal", requests.join_next()).await.unwrap().unwrap();
        assert_eq!(seen.refusal(), "in_progress");
        refused += 1;
    }
    // The first one has not ended, so nobody can have waited for it.
    assert_eq!((shop.gate.ended(), shop.waiting().await, shop.charges().await), (0, 0, 0));
    shop.gate.let_pass(1);
    assert_eq!(soon("the first", requests.join_next()).await.unwrap().unwrap().status, 201);
    assert_eq!((shop.charges().await, shop.gate.executions()), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i27_another_request_is_told_so_while_the_first_one_runs() {
    let shop = Shop::open(Gate::closed()).await;
    let (other, _) = application(&shop.database, 4, shop.gate.clone()).await;
    let first =
        tokio::spawn(Seen::of(shop.http.client.post(shop.http.url("/pay")).header("idempotency-key", "k").body("201")));
    shop.gate.started().await;
    for http in [&shop.http, &other] {
        assert_eq!(send(http, "/pay", "k", "202").await.refusal(), "key_reused");
        assert_eq!(send(http, "/pay", "k", "201").await.refusal(), "in_progress");
    }
    shop.gate.let_pass(1);
    assert_eq!(soon("the first", first).await.unwrap().status, 201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i41_waiters_hold_no_connection_and_get_the_same_answer() {
    let shop = Shop::open(Gate::closed()).await;
    // Two transactions at once, and many more that wait.
    let (small, _) = application(&shop.database, 2, shop.gate.clone()).await;
    let mut waiters = JoinSet::new();
    for _ in 0..40 {
        waiters.spawn(Seen::of(small.client.post(small.url("/wait")).header("idempotency-key", "k").body("201")));
    }
    shop.gate.started().await;
    // There is room for another request beside those that wait.
    let beside =
        tokio::spawn(Seen::of(small.client.post(small.url("/pay")).header("idempotency-key", "b").body("202")));
    shop.gate.started().await;
    assert_eq!(shop.waiting().await, 0);
    shop.gate.let_pass(2);
    assert_eq!(soon("the one beside", beside).await.unwrap().status, 202);
    let seen = soon("the waiters", waiters.join_all()).await;
    assert!(seen.iter().all(|one| one.status == 201 && one.body == seen[0].body), "{seen:?}");
    assert_eq!(seen.iter().filter(|seen| !seen.replayed).count(), 1);
    assert_eq!(shop.charges().await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i33_a_client_that_hangs_up_does_not_undo_anything() {
    let shop = Shop::open(Gate::closed()).await;
    let request = shop.http.client.post(shop.http.url("/pay")).header("idempotency-key", "k").body("201");
    let client = tokio::spawn(request.send());
    shop.gate.started().await;
    client.abort();
    until("the hang-up", async || (shop.idempotency.counts().adopted == 1).then_some(())).await;
    shop.gate.let_pass(1);
    let again = until("the record", async || {
        let seen = shop.post("/pay", "k", "201").await;
        (seen.status == 201).then_some(seen)
    })
    .await;
    assert!(again.replayed);
    assert_eq!((shop.charges().await, shop.gate.executions()), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i37_a_drain_waits_for_the_transaction() {
    let shop = Shop::open(Gate::closed()).await;
    let first =
        tokio::spawn(Seen::of(shop.http.client.post(shop.http.url("/pay")).header("idempotency-key", "k").body("201")));
    shop.gate.started().await;
    let idempotency = shop.idempotency.clone();
    let drain = tokio::spawn(async move { idempotency.drain().await });
    until("the drain's start", async || (shop.post("/pay", "other", "201").await.status == 503).then_some(())).await;
    assert!(!drain.is_finished());
    shop.gate.let_pass(1);
    soon("the drain", drain).await.unwrap();
    assert_eq!(soon("the first", first).await.unwrap().status, 201);
    assert_eq!((shop.charges().await, shop.records().await), (1, 1));
}
