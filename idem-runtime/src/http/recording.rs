//! From the handler's response to what is recorded of it, before its first byte goes out.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::BoxError;
use axum::body::Body;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::response::Parts;
use http::{HeaderName, StatusCode};
use http_body::{Body as _, Frame};
use http_body_util::BodyExt as _;

use super::message;
use super::route::{Recorded, Rules};
use crate::engine::{Ending, Finished, OnFailure};
use crate::store::Writes;

/// Decides what is recorded of `response`; gives it back whole.
pub(super) async fn record(rules: &Rules, replayed_header: &HeaderName, response: Response) -> Finished<Response> {
    let (parts, body) = response.into_parts();
    let writes = writes(parts.status);
    if !is_recorded(rules, &parts) {
        return Finished { answer: Response::from_parts(parts, body), ending: Ending::Release, writes };
    }
    if is_event_stream(&parts) {
        // It has no end to wait for.
        return Finished { answer: Response::from_parts(parts, body), ending: Ending::NotKept, writes };
    }
    let (body, ending) = match collect(body, rules.max_response).await {
        Collected::Whole(bytes) => {
            let ending = message::encode(&parts, bytes.clone(), replayed_header).map_or(Ending::NotKept, Ending::Keep);
            (Body::from(bytes), ending)
        }
        Collected::TooLarge(body) => (body, Ending::NotKept),
        Collected::Broken(body) => (body, Ending::Failed),
    };
    Finished { answer: Response::from_parts(parts, body), ending, writes }
}

/// For a request without a key. Its body is read, as far as it would be recorded, because what makes it may still write.
pub(super) async fn unrecorded(rules: &Rules, response: Response) -> Finished<Response> {
    let (parts, body) = response.into_parts();
    let writes = writes(parts.status);
    if is_event_stream(&parts) {
        return Finished { answer: Response::from_parts(parts, body), ending: Ending::Release, writes };
    }
    let (body, ending) = match collect(body, rules.max_response).await {
        Collected::Whole(bytes) => (Body::from(bytes), Ending::Release),
        Collected::TooLarge(body) => (body, Ending::Release),
        Collected::Broken(body) => (body, Ending::Failed),
    };
    Finished { answer: Response::from_parts(parts, body), ending, writes }
}

/// An error tells the client that what it asked for was not done; then it must not have been.
fn writes(status: StatusCode) -> Writes {
    if status.is_client_error() || status.is_server_error() { Writes::Discard } else { Writes::Keep }
}

fn is_recorded(rules: &Rules, parts: &Parts) -> bool {
    if parts.status.as_u16() >= 500 {
        return rules.policy.on_failure == OnFailure::Keep;
    }
    match rules.record {
        Recorded::Success => is_success(parts.status),
        Recorded::Final => is_success(parts.status) || is_final_refusal(parts.status),
        Recorded::Chosen(choose) => choose(parts),
    }
}

fn is_success(status: StatusCode) -> bool {
    status.is_success() || status.is_redirection() || status.is_informational()
}

/// A 4xx that stays true however often the request is sent. The others invite a retry.
fn is_final_refusal(status: StatusCode) -> bool {
    status.is_client_error() && !matches!(status.as_u16(), 408 | 409 | 412 | 421 | 423 | 425 | 428 | 429)
}

fn is_event_stream(parts: &Parts) -> bool {
    let kind = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/event-stream"))
}

enum Collected {
    Whole(Bytes),
    /// Over the limit; what was read stands in front of the rest.
    TooLarge(Body),
    /// It broke off; what was read stands in front of the error.
    Broken(Body),
}

async fn collect(mut body: Body, limit: usize) -> Collected {
    if body.size_hint().lower() > limit as u64 {
        return Collected::TooLarge(body);
    }
    let mut first: Option<Bytes> = None;
    let mut joined = BytesMut::new();
    loop {
        let read = joined.len() + first.as_ref().map_or(0, Bytes::len);
        let data = match body.frame().await {
            None => {
                // One frame, as nearly every answer has, is kept without a copy.
                return Collected::Whole(first.unwrap_or_else(|| joined.freeze()));
            }
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => data,
                // Trailers are not recorded, and a retry could not tell them from headers.
                Err(_) => continue,
            },
            Some(Err(error)) => {
                let read = first.unwrap_or_else(|| joined.freeze());
                return Collected::Broken(Body::new(Resumed {
                    read: Some(read),
                    rest: Rest::Error(Some(error.into())),
                }));
            }
        };
        if read + data.len() > limit {
            joined.extend_from_slice(&first.take().unwrap_or_default());
            joined.extend_from_slice(&data);
            return Collected::TooLarge(Body::new(Resumed { read: Some(joined.freeze()), rest: Rest::Body(body) }));
        }
        match first.take() {
            None if joined.is_empty() => first = Some(data),
            None => joined.extend_from_slice(&data),
            Some(earlier) => {
                joined.extend_from_slice(&earlier);
                joined.extend_from_slice(&data);
            }
        }
    }
}

/// What was read of a body, and then what follows.
pub(super) struct Resumed {
    read: Option<Bytes>,
    rest: Rest,
}

enum Rest {
    Body(Body),
    Error(Option<BoxError>),
}

impl Resumed {
    /// It breaks off at once.
    pub(super) const fn broken(error: BoxError) -> Self {
        Self { read: None, rest: Rest::Error(Some(error)) }
    }
}

impl http_body::Body for Resumed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(read) = self.read.take().filter(|read| !read.is_empty()) {
            return Poll::Ready(Some(Ok(Frame::data(read))));
        }
        match &mut self.rest {
            Rest::Body(body) => Pin::new(body).poll_frame(context).map_err(Into::into),
            Rest::Error(error) => Poll::Ready(error.take().map(Err)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(frames: &[&'static str], broken: bool) -> Body {
        let mut items: Vec<Result<Bytes, BoxError>> =
            frames.iter().map(|text| Ok(Bytes::from_static(text.as_bytes()))).collect();
        if broken {
            items.push(Err("cut".into()));
        }
        let mut items = items.into_iter();
        Body::new(http_body_util::StreamBody::new(IterStream(std::iter::from_fn(move || items.next()))))
    }

    struct IterStream<I>(I);

    impl<I: Iterator<Item = Result<Bytes, BoxError>> + Unpin> futures_core::Stream for IterStream<I> {
        type Item = Result<Frame<Bytes>, BoxError>;

        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            Poll::Ready(self.0.next().map(|item| item.map(Frame::data)))
        }
    }

    async fn rest(body: Body) -> Result<String, String> {
        body.collect().await.map(|all| String::from_utf8_lossy(&all.to_bytes()).into_owned()).map_err(|e| e.to_string())
    }

    #[tokio::test]
    async fn i23_all_frames_are_kept() {
        for (parts, whole) in [(&[][..], ""), (&["a"], "a"), (&["", "a", "", "bc", "d"], "abcd")] {
            match collect(frames(parts, false), 4).await {
                Collected::Whole(bytes) => assert_eq!(&*bytes, whole.as_bytes()),
                _ => panic!("{parts:?}"),
            }
        }
    }

    #[tokio::test]
    async fn i22_an_answer_that_is_too_large_still_goes_out_whole() {
        for parts in [&["abcde"][..], &["abcd", "e"], &["a", "b", "c", "d", "e"], &["ab", "cdefg", "h"]] {
            match collect(frames(parts, false), 4).await {
                Collected::TooLarge(body) => assert_eq!(rest(body).await, Ok(parts.concat())),
                _ => panic!("{parts:?}"),
            }
        }
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_breaks_off_for_the_client_too() {
        match collect(frames(&["ab", "c"], true), 4).await {
            Collected::Broken(body) => assert_eq!(rest(body).await, Err("cut".to_owned())),
            _ => panic!(),
        }
    }

    #[test]
    fn answers_that_invite_a_retry_are_not_final() {
        let kept: Vec<u16> = (400..500)
            .filter(|code| {
                StatusCode::from_u16(*code).is_ok_and(|s| s.canonical_reason().is_some() && is_final_refusal(s))
            })
            .collect();
        for code in [408, 409, 412, 421, 423, 425, 428, 429] {
            assert!(!kept.contains(&code));
        }
        for code in [400, 401, 402, 403, 404, 410, 413, 415, 422, 451] {
            assert!(kept.contains(&code));
        }
    }
}
