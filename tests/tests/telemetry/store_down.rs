//! A store that is killed shows, and raises the alerts that are shipped.

use std::path::Path;

use idem_tests::prometheus_server::PrometheusServer;
use idem_tests::redis_server::RedisServer;
use idem_tests::until;

use crate::server::Metered;

/// The expression of an alert, as Prometheus has read it.
async fn expression(prometheus: &PrometheusServer, alert: &str) -> String {
    let rules = prometheus.api("rules", &[]).await;
    let rules = rules["groups"][0]["rules"].as_array().unwrap();
    let rule = rules.iter().find(|rule| rule["name"] == alert).unwrap_or_else(|| panic!("{alert}: {rules:?}"));
    rule["query"].as_str().unwrap().to_owned()
}

async fn is_firing(prometheus: &PrometheusServer, alert: &str) -> bool {
    let alerts = prometheus.api("alerts", &[]).await;
    let alerts = alerts["alerts"].as_array().unwrap();
    alerts.iter().any(|one| one["labels"]["alertname"] == alert && one["state"] == "firing")
}

#[tokio::test]
async fn a_store_that_is_down_is_seen() {
    let mut redis = RedisServer::start().await;
    let server = Metered::on(&redis.url()).await;
    let rules = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/payments/prometheus/alerts.yml"));
    let prometheus =
        PrometheusServer::start(&[("a", server.program.address)], Some(&rules.canonicalize().unwrap())).await;
    assert_eq!(server.send("/pay", Some("before"), "one").await, "executed");
    prometheus.comes_to("idem_claims_total", 1.0).await;
    let down = expression(&prometheus, "IdempotencyStoreDown").await;
    assert!(prometheus.query(&down).await.is_empty());
    assert!(!is_firing(&prometheus, "IdempotencyAnswersUnrecorded").await);

    // One has its claim, and will find nobody to keep its answer.
    let held = tokio::spawn(server.post("/pay", Some("held"), "hold door").send());
    server.waits_at("door", 1).await;
    redis.kill();
    let mut refused = 0;
    until("the expression is true", async || {
        assert_eq!(server.send("/pay", Some("after"), "one").await, "store_unavailable");
        refused += 1;
        (!prometheus.query(&down).await.is_empty()).then_some(())
    })
    .await;
    prometheus.comes_to("idem_requests_total{outcome='store_unavailable'}", f64::from(refused)).await;
    let failed = prometheus.sum("idem_store_call_duration_seconds_count{result=~'unavailable|timed_out'}").await;
    assert!(failed >= f64::from(refused), "{failed} calls, {refused} requests");

    server.open("door").await;
    let answer = idem_tests::soon("an answer", held).await.unwrap().unwrap();
    let outcome = match answer.status().as_u16() {
        201 => "executed",
        503 => "store_unavailable",
        other => panic!("{other}"),
    };
    // Within the lease it is given without a record; past it, it is nobody's.
    let (counter, alert) = match outcome {
        "executed" => ("idem_unrecorded_total", "IdempotencyAnswersUnrecorded"),
        _ => ("idem_claims_lost_total", "IdempotencyClaimsLost"),
    };
    prometheus.comes_to(counter, 1.0).await;
    until("the alert", async || is_firing(&prometheus, alert).await.then_some(())).await;
    prometheus.comes_to("idem_claims_ended_total{end='expired'}", 1.0).await;
    prometheus.comes_to("idem_claims_total", 2.0).await;
    prometheus.comes_to("idem_claims_live", 0.0).await;

    redis.restart().await;
    until("an execution", async || (server.send("/pay", Some("back"), "one").await == "executed").then_some(())).await;
    prometheus.comes_to("idem_claims_ended_total{end='completed'}", 2.0).await;
    // A claim whose answer was lost while the store came back is one too, if it is found and given back.
    prometheus.comes_to("sum(idem_claims_total) - sum(idem_claims_ended_total)", 0.0).await;
    prometheus.comes_to("idem_claims_live", 0.0).await;
}
