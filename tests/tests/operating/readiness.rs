//! Whether requests had better be sent to a process: the example `payments` and its store.

use idem_tests::process::{Program, built};
use idem_tests::redis_server::RedisServer;
use idem_tests::server::Seen;
use idem_tests::{soon, until};
use reqwest::Client;
use serde_json::json;

async fn get(program: &Program, path: &str) -> Seen {
    Seen::of(Client::new().get(format!("http://{}{path}", program.address))).await
}

async fn pay(program: &Program, key: &str) -> Seen {
    let request = Client::new().post(format!("http://{}/v1/payments", program.address));
    Seen::of(request.header("x-idempotency-key", key).json(&json!({ "order": "A-1", "amount": 1 }))).await
}

async fn payments(redis: &RedisServer, delay: &str) -> Program {
    let arguments = ["--listen", "127.0.0.1:0", "--store", &redis.url(), "--delay", delay];
    Program::start(&built("payments"), &arguments).await
}

#[tokio::test]
async fn a_process_is_ready_while_its_store_answers() {
    let mut redis = RedisServer::with(&["--appendonly", "yes", "--appendfsync", "always"]).await;
    let program = payments(&redis, "0s").await;
    assert_eq!(get(&program, "/ready").await.status, 204);
    let paid = pay(&program, "k").await;
    assert_eq!(paid.status, 201);

    redis.kill();
    let down = get(&program, "/ready").await;
    assert_eq!((down.status, down.header("content-type").as_deref()), (503, Some("application/problem+json")));
    let why = down.json()["detail"].as_str().unwrap().to_owned();
    assert!(why.starts_with("the idempotency store"), "{why}");
    assert_eq!(get(&program, "/live").await.status, 204, "to start it anew would not help");

    redis.restart().await;
    until("readiness", async || (get(&program, "/ready").await.status == 204).then_some(())).await;
    assert!(pay(&program, "k").await.replayed);
}

/// I46: what is finished is replayed while nothing can be written, and no process does that better than this one.
#[tokio::test]
async fn i46_a_process_is_ready_while_its_store_only_replays() {
    let redis = RedisServer::start().await;
    let program = payments(&redis, "0s").await;
    let paid = pay(&program, "k").await;
    redis.command::<String>(&["CONFIG", "SET", "maxmemory", "1"]).await;
    assert_eq!(pay(&program, "other").await.refusal(), "store_unavailable");
    let retry = pay(&program, "k").await;
    assert!(retry.replayed && retry.body == paid.body);
    assert_eq!(get(&program, "/ready").await.status, 204);
}

#[tokio::test]
async fn what_runs_is_answered_when_the_process_stops() {
    let redis = RedisServer::start().await;
    let mut program = payments(&redis, "300ms").await;
    let request = Client::new().post(format!("http://{}/v1/payments", program.address));
    let paying =
        tokio::spawn(Seen::of(request.header("x-idempotency-key", "k").json(&json!({ "order": "A-1", "amount": 1 }))));
    until("a claim", async || (!redis.keys().await.is_empty()).then_some(())).await;
    program.signal("TERM");
    let paid = paying.await.unwrap();
    assert_eq!(paid.status, 201, "what ran is answered");
    assert_eq!(soon("the end", program.ended()).await, Some(0));
}
