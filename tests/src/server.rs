//! A router served over TCP, in this process.

use std::net::SocketAddr;

use axum::Router;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A server on a free port. It stops when it is dropped.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// A client for it.
    pub client: Client,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Server {
    /// Serves `router`.
    ///
    /// # Panics
    /// When there is no port.
    pub async fn start(router: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            axum::serve(listener, router).with_graceful_shutdown(stopped).await.expect("a server");
        });
        Self { address, client: Client::new(), stop: Some(stop), task }
    }

    /// A `POST` of JSON under a key.
    pub fn post(&self, path: &str, key: &str, body: &Value) -> RequestBuilder {
        self.client.post(self.url(path)).header("idempotency-key", key).json(body)
    }

    /// The URL of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Stops accepting, and waits until the running requests have been answered.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        crate::soon("the server's end", &mut self.task).await.expect("no panic in the server");
    }
}

/// An answer, read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The status.
    pub status: u16,
    /// Whether it is marked as a replay.
    pub replayed: bool,
    /// The headers, without the ones that are made anew for each answer, sorted by name (repeats in their order).
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Seen {
    /// Reads an answer to its end.
    ///
    /// # Panics
    /// When it breaks off.
    pub async fn read(response: Response) -> Self {
        let status = response.status().as_u16();
        let replayed = response.headers().contains_key("idempotency-replayed");
        let mut headers: Vec<_> = response
            .headers()
            .iter()
            .filter(|(name, _)| !["date", "idempotency-replayed", "content-length"].contains(&name.as_str()))
            .filter(|(name, value)| !(replayed && *name == "cache-control" && *value == "no-store"))
            .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
            .collect();
        headers.sort_by(|one, other| one.0.cmp(&other.0));
        let body = response.bytes().await.expect("a whole answer").to_vec();
        Self { status, replayed, headers, body }
    }

    /// Sends a request and reads its answer.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn of(request: RequestBuilder) -> Self {
        let response = crate::soon("an answer", request.send()).await.expect("an answer");
        crate::soon("the end of an answer", Self::read(response)).await
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// One header as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let value = self.headers.iter().find(|(header, _)| header == name);
        value.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
    }

    /// Status and code of an error, the application's or the guard's; checks that it is a well-formed one.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn problem(&self) -> (u16, String) {
        assert_eq!(self.header("content-type").as_deref(), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        assert!(["title", "detail"].iter().all(|field| problem[field].as_str().is_some_and(|text| !text.is_empty())));
        (self.status, problem["code"].as_str().expect("a code").to_owned())
    }

    /// The code of a refusal of the guard; checks that it is a well-formed one.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn refusal(&self) -> String {
        let (_, code) = self.problem();
        let page = format!("https://docs.rs/idem-runtime/latest/idem_runtime/guide/problems/index.html#{code}");
        assert_eq!(self.json()["type"], page);
        assert_eq!(self.header("link"), Some(format!("<{page}>; rel=\"describedby\"")));
        let waits = matches!(code.as_str(), "in_progress" | "store_unavailable" | "draining");
        assert_eq!(self.header("retry-after").is_some(), waits, "{self:?}");
        code
    }
}
