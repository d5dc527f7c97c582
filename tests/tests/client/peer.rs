//! A server that notes what it gets, and answers what it was told to.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};
use idem_client::RetryBuilder;
use idem_client::reqwest_middleware::ClientWithMiddleware;
use idem_tests::server::Server;
use parking_lot::Mutex;

/// One request, as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Got {
    pub(crate) fn key(&self) -> Option<&str> {
        self.headers.get("idempotency-key").map(|value| value.to_str().unwrap())
    }
}

#[derive(Clone, Default)]
struct Notes {
    got: Arc<Mutex<Vec<Got>>>,
    answers: Arc<Mutex<VecDeque<Response<Body>>>>,
}

pub(crate) struct Peer {
    server: Server,
    notes: Notes,
}

impl Peer {
    /// Gives these answers, one after the other, and from then on 201.
    pub(crate) async fn new(answers: impl IntoIterator<Item = Response<Body>>) -> Self {
        let notes = Notes::default();
        notes.answers.lock().extend(answers);
        let server = Server::start(Router::new().fallback(note).with_state(notes.clone())).await;
        Self { server, notes }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        self.server.url(path)
    }

    pub(crate) fn next(&self, answers: impl IntoIterator<Item = Response<Body>>) {
        self.notes.answers.lock().extend(answers);
    }

    /// What arrived since the last time.
    pub(crate) fn got(&self) -> Vec<Got> {
        std::mem::take(&mut self.notes.got.lock())
    }
}

async fn note(State(notes): State<Notes>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response<Body> {
    notes.got.lock().push(Got { method, target: uri.to_string(), headers, body });
    let answer = notes.answers.lock().pop_front();
    answer.unwrap_or_else(|| status(201))
}

pub(crate) fn status(status: u16) -> Response<Body> {
    with(status, &[], "")
}

pub(crate) fn with(status: u16, headers: &[(&str, &str)], body: &str) -> Response<Body> {
    let mut response = Response::builder().status(StatusCode::from_u16(status).unwrap());
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(Body::from(body.to_owned())).unwrap()
}

pub(crate) fn client(retry: RetryBuilder) -> ClientWithMiddleware {
    retry.build().client(reqwest::Client::builder()).unwrap()
}
