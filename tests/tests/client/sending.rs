//! What is sent, and how often.

use axum::http::HeaderName;
use idem_client::reqwest_middleware::ClientBuilder;
use idem_client::testing::Tries;
use idem_client::{Error, Key, KeyFormat, Outcome, Retry, Stopped, Unanswered, redirects};
use reqwest::{Method, StatusCode};

use crate::fast;
use crate::peer::{Peer, client, status, with};

#[tokio::test]
async fn a_change_gets_a_key_and_keeps_it_and_its_bytes_over_all_tries() {
    let peer = Peer::new([]).await;
    let client = client(fast());
    let body: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let mut keys = Vec::new();
    for method in [Method::POST, Method::PATCH] {
        peer.next([status(503), status(500), status(425)]);
        let response = client.request(method.clone(), peer.url("/pay?x=1")).body(body.clone()).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::CREATED);
        let outcome = Outcome::of(&response).unwrap();
        let got = peer.got();
        assert_eq!((got.len(), outcome.attempts()), (4, 4));
        for one in &got {
            assert_eq!((&one.method, one.target.as_str()), (&method, "/pay?x=1"));
            assert_eq!(one.key(), Some(outcome.key().unwrap().as_str()));
            assert!(one.body == body);
        }
        keys.push(outcome.key().unwrap().clone());
    }
    assert_ne!(keys[0], keys[1]);
    let version_4 = |key: &Key| key.as_str().len() == 36 && key.as_str().as_bytes()[14] == b'4';
    assert!(keys.iter().all(version_4), "{:?}", keys[0].as_str());
}

#[tokio::test]
async fn a_method_that_is_idempotent_is_retried_without_a_key() {
    let peer = Peer::new([]).await;
    let client = client(fast());
    for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::OPTIONS] {
        peer.next([status(503)]);
        let response = client.request(method.clone(), peer.url("/")).send().await.unwrap();
        assert_eq!((response.status().as_u16(), Outcome::of(&response).unwrap().attempts()), (201, 2), "{method}");
        let got = peer.got();
        assert!(got.len() == 2 && got.iter().all(|one| one.key().is_none()), "{got:?}");
    }
}

#[tokio::test]
async fn nothing_else_is_sent_twice() {
    let peer = Peer::new([]).await;
    let client = client(fast().make_keys(false));
    for method in [Method::POST, Method::PATCH, Method::TRACE, Method::from_bytes(b"CHARGE").unwrap()] {
        peer.next([status(503)]);
        let response = client.request(method.clone(), peer.url("/")).send().await.unwrap();
        let outcome = Outcome::of(&response).unwrap();
        assert_eq!((response.status().as_u16(), outcome.attempts()), (503, 1), "{method}");
        assert_eq!((outcome.stopped(), outcome.key()), (Stopped::NotRepeatable, None));
        assert_eq!(peer.got().len(), 1);
    }
    // With one of the caller's it is retried.
    peer.next([status(503)]);
    client.post(peer.url("/")).header("idempotency-key", "k").send().await.unwrap();
    assert_eq!(peer.got().len(), 2);
}

#[tokio::test]
async fn a_key_of_the_callers_is_sent_as_it_is() {
    let peer = Peer::new([]).await;
    let quoted = client(fast().key_format(KeyFormat::Quoted));
    let bare = client(fast());
    let key: Key = r"a\b".parse().unwrap();
    peer.next([status(503)]);
    bare.post(peer.url("/")).header("idempotency-key", r#""k-1""#).send().await.unwrap();
    quoted.post(peer.url("/")).header("idempotency-key", "k-1").send().await.unwrap();
    bare.post(peer.url("/")).with_extension(key.clone()).send().await.unwrap();
    quoted.post(peer.url("/")).with_extension(key.clone()).send().await.unwrap();
    // The same key twice is one key.
    let both = bare.post(peer.url("/")).header("idempotency-key", r#""a\\b""#).with_extension(key.clone());
    let response = both.send().await.unwrap();
    assert_eq!(Outcome::of(&response).unwrap().key(), Some(&key));
    let keys: Vec<_> = peer.got().iter().map(|one| one.key().unwrap().to_owned()).collect();
    assert_eq!(keys, [r#""k-1""#, r#""k-1""#, "k-1", r"a\b", r#""a\\b""#, r#""a\\b""#]);
}

#[tokio::test]
async fn the_header_can_have_another_name() {
    let peer = Peer::new([status(503)]).await;
    let client = client(fast().header(HeaderName::from_static("x-request-key")));
    client.post(peer.url("/")).send().await.unwrap();
    let got = peer.got();
    assert!(got[0].headers.contains_key("x-request-key") && got[0].key().is_none());
    assert_eq!(got[0].headers["x-request-key"], got[1].headers["x-request-key"]);
}

#[tokio::test]
async fn the_counting_helper_sees_what_the_server_sees() {
    let peer = Peer::new([status(503), status(429)]).await;
    let tries = Tries::default();
    let http = reqwest::Client::builder().redirect(redirects()).build().unwrap();
    let client = ClientBuilder::new(http).with(fast().build()).with(tries.clone()).build();
    client.post(peer.url("/pay")).body("12.50").send().await.unwrap();
    let (got, all) = (peer.got(), tries.all());
    assert_eq!((tries.count(), got.len()), (3, 3));
    for (one, tried) in got.iter().zip(&all) {
        assert_eq!(Some(&one.body), tried.body.as_ref());
        assert_eq!(one.headers["idempotency-key"], tried.headers["idempotency-key"]);
        assert_eq!((&one.method, tried.url.path()), (&tried.method, "/pay"));
    }
    let statuses: Vec<_> = all.iter().map(|tried| tried.status.unwrap().as_u16()).collect();
    assert_eq!(statuses, [503, 429, 201]);
}

#[tokio::test]
async fn nobody_there_is_tried_as_often_as_is_allowed() {
    let port = idem_tests::process::free_port();
    let client = client(fast().max_attempts(3));
    let error = client.post(format!("http://127.0.0.1:{port}/")).send().await.unwrap_err();
    let Some(Error::NoAnswer { outcome, source: Unanswered::Broken(source), .. }) = Error::of(&error) else {
        panic!("{error:?}")
    };
    assert!(outcome.attempts() == 3 && source.is_connect(), "{error:?}");
    assert_eq!(Error::of(&error).unwrap().to_string(), "no answer after 3 tries");
}

#[tokio::test]
async fn a_request_that_cannot_be_sent_is_not_tried_again() {
    let client = client(Retry::builder());
    let error = client.get("ftp://127.0.0.1/").send().await.unwrap_err();
    let Some(Error::NoAnswer { outcome, .. }) = Error::of(&error) else { panic!("{error:?}") };
    assert_eq!((outcome.attempts(), outcome.stopped()), (1, Stopped::Final));
}

#[tokio::test]
async fn what_is_final_is_handed_on_at_once_with_its_body() {
    let peer = Peer::new([]).await;
    let client = client(Retry::builder());
    for (status, code) in [
        (422, "key_reused"),
        (409, "outcome_unknown"),
        (409, "response_not_kept"),
        (409, "something_else"),
        (400, "missing_key"),
        (404, "in_progress"),
        (501, ""),
        (505, ""),
    ] {
        let problem = format!(r#"{{"status":{status},"code":"{code}"}}"#);
        peer.next([with(status, &[("content-type", "application/problem+json")], &problem)]);
        let response = client.post(peer.url("/")).send().await.unwrap();
        let outcome = Outcome::of(&response).unwrap();
        assert_eq!((outcome.attempts(), outcome.stopped()), (1, Stopped::Final), "{code}");
        assert_eq!((response.status().as_u16(), response.url().as_str()), (status, peer.url("/").as_str()));
        assert_eq!(response.text().await.unwrap(), problem);
        assert_eq!(peer.got().len(), 1);
    }
}
