//! SIGTERM under load: what was begun is recorded, and no claim is left behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use idem_tests::process::{Program, built};
use idem_tests::redis_server::RedisServer;
use idem_tests::{soon, until};
use reqwest::Client;
use serde_json::json;
use tokio::task::JoinSet;

async fn payments(redis: &RedisServer, options: &[&str]) -> Program {
    let url = redis.url();
    let arguments = [&["--listen", "127.0.0.1:0", "--store", &url][..], options].concat();
    Program::start(&built("payments"), &arguments).await
}

/// How many entries there are of each kind: claims, and records.
async fn entries(redis: &RedisServer) -> (usize, usize) {
    let (mut claims, mut records) = (0, 0);
    for key in redis.keys().await {
        let value: Vec<u8> = redis.command(&["GET", &key]).await;
        match &value[..8] {
            b"idem1 P " => claims += 1,
            b"idem1 C " => records += 1,
            other => panic!("{other:?}"),
        }
    }
    (claims, records)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i37_under_load_no_claim_is_left_behind() {
    let redis = RedisServer::start().await;
    let mut program = payments(&redis, &["--delay", "30ms"]).await;
    let (paid, number, stopped) =
        (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let url = format!("http://{}/v1/payments", program.address);
    let mut clients = JoinSet::new();
    for _ in 0..16 {
        let (url, paid, number, stopped) = (url.clone(), Arc::clone(&paid), Arc::clone(&number), Arc::clone(&stopped));
        clients.spawn(async move {
            let client = Client::new();
            while !stopped.load(Ordering::SeqCst) {
                let key = format!("k-{}", number.fetch_add(1, Ordering::SeqCst));
                let request = client.post(&url).header("x-idempotency-key", key);
                match request.json(&json!({ "order": "A-1", "amount": 1 })).send().await {
                    Ok(answer) if answer.status() == 201 => drop(paid.fetch_add(1, Ordering::SeqCst)),
                    Ok(answer) => assert_eq!(answer.status(), 503, "draining, and nothing else"),
                    // It takes no more connections.
                    Err(_) => tokio::task::yield_now().await,
                }
            }
        });
    }
    until("load", async || (paid.load(Ordering::SeqCst) > 100).then_some(())).await;
    program.signal("TERM");
    assert_eq!(soon("the end", program.ended()).await, Some(0));
    stopped.store(true, Ordering::SeqCst);
    soon("the clients' end", clients.join_all()).await;
    // An answer may be lost where a connection is closed, a record may not.
    let (claims, records) = entries(&redis).await;
    assert_eq!(claims, 0);
    assert!(records >= paid.load(Ordering::SeqCst), "{records} records");
}

#[tokio::test]
async fn i38_past_the_grace_the_process_ends_and_the_claim_has_its_lease() {
    let redis = RedisServer::start().await;
    let mut program = payments(&redis, &["--delay", "1h", "--grace", "50ms"]).await;
    let request = Client::new().post(format!("http://{}/v1/payments", program.address));
    let paying =
        tokio::spawn(request.header("x-idempotency-key", "k").json(&json!({ "order": "A-1", "amount": 1 })).send());
    until("a claim", async || (entries(&redis).await == (1, 0)).then_some(())).await;
    program.signal("TERM");
    assert_eq!(soon("the end", program.ended()).await, Some(1), "{}", program.output());
    assert!(paying.await.unwrap().is_err());
    assert_eq!(entries(&redis).await, (1, 0));
}
