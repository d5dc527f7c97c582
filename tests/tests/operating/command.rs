//! The program `idem` over real stores: what nobody knows the outcome of is looked up, released, settled.

use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use idem_runtime::store::{PostgresStore, RedisStore, SqliteStore};
use idem_runtime::{Idempotency, IdempotencyBuilder, Job, OnFailure};
use idem_tests::app::{AppState, Bed, router};
use idem_tests::gate::Gate;
use idem_tests::outside::Outside;
use idem_tests::postgres_server::PostgresServer;
use idem_tests::process::{Program, built, free_port};
use idem_tests::redis_server::RedisServer;
use idem_tests::server::{Seen, Server};
use idem_tests::{soon, until};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::task::JoinSet;

/// A store that outlives its servers.
pub(super) struct Ground {
    pub(super) url: String,
    folder: TempDir,
    _redis: Option<RedisServer>,
    _postgres: Option<PostgresServer>,
}

pub(super) async fn sqlite() -> Ground {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("shop.db");
    drop(SqliteStore::open(&file).unwrap());
    Ground { url: format!("sqlite:{}", file.display()), folder, _redis: None, _postgres: None }
}

async fn redis() -> Ground {
    let server = RedisServer::start().await;
    Ground { url: server.url(), folder: TempDir::new().unwrap(), _redis: Some(server), _postgres: None }
}

async fn postgres() -> Ground {
    let server = PostgresServer::with(&["fsync=off"]).await;
    PostgresStore::builder(server.url()).migrate().await.unwrap();
    Ground { url: server.url(), folder: TempDir::new().unwrap(), _redis: None, _postgres: Some(server) }
}

impl Ground {
    pub(super) async fn idem(&self, arguments: &[&str]) -> Ran {
        idem(&[&["--store", &self.url], arguments].concat()).await
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// The lines of the audit.
    fn audit(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.file("audit")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

pub(super) struct Ran {
    pub(super) code: Option<i32>,
    out: Vec<u8>,
    pub(super) error: String,
}

impl Ran {
    fn text(&self) -> String {
        String::from_utf8(self.out.clone()).unwrap()
    }

    pub(super) fn json(&self) -> Value {
        assert_eq!(self.code, Some(0), "{}", self.error);
        serde_json::from_slice(&self.out).unwrap()
    }
}

pub(super) async fn idem(arguments: &[&str]) -> Ran {
    let output: Output =
        soon("the end of idem", Command::new(built("idem")).args(arguments).env("USER", "ann").output()).await.unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    Ran { code: output.status.code(), out: output.stdout, error }
}

const LOOKUP: [&str; 4] = ["--json", "lookup", "--operation", "POST /pay-once"];

/// The lease of `/pay-once`, in milliseconds.
const LEASE: u64 = 2_000;

fn millis(known: &Value, name: &str) -> u64 {
    known[name].as_u64().unwrap_or_else(|| panic!("no {name} in {known}"))
}

/// What has passed and what is left of a record is its TTL, and no more has passed than since `before`.
fn is_of_age(known: &Value, ttl: u64, before: Instant) {
    let (ago, left) = (millis(known, "recorded_ago_ms"), millis(known, "expires_in_ms"));
    assert!((ago + left).abs_diff(ttl) <= 1, "{known}");
    assert!(u128::from(ago) <= before.elapsed().as_millis() + 1, "{known}");
    assert!(known.get("lease_left_ms").or(known.get("lease_ended_ago_ms")).is_none(), "{known}");
}

/// A server that is killed while its handler runs, and another one that does not know how that ended.
async fn killed(ground: &Ground, outside: &Outside, key: &'static str) -> Program {
    let mut server = outside.server_on(&ground.url).await;
    let (address, before) = (server.address, Instant::now());
    let first = tokio::spawn(async move {
        let request = reqwest::Client::new().post(format!("http://{address}/pay-once"));
        request.header("idempotency-key", key).send().await
    });
    let stopped = outside.next_at("before-effect").await;
    let lookup = [&LOOKUP[..], &["--key", key]].concat();
    let known = ground.idem(&lookup).await.json();
    assert_eq!(known["state"], "in flight");
    let left = millis(&known, "lease_left_ms");
    assert!((1..=LEASE + 1).contains(&left), "{known}");
    // Only one of them keeps how long a lease is.
    let sign = ground.url.starts_with("redis").then(|| LEASE - left);
    assert_eq!(known.get("last_sign_ago_ms").and_then(Value::as_u64), sign, "{known}");
    let change = ["--operation", "POST /pay-once", "--key", key, "--reason", "too slow"];
    for command in ["release", "settle"] {
        let refused = ground.idem(&[&[command][..], &change].concat()).await;
        assert_eq!(refused.code, Some(4), "{}", refused.error);
        assert!(refused.error.contains("a live claim is never taken away"), "{}", refused.error);
    }
    server.kill();
    drop(stopped);
    assert!(first.await.unwrap().is_err());
    let known = until("the end of the lease", async || {
        let known = ground.idem(&lookup).await.json();
        (known["state"] == "abandoned").then_some(known)
    })
    .await;
    let server = outside.server_on(&ground.url).await;
    assert_eq!(server.send("/pay-once", key).await.refusal(), "outcome_unknown");
    let later = ground.idem(&lookup).await.json();
    let [ended, ended_later] = [&known, &later].map(|known| millis(known, "lease_ended_ago_ms"));
    assert!(ended < ended_later, "a server was started in between: {known} {later}");
    // The claim was made later than that, and its lease ended later still.
    assert!(u128::from(ended_later + LEASE) <= before.elapsed().as_millis() + 100, "{later}");
    let sign = ground.url.starts_with("redis").then_some(ended_later + LEASE);
    assert_eq!(later.get("last_sign_ago_ms").and_then(Value::as_u64), sign, "{later}");
    let text = ground.idem(&[&LOOKUP[1..], &["--key", key]].concat()).await.text();
    assert!(text.contains("\nage      its lease ended "), "{text}");
    server
}

async fn a_killed_request_is_released_and_runs_once(ground: Ground) {
    let outside = Outside::new().await;
    let server = killed(&ground, &outside, "k-canary").await;
    let audit = ground.file("audit");
    let key = ["--operation", "POST /pay-once", "--key", "k-canary"];
    let change = ["--reason", "the provider knows nothing of it", "--audit", &audit];
    let released_at = Instant::now();
    let released = ground.idem(&[&["release"][..], &key, &change].concat()).await;
    assert_eq!(released.code, Some(0), "{}", released.error);

    // Many retries, of which one runs.
    let mut retries = JoinSet::new();
    for _ in 0..10 {
        let request = reqwest::Client::new().post(format!("http://{}/pay-once", server.address));
        retries.spawn(Seen::of(request.header("idempotency-key", "k-canary")));
    }
    outside.let_one_pass().await;
    let retries = soon("all retries", retries.join_all()).await;
    let paid: Vec<_> = retries.iter().filter(|seen| seen.status == 201).collect();
    assert_eq!(paid.iter().filter(|seen| !seen.replayed).count(), 1);
    assert!(retries.iter().all(|seen| seen.status == 201 || seen.refusal() == "in_progress"));
    assert_eq!(outside.effects(), ["k-canary 1"]);

    let known = ground.idem(&[&LOOKUP[..], &["--key", "k-canary"]].concat()).await.json();
    assert_eq!((&known["state"], &known["status"], &known["attempt"]), (&json!("recorded"), &json!(201), &json!(1)));
    assert!(known.get("body").is_none(), "not unless it is asked for");
    is_of_age(&known, 3_600_000, released_at);
    let text = ground.idem(&[&["lookup"][..], &key].concat()).await.text();
    assert!(text.contains("\nage      recorded ") && text.contains(" ago, kept for "), "{text}");
    let body = ground.idem(&[&["lookup", "--body"][..], &key].concat()).await;
    assert_eq!(body.out, paid[0].body);
    let again = ground.idem(&[&["release"][..], &key, &change].concat()).await;
    assert_eq!(again.code, Some(4));

    let lines = ground.audit();
    let stages: Vec<_> = lines.iter().map(|line| (line["stage"].as_str().unwrap(), &line["before"])).collect();
    let (abandoned, recorded) = (json!("abandoned"), json!("recorded"));
    assert_eq!(stages, [("begun", &abandoned), ("done", &abandoned), ("begun", &recorded), ("not done", &recorded)]);
    assert_eq!(lines[1]["after"], "released");
    assert_eq!((&lines[1]["who"], &lines[1]["what"]), (&json!("ann"), &json!("release")));
    assert_eq!((&lines[1]["key"], &lines[1]["reason"]), (&known["key"], &json!("the provider knows nothing of it")));
    assert!(!std::fs::read_to_string(&audit).unwrap().contains("canary"), "never the key itself");
}

async fn a_killed_request_is_settled_byte_for_byte(ground: Ground) {
    let outside = Outside::new().await;
    let server = killed(&ground, &outside, "k").await;
    let (body, bytes) = (ground.file("body"), [&b"{\"paid\":true}\r\n\0\xff"[..], &[7; 5000]].concat());
    std::fs::write(&body, &bytes).unwrap();
    let key = ["--operation", "POST /pay-once", "--key", "k", "--audit-key"];
    let answer = ["--status", "201", "--content-type", "application/json", "--body", &body, "--ttl", "2h"];
    let settled_at = Instant::now();
    let settle = [&["settle", "--reason", "paid, says the bank"][..], &key, &answer].concat();
    let unsaid = ground.idem(&settle).await;
    assert_eq!(unsaid.code, Some(2), "{}", unsaid.error);
    assert!(unsaid.error.starts_with("idem: an application that encrypts"), "no audit: {}", unsaid.error);
    assert_eq!(ground.idem(&[&LOOKUP[..], &["--key", "k"]].concat()).await.json()["state"], "abandoned");
    let settled = ground.idem(&[&settle[..], &["--not-encrypted"]].concat()).await;
    assert_eq!(settled.code, Some(0), "{}", settled.error);
    let audit: Vec<Value> = settled.error.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&audit[1]["raw_key"], &audit[1]["after"]), (&json!("k"), &json!("recorded")));

    for _ in 0..3 {
        let retry = server.send("/pay-once", "k").await;
        assert_eq!((retry.status, retry.replayed, &retry.body), (201, true, &bytes));
        assert_eq!(retry.header("content-type").as_deref(), Some("application/json"));
    }
    assert_eq!(outside.effects(), [""; 0]);
    let known = ground.idem(&[&LOOKUP[..], &["--key", "k"]].concat()).await.json();
    assert_eq!((&known["attempt"], &known["body_bytes"]), (&json!(2), &json!(bytes.len())));
    is_of_age(&known, 7_200_000, settled_at);
    // Not as long as the operator's own claim would have been kept.
    assert!(known["expires_in_ms"].as_u64().is_some_and(|left| (3_600_001..=7_200_000).contains(&left)));
}

/// More patient than by default: the tests share two cores.
pub(super) async fn connect(ground: &Ground) -> Idempotency {
    let (url, within) = (&*ground.url, Duration::from_secs(20));
    let patient = |builder: IdempotencyBuilder| builder.store_timeout(Duration::from_secs(30)).build();
    match url.split_once(':') {
        Some(("sqlite", file)) => {
            patient(Idempotency::builder(SqliteStore::builder(file).response_timeout(within).open().unwrap()))
        }
        Some(("redis", _)) => {
            let store = RedisStore::builder(url).response_timeout(within).connect().await;
            patient(Idempotency::builder(store.unwrap()))
        }
        _ => {
            let store = PostgresStore::builder(url).response_timeout(within).connect().await;
            patient(Idempotency::builder(store.unwrap()))
        }
    }
}

async fn many_release_and_many_retry_and_it_runs_once(ground: Ground) {
    let (gate, idempotency) = (Gate::open(), connect(&ground).await);
    let bed = Bed { idempotency, redis: None };
    let server = Server::start(router(AppState::new(&bed, gate.clone()))).await;
    // It panics, and nobody knows what came of it.
    assert!(server.post("/panic-keep", "k", &json!(1)).send().await.is_err());
    assert_eq!(Seen::of(server.post("/panic-keep", "k", &json!(1))).await.refusal(), "outcome_unknown");
    let key = ["--operation", "POST /panic-keep", "--key", "k"];
    let known = ground.idem(&[&["lookup"][..], &key].concat()).await.text();
    assert!(known.contains("outcome unknown") && known.contains("attempt  1"), "{known}");

    let mut releases = JoinSet::new();
    for _ in 0..4 {
        let arguments = ["--store", &ground.url, "release", "--operation", "POST /panic-keep", "--key", "k"];
        let arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
        releases.spawn(async move {
            let arguments: Vec<&str> =
                arguments.iter().map(String::as_str).chain(["--reason", "nothing ran"]).collect();
            idem(&arguments).await.code
        });
    }
    let mut retries = JoinSet::new();
    for _ in 0..4 {
        let (client, url) = (server.client.clone(), server.url("/panic-keep"));
        retries.spawn(async move {
            loop {
                let seen = Seen::of(client.post(&url).header("idempotency-key", "k").json(&json!(1))).await;
                if seen.status == 200 {
                    return seen;
                }
            }
        });
    }
    let codes = soon("all releases", releases.join_all()).await;
    assert!(codes.contains(&Some(0)) && codes.iter().all(|code| matches!(code, Some(0 | 3 | 4))), "{codes:?}");
    let answers = soon("all answers", retries.join_all()).await;
    assert!(answers.iter().all(|seen| seen.body == b"2"), "{answers:?}");
    assert_eq!(gate.executions(), 2);
}

const SHIP: Job = Job::new("shop::ship", Duration::from_secs(3600)).on_failure(OnFailure::Keep);

async fn the_key_of_a_job_is_found_and_settled(ground: Ground) {
    let idempotency = connect(&ground).await;
    let ship = async |result: Result<Value, ()>| {
        let done = idempotency.run(SHIP.key(7).scope("acme"), async move { result }).await;
        done.map(idem_runtime::Done::into_inner).map_err(|_| ())
    };
    assert!(ship(Err(())).await.is_err());
    let key = ["--job", "shop::ship", "--scope", "acme", "--key", "7"];
    let known = ground.idem(&[&["--json", "lookup"][..], &key].concat()).await.json();
    assert_eq!(known["state"], "outcome unknown");
    let (good, bad) = (ground.file("good"), ground.file("bad"));
    std::fs::write(&good, r#"{"parcel":7}"#).unwrap();
    std::fs::write(&bad, "parcel 7").unwrap();
    let settle = ["settle", "--reason", "it is there", "--body"];
    let refused = ground.idem(&[&settle[..], &[&*bad], &key].concat()).await;
    assert_eq!(refused.code, Some(2), "{}", refused.error);
    let digest = known["key"].as_str().unwrap();
    let settled = ground.idem(&[&settle[..], &[&*good, "--digest", digest, "--value"]].concat()).await;
    assert_eq!(settled.code, Some(0), "{}", settled.error);
    assert_eq!(ship(Ok(json!(null))).await, Ok(json!({ "parcel": 7 })));
    let text = ground.idem(&[&["lookup", "--body"][..], &key].concat()).await.text();
    assert_eq!(text, r#"{"parcel":7}"#);
}

macro_rules! over_every_ground {
    ($($test:ident),* $(,)?) => {
        over_every_ground! { @ sqlite $($test)* }
        over_every_ground! { @ redis $($test)* }
        over_every_ground! { @ postgres $($test)* }
    };
    (@ $ground:ident $($test:ident)*) => {
        mod $ground {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test(super::$ground().await).await;
            })*
        }
    };
}

over_every_ground!(
    a_killed_request_is_released_and_runs_once,
    a_killed_request_is_settled_byte_for_byte,
    many_release_and_many_retry_and_it_runs_once,
    the_key_of_a_job_is_found_and_settled,
);

#[tokio::test]
async fn what_has_ended_is_swept() {
    const SHORT: Job = Job::new("short", Duration::from_secs(1));
    let ground = sqlite().await;
    let idempotency = connect(&ground).await;
    idempotency.run::<_, ()>(SHORT.key("k"), async { Ok(1) }).await.unwrap();
    let removed = until("the end of the record", async || {
        let removed = ground.idem(&["--json", "sweep"]).await.json()["removed"].as_u64().unwrap();
        (removed > 0).then_some(removed)
    })
    .await;
    assert_eq!(removed, 1);
    assert_eq!(ground.idem(&["sweep"]).await.text(), "0 rows had ended and are removed\n");
}

#[tokio::test]
async fn a_secret_is_a_part_of_the_key() {
    let ground = sqlite().await;
    let file = ground.url.trim_start_matches("sqlite:").to_owned();
    let store = SqliteStore::open(Path::new(&file)).unwrap();
    let idempotency = Idempotency::builder(store).secret("s3cret").build();
    let bed = Bed { idempotency, redis: None };
    let server = Server::start(router(AppState::new(&bed, Gate::open()))).await;
    let paid = Seen::of(server.post("/pay", "k", &json!(1))).await;
    assert_eq!(paid.status, StatusCode::CREATED.as_u16());
    let (right, wrong) = (ground.file("right"), ground.file("wrong"));
    std::fs::write(&right, "s3cret\n").unwrap();
    std::fs::write(&wrong, "s3cre").unwrap();
    let lookup = ["lookup", "--operation", "POST /pay", "--key", "k"];
    assert_eq!(ground.idem(&[&["--secret-file", &*right][..], &lookup].concat()).await.code, Some(0));
    for arguments in [
        [&["--secret-file", &*wrong][..], &lookup].concat(),
        lookup.to_vec(),
        [&["--secret-file", &*right][..], &lookup, &["--scope", "acme"]].concat(),
        [&["--secret-file", &*right][..], &["lookup", "--operation", "POST /paid", "--key", "k"]].concat(),
    ] {
        let ran = ground.idem(&arguments).await;
        assert_eq!(ran.code, Some(3), "{arguments:?}");
        assert!(ran.error.contains("the operation, the scope and the application's secret"), "{}", ran.error);
    }
}

#[tokio::test]
async fn wrong_input_is_told_in_plain_words() {
    let ground = sqlite().await;
    let url = &*ground.url;
    let nobody = format!("redis://127.0.0.1:{}", free_port());
    let nowhere = ground.file("nowhere.db");
    let nowhere_url = format!("sqlite:{nowhere}");
    let lookup = ["lookup", "--operation", "POST /pay", "--key", "k"];
    let release = ["release", "--operation", "POST /pay", "--key", "k"];
    let digest = "a".repeat(64);
    let (blank, reasoned) = ([&release[..], &["--reason", " "]].concat(), [&release[..], &["--reason", "x"]].concat());
    let cases: [(&str, &[&str], i32, &str); 16] = [
        (url, &lookup, 3, "nothing is known of this key"),
        ("mysql://shop:hunter2@db", &lookup, 2, "`mysql:` is no store"),
        ("memory:", &lookup, 2, "nobody else can look into it"),
        (&nowhere_url, &lookup, 1, "there is no file"),
        (&nobody, &lookup, 1, "127.0.0.1"),
        (url, &["lookup"], 2, "name the key"),
        (url, &["lookup", "--operation", "POST /pay"], 2, "--key"),
        (url, &["lookup", "--digest", "abc"], 2, "64 hexadecimal digits"),
        (url, &["--secret-file", "/nowhere/secret", "lookup", "--digest", &digest], 1, "/nowhere/secret"),
        (url, &release, 2, "--reason"),
        (url, &blank, 2, "say why"),
        (url, &reasoned, 3, "nothing is known of this key"),
        (url, &["settle", "--job", "j", "--key", "k", "--reason", "x"], 2, "--body FILE"),
        (url, &["settle", "--operation", "j", "--key", "k", "--reason", "x", "--status", "101"], 2, "200 to 599"),
        (url, &["settle", "--operation", "j", "--key", "k", "--reason", "x", "--ttl", "1ms"], 2, "1s to 366days"),
        (url, &["forget"], 2, "unrecognized subcommand"),
    ];
    for (store, arguments, code, says) in cases {
        let ran = idem(&[&["--store", store][..], arguments].concat()).await;
        assert_eq!(ran.code, Some(code), "{arguments:?}: {}", ran.error);
        assert!(ran.error.contains(says), "{arguments:?}: {}", ran.error);
        assert!(!ran.error.contains("hunter2"), "{}", ran.error);
        assert!(ran.out.is_empty());
    }
    assert!(!Path::new(&nowhere).exists(), "it makes no store");
}
