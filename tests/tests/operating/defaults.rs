//! What the house's rules say where a route says nothing; a route that says it wins.

use std::time::Duration;

use axum::Router;
use axum::extract::{FromRef, State};
use axum::http::StatusCode;
use axum::routing::post;
use idem_runtime::{
    Defaults, Idempotency, InFlight, Job, JobError, JobRefusal, MemoryStore, Missing, OnFailure, Recorded, idempotent,
    idempotent_fn,
};
use idem_tests::gate::Gate;
use idem_tests::server::{Seen, Server};
use serde_json::json;

const HOUSE_RULES: Defaults = Defaults::new()
    .in_flight(InFlight::Wait(Duration::from_secs(50)))
    .on_failure(OnFailure::Keep)
    .missing(Missing::Refuse(428))
    .record(Recorded::Success)
    .max_response(4);

#[derive(Clone, FromRef)]
struct AppState {
    idempotency: Idempotency,
    gate: Gate,
}

async fn answer(gate: &Gate, body: &str) -> (StatusCode, String) {
    let number = gate.pass().await;
    match body.parse() {
        Ok(status) => (StatusCode::from_u16(status).unwrap(), number.to_string()),
        Err(_) => (StatusCode::OK, "large enough".to_owned()),
    }
}

#[idempotent(ttl = "1h")]
async fn silent(State(gate): State<Gate>, body: String) -> (StatusCode, String) {
    answer(&gate, &body).await
}

/// With the defaults of the crate, written out.
#[idempotent(
    ttl = "1h",
    in_flight = "reject",
    on_failure = "retry",
    missing = 400,
    record = "final",
    max_response = "1MiB",
    lease = "30s"
)]
async fn outspoken(State(gate): State<Gate>, body: String) -> (StatusCode, String) {
    answer(&gate, &body).await
}

async fn open(gate: &Gate, defaults: Defaults) -> (Server, Idempotency) {
    let idempotency = Idempotency::builder(MemoryStore::new()).defaults(defaults).build();
    let state = AppState { idempotency: idempotency.clone(), gate: gate.clone() };
    let router = Router::new().route("/silent", post(silent)).route("/outspoken", post(outspoken)).with_state(state);
    (Server::start(router).await, idempotency)
}

/// What becomes of a second request: its answer, or the code of its refusal.
async fn twice(server: &Server, path: &str, body: &str) -> String {
    let ask = || server.client.post(server.url(path)).header("idempotency-key", body).body(body.to_owned());
    Seen::of(ask()).await;
    let again = Seen::of(ask()).await;
    match again.header("content-type").as_deref() {
        Some("application/problem+json") => again.refusal(),
        _ if again.replayed => "replayed".to_owned(),
        _ => "executed".to_owned(),
    }
}

#[tokio::test]
async fn a_route_that_says_nothing_follows_them_and_one_that_does_wins() {
    let (server, _) = open(&Gate::open(), HOUSE_RULES).await;
    let (built_in, _) = open(&Gate::open(), Defaults::default()).await;
    for (body, silent, outspoken) in [
        ("201", "replayed", "replayed"),
        ("404", "executed", "replayed"),
        ("500", "replayed", "executed"),
        ("large", "response_not_kept", "replayed"),
    ] {
        assert_eq!(twice(&server, "/silent", body).await, silent, "{body}");
        for (server, path) in [(&server, "/outspoken"), (&built_in, "/silent"), (&built_in, "/outspoken")] {
            assert_eq!(twice(server, path, body).await, outspoken, "{path} {body}");
        }
    }
    for (path, status) in [("/silent", 428), ("/outspoken", 400)] {
        assert_eq!(Seen::of(server.client.post(server.url(path))).await.problem(), (status, "missing_key".to_owned()));
    }
}

#[tokio::test]
async fn a_duplicate_waits_where_the_house_says_so() {
    let gate = Gate::closed();
    let (server, idempotency) = open(&gate, HOUSE_RULES).await;
    let ask = |path: &str| Seen::of(server.client.post(server.url(path)).header("idempotency-key", "k").body("201"));
    let first = tokio::spawn(ask("/outspoken"));
    gate.started().await;
    assert_eq!(ask("/outspoken").await.refusal(), "in_progress");
    gate.let_pass(1);
    first.await.unwrap();

    let first = tokio::spawn(ask("/silent"));
    gate.started().await;
    let second = tokio::spawn(ask("/silent"));
    gate.let_pass(1);
    let (first, second) = (first.await.unwrap(), second.await.unwrap());
    assert_eq!((first.replayed, second.replayed, second.status), (false, true, 201));
    assert_eq!(idempotency.counts().in_progress, 1);
}

#[tokio::test]
async fn a_request_without_a_key_runs_where_the_house_says_so() {
    let (server, idempotency) = open(&Gate::open(), Defaults::new().missing(Missing::Execute)).await;
    let silent = Seen::of(server.client.post(server.url("/silent")).body("201")).await;
    assert_eq!(silent.status, 201);
    assert_eq!(Seen::of(server.client.post(server.url("/outspoken")).body("201")).await.refusal(), "missing_key");
    assert_eq!(idempotency.counts().unprotected, 1);
}

#[idempotent_fn(ttl = "1h", key = key, store = idempotency)]
async fn silent_job(idempotency: &Idempotency, key: &str, fails: bool) -> Result<String, JobRefusal> {
    if fails { Err(JobRefusal::MissingKey) } else { Ok("large enough".to_owned()) }
}

#[idempotent_fn(ttl = "1h", key = key, store = idempotency, on_failure = "retry")]
async fn outspoken_job(idempotency: &Idempotency, key: &str, fails: bool) -> Result<String, JobRefusal> {
    if fails { Err(JobRefusal::MissingKey) } else { Ok("large enough".to_owned()) }
}

#[tokio::test]
async fn jobs_follow_them_too() {
    let idempotency = Idempotency::builder(MemoryStore::new()).defaults(HOUSE_RULES).build();
    assert!(silent_job(&idempotency, "fails", true).await.is_err());
    assert_eq!(silent_job(&idempotency, "fails", false).await.unwrap_err().code(), "outcome_unknown");
    assert!(outspoken_job(&idempotency, "fails", true).await.is_err());
    assert_eq!(outspoken_job(&idempotency, "fails", false).await.unwrap(), "large enough");
    assert_eq!(outspoken_job(&idempotency, "fails", false).await.unwrap_err().code(), "response_not_kept");

    const SHIP: Job = Job::new("ship", Duration::from_secs(3600)).on_failure(OnFailure::Retry).max_result(100);
    let ship = async |key: &'static str, fails: bool| {
        let work = async move { if fails { Err(()) } else { Ok(json!("large enough")) } };
        idempotency.run(SHIP.key(key), work).await
    };
    assert!(matches!(ship("k", true).await, Err(JobError::Failed(()))));
    assert!(!ship("k", false).await.unwrap().is_replayed());
    assert!(ship("k", false).await.unwrap().is_replayed());
}
