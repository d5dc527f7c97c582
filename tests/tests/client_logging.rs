//! What is logged of a request. In a process of its own: whether an event is wanted at all is kept for the whole process, and
//! other tests, whose threads want none, would have a say in it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "client/peer.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod peer;

use std::time::Duration;

use idem_client::{Key, Outcome, Retry};
use idem_tests::log::Log;
use tracing_subscriber::filter::LevelFilter;

use crate::peer::{Peer, client, status};

#[tokio::test]
async fn every_try_is_logged_and_no_key() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _here = tracing::subscriber::set_default(subscriber);
    let peer = Peer::new([status(503), status(429)]).await;
    let key: Key = "canary-in-the-key".parse().unwrap();
    let fast = Retry::builder().backoff(Duration::from_millis(5), Duration::from_millis(50));
    let request = client(fast).post(peer.url("/path-canary?query-canary")).with_extension(key).body("body-canary");
    let response = request.send().await.unwrap();
    assert!(!format!("{:?}", Outcome::of(&response)).contains("canary"));
    let text = log.text();
    let ours: Vec<_> = text.lines().filter(|line| line.contains(" idem_client: ")).collect();
    assert_eq!(ours.len(), 3, "{text}");
    for (line, parts) in ours.iter().zip([
        [" INFO ", "try failed", "attempt=1", "503", "again_in="],
        [" INFO ", "try failed", "attempt=2", "429", "again_in="],
        ["DEBUG ", "last try", "attempt=3", "201", "stopped=Final"],
    ]) {
        assert!(parts.iter().all(|part| line.contains(part)), "{line}");
        assert!(line.contains("method=\"POST\"") && line.contains("host=\"127.0.0.1\"") && !line.contains("canary"));
    }
    // Nobody below it shows the key either.
    assert!(!text.contains("canary-in-the-key"), "{text}");
}
