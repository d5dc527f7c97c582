//! Reading an answer within its try, and handing it on as it was.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Method, StatusCode, header};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use reqwest::{Body, Response, ResponseBuilderExt as _};
use serde_json::Value;

/// A problem (RFC 9457) that is longer is not read for its code.
const LONGEST_PROBLEM: usize = 64 * 1024;

/// An answer as the caller gets it.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) response: Response,
    /// The member `code` of its problem, if it is one.
    pub(crate) code: Option<String>,
}

/// Reads as much of an answer as a try has to see: the whole of it, up to `whole` bytes, if the request changes something, so that
/// an answer that breaks off is asked for again; and any problem, for its code.
pub(crate) async fn read(response: Response, method: &Method, whole: usize) -> Result<Read, reqwest::Error> {
    let is_problem = is_problem(&response);
    let limit = match is_problem {
        true => whole.max(LONGEST_PROBLEM),
        false if method.is_safe() || has_no_end(&response) => 0,
        false => whole,
    };
    // What is known to be longer is not begun.
    if limit == 0 || response.content_length().is_some_and(|length| length > limit as u64) {
        return Ok(Read { response, code: None });
    }
    let url = response.url().clone();
    let (mut parts, mut rest) = http::Response::<Body>::from(response).into_parts();
    let mut read = VecDeque::new();
    let mut length = 0;
    let mut is_whole = false;
    while length <= limit {
        let Some(frame) = rest.frame().await.transpose()? else {
            is_whole = true;
            break;
        };
        length += frame.data_ref().map_or(0, Bytes::len);
        read.push_back(frame);
    }
    let code = is_problem.then(|| code(&read)).flatten();
    // The one way to tell a response where it came from.
    if let Ok(with_url) = http::Response::builder().url(url).body(()) {
        parts.extensions.extend(with_url.into_parts().0.extensions);
    }
    let body = Body::wrap(Reread { read, rest: (!is_whole).then_some(rest) });
    Ok(Read { response: http::Response::from_parts(parts, body).into(), code })
}

fn media_type(response: &Response) -> Option<&str> {
    let value = response.headers().get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next()?.trim())
}

fn is_problem(response: &Response) -> bool {
    let is_error = response.status().is_client_error() || response.status().is_server_error();
    is_error && media_type(response).is_some_and(|it| it.eq_ignore_ascii_case("application/problem+json"))
}

fn has_no_end(response: &Response) -> bool {
    response.status() == StatusCode::SWITCHING_PROTOCOLS
        || media_type(response).is_some_and(|it| it.eq_ignore_ascii_case("text/event-stream"))
}

fn code(read: &VecDeque<Frame<Bytes>>) -> Option<String> {
    let text: Vec<u8> = read.iter().filter_map(Frame::data_ref).flatten().copied().collect();
    let problem: Value = serde_json::from_slice(&text).ok()?;
    Some(problem.get("code")?.as_str()?.to_owned())
}

/// What was read, and then what was not.
struct Reread {
    read: VecDeque<Frame<Bytes>>,
    rest: Option<Body>,
}

impl http_body::Body for Reread {
    type Data = Bytes;
    type Error = reqwest::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, reqwest::Error>>> {
        if let Some(frame) = self.read.pop_front() {
            return Poll::Ready(Some(Ok(frame)));
        }
        let Some(rest) = &mut self.rest else { return Poll::Ready(None) };
        Poll::Ready(ready!(Pin::new(rest).poll_frame(cx)))
    }

    fn is_end_stream(&self) -> bool {
        self.read.is_empty() && self.rest.as_ref().is_none_or(http_body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let read = self.read.iter().filter_map(Frame::data_ref).map(|data| data.len() as u64).sum();
        let Some(rest) = &self.rest else { return SizeHint::with_exact(read) };
        let mut hint = SizeHint::new();
        hint.set_lower(rest.size_hint().lower().saturating_add(read));
        if let Some(upper) = rest.size_hint().upper() {
            hint.set_upper(upper.saturating_add(read));
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::StreamBody;

    const PROBLEM: &str = r#"{"code":"in_progress"}"#;

    struct Pieces(VecDeque<&'static str>);

    impl futures_core::Stream for Pieces {
        type Item = Result<Frame<Bytes>, std::io::Error>;

        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            Poll::Ready(self.0.pop_front().map(|piece| match piece {
                "cut" => Err(std::io::Error::other("cut")),
                piece => Ok(Frame::data(Bytes::from_static(piece.as_bytes()))),
            }))
        }
    }

    fn response(status: u16, kind: &str, pieces: &[&'static str]) -> Response {
        let body = Body::wrap(StreamBody::new(Pieces(pieces.iter().copied().collect())));
        let url = "http://there.example/x?y".parse().unwrap();
        http::Response::builder().status(status).header("content-type", kind).url(url).body(body).unwrap().into()
    }

    #[tokio::test]
    async fn a_problem_is_read_for_its_code_and_handed_on() {
        for kind in ["application/problem+json", "Application/Problem+JSON; charset=utf-8"] {
            let read = read(response(409, kind, &[r#"{"code":"in"#, r#"_progress"}"#]), &Method::GET, 0).await.unwrap();
            assert_eq!(read.code.as_deref(), Some("in_progress"));
            assert_eq!(read.response.url().as_str(), "http://there.example/x?y");
            assert_eq!(read.response.content_length(), Some(PROBLEM.len() as u64));
            assert_eq!(read.response.text().await.unwrap(), PROBLEM);
        }
    }

    #[tokio::test]
    async fn nothing_else_has_a_code() {
        for (status, kind, text) in [
            (409, "application/json", PROBLEM),
            (200, "application/problem+json", PROBLEM),
            (409, "application/problem+json", "{"),
            (409, "application/problem+json", "[]"),
            (409, "application/problem+json", r#"{"code":409}"#),
        ] {
            let read = read(response(status, kind, &[text]), &Method::POST, 1000).await.unwrap();
            assert_eq!(read.code, None, "{status} {kind} {text}");
            assert_eq!(read.response.text().await.unwrap(), text);
        }
    }

    #[tokio::test]
    async fn what_is_longer_than_the_limit_is_handed_on_whole() {
        for limit in [0, 1, 3, 4, 5, 8, 9, 100] {
            let read = read(response(200, "text/plain", &["abcd", "efgh", ""]), &Method::POST, limit).await.unwrap();
            assert_eq!(read.response.text().await.unwrap(), "abcdefgh", "{limit}");
        }
        let long = "x".repeat(LONGEST_PROBLEM + 1).leak();
        let read = read(response(409, "application/problem+json", &[long]), &Method::POST, 0).await.unwrap();
        assert_eq!((read.code, read.response.bytes().await.unwrap().len()), (None, LONGEST_PROBLEM + 1));
    }

    #[tokio::test]
    async fn what_breaks_off_is_seen_within_the_try_if_it_answers_a_change() {
        let broken = |kind| response(200, kind, &["half", "cut"]);
        assert!(read(broken("text/plain"), &Method::POST, 1000).await.is_err());
        assert!(read(broken("text/plain"), &Method::DELETE, 1000).await.is_err());
        assert!(read(broken("text/plain"), &Method::GET, 1000).await.is_ok());
        assert!(read(broken("text/event-stream"), &Method::POST, 1000).await.is_ok());
    }
}
