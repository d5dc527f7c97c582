//! What the page shows of the server, sent as it changes.

use std::time::Duration;

use axum::extract::State;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, Stream};
use idem_runtime::Idempotency;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::ledger::{Failure, Ledger, Payment};

/// Where it is read from.
#[derive(Clone, Debug)]
pub(crate) struct Live {
    idempotency: Idempotency,
    ledger: Ledger,
    /// The last charge that was there already when the program was started. The counts begin then, too.
    since: u64,
    /// Whether faults can be asked for.
    faults: bool,
    /// Closed when the program stops.
    stopping: watch::Receiver<()>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Snapshot {
    /// All that the guard has decided on: the sum of the next three.
    requests: u64,
    executed: u64,
    replayed: u64,
    refused: u64,
    charged: u64,
    /// The latest ones, the newest first.
    charges: Vec<Payment>,
    faults: bool,
}

impl Live {
    pub(crate) async fn start(
        idempotency: Idempotency,
        ledger: Ledger,
        faults: bool,
        stopping: watch::Receiver<()>,
    ) -> Result<Self, Failure> {
        let since = ledger.last().await?;
        Ok(Self { idempotency, ledger, since, faults, stopping })
    }

    async fn snapshot(&self) -> Result<Snapshot, Failure> {
        const SHOWN: u32 = 50;
        let (charged, charges) = self.ledger.since(self.since, SHOWN).await?;
        let counts = self.idempotency.counts();
        let executed = counts.executed + counts.unprotected;
        let refused = counts.in_progress
            + counts.key_reused
            + counts.outcome_unknown
            + counts.response_not_kept
            + counts.store_unavailable
            + counts.draining;
        let requests = executed + counts.replayed + refused;
        Ok(Snapshot { requests, executed, replayed: counts.replayed, refused, charged, charges, faults: self.faults })
    }
}

/// One event for each change, until the program is told to stop.
pub(crate) async fn stream(State(live): State<Live>) -> impl IntoResponse {
    Sse::new(changes(live)).keep_alive(KeepAlive::default())
}

fn changes(live: Live) -> impl Stream<Item = Result<Event, axum::Error>> {
    // Looked for, and not reported by the routes: they stay as they are without a page. It is also how the charges of
    // another process on the same file are seen.
    let mut ticks = interval(Duration::from_millis(50));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    stream::unfold((live, ticks, None), |(mut live, mut ticks, shown)| async move {
        let now = loop {
            tokio::select! {
                _ = live.stopping.changed() => return None,
                _ = ticks.tick() => {}
            }
            let now = live.snapshot().await;
            let now = now.inspect_err(|error| tracing::error!(%error, "the charges cannot be read")).ok();
            if now != shown {
                // If there is nothing to show, the stream ends, and the browser asks again.
                break now?;
            }
        };
        let event = Event::default().json_data(&now);
        Some((event, (live, ticks, Some(now))))
    })
}
