//! What is polled, and what is handed over, when a caller goes.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use axum::body::Body;
use axum::extract::FromRequest;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use tokio::sync::Semaphore;

use super::execution::Execution;
use super::guarded::{Guarded, Request, open};
use super::key_value::arguments;
use super::route::{Content, KeySource, Missing, Recorded, Route, ScopeSource, text};
use super::run::{Run, run};
use crate::store::{Claim, ClaimOutcome, Entry, Hold, Holder, MemoryStore, Outcome, OwnerToken, Store, StoreError};
use crate::{Idempotency, InFlight, OnFailure, RecordKey};

static ROUTE: Route = Route {
    operation: Some(text("pay")),
    ttl: Duration::from_secs(60),
    lease: Some(Duration::from_secs(30)),
    key: KeySource::Header(text("idempotency-key")),
    scope: ScopeSource::None,
    missing: Some(Missing::Execute),
    replay_status: None,
    record: Some(Recorded::Final),
    on_failure: Some(OnFailure::Retry),
    in_flight: Some(InFlight::Reject),
    fingerprint: Content::Body,
    max_response: Some(1024),
};

/// Answers a claim when it is let to, as the store behind it does or as if another held it.
#[derive(Clone)]
struct Slow {
    memory: MemoryStore,
    may_answer: Arc<Semaphore>,
    is_held_by_another: bool,
}

impl Slow {
    fn new(is_held_by_another: bool) -> Self {
        Self { memory: MemoryStore::new(), may_answer: Arc::new(Semaphore::new(0)), is_held_by_another }
    }
}

impl Store for Slow {
    fn name(&self) -> &'static str {
        "slow"
    }
    async fn claim(&self, claim: &Claim) -> Result<ClaimOutcome, StoreError> {
        drop(self.may_answer.acquire().await);
        if self.is_held_by_another {
            let holder = Holder { owner: OwnerToken::random(), fingerprint: claim.fingerprint, attempt: 1 };
            return Ok(ClaimOutcome::InFlight(holder));
        }
        self.memory.claim(claim).await
    }
    async fn take_over(&self, claim: &Claim, from: OwnerToken) -> Result<ClaimOutcome, StoreError> {
        self.memory.take_over(claim, from).await
    }
    async fn renew(&self, claim: &Claim) -> Result<Hold, StoreError> {
        self.memory.renew(claim).await
    }
    async fn complete(&self, claim: &Claim, attempt: u32, outcome: &Outcome) -> Result<Hold, StoreError> {
        self.memory.complete(claim, attempt, outcome).await
    }
    async fn release(&self, claim: &Claim) -> Result<Hold, StoreError> {
        self.memory.release(claim).await
    }
    async fn look_up(&self, key: RecordKey) -> Result<Option<Entry>, StoreError> {
        self.memory.look_up(key).await
    }
}

fn request(key: Option<&str>, body: Body) -> axum::extract::Request {
    let mut builder = http::Request::post("/pay");
    if let Some(key) = key {
        builder = builder.header("idempotency-key", key);
    }
    builder.body(body).unwrap()
}

async fn extracted(idempotency: &Idempotency) -> Request {
    let guarded = Guarded::<Bytes>::from_request(request(Some("k"), Body::from("1")), idempotency).await;
    open(guarded.unwrap()).0
}

fn call<F: Future>(request: Request, body: F) -> Run<F>
where
    F::Output: IntoResponse,
{
    run(&ROUTE, request, arguments(), body, IntoResponse::into_response)
}

/// Polls it once: it is left waiting for the store.
async fn leave<F: Future>(call: F) {
    let mut call = Box::pin(call);
    let is_waiting = poll_fn(|context| Poll::Ready(call.as_mut().poll(context).is_pending())).await;
    assert!(is_waiting);
}

fn must_not_run() -> Response {
    panic!("it must not run")
}

async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn i33_whoever_goes_before_the_claim_is_answered_leaves_what_is_to_run() {
    let store = Slow::new(false);
    let idempotency = Idempotency::new(store.clone());
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let body = async move { counted.fetch_add(1, Ordering::SeqCst).to_string() };
    leave(call(extracted(&idempotency).await, body)).await;
    assert_eq!((runs.load(Ordering::SeqCst), idempotency.counts().adopted), (0, 1));
    store.may_answer.add_permits(1);
    until(|| idempotency.counts().recorded == 1).await;
    assert_eq!(runs.load(Ordering::SeqCst), 1);
    let retry = call(extracted(&idempotency).await, async { must_not_run() }).await;
    assert!(retry.into_response().headers().contains_key("idempotency-replayed"));
}

#[tokio::test]
async fn i42_what_was_left_and_never_runs_is_dropped() {
    let store = Slow::new(true);
    let idempotency = Idempotency::new(store.clone());
    let mut request = extracted(&idempotency).await;
    let execution = Execution::new();
    request.execution = Some(execution.clone());
    let (token, watched) = (Arc::new(()), execution.clone());
    let seen = Arc::downgrade(&token);
    // A handler that takes its execution holds what holds the handler.
    let body = async move {
        let _held = (&token, &watched);
        must_not_run()
    };
    leave(call(request, body)).await;
    drop(execution);
    assert!(seen.upgrade().is_some(), "it may still come to run");
    store.may_answer.add_permits(1);
    until(|| seen.upgrade().is_none()).await;
}

/// A handler may pass its request's extensions on to requests of its own, and with them an execution that no key is known of.
#[tokio::test]
async fn i13_requests_that_carry_one_execution_each_run_their_own_body() {
    let store = Slow::new(false);
    let idempotency = Idempotency::new(store.clone());
    let carried = Execution::new();
    let mut calls = Vec::new();
    for key in ["a", "b", "c"] {
        let mut request = request(Some(key), Body::from(key));
        request.extensions_mut().insert(carried.clone());
        let guarded = Guarded::<axum::extract::Request>::from_request(request, &idempotency).await;
        let (request, inner) = open(guarded.unwrap());
        let own = inner.extensions().get::<Execution>().cloned().unwrap();
        calls.push((key, Box::pin(call(request, async move { own.key().unwrap_or_default() }))));
    }
    for (_, call) in &mut calls {
        assert!(poll_fn(|context| Poll::Ready(call.as_mut().poll(context).is_pending())).await);
    }
    store.may_answer.add_permits(1);
    // Those behind are polled while the first one's work is asked for.
    let (a, b, c) = {
        let mut calls = calls.into_iter().map(|(_, call)| call);
        let mut next = || calls.next().unwrap();
        tokio::join!(next(), next(), next())
    };
    for (key, replayable) in [("a", a), ("b", b), ("c", c)] {
        let body = replayable.into_response().into_body();
        assert_eq!(http_body_util::BodyExt::collect(body).await.unwrap().to_bytes(), key);
    }
    assert_eq!(idempotency.counts().recorded, 3);
}

#[tokio::test]
async fn b22_a_request_without_a_key_is_not_read() {
    struct Endless;
    impl http_body::Body for Endless {
        type Data = Bytes;
        type Error = axum::BoxError;
        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> Poll<Option<Result<http_body::Frame<Bytes>, axum::BoxError>>> {
            panic!("nobody asked for it")
        }
    }
    let idempotency = Idempotency::new(MemoryStore::new());
    let request = request(None, Body::new(Endless));
    let guarded = Guarded::<axum::extract::Request>::from_request(request, &idempotency).await;
    let (request, _inner) = open(guarded.unwrap());
    let response = call(request, async { "paid" }).await.into_response();
    assert_eq!((response.status().as_u16(), idempotency.counts().unprotected), (200, 1));
}
