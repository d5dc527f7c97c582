//! The end of a process: what runs is recorded, and nothing new begins.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use crate::Idempotency;

/// What [`Idempotency::drain_within`] did not see the end of.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use idem_runtime::{Idempotency, Job, MemoryStore, StillRunning};
///
/// const SHIP: Job = Job::new("ship", Duration::from_secs(3600));
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let idempotency = Idempotency::new(MemoryStore::new());
/// let (begun, begins) = tokio::sync::oneshot::channel();
/// let running = tokio::spawn({
///     let idempotency = idempotency.clone();
///     async move {
///         let shipping = async {
///             begun.send(()).unwrap();
///             std::future::pending::<Result<u32, String>>().await
///         };
///         idempotency.run(SHIP.key("order-7"), shipping).await
///     }
/// });
/// begins.await.unwrap();
/// assert_eq!(idempotency.drain_within(Duration::ZERO).await, Err(StillRunning { requests: 1 }));
/// # running.abort();
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StillRunning {
    /// How many guarded requests and calls.
    pub requests: usize,
}

impl fmt::Display for StillRunning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} guarded requests are still running; their keys are free again when their leases end",
            self.requests
        )
    }
}

impl std::error::Error for StillRunning {}

/// Why [`Idempotency::serve_gracefully`] did not end well.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use idem_runtime::{Idempotency, MemoryStore, ShutdownError};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let idempotency = Idempotency::new(MemoryStore::new());
/// let serving = idempotency.serve_gracefully(std::future::pending(), Duration::from_secs(20), |_stop| async {
///     Err(std::io::Error::other("no more files can be opened"))
/// });
/// assert!(matches!(serving.await, Err(ShutdownError::Serve(_))));
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShutdownError {
    /// The server ended with this.
    #[error(transparent)]
    Serve(#[from] std::io::Error),
    /// The time was over before all was recorded.
    #[error(transparent)]
    StillRunning(#[from] StillRunning),
}

/// Ends when the server is to stop: what axum's `with_graceful_shutdown` takes.
///
/// # Examples
///
/// A server that is told in another way:
///
/// ```
/// use std::time::Duration;
/// use idem_runtime::{Idempotency, MemoryStore, Stopping};
///
/// async fn serve(stop: Stopping) -> std::io::Result<()> {
///     stop.await;
///     // .. no more connections
///     Ok(())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), idem_runtime::ShutdownError> {
/// let told = async { /* a signal, say */ };
/// Idempotency::new(MemoryStore::new()).serve_gracefully(told, Duration::from_secs(20), serve).await
/// # }
/// ```
#[derive(Debug)]
pub struct Stopping(oneshot::Receiver<()>);

impl Future for Stopping {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(context).map(drop)
    }
}

impl Idempotency {
    /// As [`drain`](Self::drain), for at most `grace`.
    ///
    /// # Errors
    ///
    /// [`StillRunning`] when that was not enough. They run on for as long as the process does, and are recorded if they end
    /// before it does; a claim that is still held when the process ends stays held until its *lease* ends.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use idem_runtime::{Idempotency, MemoryStore};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let idempotency = Idempotency::new(MemoryStore::new());
    /// assert!(idempotency.drain_within(Duration::from_secs(20)).await.is_ok());
    /// # }
    /// ```
    pub async fn drain_within(&self, grace: Duration) -> Result<(), StillRunning> {
        self.drain_until(Instant::now() + grace).await
    }

    async fn drain_until(&self, end: Instant) -> Result<(), StillRunning> {
        if timeout_at(end, self.drain()).await.is_ok() {
            return Ok(());
        }
        let still = StillRunning { requests: self.engine().running() };
        tracing::error!(requests = still.requests, "the time for a graceful shutdown is over");
        Err(still)
    }

    /// Serves until `stop` ends, and then for at most `grace`, so that the process leaves no claim behind.
    ///
    /// `serve` makes the server, and gives it the future that tells it to stop. When `stop` has ended, the server takes no
    /// more connections, and no request is claimed any more: one that still comes on an open connection is replayed, or
    /// refused with `draining` (503) and `Retry-After`. What runs goes on, is renewed, answered and recorded, also what is
    /// carried on after its client has gone. Then this ends. Connections that are open past `grace` for other reasons, for a
    /// stream of events say, are not waited for any longer.
    ///
    /// Choose `grace` below the time after which the process is killed: 30 s by default in Kubernetes, 10 s with
    /// `docker stop`.
    ///
    /// # Errors
    ///
    /// [`ShutdownError::Serve`] as the server ended; [`ShutdownError::StillRunning`] when guarded requests ran past `grace`:
    /// their keys are free again when their leases end.
    ///
    /// # Examples
    ///
    #[cfg_attr(feature = "signal", doc = "```no_run")]
    #[cfg_attr(not(feature = "signal"), doc = "```ignore")]
    /// use std::time::Duration;
    /// use axum::Router;
    /// use idem_runtime::{Idempotency, MemoryStore, shutdown_signal};
    /// use tokio::net::TcpListener;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let idempotency = Idempotency::new(MemoryStore::new());
    /// let app: Router = Router::new().with_state(idempotency.clone());
    /// let listener = TcpListener::bind("127.0.0.1:3000").await?;
    /// idempotency
    ///     .serve_gracefully(shutdown_signal(), Duration::from_secs(20), |stop| {
    ///         axum::serve(listener, app).with_graceful_shutdown(stop)
    ///     })
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn serve_gracefully<S>(
        &self,
        stop: impl Future<Output = ()>,
        grace: Duration,
        serve: impl FnOnce(Stopping) -> S,
    ) -> Result<(), ShutdownError>
    where
        S: IntoFuture<Output = std::io::Result<()>>,
    {
        let (tell, told) = oneshot::channel();
        let mut serving = std::pin::pin!(serve(Stopping(told)).into_future());
        let ended = tokio::select! {
            ended = &mut serving => Some(ended),
            () = stop => None,
        };
        let end = Instant::now() + grace;
        // Before the server is told: a request that is served from here on finds that nothing is claimed.
        self.engine().stop_claiming();
        drop(tell);
        let served = match ended {
            Some(ended) => ended,
            None => timeout_at(end, serving).await.unwrap_or_else(|_| {
                tracing::warn!("connections are still open at the end of a graceful shutdown");
                Ok(())
            }),
        };
        // Also where the server failed: what it has begun is recorded.
        let drained = self.drain_until(end).await;
        served?;
        Ok(drained?)
    }
}

/// Ends when the process is told to stop: by Ctrl-C, and on Unix by `SIGTERM`, which service managers and container runtimes
/// send. Behind the feature `signal`.
///
/// From the first poll on, neither of them ends the process by itself any more.
///
/// # Examples
///
/// ```no_run
/// # async fn example(listener: tokio::net::TcpListener, app: axum::Router) -> std::io::Result<()> {
/// axum::serve(listener, app).with_graceful_shutdown(idem_runtime::shutdown_signal()).await
/// # }
/// ```
#[cfg(feature = "signal")]
pub async fn shutdown_signal() {
    let interrupt = async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::error!(%error, "Ctrl-C cannot be listened for");
            std::future::pending().await
        }
    };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(error) => {
                tracing::error!(%error, "SIGTERM cannot be listened for");
                std::future::pending().await
            }
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::Notify;

    use super::*;
    use crate::{Job, JobError, JobRefusal, MemoryStore};

    const SHIP: Job = Job::new("ship", Duration::from_secs(3600));
    const GRACE: Duration = Duration::from_secs(20);

    /// A call that runs until it is told to end.
    async fn running(idempotency: &Idempotency) -> Arc<Notify> {
        let (end, started) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let work = {
            let (end, started) = (Arc::clone(&end), Arc::clone(&started));
            async move {
                started.notify_one();
                end.notified().await;
                Ok::<_, ()>(())
            }
        };
        let idempotency = idempotency.clone();
        tokio::spawn(async move { idempotency.run(SHIP.key("k"), work).await });
        started.notified().await;
        end
    }

    #[tokio::test(start_paused = true)]
    async fn i37_nothing_is_claimed_once_it_stops_and_what_runs_is_recorded() {
        let idempotency = Idempotency::new(MemoryStore::new());
        let end = running(&idempotency).await;
        let stop = Arc::new(Notify::new());
        let stopped = Arc::clone(&stop);
        let served = tokio::spawn({
            let idempotency = idempotency.clone();
            async move {
                let serve = |stop: Stopping| async move {
                    stop.await;
                    Ok(())
                };
                idempotency.serve_gracefully(async move { stopped.notified().await }, GRACE, serve).await
            }
        });
        stop.notify_one();
        while idempotency.ready().await.is_ok() {
            tokio::task::yield_now().await;
        }
        let refused = idempotency.run::<(), ()>(SHIP.key("other"), async { Ok(()) }).await;
        assert!(matches!(refused, Err(JobError::Refused(JobRefusal::Draining))), "{refused:?}");
        assert!(!served.is_finished());
        end.notify_one();
        assert!(served.await.unwrap().is_ok());
        assert_eq!(idempotency.counts().recorded, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn i38_what_runs_past_the_end_is_said() {
        let idempotency = Idempotency::new(MemoryStore::new());
        let end = running(&idempotency).await;
        let begun = Instant::now();
        let still = idempotency.drain_within(GRACE).await.unwrap_err();
        assert_eq!((still.requests, begun.elapsed()), (1, GRACE));
        end.notify_one();
        assert!(idempotency.drain_within(GRACE).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_never_ends_is_not_waited_for() {
        let idempotency = Idempotency::new(MemoryStore::new());
        let begun = Instant::now();
        let serve = |_: Stopping| std::future::pending();
        assert!(idempotency.serve_gracefully(async {}, GRACE, serve).await.is_ok());
        assert_eq!(begun.elapsed(), GRACE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_fails_says_why() {
        let idempotency = Idempotency::new(MemoryStore::new());
        let serve = |_: Stopping| async { Err(std::io::Error::other("no port")) };
        let failed = idempotency.serve_gracefully(std::future::pending(), GRACE, serve).await;
        assert_eq!(failed.unwrap_err().to_string(), "no port");
    }
}
