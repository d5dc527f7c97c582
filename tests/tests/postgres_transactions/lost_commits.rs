//! The connection is lost at the very commit: before it arrives, or with its answer.

use std::collections::HashMap;
use std::sync::Arc;

use idem_tests::proxy::{Fate, Proxy};
use idem_tests::until;
use parking_lot::Mutex;
use rand::RngExt as _;
use tokio::task::JoinSet;

use super::*;

/// An application that reaches its database by way of a proxy.
async fn behind_a_proxy(database: &PostgresServer, gate: Gate) -> (Proxy, Server, Idempotency) {
    let proxy = Proxy::start(database.port(), b"COMMIT AND CHAIN").await;
    let url = database.url().replace(&format!(":{}/", database.port()), &format!(":{}/", proxy.port()));
    let (http, idempotency) = application_at(&url, 16, gate).await;
    (proxy, http, idempotency)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i44_a_commit_whose_answer_is_lost_is_found_and_answered() {
    let shop = Shop::open(Gate::open()).await;
    let (proxy, http, idempotency) = behind_a_proxy(&shop.database, shop.gate.clone()).await;
    proxy.next([Fate::LosesItsAnswer]);
    let first = send(&http, "/pay", "k", "201").await;
    assert_eq!((first.status, first.replayed, proxy.left()), (201, false, 0));
    assert_eq!((shop.charges().await, shop.records().await, shop.gate.executions()), (1, 1, 1));
    let again = send(&http, "/pay", "k", "201").await;
    assert!(again.replayed && again.body == first.body);
    assert_eq!(idempotency.counts().recorded, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i44_a_commit_that_never_arrives_leaves_nothing_and_is_not_guessed_at() {
    let shop = Shop::open(Gate::open()).await;
    let (proxy, http, _) = behind_a_proxy(&shop.database, shop.gate.clone()).await;
    proxy.next([Fate::IsCut]);
    assert_eq!(send(&http, "/pay", "k", "201").await.refusal(), "store_unavailable");
    assert_eq!((shop.charges().await, shop.records().await, proxy.left()), (0, 0, 0));
    let again = send(&http, "/pay", "k", "201").await;
    assert_eq!((again.status, again.replayed, shop.charges().await), (201, false, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i35_where_a_failure_is_kept_a_lost_commit_is_an_unknown_outcome() {
    let shop = Shop::open(Gate::open()).await;
    let (proxy, http, _) = behind_a_proxy(&shop.database, shop.gate.clone()).await;
    proxy.next([Fate::IsCut, Fate::LosesItsAnswer]);
    assert!(matches!(
        send(&http, "/keep", "cut", "201").await.refusal().as_str(),
        "outcome_unknown" | "store_unavailable"
    ));
    assert_eq!(send(&http, "/keep", "cut", "201").await.refusal(), "outcome_unknown");
    assert_eq!((shop.charges().await, shop.gate.executions()), (0, 1));
    assert_eq!(send(&http, "/keep", "lost", "201").await.status, 201);
    assert!(send(&http, "/keep", "lost", "201").await.replayed);
    assert_eq!((shop.charges().await, shop.gate.executions()), (1, 2));
}

/// 1,000 payments by clients that retry until they have an answer, while commits are cut and their answers lost at random,
/// connections are ended by the server, and the server is killed and started again: one effect each, and one answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i45_a_thousand_payments_through_lost_commits_have_one_effect_each() {
    const PAYMENTS: u32 = 1_000;
    let mut random = idem_tests::random::drawn();
    let mut shop = Shop::open(Gate::open()).await;
    let (proxy, http, _) = behind_a_proxy(&shop.database, shop.gate.clone()).await;
    proxy.next((0..2 * PAYMENTS).map(|_| match random.random_range(0..10) {
        0 => Fate::IsCut,
        1 | 2 => Fate::LosesItsAnswer,
        _ => Fate::Passes,
    }));
    let answers = Arc::new(Mutex::new(HashMap::<u32, Vec<u8>>::new()));
    let waiting: Arc<Mutex<Vec<u32>>> = Arc::new(Mutex::new((0..PAYMENTS).collect()));
    let mut clients = JoinSet::new();
    for _ in 0..12 {
        let (answers, waiting) = (Arc::clone(&answers), Arc::clone(&waiting));
        let (client, url) = (http.client.clone(), http.url("/exact"));
        clients.spawn(async move {
            loop {
                let next = waiting.lock().pop();
                let Some(payment) = next else { return };
                loop {
                    let request = client.post(&url).header("idempotency-key", format!("p-{payment}"));
                    let seen = Seen::of(request.body(payment.to_string())).await;
                    if seen.status == 201 {
                        answers.lock().insert(payment, seen.body);
                        break;
                    }
                    // Nothing else may be said to the only client of a key: there is nobody to be in its way but itself.
                    assert!(matches!(seen.status, 409 | 500 | 503), "{seen:?}");
                    tokio::task::yield_now().await;
                }
            }
        });
    }
    let answered = async |share: u32| {
        until("the payments", async || (answers.lock().len() as u32 >= PAYMENTS * share / 4).then_some(())).await;
    };
    answered(1).await;
    let backends = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'idem'";
    shop.database.run(backends).await;
    answered(2).await;
    shop.database.kill();
    shop.database.restart().await;
    answered(3).await;
    shop.database.run(backends).await;
    soon("every client's end", clients.join_all()).await;
    // The faults were met: handlers ran again, and no fewer commits were sent than there are payments.
    assert!(shop.gate.executions() > PAYMENTS as usize && proxy.left() <= PAYMENTS as usize);
    let per_payment = "SELECT count(*), count(DISTINCT note) FROM charges";
    let row = shop.database.row(per_payment).await;
    assert_eq!((row.get::<i64, _>(0), row.get::<i64, _>(1)), (i64::from(PAYMENTS), i64::from(PAYMENTS)));
    let first = answers.lock().clone();
    for (payment, body) in first {
        let again = send(&http, "/exact", &format!("p-{payment}"), &payment.to_string()).await;
        assert!(again.replayed && again.status == 201 && again.body == body, "{payment}: {again:?}");
    }
}
