//! What the tests share: real servers that they start themselves, and gates that decide when a handler goes on.
//!
//! Nothing here waits for a time to pass in order to be in step with something: a handler says that it has started, and
//! goes on when it is told to.

pub mod app;
pub mod browser;
pub mod certificates;
pub mod claims;
pub mod flawed;
pub mod gate;
pub mod gated;
pub mod http_conformance;
pub mod layered;
pub mod ledger;
pub mod load;
pub mod log;
pub mod outside;
pub mod postgres_server;
pub mod process;
pub mod prometheus_server;
pub mod proxy;
pub mod rabbitmq_server;
pub mod random;
pub mod redis_cluster;
pub mod redis_sentinel;
pub mod redis_server;
pub mod server;
pub mod ui;

/// Something that should happen soon did not: the longest any test waits before it calls that a failure.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

/// Waits for `future`, and fails the test if it never ends.
///
/// # Panics
/// When it does not end within [`PATIENCE`].
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what} did not happen"),
    }
}

/// Asks again and again until there is an answer.
///
/// # Panics
/// When there is none within [`PATIENCE`].
pub async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    soon(what, async {
        loop {
            if let Some(value) = ask().await {
                return value;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await
}

/// The README's examples compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
