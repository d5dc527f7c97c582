//! Against a guarded handler.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::{FromRef, State};
use axum::routing::post;
use idem_client::{Key, Outcome, Stopped};
use idem_runtime::{Idempotency, MemoryStore, idempotent};
use idem_tests::server::Server;
use idem_tests::soon;
use tokio::sync::Notify;

use crate::fast;
use crate::peer::client;

#[derive(Clone, FromRef)]
struct App {
    idempotency: Idempotency,
    effects: Arc<AtomicUsize>,
    go_on: Arc<Notify>,
}

#[idempotent(ttl = "1h", max_response = "1KiB")]
async fn pay(State(effects): State<Arc<AtomicUsize>>, State(go_on): State<Arc<Notify>>, body: String) -> String {
    let number = effects.fetch_add(1, Ordering::SeqCst) + 1;
    match body.as_str() {
        "slow" => go_on.notified().await,
        "large" => return "x".repeat(2000),
        _ => {}
    }
    format!("{number}: {body}")
}

async fn start() -> (Server, App) {
    let idempotency = Idempotency::new(MemoryStore::new());
    let app = App { idempotency, effects: Arc::default(), go_on: Arc::default() };
    (Server::start(Router::new().route("/pay", post(pay)).with_state(app.clone())).await, app)
}

#[tokio::test]
async fn a_key_with_another_body_is_refused_once() {
    let (server, app) = start().await;
    let client = client(fast());
    let key = Key::derive("pay", ["order 7"]);
    let send = async |body: &'static str| {
        let response = client.post(server.url("/pay")).with_extension(key.clone()).body(body).send().await.unwrap();
        let outcome = Outcome::of(&response).unwrap().clone();
        (response.status().as_u16(), outcome.attempts(), outcome.is_replay(), response.text().await.unwrap())
    };
    assert_eq!(send("10").await, (200, 1, false, "1: 10".to_owned()));
    assert_eq!(send("10").await, (200, 1, true, "1: 10".to_owned()));
    let (status, attempts, is_replay, problem) = send("11").await;
    assert_eq!((status, attempts, is_replay), (422, 1, false));
    assert!(problem.contains("key_reused"));
    assert_eq!(app.effects.load(Ordering::SeqCst), 1);
}

/// The answer was too large to be kept: the retry is told so, and told once.
#[tokio::test]
async fn an_answer_that_was_not_kept_is_final() {
    let (server, app) = start().await;
    let client = client(fast());
    let send = || client.post(server.url("/pay")).header("idempotency-key", "k").body("large").send();
    assert_eq!(send().await.unwrap().text().await.unwrap().len(), 2000);
    let response = send().await.unwrap();
    let outcome = Outcome::of(&response).unwrap();
    assert_eq!((outcome.attempts(), outcome.stopped()), (1, Stopped::Final));
    assert!(response.text().await.unwrap().contains("response_not_kept"));
    assert_eq!(app.effects.load(Ordering::SeqCst), 1);
}

/// The first request is still running: the second one waits as the server says, and gets the first one's answer.
#[tokio::test]
async fn a_request_in_progress_is_waited_for() {
    let (server, app) = start().await;
    let first = client(fast()).post(server.url("/pay")).header("idempotency-key", "k").body("slow").send();
    let first = tokio::spawn(first);
    idem_tests::until("the first one runs", async || (app.effects.load(Ordering::SeqCst) == 1).then_some(())).await;
    let go_on = Arc::clone(&app.go_on);
    // Only when the second one was told to wait is the first one let go.
    let told = fast().on_try(move |it| {
        if it.status().is_some_and(|status| status == 409) {
            go_on.notify_one();
        }
    });
    let second = client(told).post(server.url("/pay")).header("idempotency-key", "k").body("slow").send();
    let second = soon("the second answer", second).await.unwrap();
    let outcome = Outcome::of(&second).unwrap().clone();
    assert!(outcome.attempts() >= 2 && outcome.is_replay() && outcome.waited().as_secs() >= 1, "{outcome:?}");
    assert_eq!(second.text().await.unwrap(), "1: slow");
    assert_eq!(soon("the first answer", first).await.unwrap().unwrap().text().await.unwrap(), "1: slow");
    assert_eq!(app.effects.load(Ordering::SeqCst), 1);
}
