//! The statements of the draft, of Stripe's documentation and of the RFCs behind them, asked of the examples; and of servers
//! that are wrong on purpose, each of which is found out.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::time::Duration;

use clap::{Parser as _, ValueEnum as _};
use idem_runtime::{Idempotency, IdempotencyLayerBuilder, InFlight, MemoryStore, Missing};
use idem_tests::flawed::{Flaw, Relay, server};
use idem_tests::http_conformance::{Finding, Options, Outcome, Subject, ask_all, table};
use idem_tests::layered;
use idem_tests::process::{Program, built, free_port};
use idem_tests::redis_server::RedisServer;
use idem_tests::server::Server;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::task::JoinSet;

async fn findings(arguments: &[&str]) -> Vec<Finding> {
    let options = Options::try_parse_from([&["http-conformance"], arguments].concat()).unwrap();
    ask_all(&Subject::reach(options).await.unwrap()).await
}

fn ids(findings: &[Finding], which: impl Fn(&Outcome) -> bool) -> BTreeSet<&'static str> {
    findings.iter().filter(|finding| which(&finding.outcome)).map(|finding| finding.id).collect()
}

fn failed(findings: &[Finding]) -> BTreeSet<&'static str> {
    ids(findings, |outcome| matches!(outcome, Outcome::Fail(_)))
}

fn set(ids: &str) -> BTreeSet<&str> {
    ids.split_whitespace().collect()
}

/// No request tells, of no server.
const NOT_JUDGED: &str = "D4 D6 D7 D9 D10 D11 D20 S1b S3b S7 S9b S10 S11 H2";

/// Everything passes but what is not applicable, and that is this.
async fn all_green(arguments: &[&str], not_applicable: &str) {
    let findings = findings(arguments).await;
    let table = table(&findings);
    assert_eq!(failed(&findings), set(""), "{table}");
    let seen = ids(&findings, |outcome| matches!(outcome, Outcome::NotApplicable(_)));
    assert_eq!(seen, set(not_applicable), "{table}");
    let seen = ids(&findings, |outcome| matches!(outcome, Outcome::NotJudged(_)));
    assert_eq!(seen, set(NOT_JUDGED), "{table}");
    for id in (1..=22).map(|number| format!("D{number}")).chain((1..=11).map(|number| format!("S{number}"))) {
        assert!(table.contains(&format!("\n| {id} |")), "{id} is passed over in silence: {table}");
    }
}

async fn payments() -> Program {
    Program::start(&built("payments"), &["--listen", "127.0.0.1:0", "--delay", "20ms", "--store", "memory:"]).await
}

#[tokio::test]
async fn payments_with_a_required_key() {
    let program = payments().await;
    let url = format!("http://{}/v1/payments", program.address);
    let server = ["--url", &url, "--effects", &url, "--header", "X-Idempotency-Key", "--missing", "428"];
    let (body, other) = (r#"{"order":"A-1","amount":1}"#, r#"{"order":"A-1","amount":2}"#);
    let bodies = ["--body", body, "--other", other, "--invalid", r#"{"order":"A-1","amount":0}"#];
    all_green(&[&server[..], &["--replay-status", "200"], &bodies].concat(), "D16b D22c S9 K1").await;
}

#[tokio::test]
async fn payments_with_an_optional_key() {
    let program = payments().await;
    let [url, effects] = ["pay", "v1/payments"].map(|path| format!("http://{}/{path}", program.address));
    let server = ["--url", &url, "--effects", &effects, "--missing", "execute"];
    let bodies = ["--body", r#"{"orderId":1}"#, "--other", r#"{"orderId":2}"#, "--invalid", "{"];
    all_green(&[&server[..], &bodies].concat(), "D16 D22c S9 K1").await;
}

const GOODS: [&str; 6] = [
    "--body",
    r#"{"item":"lamp","quantity":1}"#,
    "--other",
    r#"{"item":"lamp","quantity":2}"#,
    "--invalid",
    r#"{"item":"lamp","quantity":0}"#,
];
const CLIENTS: [&str; 4] = ["--with", "Authorization: Bearer ann", "--other-client", "Authorization: Bearer bob"];

/// A program that keeps what it has in a file.
async fn with_file(example: &str, more: &[&str]) -> (Program, TempDir) {
    let folder = TempDir::new().unwrap();
    let store = format!("sqlite:{}", folder.path().join("kept.db").display());
    let arguments = [&["--listen", "127.0.0.1:0", "--store", &store], more].concat();
    (Program::start(&built(example), &arguments).await, folder)
}

#[tokio::test]
async fn orders_with_a_key() {
    let (program, _folder) = with_file("orders", &[]).await;
    let url = format!("http://{}/v1/orders", program.address);
    let server = ["--url", &url, "--effects", &url, "--header", "X-Idempotency-Key", "--missing", "428"];
    let answers = ["--replay-status", "200", "--in-flight", "wait"];
    all_green(&[&server[..], &answers, &CLIENTS, &GOODS].concat(), "D15 D16b D18 D19 S6 H1 K1").await;
}

/// All that is said of a header does not concern it.
#[tokio::test]
async fn orders_whose_url_is_the_key() {
    let (program, _folder) = with_file("orders", &[]).await;
    let effects = format!("http://{}/v1/orders", program.address);
    let url = format!("{effects}/{{key}}");
    let server = ["--url", &url, "--method", "PUT", "--effects", &effects];
    let answers = ["--replay-status", "200", "--in-flight", "wait"];
    let header = "D1 D2 D2b D5 D16 D16b D21 D22 D22b S1 S2 S2b F1 F2 F3 F4 F5";
    let waits = "D15 D18 D19 S6 H1";
    all_green(&[&server[..], &answers, &CLIENTS, &GOODS].concat(), &format!("{header} {waits} K1")).await;
}

/// Few requests may be sent at once, so that some have to be sent again.
#[tokio::test]
async fn tasks_with_a_precondition() {
    let limits = ["--delay", "20ms", "--requests-per-second", "100", "--burst", "80"];
    let (program, _folder) = with_file("tasks", &limits).await;
    let url = format!("http://{}/v1/tasks?user_id=42", program.address);
    let server = ["--url", &url, "--if-match-from", &url, "--effects", &url, "--header", "X-Idempotency-Key"];
    let answers = ["--replay-status", "200", "--missing", "execute"];
    let (body, other) = (r#"{"title":"{unique}"}"#, r#"{"title":"not {unique}"}"#);
    let bodies = ["--body", body, "--other", other, "--invalid", r#"{"title":""}"#];
    all_green(&[&server[..], &answers, &bodies].concat(), "D16 D22c S9 K1").await;
}

/// Plain handlers, which only a layer guards.
#[tokio::test]
async fn a_layer_with_a_required_key() {
    let idempotency = Idempotency::new(MemoryStore::new());
    let options = |layer: IdempotencyLayerBuilder| layer.missing(Missing::Refuse(428)).key_header("X-Idempotency-Key");
    let server = Server::start(layered::orders(&idempotency, options)).await;
    let url = server.url("/orders");
    let asked = ["--url", &url, "--effects", &url, "--header", "X-Idempotency-Key", "--missing", "428"];
    all_green(&[&asked[..], &CLIENTS, &GOODS].concat(), "D16b").await;
}

#[tokio::test]
async fn a_layer_with_an_optional_key() {
    let idempotency = Idempotency::new(MemoryStore::new());
    let options = |layer: IdempotencyLayerBuilder| layer.missing(Missing::Execute).replay_status(200);
    let server = Server::start(layered::orders(&idempotency, options)).await;
    let url = server.url("/orders");
    let asked = ["--url", &url, "--effects", &url, "--missing", "execute", "--replay-status", "200"];
    all_green(&[&asked[..], &CLIENTS, &GOODS].concat(), "D16").await;
}

#[tokio::test]
async fn a_layer_whose_duplicates_wait() {
    let redis = RedisServer::start().await;
    let idempotency = Idempotency::connect(&redis.url()).await.unwrap();
    let options = |layer: IdempotencyLayerBuilder| {
        layer.in_flight(InFlight::Wait(Duration::from_secs(60))).missing(Missing::Refuse(400)).fingerprint_json()
    };
    let server = Server::start(layered::orders(&idempotency, options)).await;
    let url = server.url("/orders");
    let asked = ["--url", &url, "--effects", &url, "--in-flight", "wait"];
    all_green(&[&asked[..], &CLIENTS, &GOODS].concat(), "D15 D16b D18 D19 S6 H1").await;
}

/// What fails, always; and what fails if copies of a request come too late to meet.
const MISTAKES: &[(Flaw, &str, &str)] = &[
    (Flaw::None, "", ""),
    (
        Flaw::Unguarded,
        "D1 D2 D2b D3 D8 D12 D12b D14 D15 D16 D17 D17b D18 D19 D21 D22 D22b S2 S3 S5 S6 S8 F1 F2 F3 F4 F5 P1 P2 P3 P4 P5 \
         L1 C2 H1 H3 H4 C1 K1",
        "",
    ),
    (Flaw::ReplaysToAnyPayload, "D3 D17 D17b S5", ""),
    (Flaw::ReuseIs409, "D17 D17b", ""),
    (Flaw::OtherSpacingIsNew, "D8", ""),
    (Flaw::OtherPayloadReplaces, "D3", ""),
    (Flaw::ForgetsAfterOneReplay, "D12 D19 S3 F4", "D12b D17b"),
    (Flaw::RetryHasAnotherStatus, "D1 D2b D3 D8 D14 D21 S3 F1 F4 F5 H3 H4 C1 K1", "D12b D17b"),
    (Flaw::KeepsWhatIsInvalid, "S4", ""),
    (Flaw::SharesKeysBetweenClients, "D22c", ""),
    (Flaw::ReplaysBeforeLogin, "S9", ""),
    (Flaw::ErrorsDiffer, "D14b", ""),
    (Flaw::MissingKeyRuns, "D16", ""),
    (
        Flaw::FirstIsRefused,
        "D1 D2 D2b D3 D5 D8 D12 D12b D13 D14 D15 D16 D17 D17b D18 D19 D21 D22 D22c S1 S2 S2b S3 S4 S5 S6 S8 S9 F1 F2 F3 \
         F4 F5 P2 H1 H3 H4 C1 K1",
        "",
    ),
    (Flaw::ChecksThenActs, "D12b D15 D17b D18 D19 S6 H1", ""),
    (Flaw::ConflictIs500, "D12b D15 D17b D18 S6", ""),
    (Flaw::ConflictBeforePayload, "D17b", ""),
    (Flaw::ConflictIsKept, "D19 S6", ""),
    (Flaw::ConflictWithoutRetryAfter, "H1", ""),
    (Flaw::EmptyKeyRuns, "D16 D22 D22b", ""),
    (Flaw::RunsBeforeKeyIsJudged, "D22b", ""),
    (Flaw::CutsKeys, "D5 F1", ""),
    (Flaw::LongKeysAreTaken, "D22 D22b S2", ""),
    (Flaw::KeysOf64Characters, "S2", ""),
    (Flaw::IgnoresCase, "S2b", ""),
    (Flaw::TakesFirstLine, "D2", ""),
    (Flaw::QuotesArePartOfTheKey, "D2b D22 S2 F1 F2 F4", ""),
    (Flaw::RefusesEscapes, "F1", ""),
    (Flaw::EndIsOptional, "F2", ""),
    (Flaw::TakesAllBytes, "D2 F2 F3", ""),
    (Flaw::ParametersArePartOfTheKey, "F4", ""),
    (Flaw::KeyMattersToGet, "S1", ""),
    (Flaw::NoMarker, "D1 D2b D3 D8 D19 D21 S3 S8 F1 F4 F5 H3 H4 C1 K1", "D12b D17b"),
    (Flaw::MarksAll, "D1 D2b D3 D5 D8 D12b D13 D17 D17b D21 D22c S1 S2 S2b S3 S4 S5 S8 S9 F1 F4 F5", ""),
    (Flaw::NoDocumentation, "D16 D17 D18", ""),
    (Flaw::LinkLeadsElsewhere, "L1", ""),
    (Flaw::PlainRefusals, "P1", ""),
    (Flaw::OneTypeForAll, "P2", ""),
    (Flaw::WrongStatusMember, "P3", ""),
    (Flaw::TitlesChange, "D14b P4", ""),
    (Flaw::NoDetail, "P5", ""),
    (Flaw::CacheableRefusals, "C2", ""),
    (Flaw::CacheableReplays, "C1", ""),
    (Flaw::CollapsesFields, "H3", ""),
    (Flaw::TwoDates, "H4", ""),
    (Flaw::SetsCookiesAgain, "K1", ""),
    (Flaw::NamesAreCaseSensitive, "D21", ""),
    (Flaw::SpacesMatter, "F5", ""),
];

const REQUIRED: [&str; 2] = ["--missing", "428"];

/// Asks a server with this mistake, whose key is required.
async fn mistaken(flaw: Flaw, more: &[&str]) -> Vec<Finding> {
    let server = server(flaw).await;
    let relay = match flaw {
        Flaw::NamesAreCaseSensitive => Some(Relay::start(server.address, "Idempotency-Key", "Idempotency-Kez").await),
        Flaw::SpacesMatter => Some(Relay::start(server.address, "key:   \"", "key: x \"").await),
        _ => None,
    };
    let url = format!("http://{}/orders", relay.as_ref().map_or(server.address, |relay| relay.address));
    findings(&[&["--url", &url, "--effects", &url], more, &CLIENTS, &GOODS].concat()).await
}

#[tokio::test]
async fn every_statement_is_broken_by_some_mistake_and_every_mistake_is_found() {
    let mut running = JoinSet::new();
    for &flaw in Flaw::value_variants() {
        running.spawn(async move { (flaw, mistaken(flaw, &REQUIRED).await) });
    }
    let mut broken = BTreeSet::new();
    let mut asked = BTreeSet::new();
    for (flaw, findings) in running.join_all().await {
        let (_, always, by_chance) = MISTAKES.iter().find(|(mistake, ..)| *mistake == flaw).unwrap();
        let failed: BTreeSet<_> = failed(&findings);
        let always = set(always);
        let chance = set(by_chance);
        let surely: BTreeSet<_> = failed.difference(&chance).copied().collect();
        assert_eq!(surely, always, "{flaw:?}: {}", table(&findings));
        broken.extend(always);
        asked.extend(ids(&findings, |outcome| !matches!(outcome, Outcome::NotJudged(_))));
    }
    // Its key is required.
    broken.extend(failed(&mistaken(Flaw::None, &["--missing", "execute"]).await));
    assert_eq!(broken, asked);
}

/// The draft knows no marker.
#[tokio::test]
async fn a_server_that_marks_nothing_is_judged_by_its_answers() {
    let more = [&REQUIRED[..], &["--marker", "none"]].concat();
    let findings = mistaken(Flaw::NoMarker, &more).await;
    assert_eq!(failed(&findings), set(""), "{}", table(&findings));
    let seen = ids(&findings, |outcome| matches!(outcome, Outcome::NotApplicable(_)));
    assert_eq!(seen, set("D16b S8"));
    let failed = failed(&mistaken(Flaw::Unguarded, &more).await);
    assert!(failed.is_superset(&set("D1 D3 D12 D12b D14 D15 D17 D21 S3 S5")), "{failed:?}");
}

async fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(built("http-conformance")).args(arguments).output().await.unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    (output.status.code(), out, err)
}

#[tokio::test]
async fn it_ends_with_0_if_all_is_well_and_with_1_if_not() {
    for (flaw, code) in [(Flaw::None, 0), (Flaw::NoDetail, 1)] {
        let server = server(flaw).await;
        let url = server.url("/orders");
        let arguments = [&["--url", &url, "--effects", &url, "--missing", "428"], &CLIENTS[..], &GOODS].concat();
        let (status, out, err) = run(&arguments).await;
        assert_eq!((status, err.as_str()), (Some(code), ""), "{out}");
        assert!(out.contains("| D1 | draft -07 | 2.1 |"), "{out}");
        assert_eq!(out.contains("| FAIL: invalid key: `detail` is null |"), code == 1, "{out}");
        assert_eq!(out.contains("\nP5:\n  sent: POST http://"), code == 1, "{out}");
        assert_eq!(out.contains("\n  came: 400 | "), code == 1, "{out}");
        // A login can be a secret.
        assert!(!out.contains("Bearer"), "{out}");
    }
    let (status, out, _) = run(&["--help"]).await;
    assert_eq!(status, Some(0));
    assert!(out.contains("--if-match-from"), "{out}");
}

#[tokio::test]
async fn it_ends_with_2_and_one_clear_line_if_it_cannot_ask() {
    let server = server(Flaw::None).await;
    let url = server.url("/orders");
    let nobody = format!("http://127.0.0.1:{}/orders", free_port());
    let (url, nobody, nothing) = (url.as_str(), nobody.as_str(), server.url("/nothing"));
    let with = |url, more: [&'static str; 2]| [&["--url", url], &more[..], &CLIENTS, &GOODS].concat();
    for (arguments, said) in [
        (vec![], "--url <URL>"),
        (vec!["--url", url], "--body <JSON>"),
        (vec!["--url", url, "--body", "1", "--other", "1"], "--body and --other are the same"),
        (with("nowhere", ["--method", "PUT"]), "'nowhere' for '--url <URL>'"),
        (with("https://localhost/orders", ["--method", "PUT"]), "does not begin with http://"),
        (with(nobody, ["--method", "PUT"]), "cannot be reached: no answer: "),
        (with(url, ["--method", "P T"]), "--method"),
        (with(url, ["--header", "a key"]), "--header"),
        (with(url, ["--marker", "a mark"]), "--marker"),
        (with(url, ["--with", "Authorization"]), "it has no colon"),
        (with(url, ["--with", "a key: 1"]), "in front of the colon stands no header's name"),
        (with(url, ["--with", "name: a\nb"]), "behind the colon stands no header's value"),
        (with(url, ["--missing", "500"]), "it is `execute`, or the 4xx status"),
        (with(url, ["--replay-status", "404"]), "404 is not in 200..300"),
        (with(url, ["--in-flight", "queue"]), "--in-flight"),
        ([&["--if-match-from", url, "--url", url][..], &CLIENTS, &GOODS].concat(), "answers 200 without an ETag"),
        ([&["--effects", &nothing, "--url", url][..], &CLIENTS, &GOODS].concat(), "/nothing answers 404"),
    ] {
        let (status, out, err) = run(&arguments).await;
        assert_eq!((status, out.as_str()), (Some(2), ""), "{arguments:?}: {err}");
        assert!(err.starts_with("http-conformance: ") && err.contains(said), "{arguments:?}: {err}");
        assert_eq!(err.lines().count(), 1, "{arguments:?}: {err}");
    }
}
