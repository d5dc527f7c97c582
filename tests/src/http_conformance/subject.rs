//! The server that is asked.

use http::{HeaderMap, Method};
use uuid::Uuid;

use super::exchange::{Answer, Exchange, Wire};
use super::finding::{Unmet, check, not_applicable};
use super::options::{Marker, Options};
use super::request::Request;

/// A server that can be reached, and what is known of it.
#[derive(Debug)]
pub struct Subject {
    pub(super) options: Options,
    pub(super) wire: Wire,
}

impl Subject {
    /// Looks whether the server is there, and shows what it is expected to.
    ///
    /// # Errors
    /// What is wrong with the options, in one line.
    pub async fn reach(options: Options) -> Result<Self, String> {
        let subject = Self { options, wire: Wire::new()? };
        check(subject.options.body != subject.options.other, || "--body and --other are the same".to_owned())?;
        let there = subject.wire.send(subject.reading(&subject.fill(&subject.options.url, ""))).await;
        there.map_err(|why| format!("{} cannot be reached: {why}", subject.options.url))?;
        subject.request().await?;
        subject.shown().await.map_err(|why| format!("--effects: {why}"))?;
        Ok(subject)
    }

    /// A request that nobody has sent, under a key of its own, written as the draft has it.
    pub(super) async fn request(&self) -> Result<Request, String> {
        let (key, unique) = (Uuid::new_v4().to_string(), Uuid::new_v4().to_string());
        let if_match = match &self.options.if_match_from {
            None => None,
            Some(url) => {
                let read = self.wire.send(self.reading(&self.fill(url, &unique))).await?;
                let tag = read.headers.get("etag").cloned();
                Some(tag.ok_or_else(|| format!("--if-match-from {url} answers {} without an ETag", read.status))?)
            }
        };
        let request = Request {
            method: self.options.method.clone(),
            url: self.fill(&self.options.url, &unique).replace("{key}", &key),
            key_header: self.options.header.clone(),
            key_lines: Vec::new(),
            if_match,
            with: self.always(),
            body: Some(self.fill(&self.options.body, &unique)),
            key,
            unique,
        };
        if self.options.key_in_url() { Ok(request) } else { Ok(request.written(format!("\"{}\"", request.key))) }
    }

    /// One whose key stands in a header, or none if it does not.
    pub(super) async fn header_request(&self) -> Result<Request, Unmet> {
        if self.options.key_in_url() { not_applicable("the key stands in the URL") } else { Ok(self.request().await?) }
    }

    /// Another request under the same key.
    pub(super) fn other(&self, request: &Request) -> Request {
        request.with_body(self.fill(&self.options.other, &request.unique))
    }

    /// A request that is not valid, under the same key.
    pub(super) fn invalid(&self, request: &Request) -> Result<Request, Unmet> {
        let Some(invalid) = &self.options.invalid else {
            return not_applicable("no invalid body is known (--invalid)");
        };
        Ok(request.with_body(self.fill(invalid, &request.unique)))
    }

    /// A `GET` without a key.
    pub(super) fn reading(&self, url: &str) -> Request {
        Request {
            method: Method::GET,
            url: url.to_owned(),
            key: String::new(),
            unique: String::new(),
            key_header: self.options.header.clone(),
            key_lines: Vec::new(),
            if_match: None,
            with: self.always(),
            body: None,
        }
    }

    /// All that was done so far, as the server shows it.
    pub(super) async fn effects(&self) -> Result<Vec<u8>, Unmet> {
        self.shown().await?.map_or_else(|| not_applicable("nothing shows what was done (--effects)"), Ok)
    }

    /// The same, or `None` if nothing shows it.
    pub(super) async fn shown(&self) -> Result<Option<Vec<u8>>, String> {
        let Some(url) = &self.options.effects else { return Ok(None) };
        let read = self.send(&self.reading(url)).await?;
        check(read.is_success(), || format!("{url} answers {}", read.status))?;
        Ok(Some(read.body.to_vec()))
    }

    pub(super) async fn send(&self, request: &Request) -> Result<Answer, String> {
        self.wire.send(request.clone()).await
    }

    /// A new request's answer, which has to be a success that is no replay.
    pub(super) async fn first(&self, request: &Request) -> Result<Answer, String> {
        let first = self.send(request).await?;
        check(first.is_success(), || format!("a new request is answered {}", first.status))?;
        check(!self.is_marked(&first), || "the answer to a new request is marked as a replay".to_owned())?;
        Ok(first)
    }

    /// The answers to a new request and to its retry, whatever they are.
    pub(super) async fn twice(&self) -> Result<(Answer, Answer), String> {
        let request = self.request().await?;
        Ok((self.send(&request).await?, self.send(&request).await?))
    }

    /// The answers to a new request and to its retry, which has to be a replay.
    pub(super) async fn replay(&self) -> Result<(Answer, Answer), String> {
        let (first, retry) = self.twice().await?;
        self.is_replay(&first, &retry)?;
        Ok((first, retry))
    }

    pub(super) fn is_marked(&self, answer: &Answer) -> bool {
        let Marker(marker) = &self.options.marker;
        marker.as_ref().is_some_and(|marker| answer.headers.contains_key(marker))
    }

    /// The status that a replay of this answer has.
    pub(super) fn replayed_status(&self, first: &Answer) -> u16 {
        self.options.replay_status.filter(|_| first.is_success()).unwrap_or(first.status)
    }

    /// Whether `retry` is the success `first` once more.
    pub(super) fn is_replay(&self, first: &Answer, retry: &Answer) -> Result<(), String> {
        check(first.is_success(), || format!("the first request is answered {}", first.status))?;
        let status = self.replayed_status(first);
        check(retry.status == status, || format!("the retry is answered {}, not {status}", retry.status))?;
        check(retry.body == first.body, || "the retry gets another body".to_owned())?;
        let marked = self.options.marker.0.is_none() || self.is_marked(retry);
        check(marked, || "the retry is not marked as a replay".to_owned())
    }

    pub(super) fn exchanges(&self) -> Vec<Exchange> {
        self.wire.exchanges()
    }

    pub(super) fn forget(&self) {
        self.wire.forget();
    }

    fn always(&self) -> HeaderMap {
        let mut fields = HeaderMap::new();
        for (name, value) in &self.options.with {
            fields.append(name, value.clone());
        }
        fields
    }

    fn fill(&self, text: &str, unique: &str) -> String {
        text.replace("{unique}", unique)
    }
}

/// Passes if `answer` refuses with this status.
pub(super) fn refused(answer: &Answer, status: u16) -> Result<(), String> {
    check(answer.status == status, || format!("expected {status}, saw {}", answer.status))
}

/// Passes if `answer` refuses with this status, and says where that is explained (draft, section 2.7): by the `type` of a
/// problem, or by a link.
pub(super) fn explained(answer: &Answer, status: u16) -> Result<(), String> {
    refused(answer, status)?;
    let page = answer.json()["type"].as_str().is_some_and(|page| page.starts_with("http"));
    let link = answer.header("link").is_some_and(|link| link.contains("describedby"));
    check(page || link, || format!("{status} has no link to documentation, neither `type` nor `Link`"))
}
