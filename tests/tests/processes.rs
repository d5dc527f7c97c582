//! Several server processes over one Redis: killed, stopped, and continued.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use idem_tests::outside::Outside;
use idem_tests::process::Program;
use idem_tests::redis_server::RedisServer;
use idem_tests::server::Seen;
use idem_tests::{soon, until};
use tokio::task::JoinSet;

/// Retries while the first one's claim holds.
async fn retry(server: &Program, path: &str) -> Seen {
    until("an end of the lease", async || {
        let seen = server.send(path, "k").await;
        (seen.status != 409 || seen.refusal() != "in_progress").then_some(seen)
    })
    .await
}

#[tokio::test]
async fn i01_a_hundred_over_two_processes_run_once() {
    a_hundred_run_once("/pay-slowly").await;
}

#[tokio::test]
async fn i01_a_hundred_over_two_processes_run_once_behind_a_layer() {
    a_hundred_run_once("/layered/plain").await;
}

async fn a_hundred_run_once(path: &str) {
    let (redis, outside) = (RedisServer::start().await, Outside::new().await);
    let servers = [outside.server(&redis).await, outside.server(&redis).await];
    let mut answers = JoinSet::new();
    for number in 0..100 {
        answers.spawn(servers[number % 2].send(path, "k"));
    }
    let stopped = outside.next_at("before-effect").await;
    for _ in 0..99 {
        assert_eq!(soon("a refusal", answers.join_next()).await.unwrap().unwrap().refusal(), "in_progress");
    }
    stopped.go_on().await;
    outside.next_at("after-effect").await.go_on().await;
    let first = answers.join_next().await.unwrap().unwrap();
    assert_eq!((first.status, first.replayed), (201, false));
    for server in &servers {
        let retry = server.send(path, "k").await;
        assert_eq!((retry.replayed, &retry.body), (true, &first.body));
    }
    assert_eq!(outside.effects(), ["k 1"]);
}

/// Processes that know nothing yet, and duplicates at both of them at once.
#[tokio::test]
async fn i01_first_contact_with_an_annotated_route_in_two_processes() {
    let redis = RedisServer::start().await;
    for round in 0..5 {
        let (outside, key) = (Outside::new().await, format!("k{round}"));
        let servers = [outside.server(&redis).await, outside.server(&redis).await];
        let mut answers = JoinSet::new();
        for number in 0..20 {
            answers.spawn(servers[number % 2].send("/layered/annotated", &key));
        }
        outside.let_one_pass().await;
        let answers = soon("all answers", answers.join_all()).await;
        let first: Vec<_> = answers.iter().filter(|seen| seen.status == 201 && !seen.replayed).collect();
        assert_eq!(first.len(), 1, "round {round}: {answers:?}");
        for seen in answers.iter().filter(|seen| seen.status != 201) {
            assert_eq!(seen.refusal(), "in_progress", "round {round}");
        }
        for server in &servers {
            // A process that was asked only while the other one found out, finds out now.
            let retry = server.send("/layered/annotated", &key).await;
            assert_eq!((retry.status, retry.replayed, &retry.body), (201, true, &first[0].body), "round {round}");
        }
        assert_eq!(outside.effects(), [format!("{key} 1")]);
    }
}

#[tokio::test]
async fn i41_those_who_wait_in_another_process_get_the_same_bytes() {
    let (redis, outside) = (RedisServer::start().await, Outside::new().await);
    let servers = [outside.server(&redis).await, outside.server(&redis).await];
    let mut answers = JoinSet::new();
    for number in 0..40 {
        answers.spawn(servers[number % 2].send("/pay-waiting", "k"));
    }
    outside.let_one_pass().await;
    let answers = soon("all answers", answers.join_all()).await;
    assert_eq!(answers.iter().filter(|seen| !seen.replayed).count(), 1);
    assert!(answers.iter().all(|seen| seen.status == 201 && seen.body == answers[0].body));
    assert_eq!(outside.effects(), ["k 1"]);
}

#[tokio::test]
async fn i32_killed_before_the_effect_the_retry_has_it() {
    for path in ["/pay", "/layered/plain", "/layered/annotated"] {
        let (redis, outside) = (RedisServer::start().await, Outside::new().await);
        let (mut first, second) = (outside.server(&redis).await, outside.server(&redis).await);
        let lost = tokio::spawn(first.send(path, "k"));
        let stopped = outside.next_at("before-effect").await;
        first.kill();
        drop(stopped);
        assert!(lost.await.is_err(), "the client has no answer");
        let (retry, ()) = tokio::join!(retry(&second, path), outside.let_one_pass());
        assert_eq!((retry.status, retry.replayed), (201, false));
        assert!(String::from_utf8(retry.body).unwrap().ends_with("in attempt 2"));
        assert_eq!(outside.effects(), ["k 2"]);
    }
}

#[tokio::test]
async fn i32_killed_after_the_effect_at_least_once() {
    let (redis, outside) = (RedisServer::start().await, Outside::new().await);
    let (mut first, second) = (outside.server(&redis).await, outside.server(&redis).await);
    let lost = tokio::spawn(first.send("/pay", "k"));
    outside.next_at("before-effect").await.go_on().await;
    let stopped = outside.next_at("after-effect").await;
    first.kill();
    drop(stopped);
    assert!(lost.await.is_err());
    let (retry, ()) = tokio::join!(retry(&second, "/pay"), outside.let_one_pass());
    assert_eq!(retry.status, 201);
    // What `on_failure = "retry"` says: the effect may be repeated, once the lease has ended.
    assert_eq!(outside.effects(), ["k 1", "k 2"]);
}

#[tokio::test]
async fn i35_killed_in_the_handler_at_most_once() {
    for kill_at in ["before-effect", "after-effect"] {
        let (redis, outside) = (RedisServer::start().await, Outside::new().await);
        let (mut first, second) = (outside.server(&redis).await, outside.server(&redis).await);
        let lost = tokio::spawn(first.send("/pay-once", "k"));
        let mut stopped = outside.next_at("before-effect").await;
        if kill_at == "after-effect" {
            stopped.go_on().await;
            stopped = outside.next_at("after-effect").await;
        }
        first.kill();
        drop(stopped);
        assert!(lost.await.is_err());
        let effects = outside.effects();
        let told = retry(&second, "/pay-once").await;
        assert_eq!((told.status, told.refusal().as_str()), (409, "outcome_unknown"), "{kill_at}");
        assert_eq!(retry(&second, "/pay-once").await.refusal(), "outcome_unknown", "{kill_at}");
        assert_eq!(outside.effects(), effects, "{kill_at}");
    }
}

#[tokio::test]
async fn i24_killed_after_the_record_the_retry_is_replayed() {
    let (redis, outside) = (RedisServer::start().await, Outside::new().await);
    let (mut first, second) = (outside.server(&redis).await, outside.server(&redis).await);
    let answer = tokio::spawn(first.send("/pay", "k"));
    outside.let_one_pass().await;
    let answer = answer.await.unwrap();
    first.kill();
    let retry = second.send("/pay", "k").await;
    assert_eq!((retry.replayed, retry.body), (true, answer.body));
    assert_eq!(outside.effects(), ["k 1"]);
}

/// A stale owner: stopped past its lease, and continued when another one has recorded its outcome.
#[tokio::test]
async fn i14_i20_a_stale_owner_neither_overwrites_nor_answers() {
    let (redis, outside) = (RedisServer::start().await, Outside::new().await);
    let (first, second) = (outside.server(&redis).await, outside.server(&redis).await);
    let stale = tokio::spawn(first.send("/pay", "k"));
    let stopped = outside.next_at("before-effect").await;
    first.signal("STOP");
    let (recorded, ()) = tokio::join!(retry(&second, "/pay"), outside.let_one_pass());
    assert!(String::from_utf8_lossy(&recorded.body).ends_with("in attempt 2"));
    first.signal("CONT");
    stopped.go_on().await;
    outside.next_at("after-effect").await.go_on().await;
    let answer = stale.await.unwrap();
    assert_eq!((answer.status, answer.replayed, &answer.body), (201, true, &recorded.body));
    for server in [&first, &second] {
        let retry = server.send("/pay", "k").await;
        assert_eq!((retry.replayed, &retry.body), (true, &recorded.body));
    }
    // Two executions overlapped, because a lease ended (I3): both effects are there to be seen.
    assert_eq!(outside.effects(), ["k 2", "k 1"]);
}

/// The same, with the new owner still at work when the old one ends.
#[tokio::test]
async fn i20_a_stale_owner_without_a_record_to_answer_with_is_unavailable() {
    let (redis, outside) = (RedisServer::start().await, Outside::new().await);
    let (first, second) = (outside.server(&redis).await, outside.server(&redis).await);
    let stale = tokio::spawn(first.send("/pay", "k"));
    let old = outside.next_at("before-effect").await;
    first.signal("STOP");
    let meanwhile = async {
        let new = outside.next_at("before-effect").await;
        first.signal("CONT");
        old.go_on().await;
        outside.next_at("after-effect").await.go_on().await;
        let answer = stale.await.unwrap();
        assert_eq!((answer.status, answer.refusal().as_str()), (503, "store_unavailable"));
        new.go_on().await;
        outside.next_at("after-effect").await.go_on().await;
    };
    let (recorded, ()) = tokio::join!(retry(&second, "/pay"), meanwhile);
    assert_eq!((recorded.status, recorded.replayed), (201, false));
    assert_eq!(first.send("/pay", "k").await.body, recorded.body);
}

#[tokio::test]
async fn i37_sigterm_strands_no_claim() {
    let (redis, outside) = (RedisServer::start().await, Outside::new().await);
    let (mut first, second) = (outside.server(&redis).await, outside.server(&redis).await);
    let answer = tokio::spawn(first.send("/pay-slowly", "k"));
    let gone = tokio::spawn(first.send("/pay-slowly", "gone"));
    let stopped = [outside.next_at("before-effect").await, outside.next_at("before-effect").await];
    gone.abort();
    first.signal("TERM");
    for handler in stopped {
        handler.go_on().await;
    }
    for _ in 0..2 {
        outside.next_at("after-effect").await.go_on().await;
    }
    assert_eq!((answer.await.unwrap().status, first.ended().await), (201, Some(0)));
    for key in ["k", "gone"] {
        assert!(second.send("/pay-slowly", key).await.replayed, "{key}");
    }
    assert_eq!(outside.effects().len(), 2);
}
