//! The example program, as a person meets it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::process::Command;

use idem_tests::process::{Program, built, free_port};
use idem_tests::redis_server::RedisServer;
use idem_tests::server::Seen;
use idem_tests::until;
use serde_json::{Value, json};
use tempfile::TempDir;

async fn payments(store: &str, delay: &str) -> Program {
    let arguments = ["--listen", "127.0.0.1:0", "--store", store, "--delay", delay];
    Program::start(&built("payments"), &arguments).await
}

/// The default, but for the folder.
fn file_in(folder: &TempDir) -> String {
    format!("sqlite:{}", folder.path().join("payments.db").display())
}

fn post(program: &Program, path: &str, key: Option<(&str, &str)>, body: &Value) -> reqwest::RequestBuilder {
    let request = reqwest::Client::new().post(format!("http://{}{path}", program.address)).json(body);
    match key {
        Some((name, value)) => request.header(name, value),
        None => request,
    }
}

async fn charged(program: &Program) -> Vec<Value> {
    let list = reqwest::get(format!("http://{}/v1/payments", program.address)).await.unwrap();
    list.json().await.unwrap()
}

/// The four answers of the second seed, and the one of the first.
async fn walk_through(program: &Program) {
    let body = json!({ "order": "A-1", "amount": 1250 });
    let pay = |key: Option<&'static str>| {
        Seen::of(post(program, "/v1/payments", key.map(|key| ("x-idempotency-key", key)), &body))
    };
    let without = pay(None).await;
    assert_eq!((without.status, without.refusal().as_str()), (428, "missing_key"));
    let first = pay(Some("k-1")).await;
    assert_eq!((first.status, first.header("location").as_deref()), (201, Some("/v1/payments/1")));
    for _ in 0..10 {
        let retry = pay(Some("k-1")).await;
        assert_eq!((retry.status, retry.replayed, &retry.body), (200, true, &first.body));
        assert_eq!(retry.header("location").as_deref(), Some("/v1/payments/1"));
    }
    assert_eq!(pay(Some("k-2")).await.status, 201);
    let other =
        post(program, "/v1/payments", Some(("x-idempotency-key", "k-1")), &json!({ "order": "A-1", "amount": 9 }));
    assert_eq!(Seen::of(other).await.refusal(), "key_reused");
    assert_eq!(charged(program).await.len(), 2);
    let one = reqwest::get(format!("http://{}/v1/payments/1", program.address)).await.unwrap();
    assert_eq!(one.json::<Value>().await.unwrap(), first.json());
    let none = Seen::of(reqwest::Client::new().get(format!("http://{}/v1/payments/99", program.address))).await;
    assert_eq!((none.status, none.header("content-type").as_deref()), (404, Some("application/problem+json")));

    let order = json!({ "orderId": 7 });
    for (key, replayed) in [(Some("p-1"), false), (Some("p-1"), true), (None, false), (None, false)] {
        let paid = Seen::of(post(program, "/pay", key.map(|key| ("idempotency-key", key)), &order)).await;
        assert_eq!((paid.status, paid.replayed), (200, replayed));
        assert_eq!(paid.json(), json!({ "order": 7, "status": "paid" }));
    }
    assert_eq!(charged(program).await.len(), 5);
}

#[tokio::test]
async fn in_a_file() {
    let folder = TempDir::new().unwrap();
    walk_through(&payments(&file_in(&folder), "0s").await).await;
}

#[tokio::test]
async fn in_memory() {
    walk_through(&payments("memory:", "0s").await).await;
}

#[tokio::test]
async fn in_redis() {
    let redis = RedisServer::start().await;
    walk_through(&payments(&redis.url(), "0s").await).await;
}

#[tokio::test]
async fn a_retry_after_the_program_was_killed_and_started_again_is_replayed() {
    let folder = TempDir::new().unwrap();
    let body = json!({ "order": "A-1", "amount": 1250 });
    let pay = async |program: &Program| Seen::of(post(program, "/v1/payments", Some(KEY), &body)).await;
    let mut program = payments(&file_in(&folder), "0s").await;
    let first = pay(&program).await;
    assert_eq!((first.status, first.replayed), (201, false));
    program.kill();
    let program = payments(&file_in(&folder), "0s").await;
    let again = pay(&program).await;
    assert_eq!((again.status, again.replayed, &again.body), (200, true, &first.body));
    assert_eq!(charged(&program).await.len(), 1);
}

const KEY: (&str, &str) = ("x-idempotency-key", "k-1");

#[tokio::test]
async fn the_curl_lines_that_it_prints_work_when_pasted() {
    let folder = TempDir::new().unwrap();
    let program = payments(&file_in(&folder), "300ms").await;
    let printed = until("the whole greeting", async || {
        let output = program.output();
        output.contains("/metrics\n").then_some(output)
    })
    .await;
    assert!(printed.contains(&format!("in a browser: http://{}/\n", program.address)), "{printed}");
    let lines: Vec<&str> = printed.lines().filter_map(|line| line.strip_prefix("  ")).collect();
    assert_eq!(lines.len(), 11, "{printed}");
    let mut answers = Vec::new();
    for line in lines {
        let output = Command::new("sh").args(["-c", line]).output().unwrap();
        answers.push(String::from_utf8(output.stdout).unwrap());
    }
    for (answer, status) in answers.iter().zip(["201", "200", "422", "428"]) {
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
    assert!(answers[1].contains("idempotency-replayed: true"));
    assert_eq!(answers[4], "", "the client hung up");
    assert!(
        answers[5].contains("HTTP/1.1 200 ") && answers[5].contains("idempotency-replayed: true"),
        "{}",
        answers[5]
    );
    // Ten at once: one pays, the others are told to wait or get the answer.
    assert_eq!(
        answers[6].matches("\"order\":7").count() + answers[6].matches(r#""code":"in_progress""#).count(),
        10,
        "{}",
        answers[6]
    );
    let charges: Vec<Value> = serde_json::from_str(&answers[7]).unwrap();
    let orders: Vec<&Value> = charges.iter().map(|charge| &charge["order"]).collect();
    assert_eq!(orders, ["A-1", "A-2", "7"]);
    let counts: Value = serde_json::from_str(&answers[8]).unwrap();
    assert_eq!(counts["executed"], 3);
    assert!(answers[9].starts_with("HTTP/1.1 204 "), "{}", answers[9]);
    let executed = r#"idem_requests_total{kind="http",operation="POST /v1/payments",outcome="executed"} 2"#;
    assert!(answers[10].contains(executed), "{}", answers[10]);
}

#[tokio::test]
async fn wrong_options_end_it_with_one_clear_line() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let nobody = format!("redis://user:canary@127.0.0.1:{}", free_port());
    for (arguments, needed) in [
        (["--store", "mysql://x"], "`mysql:` is no store"),
        (["--store", "nonsense"], "is no store"),
        (["--store", "redis://"], "redis"),
        (["--store", "sqlite:/nowhere/payments.db"], "its folder does not exist"),
        (["--store", "sqlite:/"], "it is a folder"),
        (["--store", "sqlite::memory:"], "use `memory:`"),
        (["--store", &nobody], "cannot be reached"),
        (["--listen", &taken], "cannot listen on"),
    ] {
        let output = Command::new(built("payments")).args(arguments).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.starts_with("payments: ") && said.contains(needed), "{arguments:?}: {said}");
        assert_eq!((said.trim_end().lines().count(), output.stdout.len()), (1, 0), "{said}");
        assert!(!said.contains("canary"));
    }
    let output = Command::new(built("payments")).args(["--delay", "soon"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[tokio::test]
async fn sigterm_ends_it_when_all_is_recorded() {
    let folder = TempDir::new().unwrap();
    let mut program = payments(&file_in(&folder), "100ms").await;
    let paid =
        tokio::spawn(Seen::of(post(&program, "/pay", Some(("idempotency-key", "k")), &json!({ "orderId": "x" }))));
    until("the claim", async || {
        let counts = reqwest::get(format!("http://{}/v1/counts", program.address)).await.ok()?;
        (counts.json::<Value>().await.ok()?["executed"] == 1).then_some(())
    })
    .await;
    program.signal("TERM");
    assert_eq!((paid.await.unwrap().status, program.ended().await), (200, Some(0)));
}
