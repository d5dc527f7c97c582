//! One request, to be sent as often as one likes.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use reqwest::{Client, RequestBuilder};

use super::exchange::excerpt;
use super::options::Field;

/// A request. Each copy of it is its retry.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) url: String,
    /// The key that nobody else has.
    pub(super) key: String,
    /// What stands for `{unique}`.
    pub(super) unique: String,
    /// The header that carries the key, and its field lines as they are written; none if the key is elsewhere, or missing.
    pub(super) key_header: HeaderName,
    pub(super) key_lines: Vec<HeaderValue>,
    pub(super) if_match: Option<HeaderValue>,
    /// What every request has.
    pub(super) with: HeaderMap,
    pub(super) body: Option<String>,
}

impl Request {
    /// The same request, with its key written in this way.
    pub(super) fn written(&self, line: impl AsRef<[u8]>) -> Self {
        self.lines(&[line.as_ref()])
    }

    /// The same request, with these field lines.
    ///
    /// # Panics
    /// When HTTP allows none of them.
    pub(super) fn lines(&self, lines: &[&[u8]]) -> Self {
        let lines = lines.iter().map(|line| HeaderValue::from_bytes(line).expect("a value that HTTP allows"));
        Self { key_lines: lines.collect(), ..self.clone() }
    }

    /// The same request with another body.
    pub(super) fn with_body(&self, body: impl Into<String>) -> Self {
        Self { body: Some(body.into()), ..self.clone() }
    }

    /// The same request with this header, in place of one of the same name.
    pub(super) fn with(&self, (name, value): &Field) -> Self {
        let mut request = self.clone();
        request.with.insert(name, value.clone());
        request
    }

    pub(super) fn on(&self, client: &Client) -> RequestBuilder {
        let mut builder = client.request(self.method.clone(), &self.url).headers(self.with.clone());
        for line in &self.key_lines {
            builder = builder.header(&self.key_header, line);
        }
        if let Some(tag) = &self.if_match {
            builder = builder.header("if-match", tag);
        }
        match &self.body {
            Some(body) => builder.header("content-type", "application/json").body(body.clone()),
            None => builder,
        }
    }
}

/// Without what every request has: that can be a secret.
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.url)?;
        for line in &self.key_lines {
            write!(f, " | {}: {}", self.key_header, excerpt(line.as_bytes()))?;
        }
        if let Some(tag) = &self.if_match {
            write!(f, " | if-match: {}", excerpt(tag.as_bytes()))?;
        }
        self.body.as_ref().map_or(Ok(()), |body| write!(f, " | {}", excerpt(body.as_bytes())))
    }
}
