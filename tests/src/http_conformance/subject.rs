//! The server that is asked.

use reqwest::{Client, RequestBuilder};

use crate::server::Seen;

/// `Ok(None)`: the server does so. `Ok(Some)`: it could not be asked, and why. `Err`: it does not.
pub(super) type Verdict = Result<Option<String>, String>;

/// Where to send which request.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The guarded resource, which takes a `POST`.
    pub url: String,
    /// The header that carries the key.
    pub header: String,
    /// A JSON body that succeeds.
    pub body: String,
    /// Another one that succeeds.
    pub other: String,
    /// One that is no valid request, if there is such a thing.
    pub invalid: Option<String>,
    /// What a request without a key is answered; `None` if it is carried out.
    pub missing: Option<u16>,
    /// What a success is answered on a replay; `None` if the recorded status.
    pub replay_status: Option<u16>,
}

impl Subject {
    /// A request, without a key.
    pub fn request(&self, body: &str) -> RequestBuilder {
        Client::new().post(&self.url).header("content-type", "application/json").body(body.to_owned())
    }

    /// A request under a key, as its header is written.
    pub async fn send(&self, key: &str, body: &str) -> Seen {
        Seen::of(self.request(body).header(&self.header, key)).await
    }

    /// A key that nobody has used.
    #[must_use]
    pub fn new_key(&self) -> String {
        format!("{:032x}", rand::random::<u128>())
    }

    /// Sends the first request and its retry under a fresh key.
    pub async fn twice(&self) -> (Seen, Seen) {
        let key = self.new_key();
        (self.send(&key, &self.body).await, self.send(&key, &self.body).await)
    }

    /// Whether `retry` is the answer `first` once more.
    ///
    /// # Errors
    /// How they differ.
    pub fn is_replay(&self, first: &Seen, retry: &Seen) -> Result<(), String> {
        let success = (200..300).contains(&first.status);
        let status = self.replay_status.filter(|_| success).unwrap_or(first.status);
        check(retry.replayed, || format!("it is not marked as a replay: {retry:?}"))?;
        check(retry.status == status, || format!("the status is {}, not {status}", retry.status))?;
        check(retry.body == first.body, || "the body differs".to_owned())?;
        check(retry.headers == first.headers, || format!("{:?} differs from {:?}", retry.headers, first.headers))
    }
}

/// Passes if it holds.
///
/// # Errors
/// What was seen instead.
pub(super) fn check(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

/// Passes if `seen` is a refusal with this status and code, with a link to its documentation (RFC 9457).
///
/// # Errors
/// What was seen instead.
pub(super) fn refused(seen: &Seen, status: u16, code: &str) -> Result<(), String> {
    check(seen.status == status, || format!("expected {status} {code}, saw {}", seen.status))?;
    let kind = seen.header("content-type");
    check(kind.as_deref() == Some("application/problem+json"), || format!("the content type is {kind:?}"))?;
    let problem = seen.json();
    check(problem["code"] == code, || format!("expected the code {code}, saw {}", problem["code"]))?;
    check(problem["status"] == status, || format!("`status` is {}", problem["status"]))?;
    check(problem["title"].as_str().is_some_and(|text| !text.is_empty()), || "there is no title".to_owned())?;
    let page = problem["type"].as_str().unwrap_or_default();
    check(page.starts_with("http"), || format!("`type` is no link to documentation: {}", problem["type"]))?;
    // One for each problem, or a client could not tell them apart by it (RFC 9457, section 3.1.1).
    check(page.ends_with(code), || format!("`type` is {page}, which does not name {code}"))?;
    let link = seen.header("link").unwrap_or_default();
    check(link == format!("<{page}>; rel=\"describedby\""), || format!("`Link` is {link:?}"))?;
    check(seen.header("cache-control").as_deref() == Some("no-store"), || "a cache may keep it".to_owned())?;
    check(problem["detail"].as_str().is_some_and(|text| !text.is_empty()), || "there is no detail".to_owned())
}
