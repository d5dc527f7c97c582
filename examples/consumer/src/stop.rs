//! When to end.

use tokio_util::sync::CancellationToken;

/// Cancelled at SIGTERM, and at Ctrl-C.
///
/// # Panics
/// Outside of a Tokio runtime.
#[must_use]
pub fn at_signal() -> CancellationToken {
    let stop = CancellationToken::new();
    let asked = stop.clone();
    tokio::spawn(async move {
        idem_runtime::shutdown_signal().await;
        tracing::info!("stopping: what has begun is brought to its end");
        asked.cancel();
    });
    stop
}
