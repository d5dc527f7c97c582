//! Authentication, then the replay, then the precondition: over real TCP, for every store.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::{FromRef, State};
use axum::response::IntoResponse;
use axum::routing::post;
use idem_runtime::{Created, ETag, Idempotency, IfMatch, MemoryStore, Unmet, idempotent, strong_etag};
use idem_tests::app::{Bed, User};
use idem_tests::over_every_store;
use idem_tests::server::{Seen, Server};
use parking_lot::Mutex;
use reqwest::RequestBuilder;

#[derive(Clone, FromRef)]
struct AppState {
    idempotency: Idempotency,
    things: Things,
}

/// Things, and the tag of their list, which each new one changes; no tag, no list.
#[derive(Clone)]
struct Things {
    tag: Arc<Mutex<Option<ETag>>>,
    started: Arc<AtomicUsize>,
}

impl Things {
    fn new() -> Self {
        Self { tag: Arc::new(Mutex::new(Some(rev(1)))), started: Arc::default() }
    }

    fn add(&self, judge: impl Fn(Option<&ETag>) -> Result<(), Unmet>) -> Result<Created, Unmet> {
        let number = self.started.fetch_add(1, Ordering::SeqCst) + 1;
        let mut tag = self.tag.lock();
        judge(tag.as_ref())?;
        *tag = Some(rev(number + 1));
        let created = Created::at(format!("/things/{number}?%C3%A9")).unwrap().content_location("/things").unwrap();
        Ok(created.etag(rev(number + 1)))
    }

    fn set(&self, tag: Option<ETag>) {
        *self.tag.lock() = tag;
    }

    fn started(&self) -> usize {
        self.started.load(Ordering::SeqCst)
    }
}

/// With bytes that are no ASCII, as a tag may have.
fn rev(number: usize) -> ETag {
    strong_etag(format!("r\u{e9}v,{number}")).unwrap()
}

fn text(number: usize) -> String {
    format!("\"r\u{e9}v,{number}\"")
}

#[idempotent(ttl = "1h", scope = user.0, replay_status = 200, state = AppState)]
async fn add(
    user: User,
    State(things): State<Things>,
    if_match: IfMatch,
    body: String,
) -> axum::response::Result<impl IntoResponse> {
    Ok(things.add(|current| if_match.require(current))?.body(format!("{body} of {}", user.0)))
}

#[idempotent(ttl = "1h", record = "success", state = AppState)]
async fn add_freely(
    State(things): State<Things>,
    if_match: IfMatch,
    body: String,
) -> axum::response::Result<impl IntoResponse> {
    Ok(things.add(|current| if_match.check(current))?.body(body))
}

async fn serve(idempotency: &Idempotency) -> (Server, Things) {
    let things = Things::new();
    let state = AppState { idempotency: idempotency.clone(), things: things.clone() };
    let router = Router::new().route("/add", post(add)).route("/add-freely", post(add_freely)).with_state(state);
    (Server::start(router).await, things)
}

/// A request of anna's.
fn request(server: &Server, path: &str, key: &str, if_match: &[&str]) -> RequestBuilder {
    let request = server.client.post(server.url(path)).header("x-user", "anna").header("idempotency-key", key);
    if_match.iter().fold(request, |request, line| request.header("if-match", *line)).body("a thing")
}

fn refused(seen: &Seen) -> (u16, String) {
    (seen.status, seen.refusal())
}

fn told(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

over_every_store!(
    a_retry_with_a_stale_if_match_gets_the_first_answer_to_the_byte,
    authentication_comes_first_on_retries_too,
    a_stale_or_missing_if_match_leaves_the_key_free,
    a_malformed_if_match_claims_nothing,
    only_strong_tags_match_on_any_line,
    what_does_not_exist_matches_nothing,
    without_an_if_match_an_optional_one_passes,
);

async fn a_retry_with_a_stale_if_match_gets_the_first_answer_to_the_byte(bed: Bed) {
    let (server, things) = serve(&bed.idempotency).await;
    let first = Seen::of(request(&server, "/add", "k", &[&text(1)])).await;
    assert_eq!((first.status, first.replayed), (201, false));
    assert_eq!(first.header("etag"), Some(text(2)));
    assert_eq!(first.header("location").as_deref(), Some("/things/1?%C3%A9"));
    assert_eq!(first.header("content-location").as_deref(), Some("/things"));
    // As it was, with another stale one, with none, and with one that would pass now.
    for lines in [&[&*text(1)][..], &["\"older\""], &[], &[&text(2)]] {
        let retry = Seen::of(request(&server, "/add", "k", lines)).await;
        assert_eq!((retry.status, retry.replayed), (200, true), "{lines:?}");
        assert_eq!((&retry.headers, &retry.body), (&first.headers, &first.body));
    }
    // Under another key the same request is not a retry.
    let other = Seen::of(request(&server, "/add", "k-2", &[&text(1)])).await;
    assert_eq!((refused(&other), things.started()), (told(412, "precondition_failed"), 2));
}

async fn authentication_comes_first_on_retries_too(bed: Bed) {
    let (server, things) = serve(&bed.idempotency).await;
    let nobody = |lines: &[&str]| {
        let request = server.client.post(server.url("/add")).header("idempotency-key", "k").body("a thing");
        Seen::of(lines.iter().fold(request, |request, line| request.header("if-match", *line)))
    };
    for lines in [&[][..], &["nonsense"], &[&text(1)], &["\"stale\""]] {
        assert_eq!(nobody(lines).await.status, 401, "{lines:?}");
    }
    assert_eq!(things.started(), 0);
    assert_eq!(Seen::of(request(&server, "/add", "k", &[&text(1)])).await.status, 201);
    for lines in [&[][..], &["nonsense"], &[&text(1)]] {
        assert_eq!(nobody(lines).await.status, 401, "{lines:?}");
    }
}

async fn a_stale_or_missing_if_match_leaves_the_key_free(bed: Bed) {
    let (server, things) = serve(&bed.idempotency).await;
    for _ in 0..2 {
        let stale = Seen::of(request(&server, "/add", "k", &["\"stale\""])).await;
        assert_eq!(refused(&stale), told(412, "precondition_failed"));
        assert_eq!(stale.header("etag"), Some(text(1)), "the present one");
        let missing = Seen::of(request(&server, "/add", "k", &[])).await;
        assert_eq!(refused(&missing), told(428, "precondition_required"));
        assert_eq!(missing.header("cache-control").as_deref(), Some("no-store"), "RFC 6585, section 3");
    }
    assert_eq!(things.started(), 4);
    things.set(Some(rev(1)));
    let corrected = Seen::of(request(&server, "/add", "k", &[&text(1)])).await;
    assert_eq!((corrected.status, corrected.replayed, things.started()), (201, false, 5));
    assert!(Seen::of(request(&server, "/add", "k", &["\"stale\""])).await.replayed);
    assert_eq!(things.started(), 5);
}

async fn a_malformed_if_match_claims_nothing(bed: Bed) {
    let (server, things) = serve(&bed.idempotency).await;
    for lines in [
        &["rev1"][..],
        &["\"rev1"],
        &["w/\"rev1\""],
        &["\"rev 1\""],
        &["\"a\" \"b\""],
        &["\"a\", b"],
        &["*, \"a\""],
        &["*", "*"],
        &[""],
        &[&text(1), "nonsense"],
    ] {
        let seen = Seen::of(request(&server, "/add", "k", lines).body("another thing")).await;
        assert_eq!(refused(&seen), told(400, "invalid_precondition"), "{lines:?}");
    }
    assert_eq!((things.started(), bed.idempotency.counts().executed), (0, 0));
    // Another body under that key would be refused, had one of them claimed it.
    assert_eq!(Seen::of(request(&server, "/add", "k", &[&text(1)])).await.status, 201);
    // A retry that is malformed is refused as well.
    let retry = Seen::of(request(&server, "/add", "k", &["rev1"])).await;
    assert_eq!(refused(&retry), told(400, "invalid_precondition"));
}

async fn only_strong_tags_match_on_any_line(bed: Bed) {
    let (server, things) = serve(&bed.idempotency).await;
    let weak = format!("W/{}", text(1));
    let listed = format!("\"x\", {}", text(1));
    for (number, (lines, current, status)) in [
        (&[&*weak][..], rev(1), 412),
        (&[&weak, "\"x\""], rev(1), 412),
        (&[&*text(1)], weak.parse().unwrap(), 412),
        (&[&*weak], weak.parse().unwrap(), 412),
        (&["\"x\"", &text(1)], rev(1), 201),
        (&[&weak, &listed, "\"y\""], rev(1), 201),
        (&["*"], rev(1), 201),
    ]
    .into_iter()
    .enumerate()
    {
        things.set(Some(current));
        let seen = Seen::of(request(&server, "/add", &format!("k-{number}"), lines)).await;
        assert_eq!(seen.status, status, "{lines:?}");
    }
}

async fn what_does_not_exist_matches_nothing(bed: Bed) {
    let (server, things) = serve(&bed.idempotency).await;
    things.set(None);
    for path in ["/add", "/add-freely"] {
        for lines in [&["*"][..], &[&text(1)]] {
            let seen = Seen::of(request(&server, path, "k", lines)).await;
            assert_eq!(refused(&seen), told(412, "precondition_failed"), "{path} {lines:?}");
            assert_eq!(seen.header("etag"), None);
        }
    }
    assert_eq!(Seen::of(request(&server, "/add", "k", &[])).await.status, 428);
    assert_eq!(Seen::of(request(&server, "/add-freely", "k", &[])).await.status, 201);
}

async fn without_an_if_match_an_optional_one_passes(bed: Bed) {
    let (server, things) = serve(&bed.idempotency).await;
    assert_eq!(Seen::of(request(&server, "/add-freely", "k-1", &["\"stale\""])).await.status, 412);
    let first = Seen::of(request(&server, "/add-freely", "k-1", &[])).await;
    assert_eq!((first.status, first.replayed), (201, false));
    let retry = Seen::of(request(&server, "/add-freely", "k-1", &["\"stale\""])).await;
    assert_eq!((retry.status, retry.replayed, things.started()), (201, true, 2));
    assert_eq!(Seen::of(request(&server, "/add-freely", "k-2", &[&text(3)])).await.status, 201);
}

#[tokio::test]
async fn an_applications_own_rendering_is_theirs_too() {
    let idempotency = Idempotency::builder(MemoryStore::new())
        .render_refusals(|refusal| (refusal.status(), format!("own: {}", refusal.code())).into_response())
        .build();
    let (server, _) = serve(&idempotency).await;
    for (lines, status, body) in [
        (&["\"stale\""][..], 412, "own: precondition_failed"),
        (&[], 428, "own: precondition_required"),
        (&["nonsense"], 400, "own: invalid_precondition"),
    ] {
        let seen = Seen::of(request(&server, "/add", "k", lines)).await;
        assert_eq!((seen.status, &*seen.body), (status, body.as_bytes()));
        assert_eq!(seen.header("etag").is_some(), status == 412);
    }
}
