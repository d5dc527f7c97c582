//! A provider that is slow, or unwell.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use thiserror::Error;

/// How long a slow provider takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slow(pub(crate) Duration);

/// It fails before it has charged.
#[derive(Clone, Copy, Debug, Error)]
#[error("the provider was asked to fail")]
pub(crate) struct Unwell;

#[derive(Clone, Copy, Debug)]
enum Mood {
    Slow(Duration),
    Failing,
}

tokio::task_local! {
    // A handler is run in the task of its request, so that it gets by the handler without being handed through it.
    static MOOD: Mood;
}

/// Lets a request choose the mood in which the provider will be.
pub(crate) async fn ask_for_a_mood(State(Slow(slow)): State<Slow>, request: Request, next: Next) -> Response {
    let mood = match request.headers().get("demo-provider").map(|value| value.as_bytes()) {
        Some(b"slow") => Mood::Slow(slow),
        Some(b"failing") => Mood::Failing,
        _ => return next.run(request).await,
    };
    MOOD.scope(mood, next.run(request)).await
}

/// Takes the provider's time: the usual one, unless the request asked for another mood.
pub(crate) async fn meet(usual: Duration) -> Result<(), Unwell> {
    let time = match MOOD.try_with(|mood| *mood) {
        Ok(Mood::Failing) => return Err(Unwell),
        Ok(Mood::Slow(slow)) => slow,
        Err(_) => usual,
    };
    tokio::time::sleep(time).await;
    Ok(())
}
