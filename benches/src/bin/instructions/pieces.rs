//! The pieces whose instructions are counted. Each repeats itself as often as it is told.

use std::future::Future;
use std::hint::black_box;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRef, State};
use axum::routing::post;
use axum::{Router, response::Response};
use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode};
use idem_bench_application::{Receipt, Shop, pay};
use idem_runtime::http::pieces::{Digests, decode, encode, key};
use idem_runtime::store::{Claim, ClaimOutcome, Hold, MemoryStore, Outcome, OwnerToken, SqliteStore, Store};
use idem_runtime::{Fingerprint, Idempotency, RecordKey, idempotent};
use tower::ServiceExt as _;

/// A piece, by its name in the file of budgets.
pub(crate) struct Piece {
    pub(crate) name: &'static str,
    /// How often it is repeated to be counted.
    pub(crate) times: u64,
    pub(crate) repeat: fn(u64),
}

const KEY: &str = "8e03978e-40d5-43dd-bc93-6894a57f9324";
const BODY: usize = 120;

/// All of them.
pub(crate) const PIECES: [Piece; 14] = [
    piece("key_of_a_header", |times| {
        let value = HeaderValue::from_static(KEY);
        (0..times).for_each(|_| drop(black_box(key(black_box(&value)))));
    }),
    piece("key_of_a_quoted_header", |times| {
        let value = HeaderValue::from_static("\"8e03978e-40d5-43dd-bc93-6894a57f9324\"");
        (0..times).for_each(|_| drop(black_box(key(black_box(&value)))));
    }),
    piece("record_key", |times| {
        let digests = Digests::new();
        for _ in 0..times {
            black_box(digests.record_key(&["POST", "/pay"], None, black_box(KEY)));
        }
    }),
    piece("fingerprint_of_120_bytes", |times| fingerprints(times, BODY)),
    piece("fingerprint_of_1000_bytes", |times| fingerprints(times, 1_000)),
    piece("record_encoded", |times| {
        let (parts, body) = response().into_parts();
        drop(body);
        let body = Bytes::from_static(&[b'x'; BODY]);
        (0..times).for_each(|_| drop(black_box(encode(black_box(&parts), body.clone()))));
    }),
    piece("record_decoded", |times| {
        let (parts, _) = response().into_parts();
        let outcome = encode(&parts, Bytes::from_static(&[b'x'; BODY])).expect("a record");
        (0..times).for_each(|_| drop(black_box(decode(black_box(&outcome)))));
    }),
    piece("memory_claim_and_complete", |times| {
        run(async move { claim_and_complete(&MemoryStore::new(), times).await });
    }),
    Piece {
        name: "sqlite_claim_and_complete",
        times: 100,
        repeat: |times| {
            run(async move {
                let folder = tempfile::TempDir::new().expect("a folder");
                let builder = SqliteStore::builder(folder.path().join("store.db"));
                let store = builder.response_timeout(Duration::from_secs(60)).open().expect("a store");
                claim_and_complete(&store, times).await;
            });
        },
    },
    piece("request_bare", |times| requests(times, bare(), Keys::Fresh)),
    piece("request_bare_without_key", |times| requests(times, bare(), Keys::None)),
    piece("request_without_key", |times| requests(times, guarded(), Keys::None)),
    piece("request_fresh", |times| requests(times, guarded(), Keys::Fresh)),
    piece("request_replayed", |times| requests(times, guarded(), Keys::Same)),
];

const fn piece(name: &'static str, repeat: fn(u64)) -> Piece {
    Piece { name, times: 1_000, repeat }
}

fn run(work: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(work);
}

fn fingerprints(times: u64, bytes: usize) {
    let digests = Digests::new();
    let (record, content) = (RecordKey::from_bytes([7; 32]), vec![b'x'; bytes]);
    for _ in 0..times {
        black_box(digests.fingerprint(record, &["POST", "/pay"], black_box(&content)));
    }
}

/// With the headers that an application answers with.
fn response() -> Response {
    let builder = Response::builder().status(StatusCode::CREATED);
    let builder = builder.header("content-type", "application/json").header("location", "/v1/payments/7");
    builder.header("etag", "\"rev1\"").body(Body::empty()).expect("a response")
}

async fn claim_and_complete(store: &impl Store, times: u64) {
    let head = Bytes::from_static(b"v1 kept\nHTTP/1.1 201 Created\r\ncontent-type: application/json\r\n\r\n");
    for number in 0..times {
        let mut key = [7; 32];
        key[..8].copy_from_slice(&number.to_be_bytes());
        let claim = Claim {
            key: RecordKey::from_bytes(key),
            owner: OwnerToken::random(),
            fingerprint: Fingerprint::from_bytes([7; 32]),
            lease: Duration::from_secs(3_600),
            ttl: Duration::from_secs(36_000),
            outlives_a_crash: false,
        };
        let claimed = store.claim(&claim).await;
        assert!(matches!(claimed, Ok(ClaimOutcome::Claimed { .. })), "{claimed:?}");
        let outcome = Outcome { head: head.clone(), body: Bytes::from_static(&[b'x'; BODY]) };
        let completed = store.complete(&claim, 1, &outcome).await;
        assert!(matches!(completed, Ok(Hold::Held)), "{completed:?}");
    }
}

#[derive(Clone, FromRef)]
struct AppState {
    shop: Shop,
    idempotency: Idempotency,
}

#[idempotent(ttl = "24h", missing = "execute", state = AppState)]
async fn guarded_pay(State(shop): State<Shop>, body: Bytes) -> Receipt {
    shop.pay(body)
}

fn bare() -> Router {
    Router::new().route("/pay", post(pay)).with_state(Shop::default())
}

fn guarded() -> Router {
    let idempotency = Idempotency::builder(MemoryStore::new()).store_timeout(Duration::from_secs(60)).build();
    Router::new().route("/pay", post(guarded_pay)).with_state(AppState { shop: Shop::default(), idempotency })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Keys {
    None,
    Fresh,
    Same,
}

/// Without a connection: what the router and the handler take, and the guard.
fn requests(times: u64, router: Router, keys: Keys) {
    run(async move {
        for number in 0..times {
            let mut request = Request::post("/pay").header("content-type", "application/json");
            if keys != Keys::None {
                let number = if keys == Keys::Same { 0 } else { number };
                request = request.header("idempotency-key", format!("8e03978e-40d5-43dd-bc93-{number:012x}"));
            }
            let request = request.body(Body::from(Bytes::from_static(&[b'x'; BODY]))).expect("a request");
            let response = router.clone().oneshot(request).await.expect("an answer");
            assert_eq!(response.status(), StatusCode::CREATED);
            let replayed = response.headers().contains_key("idempotency-replayed");
            assert_eq!(replayed, keys == Keys::Same && number > 0);
            black_box(response);
        }
    });
}
