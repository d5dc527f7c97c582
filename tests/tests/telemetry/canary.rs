//! Nothing that is anybody's is written down: a canary is searched for.

use idem_tests::prometheus_server::PrometheusServer;
use idem_tests::redis_server::RedisServer;
use idem_tests::until;

use crate::server::Metered;

const CANARIES: [&str; 5] = ["canary-key", "canary-body", "canary-tenant", "canary-password", "canary-path"];

#[tokio::test]
async fn b40_no_key_body_tenant_or_password_is_shown() {
    let mut redis = RedisServer::with(&["--requirepass", "canary-password"]).await;
    let url = format!("redis://:canary-password@127.0.0.1:{}", redis.port());
    let server = Metered::on(&url).await;
    let prometheus = PrometheusServer::start(&[("a", server.program.address)], None).await;
    let send = async |key: &str, body: &str| {
        let request = server.post("/scoped/canary-path?canary-path", Some(key), body);
        let seen = idem_tests::server::Seen::of(request.header("x-tenant", "canary-tenant")).await;
        crate::server::outcome(&seen, true)
    };
    assert_eq!(send("canary-key-1", "canary-body").await, "executed");
    assert_eq!(send("canary-key-1", "canary-body").await, "replayed");
    assert_eq!(send("canary-key-1", "another canary-body").await, "key_reused");
    assert_eq!(send("canary-key-2", "fail canary-body").await, "executed");
    assert_eq!(send("canary-key-3", "panic canary-body").await, "panicked");
    assert_eq!(send("\"canary-key", "canary-body").await, "invalid_key");
    // What the store says of itself while it is away, and when it wants another password.
    redis.kill();
    assert_eq!(send("canary-key-4", "canary-body").await, "store_unavailable");
    prometheus.comes_to("idem_requests_total", 7.0).await;

    let log = until("the log of the last one", async || {
        let log = server.program.output();
        log.contains("a request was refused").then_some(log)
    })
    .await;
    let metrics = server.metrics().await;
    let series = prometheus.api("series", &[("match[]", "{job=\"idem\"}")]).await.to_string();
    assert!(series.contains("idem_requests_total"));
    for canary in CANARIES {
        assert!(!log.contains(canary), "{canary} is logged: {log}");
        assert!(!metrics.contains(canary) && !series.contains(canary), "{canary} is a metric");
    }
    // It is not for want of a log.
    for shown in ["idempotent{", "operation=POST /scoped/{id}", "outcome=\"replayed\"", "attempt=1", "key=\""] {
        assert!(log.contains(shown), "{shown} is not logged: {log}");
    }
}
