//! A server that never was: it answers as a test has written, and notes when it was asked, by Tokio's clock.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::Extensions;
use http_body::Frame;
use idem_client::reqwest::{Body, Client, Request, Response};
use idem_client::reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Middleware, Next, Result};
use idem_client::{RetryBuilder, redirects};
use tokio::time::Instant;

pub(crate) enum Line {
    Answers(u16, Vec<(&'static str, &'static str)>, &'static str),
    /// The head comes, and nothing of the body.
    BeginsToAnswer(u16),
    NeverAnswers,
}

pub(crate) fn status(status: u16) -> Line {
    Line::Answers(status, Vec::new(), "")
}

pub(crate) fn with(status: u16, headers: &[(&'static str, &'static str)]) -> Line {
    Line::Answers(status, headers.to_vec(), "")
}

/// Answers line by line; the last one again and again.
#[derive(Clone)]
pub(crate) struct Script {
    lines: Arc<Mutex<VecDeque<Line>>>,
    asked: Arc<Mutex<Vec<Duration>>>,
    began: Instant,
}

impl Script {
    pub(crate) fn new(lines: impl IntoIterator<Item = Line>) -> Self {
        let lines = Arc::new(Mutex::new(lines.into_iter().collect()));
        Self { lines, asked: Arc::default(), began: Instant::now() }
    }

    /// A client that asks nobody else. The test says what is drawn, one after the other, and for ever the last.
    pub(crate) fn client(&self, retry: RetryBuilder, drawn: &[f64]) -> ClientWithMiddleware {
        let drawn = Mutex::new(drawn.to_vec());
        let draw = move || {
            let mut drawn = drawn.lock().unwrap();
            if drawn.len() > 1 { drawn.remove(0) } else { drawn[0] }
        };
        let http = Client::builder().redirect(redirects()).build().unwrap();
        ClientBuilder::new(http).with(retry.random(draw).build()).with(self.clone()).build()
    }

    /// When it was asked, in milliseconds.
    pub(crate) fn asked(&self) -> Vec<u128> {
        self.asked.lock().unwrap().iter().map(Duration::as_millis).collect()
    }

    pub(crate) fn now(&self) -> u128 {
        self.began.elapsed().as_millis()
    }
}

#[async_trait::async_trait]
impl Middleware for Script {
    async fn handle(&self, _: Request, _: &mut Extensions, _: Next<'_>) -> Result<Response> {
        self.asked.lock().unwrap().push(self.began.elapsed());
        let response = {
            let mut lines = self.lines.lock().unwrap();
            let again = lines.len() == 1;
            match lines.pop_front().unwrap() {
                Line::NeverAnswers => {
                    again.then(|| lines.push_back(Line::NeverAnswers));
                    None
                }
                Line::BeginsToAnswer(status) => {
                    again.then(|| lines.push_back(Line::BeginsToAnswer(status)));
                    Some(http::Response::builder().status(status).body(Body::wrap(Silent)).unwrap())
                }
                Line::Answers(status, headers, body) => {
                    again.then(|| lines.push_back(Line::Answers(status, headers.clone(), body)));
                    let mut response = http::Response::builder().status(status);
                    for (name, value) in headers {
                        response = response.header(name, value);
                    }
                    Some(response.body(Body::from(body)).unwrap())
                }
            }
        };
        match response {
            Some(response) => Ok(response.into()),
            None => std::future::pending().await,
        }
    }
}

struct Silent;

impl http_body::Body for Silent {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
        Poll::Pending
    }
}
