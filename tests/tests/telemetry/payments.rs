//! The example shows its metrics, and the dashboard's expressions can be asked of them.

use idem_runtime::telemetry::METRICS;
use idem_tests::process::{Program, built};
use idem_tests::prometheus_server::PrometheusServer;
use idem_tests::server::Seen;
use serde_json::{Value, json};

const DASHBOARD: &str = include_str!("../../../examples/payments/grafana/dashboard.json");

#[tokio::test]
async fn payments_are_seen() {
    let arguments = ["--listen", "127.0.0.1:0", "--store", "memory:", "--delay", "1ms"];
    let program = Program::start(&built("payments"), &arguments).await;
    let prometheus = PrometheusServer::start(&[("payments", program.address)], None).await;
    for status in [201, 200, 200] {
        let request = reqwest::Client::new().post(format!("http://{}/v1/payments", program.address));
        let request = request.header("x-idempotency-key", "k-1").json(&json!({ "order": "A-1", "amount": 1250 }));
        assert_eq!(Seen::of(request).await.status, status);
    }
    let requests = "idem_requests_total{kind='http',operation='POST /v1/payments'}";
    prometheus.comes_to(requests, 3.0).await;
    let scrape = reqwest::get(format!("http://{}/metrics", program.address)).await.unwrap();
    assert_eq!(scrape.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let text = scrape.text().await.unwrap();
    for metric in METRICS {
        assert!(text.contains(&format!("# HELP {} {}\n", metric.name, metric.help)), "{}", metric.name);
        assert!(text.contains(&format!("# TYPE {} ", metric.name)), "{}", metric.name);
    }
    assert!(!text.contains("k-1"));
    // `/metrics` and the rest are no guarded calls.
    prometheus.comes_to("idem_requests_total", 3.0).await;

    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    for target in panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten() {
        let expression = target["expr"].as_str().unwrap();
        let expression = expression.replace("$__rate_interval", "1m").replace("$__range", "30m");
        let expression = expression.replace("$job", ".*").replace("$operation", ".*");
        // It is one that Prometheus understands.
        prometheus.query(&expression).await;
    }
    prometheus.comes_to("idem_requests_in_flight", 0.0).await;
}
