//! Connections that are lost, owners that hang, commits that are refused.

use idem_tests::until;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i45_a_connection_that_is_lost_while_the_handler_runs_leaves_nothing() {
    let shop = Shop::open(Gate::closed()).await;
    let first =
        tokio::spawn(Seen::of(shop.http.client.post(shop.http.url("/pay")).header("idempotency-key", "k").body("201")));
    shop.gate.started().await;
    shop.database.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'idem'").await;
    shop.gate.let_pass(1);
    assert_eq!(soon("the first", first).await.unwrap().refusal(), "store_unavailable");
    assert_eq!((shop.charges().await, shop.records().await), (0, 0));
    shop.gate.let_pass(1);
    let again = shop.post("/pay", "k", "201").await;
    assert_eq!((again.status, again.replayed, shop.charges().await), (201, false, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i44_a_server_that_is_killed_and_started_again_leaves_exactly_one_effect() {
    let mut shop = Shop::open(Gate::closed()).await;
    shop.gate.let_pass(1);
    assert_eq!(shop.post("/pay", "before", "201").await.status, 201);
    let first =
        tokio::spawn(Seen::of(shop.http.client.post(shop.http.url("/pay")).header("idempotency-key", "k").body("201")));
    shop.gate.started().await;
    shop.gate.started().await;
    shop.database.kill();
    shop.gate.let_pass(1);
    // The commit never happened, and while the server is down nobody can say so.
    let first = soon("the first", first);
    shop.database.restart().await;
    assert_eq!(first.await.unwrap().refusal(), "store_unavailable");
    shop.gate.let_pass(1);
    let again = until("the retry", async || {
        let seen = shop.post("/pay", "k", "201").await;
        (seen.status != 503).then_some(seen)
    })
    .await;
    assert_eq!((again.status, again.replayed), (201, false));
    assert!(shop.post("/pay", "before", "201").await.replayed);
    assert_eq!(shop.charges().await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_is_refused_leaves_nothing() {
    let shop = Shop::open(Gate::open()).await;
    shop.database
        .run(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$; \
             CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON charges DEFERRABLE INITIALLY DEFERRED FOR EACH ROW \
             EXECUTE FUNCTION refuse();",
        )
        .await;
    assert_eq!(shop.post("/pay", "k", "201").await.refusal(), "store_unavailable");
    assert_eq!((shop.charges().await, shop.records().await), (0, 0));
    shop.database.run("DROP FUNCTION refuse() CASCADE").await;
    assert_eq!(shop.post("/pay", "k", "201").await.status, 201);
    assert_eq!((shop.charges().await, shop.records().await), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_that_hangs_blocks_its_key_for_a_lease_and_no_longer() {
    let shop = Shop::open(Gate::closed()).await;
    let first = tokio::spawn(Seen::of(
        shop.http.client.post(shop.http.url("/brief")).header("idempotency-key", "k").body("201"),
    ));
    shop.gate.started().await;
    // The retry is held as well once it runs; that it does says that the server gave the key up.
    let mut retry = None;
    while retry.is_none() {
        let request = shop.http.client.post(shop.http.url("/brief")).header("idempotency-key", "k").body("201");
        let mut sent = tokio::spawn(Seen::of(request));
        tokio::select! {
            seen = &mut sent => assert_eq!(seen.unwrap().refusal(), "in_progress"),
            () = shop.gate.started() => retry = Some(sent),
        }
    }
    shop.gate.let_pass(2);
    let answers = [soon("the first", first).await.unwrap(), soon("the retry", retry.unwrap()).await.unwrap()];
    // The first one is the one that cannot commit; its own answer never goes out.
    assert!(answers[0].status == 503 || answers[0].replayed, "{answers:?}");
    let done = until("an answer", async || {
        shop.gate.let_pass(1);
        let seen = shop.post("/brief", "k", "201").await;
        (seen.status == 201).then_some(seen)
    })
    .await;
    assert_eq!(done.status, 201);
    assert_eq!((shop.charges().await, shop.records().await), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_pool_refuses_and_runs_nothing() {
    let shop = Shop::open(Gate::closed()).await;
    let builder = PostgresStore::builder(shop.database.url()).response_timeout(Duration::from_millis(200));
    let store = builder.max_transactions(1).connect().await.unwrap();
    let idempotency = Idempotency::new(store);
    let transactions = idempotency.transactions().unwrap();
    let state = AppState { idempotency, transactions, gate: shop.gate.clone() };
    let http = Server::start(Router::new().route("/pay", post(pay)).with_state(state)).await;
    let first = tokio::spawn(Seen::of(http.client.post(http.url("/pay")).header("idempotency-key", "1").body("201")));
    shop.gate.started().await;
    assert_eq!(send(&http, "/pay", "2", "201").await.refusal(), "store_unavailable");
    assert_eq!(shop.gate.executions(), 1);
    shop.gate.let_pass(1);
    assert_eq!(soon("the first", first).await.unwrap().status, 201);
}
