//! What is refused before anything is sent.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Bytes;
use axum::http::HeaderValue;
use http_body::Frame;
use idem_client::{Error, IllegalKey, Key};
use reqwest::Body;

use crate::fast;
use crate::peer::{Peer, client};

/// A body of which nobody knows how to make another one.
struct Once(Option<Bytes>);

impl http_body::Body for Once {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }
}

fn once() -> Body {
    Body::wrap(Once(Some(Bytes::from_static(b"12.50"))))
}

#[tokio::test]
async fn a_body_that_cannot_be_sent_again() {
    let peer = Peer::new([]).await;
    for request in [client(fast()).post(peer.url("/")), client(fast()).put(peer.url("/"))] {
        let error = request.body(once()).send().await.unwrap_err();
        assert!(matches!(Error::of(&error), Some(Error::BodyNotRepeatable)), "{error}");
    }
    assert_eq!(peer.got().len(), 0);
    // Where there is but one try, there is nothing to be repeated.
    client(fast().max_attempts(1)).post(peer.url("/")).body(once()).send().await.unwrap();
    client(fast().make_keys(false)).post(peer.url("/")).body(once()).send().await.unwrap();
    assert!(peer.got().iter().all(|one| one.body == "12.50"));
}

#[tokio::test]
async fn a_key_that_is_none() {
    let peer = Peer::new([]).await;
    let client = client(fast());
    let long = "k".repeat(256);
    for (value, why) in [
        (&b""[..], IllegalKey::Empty),
        (b"\"\"", IllegalKey::Empty),
        (long.as_bytes(), IllegalKey::TooLong(256)),
        (b"a b", IllegalKey::NotVisibleAscii),
        (b"k\xe9", IllegalKey::NotVisibleAscii),
        (b"\"a", IllegalKey::Quotes),
        (b"a\"b", IllegalKey::Quotes),
        (b"\"a\",\"b\"", IllegalKey::Quotes),
    ] {
        let request = client.post(peer.url("/")).header("idempotency-key", HeaderValue::from_bytes(value).unwrap());
        let error = request.send().await.unwrap_err();
        assert!(matches!(Error::of(&error), Some(Error::IllegalKey(it)) if *it == why), "{value:?}: {error}");
    }
    // A key that only a quoted header could carry.
    let error = client.post(peer.url("/")).with_extension("a\"b".parse::<Key>().unwrap()).send().await.unwrap_err();
    assert!(matches!(Error::of(&error), Some(Error::IllegalKey(IllegalKey::Quotes))), "{error}");
    assert_eq!(peer.got().len(), 0);
}

#[tokio::test]
async fn two_keys() {
    let peer = Peer::new([]).await;
    let client = client(fast());
    let post = || client.post(peer.url("/")).header("idempotency-key", "one");
    let key: Key = "other".parse().unwrap();
    for request in [post().header("idempotency-key", "one"), post().with_extension(key)] {
        let error = request.send().await.unwrap_err();
        assert!(matches!(Error::of(&error), Some(Error::TwoKeys)), "{error}");
    }
    assert_eq!(peer.got().len(), 0);
}
