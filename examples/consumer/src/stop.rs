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
        signal().await;
        tracing::info!("stopping: what has begun is brought to its end");
        asked.cancel();
    });
    stop
}

async fn signal() {
    let interrupt = async { drop(tokio::signal::ctrl_c().await) };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}
