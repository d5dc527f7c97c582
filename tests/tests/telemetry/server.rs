//! The `metered-server` program, and its clients.

use std::collections::BTreeMap;

use idem_tests::process::{Program, built};
use idem_tests::prometheus_server::PrometheusServer;
use idem_tests::server::Seen;
use idem_tests::until;
use reqwest::{Client, RequestBuilder};

/// A server whose handlers do what they are told.
pub(crate) struct Metered {
    pub(crate) program: Program,
    pub(crate) client: Client,
}

impl Metered {
    pub(crate) async fn on(store: &str) -> Self {
        let program = Program::start(&built("metered-server"), &["--store", store]).await;
        Self { program, client: Client::new() }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.program.address)
    }

    pub(crate) fn post(&self, path: &str, key: Option<&str>, body: &str) -> RequestBuilder {
        let request = self.client.post(self.url(path)).body(body.to_owned());
        match key {
            Some(key) => request.header("idempotency-key", key),
            None => request,
        }
    }

    /// Sends a request, and gives the outcome that its answer speaks of.
    pub(crate) async fn send(&self, path: &str, key: Option<&str>, body: &str) -> String {
        outcome(&Seen::of(self.post(path, key, body)).await, key.is_some())
    }

    /// Waits until so many handlers stand at a door.
    pub(crate) async fn waits_at(&self, door: &str, times: usize) {
        until("a handler at its door", async || {
            let waiting = self.client.get(self.url("/doors")).send().await.unwrap().text().await.unwrap();
            (waiting.lines().filter(|line| *line == door).count() == times).then_some(())
        })
        .await;
    }

    pub(crate) async fn open(&self, door: &str) {
        let opened = self.client.post(self.url(&format!("/doors/{door}"))).send().await.unwrap();
        assert!(opened.status().is_success());
    }

    /// Its metrics as they are.
    pub(crate) async fn metrics(&self) -> String {
        self.client.get(self.url("/metrics")).send().await.unwrap().text().await.unwrap()
    }
}

/// What an answer says of itself.
pub(crate) fn outcome(seen: &Seen, had_key: bool) -> String {
    match seen.status {
        200..=299 if seen.replayed => "replayed".to_owned(),
        200..=299 if !had_key => "unprotected".to_owned(),
        200..=299 | 502 => "executed".to_owned(),
        500 => "panicked".to_owned(),
        _ => seen.refusal(),
    }
}

/// Requests by operation and outcome, as one process counted them, without those that never happened.
pub(crate) async fn requests(prometheus: &PrometheusServer, instance: &str) -> BTreeMap<(String, String), u64> {
    let expression = format!("sum by (operation, outcome) (idem_requests_total{{instance='{instance}'}}) > 0");
    let values = prometheus.query(&expression).await;
    let text =
        |labels: &[(String, String)], name: &str| labels.iter().find(|(label, _)| label == name).unwrap().1.clone();
    let counted = |value: f64| value.to_string().parse().unwrap();
    values
        .into_iter()
        .map(|(labels, value)| ((text(&labels, "operation"), text(&labels, "outcome")), counted(value)))
        .collect()
}
