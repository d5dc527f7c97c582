//! Application processes that are killed, or stopped for longer than their lease, in the middle of a transaction.

use idem_tests::outside::Outside;
use idem_tests::process::Program;
use idem_tests::until;

use super::*;

fn post_to(server: &Program, path: &str) -> impl Future<Output = Seen> + Send + 'static {
    let request = reqwest::Client::new().post(format!("http://{}{path}", server.address));
    Seen::of(request.header("idempotency-key", "k"))
}

/// Retries for as long as the key is held.
async fn retry(server: &Program, path: &str) -> Seen {
    until("the key to be free", async || {
        let seen = post_to(server, path).await;
        (seen.status != 409 || seen.refusal() != "in_progress").then_some(seen)
    })
    .await
}

async fn database() -> PostgresServer {
    let database = PostgresServer::with(&["fsync=off"]).await;
    database.run("CREATE TABLE charges (note text NOT NULL)").await;
    database
}

async fn charges(database: &PostgresServer) -> i64 {
    database.row("SELECT count(*) FROM charges").await.get(0)
}

/// Starts two processes, and kills the first one when its handler stands at `step`.
async fn killed_at(database: &PostgresServer, outside: &Outside, path: &'static str, step: &str) -> Program {
    let (mut first, second) = (outside.server_on(&database.url()).await, outside.server_on(&database.url()).await);
    let lost = tokio::spawn(post_to(&first, path));
    let mut stopped = outside.next_at("before-effect").await;
    if step == "after-effect" {
        stopped.go_on().await;
        stopped = outside.next_at("after-effect").await;
    }
    first.kill();
    drop(stopped);
    assert!(lost.await.is_err(), "the client has no answer");
    second
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i32_killed_at_any_step_the_retry_has_the_one_effect() {
    for step in ["before-effect", "after-effect"] {
        let (database, outside) = (database().await, Outside::new().await);
        let second = killed_at(&database, &outside, "/pay-exactly", step).await;
        assert_eq!(charges(&database).await, 0);
        let (answer, ()) = tokio::join!(retry(&second, "/pay-exactly"), outside.let_one_pass());
        assert_eq!((answer.status, answer.replayed), (201, false), "{step}");
        assert!(retry(&second, "/pay-exactly").await.replayed);
        assert_eq!(charges(&database).await, 1, "{step}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i35_killed_where_a_failure_is_kept_nobody_runs_it_again() {
    for step in ["before-effect", "after-effect"] {
        let (database, outside) = (database().await, Outside::new().await);
        let second = killed_at(&database, &outside, "/pay-exactly-or-never", step).await;
        assert_eq!(retry(&second, "/pay-exactly-or-never").await.refusal(), "outcome_unknown", "{step}");
        assert_eq!(charges(&database).await, 0, "{step}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i20_stopped_past_its_lease_an_owner_commits_nothing_and_answers_with_the_record() {
    let (database, outside) = (database().await, Outside::new().await);
    let (first, second) = (outside.server_on(&database.url()).await, outside.server_on(&database.url()).await);
    let stale = tokio::spawn(post_to(&first, "/pay-exactly"));
    outside.next_at("before-effect").await.go_on().await;
    let stopped = outside.next_at("after-effect").await;
    first.signal("STOP");
    // The server ends the transaction that is left alone, and the key is free.
    let (answer, ()) = tokio::join!(retry(&second, "/pay-exactly"), outside.let_one_pass());
    assert_eq!((answer.status, answer.replayed), (201, false));
    first.signal("CONT");
    stopped.go_on().await;
    let stale = soon("the stale owner's answer", stale).await.unwrap();
    assert!((stale.replayed && stale.body == answer.body) || stale.refusal() == "store_unavailable", "{stale:?}");
    assert_eq!(charges(&database).await, 1);
    assert!(retry(&first, "/pay-exactly").await.replayed);
}
