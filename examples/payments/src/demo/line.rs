//! A line that breaks before the answer is through.

use std::collections::VecDeque;
use std::net::Shutdown;
use std::sync::Arc;

use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::serve::IncomingStream;
use parking_lot::Mutex;
use socket2::{SockRef, Socket};
use tokio::net::TcpListener;

/// A hold on the connection that a request came by.
#[derive(Clone, Debug)]
pub(crate) struct Line(Option<Arc<Socket>>);

impl Connected<IncomingStream<'_, TcpListener>> for Line {
    fn connect_info(stream: IncomingStream<'_, TcpListener>) -> Self {
        Self(SockRef::from(stream.io()).try_clone().ok().map(Arc::new))
    }
}

impl Line {
    /// Not a byte goes through any more.
    fn cut(&self) {
        if let Some(Err(error)) = self.0.as_ref().map(|socket| socket.shutdown(Shutdown::Both)) {
            tracing::warn!(%error, "the line was not cut");
        }
    }
}

/// The attempts whose answers were lost, the latest ones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lost(Arc<Mutex<VecDeque<HeaderValue>>>);

impl Lost {
    /// Whether this attempt is a new one.
    fn add(&self, attempt: &HeaderValue) -> bool {
        const MOST: usize = 100;
        let mut attempts = self.0.lock();
        let new = !attempts.contains(attempt);
        if new {
            attempts.push_back(attempt.clone());
            if attempts.len() > MOST {
                attempts.pop_front();
            }
        }
        new
    }
}

/// Has the work done, and loses the answer.
pub(crate) async fn lose_answer(
    State(lost): State<Lost>,
    ConnectInfo(line): ConnectInfo<Line>,
    request: Request,
    next: Next,
) -> Response {
    let Some(attempt) = request.headers().get("demo-lose-answer").cloned() else { return next.run(request).await };
    // A browser sends a request again by itself, even a POST, if a connection that it had kept open is cut before the
    // answer. To the page that is still one attempt, and its answer is lost for good.
    let answer = if lost.add(&attempt) { next.run(request).await } else { ().into_response() };
    line.cut();
    // Nobody gets it.
    answer
}
