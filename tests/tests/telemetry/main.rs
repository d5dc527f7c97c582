//! What an operator sees: spans, logs and metrics, scraped by a real Prometheus.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod canary;
mod labels;
mod load;
mod page;
mod payments;
mod server;
mod spans;
mod store_down;
