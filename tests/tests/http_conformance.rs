//! The statements of the draft and of Stripe's documentation, asked of the example.

use idem_tests::http_conformance::{Finding, Subject, ask_all, table};
use idem_tests::process::{Program, built};
use idem_tests::server::Server;

async fn all_green(subject: &Subject, asked_at_least: usize) {
    let findings = ask_all(subject).await;
    let table = table(&findings);
    assert!(!findings.iter().any(Finding::is_failure), "{table}");
    assert!(table.matches("| pass |").count() >= asked_at_least, "{table}");
}

async fn payments() -> Program {
    Program::start(&built("payments"), &["--listen", "127.0.0.1:0", "--delay", "20ms", "--store", "memory:"]).await
}

#[tokio::test]
async fn payments_with_a_required_key() {
    let program = payments().await;
    let subject = Subject {
        url: format!("http://{}/v1/payments", program.address),
        header: "X-Idempotency-Key".to_owned(),
        body: r#"{"order":"A-1","amount":1}"#.to_owned(),
        other: r#"{"order":"A-1","amount":2}"#.to_owned(),
        invalid: Some(r#"{"order":"A-1","amount":0}"#.to_owned()),
        missing: Some(428),
        replay_status: Some(200),
    };
    all_green(&subject, 22).await;
}

#[tokio::test]
async fn payments_with_an_optional_key() {
    let program = payments().await;
    let subject = Subject {
        url: format!("http://{}/pay", program.address),
        header: "Idempotency-Key".to_owned(),
        body: r#"{"orderId":1}"#.to_owned(),
        other: r#"{"orderId":2}"#.to_owned(),
        invalid: Some("{".to_owned()),
        missing: None,
        replay_status: None,
    };
    all_green(&subject, 21).await;
}

/// What a server does that guards nothing: the program is not pleased with it.
#[tokio::test]
async fn an_unguarded_server_fails() {
    let router = axum::Router::new().route("/", axum::routing::post(|body: String| async { body }));
    let server = Server::start(router).await;
    let subject = Subject {
        url: server.url("/"),
        header: "Idempotency-Key".to_owned(),
        body: "1".to_owned(),
        other: "2".to_owned(),
        invalid: None,
        missing: Some(400),
        replay_status: None,
    };
    let findings = ask_all(&subject).await;
    let failed: Vec<_> = findings.iter().filter(|finding| finding.is_failure()).map(|finding| finding.id).collect();
    for id in ["D1", "D2", "D3", "D14", "D15", "D16", "D17", "D18", "D19", "D22", "S2", "S3", "S5", "S6", "S8"] {
        assert!(failed.contains(&id), "{id}: {}", table(&findings));
    }
}
