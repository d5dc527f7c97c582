//! The PostgreSQL store against a real server.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod connecting;
mod faults;
mod sweeping;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::post;
use idem_runtime::store::{
    Claim, ClaimOutcome, Entry, Hold, PostgresConnectError, PostgresStore, Store as _, StoreError,
};
use idem_runtime::{Idempotency, idempotent};
use idem_tests::app::AppState;
use idem_tests::claims::{claim, outcome, rival};
use idem_tests::gate::Gate;
use idem_tests::postgres_server::PostgresServer;
use idem_tests::server::{Seen, Server};
use idem_tests::{soon, until};
use sqlx::Row as _;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

/// Longer than by default: the tests share two cores.
async fn patient(server: &PostgresServer) -> PostgresStore {
    let builder = PostgresStore::builder(server.url()).response_timeout(Duration::from_secs(20)).max_connections(8);
    builder.migrate().await.unwrap();
    builder.connect().await.unwrap()
}

async fn fresh(store: &PostgresStore) -> Claim {
    let claim = claim();
    assert_eq!(store.claim(&claim).await.unwrap(), ClaimOutcome::Claimed { attempt: 1 });
    claim
}

async fn recorded(store: &PostgresStore) -> Claim {
    let claim = fresh(store).await;
    assert_eq!(store.complete(&claim, 1, &outcome()).await.unwrap(), Hold::Held);
    claim
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_of_64_tasks_on_two_pools_one_wins() {
    let server = PostgresServer::with(&["fsync=off"]).await;
    let pools = [patient(&server).await, patient(&server).await];
    for _ in 0..50 {
        let request = claim();
        let start = Arc::new(Barrier::new(64));
        let mut tasks = JoinSet::new();
        for number in 0..64 {
            let (store, start, claim) = (pools[number % 2].clone(), Arc::clone(&start), rival(&request));
            tasks.spawn(async move {
                start.wait().await;
                store.claim(&claim).await.unwrap()
            });
        }
        let answers = soon("the race", tasks.join_all()).await;
        let won = answers.iter().filter(|answer| matches!(answer, ClaimOutcome::Claimed { attempt: 1 })).count();
        let lost = answers.iter().filter(|answer| matches!(answer, ClaimOutcome::InFlight(_))).count();
        assert_eq!((won, lost), (1, 63));
    }
}

#[tokio::test]
async fn durations_at_the_edges_are_kept_to() {
    let server = PostgresServer::with(&["fsync=off"]).await;
    let store = patient(&server).await;
    let endless = Claim { lease: Duration::MAX, ttl: Duration::MAX, ..claim() };
    assert_eq!(store.claim(&endless).await.unwrap(), ClaimOutcome::Claimed { attempt: 1 });
    assert_eq!(store.renew(&endless).await.unwrap(), Hold::Held);
    assert!(matches!(store.claim(&rival(&endless)).await.unwrap(), ClaimOutcome::InFlight(_)));
    assert_eq!(store.complete(&endless, 1, &outcome()).await.unwrap(), Hold::Held);
    assert!(matches!(store.claim(&rival(&endless)).await.unwrap(), ClaimOutcome::Completed(_)));
    let none = Claim { lease: Duration::ZERO, ttl: Duration::ZERO, ..claim() };
    assert_eq!(store.claim(&none).await.unwrap(), ClaimOutcome::Claimed { attempt: 1 });
    let _ = store.complete(&none, u32::MAX, &outcome()).await.unwrap();
}

#[tokio::test]
async fn synchronous_commit_is_on_whatever_the_database_says() {
    let server =
        PostgresServer::with(&["fsync=off", "synchronous_commit=off", "default_transaction_isolation=serializable"])
            .await;
    let store = patient(&server).await;
    let _ = fresh(&store).await;
    // What the store's own connection has set: seen through a trigger that runs on it.
    server
        .run(
            "CREATE TABLE seen (setting text); CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             INSERT INTO public.seen VALUES (current_setting('synchronous_commit')), \
             (current_setting('transaction_isolation')), (current_setting('lock_timeout')); RETURN NEW; END $$; \
             CREATE TRIGGER note AFTER INSERT ON idem.records FOR EACH ROW EXECUTE FUNCTION note();",
        )
        .await;
    let _ = fresh(&store).await;
    let seen: String = server.row("SELECT string_agg(setting, ', ') FROM seen").await.get(0);
    assert_eq!(seen, "on, read committed, 10s");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_a_hundred_at_once_run_once() {
    let server = PostgresServer::with(&["fsync=off"]).await;
    let idempotency = Idempotency::builder(patient(&server).await).store_timeout(Duration::from_secs(30)).build();
    assert_eq!(idempotency.store_name(), "postgres");
    let gate = Gate::closed();
    let state = AppState { idempotency: idempotency.clone(), gate: gate.clone() };
    #[idempotent(ttl = "1h", key = "header:Idempotency-Key")]
    async fn pay(axum::extract::State(state): axum::extract::State<AppState>, body: String) -> String {
        state.gate.pass().await;
        format!("paid {body}")
    }
    let app: Router = Router::new().route("/pay", post(pay)).with_state(state);
    let http = Server::start(app).await;
    let mut requests = JoinSet::new();
    for _ in 0..100 {
        requests.spawn(Seen::of(http.post("/pay", "k", &serde_json::json!(1))));
    }
    let first: Vec<Seen> = soon("all but one", async {
        let mut seen = Vec::new();
        while seen.len() < 99 {
            seen.push(requests.join_next().await.unwrap().unwrap());
        }
        seen
    })
    .await;
    assert!(first.iter().all(|seen| seen.status == 409), "{first:?}");
    gate.let_pass(1);
    assert_eq!(soon("the one", requests.join_next()).await.unwrap().unwrap().status, 200);
    let again = Seen::of(http.post("/pay", "k", &serde_json::json!(1))).await;
    assert!(again.replayed && again.status == 200);
    assert_eq!(gate.executions(), 1);
}
