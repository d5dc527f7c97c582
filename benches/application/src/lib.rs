//! The application that is measured, the same under every guard: it counts its effects, and answers with what it got.
//!
//! The handler does as little as a handler can that reads its body, so nothing hides what a guard costs.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderName};
use tokio::sync::Notify;

/// What the handlers share.
#[derive(Clone, Debug, Default)]
pub struct Shop(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    effects: AtomicU64,
    released: Notify,
}

/// What a handler answers.
pub type Receipt = (StatusCode, [(HeaderName, &'static str); 1], Bytes);

impl Shop {
    /// One effect, and its receipt.
    #[must_use]
    pub fn pay(&self, body: Bytes) -> Receipt {
        self.0.effects.fetch_add(1, Ordering::Relaxed);
        (StatusCode::CREATED, [(CONTENT_TYPE, "application/json")], body)
    }

    /// The same, and then it is held until somebody posts to `/release`.
    pub async fn pay_and_wait(&self, body: Bytes) -> Receipt {
        let mut released = std::pin::pin!(self.0.released.notified());
        // Whoever sees the effect may release it.
        released.as_mut().enable();
        let receipt = self.pay(body);
        released.await;
        receipt
    }

    fn effects(&self) -> u64 {
        self.0.effects.load(Ordering::Relaxed)
    }
}

/// The bare handler.
pub async fn pay(State(shop): State<Shop>, body: Bytes) -> Receipt {
    shop.pay(body)
}

/// The bare handler that is held.
pub async fn pay_and_wait(State(shop): State<Shop>, body: Bytes) -> Receipt {
    shop.pay_and_wait(body).await
}

/// Runs `server` on this processor core alone, on one thread.
///
/// # Errors
/// When there is no such core, or what `server` fails with.
pub fn on_core<F: Future<Output = io::Result<()>>>(core: usize, server: F) -> io::Result<()> {
    pin_to(core)?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(server)
}

/// Keeps this thread, and all threads and processes that it starts, on this processor core.
///
/// # Errors
/// When there is no such core.
pub fn pin_to(core: usize) -> io::Result<()> {
    let mut cores = rustix::thread::CpuSet::new();
    cores.set(core);
    Ok(rustix::thread::sched_setaffinity(None, &cores)?)
}

/// Serves `router` on a free port, says on which, and adds what the load generator asks for: how many effects there were
/// (`GET /effects`), and the end of all that is held (`POST /release`).
///
/// # Errors
/// When there is no port.
#[allow(clippy::print_stdout, reason = "the address is this program's output")]
pub async fn serve(shop: Shop, router: Router) -> io::Result<()> {
    let (told, released) = (shop.clone(), shop);
    let asked = Router::new().route("/effects", get(async move || told.effects().to_string())).route(
        "/release",
        post(async move || {
            released.0.released.notify_waiters();
            StatusCode::OK
        }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, router.merge(asked)).await
}
