//! Clients, and names, that would make labels of their own.

use std::collections::BTreeSet;

use idem_tests::prometheus_server::PrometheusServer;
use reqwest::Method;

use crate::server::Metered;

#[tokio::test]
async fn b41_hostile_names_are_scraped_and_clients_make_no_labels() {
    let server = Metered::on("memory:").await;
    let prometheus = PrometheusServer::start(&[("a", server.program.address)], None).await;
    for number in 0..50 {
        let key = format!("k-{number}");
        // A path that no route matches, with what would break out of a label.
        let path = format!("/canary-{number}%22%7D%0A1%5C?canary-query");
        assert_eq!(server.send(&path, Some(&key), "one").await, "executed");
        assert_eq!(server.send(&format!("/scoped/canary-{number}"), Some(&key), "one").await, "missing_scope");
        assert_eq!(server.send("/hostile", Some(&key), "one").await, "executed");
        let method = Method::from_bytes(format!("CANARY-{number}").as_bytes()).unwrap();
        let request = server.client.request(method, server.url("/any")).header("idempotency-key", &key);
        assert_eq!(request.send().await.unwrap().status(), 200);
    }
    prometheus.comes_to("idem_requests_total", 250.0).await;
    prometheus.comes_to("up", 1.0).await;
    let values = prometheus.query("sum by (operation) (idem_requests_total)").await;
    let operations: BTreeSet<_> = values.into_keys().map(|labels| labels[0].1.clone()).collect();
    let expected = [
        "unmatched",
        "POST /scoped/{id}",
        "pay %22at%5Conce%22 # never} 1",
        "job %22at%5Conce%22%0Aor # never} 1%0D%09%1B[31m",
        "OTHER /any",
    ];
    assert_eq!(operations, expected.map(ToOwned::to_owned).into());
    assert!(!server.metrics().await.to_lowercase().contains("canary"));
    assert!(!server.program.output().to_lowercase().contains("canary"));
}
