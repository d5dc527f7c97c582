//! The page, the dashboard and the alerts name what there is.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use idem_runtime::telemetry::{FIELDS, METRICS, MetricKind, Outcome};
use serde_json::Value;

const PAGE: &str = include_str!("../../../idem-runtime/docs/telemetry.md");
const DASHBOARD: &str = include_str!("../../../examples/payments/grafana/dashboard.json");
const ALERTS: &str = include_str!("../../../examples/payments/prometheus/alerts.yml");

fn names() -> BTreeSet<&'static str> {
    METRICS.iter().map(|metric| metric.name).collect()
}

/// The cells of a table's rows whose first cell is code.
fn rows(heading: &str) -> Vec<Vec<&'static str>> {
    let (_, after) = PAGE.split_once(&format!("# {heading}\n")).unwrap();
    let section = after.split("\n# ").next().unwrap().split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| row.trim_end_matches(" |").split(" | ").map(|cell| cell.trim_matches('`')).collect()).collect()
}

/// What looks like a metric in an expression. The parts of a histogram are the histogram's.
fn metrics_in(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| word.starts_with("idem_"));
    words
        .map(|word| {
            let parts = ["_bucket", "_count", "_sum"];
            parts.iter().find_map(|part| word.strip_suffix(part)).unwrap_or(word)
        })
        .filter(|word| *word != "idem_runtime")
        .collect()
}

/// Whether all labels that an expression compares are ones that its metrics have.
fn assert_labels(expression: &str) {
    let known: BTreeSet<_> = METRICS.iter().flat_map(|metric| metric.labels).copied().collect();
    for matchers in expression.split('{').skip(1) {
        let (matchers, _) = matchers.split_once('}').unwrap();
        for matcher in matchers.split("\",") {
            let (label, value) = matcher.split_once('=').unwrap();
            assert!(label == "job" || known.contains(label), "{label} in {expression}");
            if label == "outcome" {
                for text in value.trim_matches(|c| c == '~' || c == '"').split('|') {
                    assert!(Outcome::ALL.iter().any(|outcome| outcome.as_str() == text), "{text} in {expression}");
                }
            }
        }
    }
}

#[test]
fn the_page_explains_each_metric_field_and_outcome_and_no_other() {
    let explained = rows("Metrics");
    assert_eq!(explained.len(), METRICS.len());
    for (row, metric) in explained.iter().zip(METRICS) {
        let kind = match metric.kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
        };
        let labels: Vec<_> = row[2].split("`, `").collect();
        assert_eq!((row[0], row[1], &*labels), (metric.name, kind, metric.labels));
        assert!(metric.unit.is_empty() || row[3] == metric.unit, "{row:?}");
        assert!(row.len() == 6 && row[4].len() > 20 && row[5].len() > 20, "{row:?}");
    }
    assert_eq!(metrics_in(PAGE), names());
    let fields: Vec<_> = rows("Spans").iter().map(|row| row[0]).collect();
    assert_eq!(fields, FIELDS);
    let outcomes: BTreeSet<_> =
        rows("Outcomes").iter().flat_map(|row| row[0].split("`, `")).map(ToOwned::to_owned).collect();
    assert_eq!(outcomes, Outcome::ALL.iter().map(|outcome| outcome.as_str().to_owned()).collect());
}

#[test]
fn the_dashboard_shows_each_metric_and_no_other() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len());
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let expressions: Vec<_> = targets.map(|target| target["expr"].as_str().unwrap()).collect();
    assert!(expressions.len() > 15);
    expressions.iter().for_each(|expression| assert_labels(expression));
    let shown: BTreeSet<_> = expressions.iter().flat_map(|expression| metrics_in(expression)).collect();
    assert_eq!(shown, names());
}

#[test]
fn the_alerts_are_of_metrics_that_there_are() {
    let alerted = metrics_in(ALERTS);
    assert!(alerted.is_subset(&names()), "{alerted:?}");
    for metric in ["idem_claims_lost_total", "idem_unrecorded_total", "idem_store_call_duration_seconds"] {
        assert!(alerted.contains(metric), "{metric}");
    }
    for line in ALERTS.lines().filter(|line| line.contains("idem_") && line.contains('{') && !line.contains("http")) {
        assert_labels(line.trim());
    }
}

#[test]
fn promtool_finds_the_rules_right_and_that_they_alert() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/payments/prometheus"));
    for arguments in
        [["check", "config", "prometheus.yml"], ["check", "rules", "alerts.yml"], ["test", "rules", "alerts.test.yml"]]
    {
        let promtool = Command::new("promtool").args(arguments).current_dir(folder).output();
        let output = promtool.expect("promtool (tests/run installs it, with prometheus)");
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }
}
