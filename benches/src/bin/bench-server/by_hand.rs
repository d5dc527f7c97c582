//! What any guard must cost here that digests key and request: one written by hand, with no safety at all.
//!
//! It knows one operation and no scope. Nothing is given back when a handler fails or its client goes, nothing ends, a claim
//! has neither an owner nor a lease, and only answers that are in memory anyway are kept. Do not copy it.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Place;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use idem_bench_application::Shop;
use parking_lot::Mutex;

const SHARDS: usize = 64;
/// Stands for the application's secret.
const SECRET: [u8; 32] = [7; 32];
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

type Digest = [u8; 32];
type Shard = Mutex<HashMap<Digest, Entry, BuildHasherDefault<FirstBytes>>>;

#[derive(Clone)]
struct ByHand {
    shop: Shop,
    shards: Arc<[Shard]>,
}

struct Entry {
    fingerprint: Digest,
    /// `None` while the first one runs.
    answer: Option<(StatusCode, HeaderMap, Bytes)>,
}

/// A digest needs no hash.
#[derive(Default)]
struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn write(&mut self, bytes: &[u8]) {
        // The digest comes last, behind its length.
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

fn digest(parts: &[&[u8]]) -> Digest {
    let mut hasher = blake3::Hasher::new_keyed(&SECRET);
    for part in parts {
        hasher.update(&part.len().to_le_bytes()).update(part);
    }
    *hasher.finalize().as_bytes()
}

async fn pay(State(guard): State<ByHand>, headers: HeaderMap, body: Bytes) -> Response {
    let Some(key) = headers.get("idempotency-key") else { return guard.shop.pay(body).into_response() };
    let key = digest(&[b"POST", b"/pay", key.as_bytes()]);
    let fingerprint = digest(&[&key, b"POST", b"/pay", &body]);
    let shard = &guard.shards[usize::from(key[31]) % SHARDS];
    match shard.lock().entry(key) {
        Place::Occupied(entry) if entry.get().fingerprint != fingerprint => {
            return StatusCode::UNPROCESSABLE_ENTITY.into_response();
        }
        Place::Occupied(entry) => {
            let Some((status, headers, body)) = entry.get().answer.clone() else {
                return StatusCode::CONFLICT.into_response();
            };
            let mut response = (status, body).into_response();
            *response.headers_mut() = headers;
            response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
            return response;
        }
        Place::Vacant(place) => {
            place.insert(Entry { fingerprint, answer: None });
        }
    }
    let receipt = guard.shop.pay(body);
    let body = receipt.2.clone();
    let response = receipt.into_response();
    let answer = Some((response.status(), response.headers().clone(), body));
    shard.lock().insert(key, Entry { fingerprint, answer });
    response
}

pub(super) fn router(shop: &Shop) -> Router {
    let shards = (0..SHARDS).map(|_| Shard::default()).collect();
    Router::new().route("/pay", post(pay)).with_state(ByHand { shop: shop.clone(), shards })
}
