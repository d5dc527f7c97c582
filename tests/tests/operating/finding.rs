//! How the program `idem` finds a store and a key in it, and what it leaves alone.

use std::time::Duration;

use axum::routing::post;
use idem_runtime::{Job, OnFailure};
use idem_tests::log::Log;
use idem_tests::process::built;
use idem_tests::server::{Seen, Server};
use idem_tests::soon;
use serde_json::json;
use tempfile::TempDir;
use tokio::process::Command;

use crate::command::{connect, idem, sqlite};

#[tokio::test]
async fn a_file_that_is_no_store_is_left_as_it_is() {
    let folder = TempDir::new().unwrap();
    let [app, text, empty] = ["app.db", "text.db", "empty.db"].map(|name| folder.path().join(name));
    let db = idem_runtime::rusqlite::Connection::open(&app).unwrap();
    db.execute_batch("CREATE TABLE orders (id INTEGER PRIMARY KEY)").unwrap();
    drop(db);
    std::fs::write(&text, "no database at all, and long enough to have a header".repeat(4)).unwrap();
    std::fs::write(&empty, "").unwrap();
    for (file, says) in
        [(&app, "there are no records in"), (&text, "file is not a database"), (&empty, "there are no records in")]
    {
        let before = std::fs::read(file).unwrap();
        let url = format!("sqlite:{}", file.display());
        for arguments in [&["lookup", "--operation", "POST /pay", "--key", "k"][..], &["sweep"]] {
            let ran = idem(&[&["--store", &url][..], arguments].concat()).await;
            assert_eq!(ran.code, Some(1), "{}", ran.error);
            assert!(ran.error.contains(says), "{}", ran.error);
        }
        assert!(std::fs::read(file).unwrap() == before, "{file:?} has changed");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3, "and nothing is beside them");
}

#[tokio::test]
async fn a_store_is_named_by_the_environment_as_well() {
    let ground = sqlite().await;
    let sweep = |url: &str| {
        let mut idem = Command::new(built("idem"));
        idem.arg("sweep").env("IDEM_STORE", url);
        async move { soon("the end of idem", idem.output()).await.unwrap() }
    };
    assert!(sweep(&ground.url).await.status.success());
    let unnamed = sweep("").await;
    assert_eq!(unnamed.status.code(), Some(2));
    assert!(String::from_utf8(unnamed.stderr).unwrap().contains("--store URL, or the variable IDEM_STORE"));
}

#[tokio::test]
async fn the_keys_of_a_layer_are_found() {
    let ground = sqlite().await;
    let idempotency = connect(&ground).await;
    let layer = || idempotency.layer(Duration::from_secs(3600));
    let (routes, named) = (layer().build().unwrap(), layer().operation("payments").build().unwrap());
    let router = axum::Router::new()
        .nest("/v1", axum::Router::new().route("/pay/{id}", post(|| async { "paid" })).route_layer(routes))
        .route("/named", post(|| async { "paid" }).route_layer(named));
    let server = Server::start(router).await;
    for path in ["/v1/pay/7", "/named"] {
        assert_eq!(Seen::of(server.post(path, "k", &json!(1))).await.status, 200);
    }
    for (operation, code) in [
        (["--layer", "POST /v1/pay/{id}"], 0),
        (["--layer", "payments"], 0),
        (["--layer", "POST /named"], 3),
        (["--operation", "POST /v1/pay/{id}"], 3),
    ] {
        let ran = ground.idem(&[&["lookup"][..], &operation, &["--key", "k"]].concat()).await;
        assert_eq!(ran.code, Some(code), "{operation:?}: {}", ran.error);
        assert!(code == 0 || ran.error.contains("--layer"), "{}", ran.error);
    }
}

#[tokio::test]
async fn a_key_is_found_by_what_the_log_says_of_its_refusal() {
    const SHIP: Job = Job::new("ship", Duration::from_secs(3600)).on_failure(OnFailure::Keep);
    let (ground, log) = (sqlite().await, Log::default());
    let idempotency = connect(&ground).await;
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    // With a second one, all are asked about an event, whichever thread is the first to reach it.
    let _second = tracing::Dispatch::new(tracing_subscriber::fmt().with_writer(std::io::sink).finish());
    let _here = tracing::subscriber::set_default(subscriber);
    for _ in 0..2 {
        assert!(idempotency.run(SHIP.key("k"), async { Err::<u32, _>(()) }).await.is_err());
    }
    let log = log.text();
    let line = log.lines().find(|line| line.contains("the outcome of a request is not known"));
    let digest = line.unwrap_or_else(|| panic!("{log}")).rsplit_once(" key=").unwrap().1;
    assert_eq!(ground.idem(&["--json", "lookup", "--digest", digest]).await.json()["state"], "outcome unknown");
}
