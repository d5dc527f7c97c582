//! The client, over TCP: against servers that say and do what a test wants, and against a guarded one.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod campaign;
mod guarded;
mod illegal;
mod page;
mod peer;
mod redirecting;
mod resuming;
mod sending;

use std::time::Duration;

use idem_client::{Retry, RetryBuilder};

/// As fast as a test wants it: what is waited for is tested where the clock stands still.
fn fast() -> RetryBuilder {
    Retry::builder().backoff(Duration::from_millis(5), Duration::from_millis(50))
}
