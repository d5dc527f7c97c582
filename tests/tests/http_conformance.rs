//! The statements of the draft, of Stripe's documentation and of the RFCs behind them, asked of the examples; and of servers that
//! are wrong on purpose, each of which is found out.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use clap::Parser as _;
use idem_tests::flawed::{Flaw, Relay, server};
use idem_tests::http_conformance::{Finding, Options, Outcome, Subject, ask_all, table};
use idem_tests::process::{Program, built};
use tempfile::TempDir;
use tokio::task::JoinSet;

async fn findings(arguments: &[&str]) -> Vec<Finding> {
    let options = Options::try_parse_from([&["http-conformance"], arguments].concat()).unwrap();
    ask_all(&Subject::reach(options).await.unwrap()).await
}

fn ids(findings: &[Finding], which: impl Fn(&Outcome) -> bool) -> Vec<&'static str> {
    findings.iter().filter(|finding| which(&finding.outcome)).map(|finding| finding.id).collect()
}

const ORDERS: [&str; 6] = [
    "--body",
    r#"{"item":"lamp","quantity":1}"#,
    "--other",
    r#"{"item":"lamp","quantity":2}"#,
    "--invalid",
    r#"{"item":"lamp","quantity":0}"#,
];

async fn ask_flawed(flaw: Flaw, missing: &str) -> Vec<Finding> {
    let server = server(flaw).await;
    let relay = match flaw {
        Flaw::NamesAreCaseSensitive => Some(Relay::start(server.address, "Idempotency-Key", "Idempotency-Kez").await),
        Flaw::SpacesMatter => Some(Relay::start(server.address, "key:   \"", "key: x \"").await),
        _ => None,
    };
    let url = format!("http://{}/orders", relay.as_ref().map_or(server.address, |relay| relay.address));
    let more = ["--url", &url, "--effects", &url, "--missing", missing, "--with", "Authorization: Bearer ann"];
    findings(&[&more[..], &["--other-client", "Authorization: Bearer bob"], &ORDERS].concat()).await
}

#[tokio::test]
async fn dump() {
    let mut running = JoinSet::new();
    for flaw in all() {
        running.spawn(async move { (flaw, ask_flawed(flaw, "428").await) });
    }
    for (flaw, findings) in running.join_all().await {
        println!("{flaw:?}: {:?}", ids(&findings, |outcome| matches!(outcome, Outcome::Fail(_))));
        if flaw == Flaw::None { println!("{}", table(&findings)); }
    }
}
fn all() -> Vec<Flaw> { use Flaw::*; vec![None, Unguarded, ReplaysToAnyPayload, ReuseIs409, OtherSpacingIsNew, OtherPayloadReplaces, ForgetsAfterOneReplay, RetryHasAnotherStatus, KeepsWhatIsInvalid, SharesKeysBetweenClients, ReplaysBeforeLogin, ErrorsDiffer, MissingKeyRuns, FirstIsRefused, ChecksThenActs, ConflictIs500, ConflictBeforePayload, ConflictIsKept, ConflictWithoutRetryAfter, EmptyKeyRuns, RunsBeforeKeyIsJudged, CutsKeys, LongKeysAreTaken, KeysOf64Characters, IgnoresCase, TakesFirstLine, QuotesArePartOfTheKey, RefusesEscapes, EndIsOptional, TakesAllBytes, ParametersArePartOfTheKey, KeyMattersToGet, NoMarker, MarksAll, NoDocumentation, LinkLeadsElsewhere, PlainRefusals, OneTypeForAll, WrongStatusMember, TitlesChange, NoDetail, CacheableRefusals, CacheableReplays, CollapsesFields, TwoDates, SetsCookiesAgain, NamesAreCaseSensitive, SpacesMatter] }
