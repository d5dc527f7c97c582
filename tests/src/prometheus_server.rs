//! A real `prometheus` on a free port, which scrapes what a test tells it to.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::process::free_port;

/// A `prometheus` with its data in a folder of its own. It is killed when it is dropped.
#[derive(Debug)]
pub struct PrometheusServer {
    child: Child,
    address: SocketAddr,
    _folder: TempDir,
}

/// What a query came to: values by their labels.
pub type Values = BTreeMap<Vec<(String, String)>, f64>;

impl PrometheusServer {
    /// One that scrapes these as often as it can, by the names that are given to them as `instance`; with these rules.
    ///
    /// # Panics
    /// When `prometheus` is not installed or does not start.
    pub async fn start(targets: &[(&str, SocketAddr)], rules: Option<&Path>) -> Self {
        let folder = TempDir::new().expect("a folder");
        let mut config = "global:\n  scrape_interval: 250ms\n  evaluation_interval: 250ms\n".to_owned();
        if let Some(rules) = rules {
            let _ = writeln!(config, "rule_files: ['{}']", rules.display());
        }
        config.push_str("scrape_configs:\n- job_name: idem\n  scrape_timeout: 250ms\n  static_configs:\n");
        for (name, address) in targets {
            let _ = writeln!(config, "  - targets: ['{address}']\n    labels: {{instance: '{name}'}}");
        }
        let file = folder.path().join("prometheus.yml");
        std::fs::write(&file, config).expect("a file");
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let log = File::create(folder.path().join("log")).expect("a log");
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("prometheus (tests/run installs it)");
        let server = Self { child, address, _folder: folder };
        crate::until("prometheus is ready", async || {
            let answer = reqwest::get(format!("http://{address}/-/ready")).await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
        server
    }

    /// What its HTTP API says.
    ///
    /// # Panics
    /// When it says that something is wrong.
    pub async fn api(&self, path: &str, query: &[(&str, &str)]) -> Value {
        let mut url = url::Url::parse(&format!("http://{}/api/v1/{path}", self.address)).expect("a URL");
        url.query_pairs_mut().extend_pairs(query);
        let answer = reqwest::get(url).await.expect("an answer");
        let answer: Value = answer.json().await.expect("JSON");
        assert_eq!(answer["status"], "success", "{query:?}: {answer}");
        answer["data"].clone()
    }

    /// What an expression comes to now.
    ///
    /// # Panics
    /// When it is none of values by labels.
    pub async fn query(&self, expression: &str) -> Values {
        let data = self.api("query", &[("query", expression)]).await;
        let result = data["result"].as_array().unwrap_or_else(|| panic!("{expression}: {data}"));
        let labels = |metric: &Value| {
            let labels = metric.as_object().expect("labels").iter();
            labels.map(|(name, value)| (name.clone(), value.as_str().expect("a text").to_owned())).collect()
        };
        let value = |value: &Value| value[1].as_str().expect("a number").parse().expect("a number");
        result.iter().map(|one| (labels(&one["metric"]), value(&one["value"]))).collect()
    }

    /// The sum of all that an expression comes to; 0 if there is nothing.
    pub async fn sum(&self, expression: &str) -> f64 {
        self.query(&format!("sum({expression})")).await.values().sum()
    }

    /// Waits until an expression has this sum.
    ///
    /// # Panics
    /// When it does not come to that; with what it was at last.
    pub async fn comes_to(&self, expression: &str, sum: f64) {
        let mut last = None;
        let equal = async {
            while last.insert(self.sum(expression).await) != &sum {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        };
        if tokio::time::timeout(crate::PATIENCE, equal).await.is_err() {
            panic!("{expression} is {last:?}, not {sum}");
        }
    }
}

impl Drop for PrometheusServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
