//! What an operator sees: `/metrics`, for Prometheus.
//!
//! It is a route like any other, and guarded by nothing: where strangers reach the routes, keep this one from them.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};

/// In seconds: from what a file or a Redis nearby takes, to the deadline of a store call.
const BUCKETS: [f64; 11] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0];

/// Has all metrics of this process kept from now on.
pub(crate) fn install() -> Result<PrometheusHandle, BuildError> {
    let shown = PrometheusBuilder::new().set_buckets(&BUCKETS)?.install_recorder()?;
    let kept = shown.clone();
    // What nobody scrapes would pile up.
    tokio::spawn(async move {
        let mut every = tokio::time::interval(Duration::from_secs(5));
        loop {
            every.tick().await;
            kept.run_upkeep();
        }
    });
    Ok(shown)
}

/// The one route.
pub(crate) fn router(shown: PrometheusHandle) -> Router {
    Router::new().route("/metrics", get(show)).with_state(shown)
}

async fn show(State(shown): State<PrometheusHandle>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], shown.render())
}
