//! The orders, and what is remembered of the requests for them.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, DATE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::Flaw;
use super::key::{self, Key};
use super::refusal::refuse;

/// What an order takes: time enough for others to come meanwhile.
const WORK: Duration = Duration::from_millis(10);
const MARKER: &str = "idempotency-replayed";
const MANY: &str = "x-many";

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
struct Goods {
    item: String,
    quantity: NonZeroU32,
}

#[derive(Clone, Debug)]
struct Record {
    goods: Goods,
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

#[derive(Clone, Debug)]
enum Entry {
    Running(Goods),
    ToldOfConflict(Goods),
    Done(Record),
    /// An invalid request was the first one.
    Invalid,
}

/// All orders, and all requests.
#[derive(Debug)]
pub(super) struct Shop {
    flaw: Flaw,
    orders: Mutex<Vec<Goods>>,
    entries: Mutex<HashMap<String, Entry>>,
}

pub(super) async fn list(State(shop): State<Arc<Shop>>, headers: HeaderMap) -> Response {
    if shop.flaw == Flaw::KeyMattersToGet && matches!(key::of(&headers, shop.flaw), Key::Invalid) {
        return refuse(shop.flaw, 400, "invalid_key");
    }
    Json(shop.orders.lock().clone()).into_response()
}

pub(super) async fn order(State(shop): State<Arc<Shop>>, headers: HeaderMap, body: Bytes) -> Response {
    let flaw = shop.flaw;
    let client = match headers.get(AUTHORIZATION).and_then(|name| name.to_str().ok()) {
        Some(name) => name,
        None if flaw == Flaw::ReplaysBeforeLogin => "Bearer ann",
        None => return refuse(flaw, 401, "unauthenticated"),
    };
    let key = key::of(&headers, flaw);
    let Ok(goods) = serde_json::from_slice::<Goods>(&body) else { return shop.invalid(client, key) };
    if flaw == Flaw::FirstIsRefused {
        return refuse(flaw, 403, "closed");
    }
    if flaw == Flaw::Unguarded || flaw == Flaw::OtherSpacingIsNew && body.starts_with(b" ") {
        return shop.run(goods).await.into_response();
    }
    match key {
        Key::Missing if matches!(flaw, Flaw::MissingKeyRuns | Flaw::EmptyKeyRuns) => {
            shop.run(goods).await.into_response()
        }
        Key::Missing => refuse(flaw, 428, "missing_key"),
        Key::Invalid => {
            if flaw == Flaw::RunsBeforeKeyIsJudged {
                shop.run(goods).await;
            }
            refuse(flaw, 400, "invalid_key")
        }
        Key::Given(key) => shop.guarded(shop.stored_key(client, &key), goods).await,
    }
}

impl Shop {
    pub(super) fn new(flaw: Flaw) -> Self {
        Self { flaw, orders: Mutex::default(), entries: Mutex::default() }
    }

    fn stored_key(&self, client: &str, key: &str) -> String {
        if self.flaw == Flaw::SharesKeysBetweenClients { key.to_owned() } else { format!("{client} {key}") }
    }

    fn invalid(&self, client: &str, key: Key) -> Response {
        if let (Flaw::KeepsWhatIsInvalid, Key::Given(key)) = (self.flaw, key) {
            self.entries.lock().insert(self.stored_key(client, &key), Entry::Invalid);
        }
        let differs = self.flaw == Flaw::ErrorsDiffer && self.orders.lock().len().is_multiple_of(2);
        if self.flaw == Flaw::ErrorsDiffer {
            self.orders.lock().push(Goods { item: "mistake".to_owned(), quantity: NonZeroU32::MIN });
        }
        refuse(self.flaw, if differs { 400 } else { 422 }, "invalid_order")
    }

    async fn guarded(&self, key: String, goods: Goods) -> Response {
        if let Some(answer) = self.known(&key, &goods) {
            return answer;
        }
        let record = self.run(goods).await;
        let told = matches!(self.entries.lock().get(&key), Some(Entry::ToldOfConflict(_)));
        if !(told && self.flaw == Flaw::ConflictIsKept) {
            self.entries.lock().insert(key, Entry::Done(record.clone()));
        }
        let mut answer = record.into_response();
        if self.flaw == Flaw::MarksAll {
            answer.headers_mut().insert(MARKER, HeaderValue::from_static("true"));
        }
        answer
    }

    /// What is said of a key that is known; or the key is taken.
    fn known(&self, key: &str, goods: &Goods) -> Option<Response> {
        let (flaw, mut entries) = (self.flaw, self.entries.lock());
        let Some(entry) = entries.get(key).cloned() else {
            // Who only checks lets others in until it is done.
            if flaw != Flaw::ChecksThenActs {
                entries.insert(key.to_owned(), Entry::Running(goods.clone()));
            }
            return None;
        };
        let reused = || Some(refuse(flaw, if flaw == Flaw::ReuseIs409 { 409 } else { 422 }, "key_reused"));
        match entry {
            Entry::Invalid => reused(),
            Entry::Running(first) | Entry::ToldOfConflict(first) => {
                let is_same =
                    first == *goods || matches!(flaw, Flaw::ConflictBeforePayload | Flaw::ReplaysToAnyPayload);
                if !is_same {
                    return reused();
                }
                entries.insert(key.to_owned(), Entry::ToldOfConflict(first));
                Some(refuse(flaw, if flaw == Flaw::ConflictIs500 { 500 } else { 409 }, "in_progress"))
            }
            Entry::Done(record) if record.goods == *goods || flaw == Flaw::ReplaysToAnyPayload => {
                if flaw == Flaw::ForgetsAfterOneReplay {
                    entries.remove(key);
                }
                Some(self.replay(record))
            }
            Entry::Done(_) if flaw == Flaw::OtherPayloadReplaces => {
                entries.remove(key);
                reused()
            }
            Entry::Done(_) => reused(),
        }
    }

    async fn run(&self, goods: Goods) -> Record {
        tokio::time::sleep(WORK).await;
        let number = {
            let mut orders = self.orders.lock();
            orders.push(goods.clone());
            orders.len()
        };
        let mut headers = HeaderMap::new();
        headers.insert(LOCATION, HeaderValue::from_str(&format!("/orders/{number}")).unwrap_or(HeaderValue::from(0)));
        headers.insert(SET_COOKIE, HeaderValue::from_static("session=1"));
        for value in ["1", "2", "1"] {
            headers.append(MANY, HeaderValue::from_static(value));
        }
        Record { body: format!("{number}: {}", goods.item).into(), goods, status: 201, headers }
    }

    fn replay(&self, mut record: Record) -> Response {
        let headers = &mut record.headers;
        if self.flaw != Flaw::SetsCookiesAgain {
            headers.remove(SET_COOKIE);
        }
        if self.flaw != Flaw::NoMarker {
            headers.insert(MARKER, HeaderValue::from_static("true"));
        }
        if self.flaw != Flaw::CacheableReplays {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        match self.flaw {
            Flaw::CollapsesFields => drop(headers.insert(MANY, HeaderValue::from_static("1"))),
            Flaw::RetryHasAnotherStatus => record.status = 200,
            Flaw::TwoDates => {
                for _ in 0..2 {
                    headers.append(DATE, HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT"));
                }
            }
            _ => {}
        }
        record.into_response()
    }
}

impl IntoResponse for Record {
    fn into_response(self) -> Response {
        (StatusCode::from_u16(self.status).unwrap_or_default(), self.headers, self.body).into_response()
    }
}
