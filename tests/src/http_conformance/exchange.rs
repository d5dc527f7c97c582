//! What is sent, what comes, and the memory of both.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use parking_lot::Mutex;
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder};
use serde_json::Value;

use super::request::Request;

/// A server that is silent for so long does not answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// So often a request is sent again that came too early.
const PATIENT: usize = 20;

/// An answer, with every header that it had.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// One header as text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// All values of a header, in their order.
    pub(super) fn all(&self, name: &HeaderName) -> Vec<HeaderValue> {
        self.headers.get_all(name).iter().cloned().collect()
    }

    /// The body as JSON, `null` if it is none.
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// A request and its answer.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    request: Request,
    answer: Result<Answer, String>,
}

/// The connection to the server.
#[derive(Clone, Debug)]
pub(super) struct Wire {
    client: Client,
    /// Writes the names of headers in another way: `Idempotency-Key` for `idempotency-key`.
    in_capitals: Client,
    log: Arc<Mutex<Vec<Exchange>>>,
}

impl Wire {
    pub(super) fn new() -> Result<Self, String> {
        let builder = || Client::builder().redirect(Policy::none()).timeout(PATIENCE);
        let built = |builder: ClientBuilder| builder.build().map_err(|error| error.to_string());
        let in_capitals = built(builder().http1_title_case_headers())?;
        Ok(Self { client: built(builder())?, in_capitals, log: Arc::default() })
    }

    /// Sends a request, and waits for the whole answer.
    pub(super) async fn send(&self, request: Request) -> Result<Answer, String> {
        self.send_by(&self.client, request).await
    }

    /// The same, with the names of its headers written in another way.
    pub(super) async fn send_in_capitals(&self, request: Request) -> Result<Answer, String> {
        self.send_by(&self.in_capitals, request).await
    }

    async fn send_by(&self, client: &Client, request: Request) -> Result<Answer, String> {
        let answer = patiently(client, &request).await;
        self.log.lock().push(Exchange { request, answer: answer.clone() });
        answer
    }

    pub(super) fn exchanges(&self) -> Vec<Exchange> {
        self.log.lock().clone()
    }

    pub(super) fn forget(&self) {
        self.log.lock().clear();
    }
}

async fn patiently(client: &Client, request: &Request) -> Result<Answer, String> {
    for _ in 0..PATIENT {
        let answer = once(client, request).await?;
        let wait = answer.header("retry-after").and_then(|text| text.parse().ok());
        let Some(seconds @ 0..=60) = wait.filter(|_| answer.status == 429) else { return Ok(answer) };
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }
    Err(format!("{PATIENT} times there were too many requests"))
}

async fn once(client: &Client, request: &Request) -> Result<Answer, String> {
    let no_answer = |error: reqwest::Error| format!("no answer: {}", causes(&error));
    let response = request.on(client).send().await.map_err(no_answer)?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = response.bytes().await.map_err(no_answer)?;
    Ok(Answer { status, headers, body })
}

fn causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  sent: {}", self.request)?;
        match &self.answer {
            Ok(answer) => write!(f, "  came: {answer}"),
            Err(why) => write!(f, "  came: {why}"),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        for (name, value) in &self.headers {
            write!(f, " | {name}: {}", String::from_utf8_lossy(value.as_bytes()))?;
        }
        write!(f, " | {}", excerpt(&self.body))
    }
}

/// The beginning of a text, in one line.
pub(super) fn excerpt(bytes: &[u8]) -> String {
    const LONGEST: usize = 300;
    let text = String::from_utf8_lossy(bytes).replace(['\n', '\r'], " ");
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}.. ({} bytes)", &text[..end], bytes.len()),
        None => text,
    }
}
