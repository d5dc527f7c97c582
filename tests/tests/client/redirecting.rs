//! Where a key goes when a server says that a request belongs elsewhere.

use idem_client::{Error, Outcome, Stopped};
use reqwest::Method;

use crate::fast;
use crate::peer::{Peer, client, status, with};

fn to(code: u16, url: &str) -> axum::http::Response<axum::body::Body> {
    with(code, &[("location", url)], "")
}

#[tokio::test]
async fn within_the_origin_key_and_bytes_go_along() {
    let peer = Peer::new([]).await;
    let client = client(fast());
    for code in [307, 308] {
        // Where it leads to fails once: the tries begin anew, under the same key.
        peer.next([to(code, "/new"), status(503), to(code, "/new")]);
        let response = client.post(peer.url("/old")).body("12.50").send().await.unwrap();
        assert_eq!((response.status().as_u16(), response.url().path()), (201, "/new"));
        let key = Outcome::of(&response).unwrap().key().unwrap().as_str().to_owned();
        let got = peer.got();
        let targets: Vec<_> = got.iter().map(|one| one.target.as_str()).collect();
        assert_eq!(targets, ["/old", "/new", "/old", "/new"]);
        for one in &got {
            assert_eq!((&one.method, one.key(), &one.body[..]), (&Method::POST, Some(key.as_str()), &b"12.50"[..]));
        }
    }
}

#[tokio::test]
async fn to_another_origin_no_key_goes() {
    let (peer, other) = (Peer::new([]).await, Peer::new([]).await);
    let client = client(fast());
    for code in [301, 302, 303, 307, 308] {
        peer.next([to(code, &other.url("/taken"))]);
        let response = client.post(peer.url("/")).body("12.50").send().await.unwrap();
        let outcome = Outcome::of(&response).unwrap();
        assert_eq!((response.status().as_u16(), outcome.stopped()), (code, Stopped::Final));
        assert_eq!(response.headers()["location"], other.url("/taken"));
        peer.next([to(code, &other.url("/taken"))]);
        let response = client.put(peer.url("/")).header("idempotency-key", "k").send().await.unwrap();
        assert_eq!(response.status().as_u16(), code);
    }
    assert_eq!((peer.got().len(), other.got().len()), (10, 0));
    // Nor at the second step.
    peer.next([to(307, "/new"), to(307, &other.url("/taken"))]);
    assert_eq!(client.post(peer.url("/old")).send().await.unwrap().status(), 307);
    assert_eq!((peer.got().len(), other.got().len()), (2, 0));
    // One that has none goes where it is sent.
    peer.next([to(302, &other.url("/page"))]);
    assert_eq!(client.get(peer.url("/")).send().await.unwrap().status(), 201);
    assert_eq!(other.got().len(), 1);
}

#[tokio::test]
async fn see_other_is_a_get_and_does_not_repeat_the_post() {
    let peer = Peer::new([to(303, "/receipt")]).await;
    let response = client(fast()).post(peer.url("/pay")).body("12.50").send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.url().path()), (201, "/receipt"));
    let methods: Vec<_> = peer.got().iter().map(|one| (one.method.clone(), one.body.len())).collect();
    assert_eq!(methods, [(Method::POST, 5), (Method::GET, 0)]);
}

#[tokio::test]
async fn a_post_never_turns_into_a_get_unasked() {
    let peer = Peer::new([]).await;
    for code in [301, 302] {
        peer.next([to(code, "/page")]);
        let response = client(fast()).post(peer.url("/pay")).body("12.50").send().await.unwrap();
        assert_eq!((response.status().as_u16(), peer.got().len()), (code, 1));
        let keyless = client(fast().make_keys(false));
        peer.next([to(code, "/page"), to(code, "/page")]);
        assert_eq!(keyless.post(peer.url("/pay")).send().await.unwrap().status().as_u16(), code);
        assert_eq!(keyless.get(peer.url("/")).send().await.unwrap().status().as_u16(), 201);
        assert_eq!(peer.got().len(), 3);
    }
}

#[tokio::test]
async fn a_redirect_that_goes_round_in_a_circle_is_not_tried_again() {
    let peer = Peer::new([]).await;
    peer.next((0..40).map(|_| to(307, "/round")));
    let error = client(fast()).post(peer.url("/round")).send().await.unwrap_err();
    let Some(Error::NoAnswer { outcome, .. }) = Error::of(&error) else { panic!("{error:?}") };
    assert_eq!((outcome.attempts(), outcome.stopped(), peer.got().len()), (1, Stopped::Final, 11));
}
