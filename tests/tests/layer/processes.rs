//! Plain and annotated handlers behind a layer, in several processes over one Redis.

use idem_tests::outside::Outside;
use idem_tests::process::Program;
use idem_tests::redis_server::RedisServer;
use idem_tests::server::Seen;
use idem_tests::{soon, until};
use tokio::task::JoinSet;

fn send(server: &Program, path: &str, key: &str) -> impl Future<Output = Seen> + Send + 'static {
    let request = reqwest::Client::new().post(format!("http://{}{path}", server.address));
    Seen::of(request.header("idempotency-key", key))
}

#[tokio::test]
async fn i01_a_hundred_over_two_processes_run_once() {
    let (redis, outside) = (RedisServer::start().await, Outside::new().await);
    let servers = [outside.server(&redis).await, outside.server(&redis).await];
    let mut answers = JoinSet::new();
    for number in 0..100 {
        answers.spawn(send(&servers[number % 2], "/layered/plain", "k"));
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
        let retry = send(server, "/layered/plain", "k").await;
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
            answers.spawn(send(&servers[number % 2], "/layered/annotated", &key));
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
            let retry = send(server, "/layered/annotated", &key).await;
            assert_eq!((retry.status, retry.replayed, &retry.body), (201, true, &first[0].body), "round {round}");
        }
        assert_eq!(outside.effects(), [format!("{key} 1")]);
    }
}

#[tokio::test]
async fn i32_killed_before_the_effect_the_retry_has_it() {
    for path in ["/layered/plain", "/layered/annotated"] {
        let (redis, outside) = (RedisServer::start().await, Outside::new().await);
        let (mut first, second) = (outside.server(&redis).await, outside.server(&redis).await);
        let lost = tokio::spawn(send(&first, path, "k"));
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

/// Retries while the first one's claim holds.
async fn retry(server: &Program, path: &str) -> Seen {
    until("an end of the lease", async || {
        let seen = send(server, path, "k").await;
        (seen.status != 409 || seen.refusal() != "in_progress").then_some(seen)
    })
    .await
}
