//! Transactions that are open and empty, for whoever comes next.
//!
//! To end a transaction and chain the next one to it is one round trip. To give its connection back instead, take it again
//! and begin anew takes four, of which a request under load would wait for each. So what was chained is kept for a moment:
//! it has no snapshot, no transaction number and no locks, and holds nothing up, neither a vacuum nor another transaction.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::SqlxTransaction;

/// `now()` in a handler's transaction is when it was chained, so that may be late by this much.
const FOR: Duration = Duration::from_millis(10);

/// Where transactions wait for requests, and requests for transactions.
#[derive(Default)]
pub(super) struct Parked {
    places: Mutex<Places>,
}

#[derive(Default)]
struct Places {
    transactions: Vec<(Instant, SqlxTransaction)>,
    requests: VecDeque<oneshot::Sender<SqlxTransaction>>,
    is_watched: bool,
}

impl Parked {
    /// The one that has been here for the shortest time; else a place in the line for the next one.
    pub(super) fn take(&self) -> Result<SqlxTransaction, oneshot::Receiver<SqlxTransaction>> {
        let mut places = self.places.lock();
        match places.transactions.pop() {
            Some((_, transaction)) => Ok(transaction),
            None => {
                let (sender, receiver) = oneshot::channel();
                // Those that have gone were served by the pool.
                places.requests.retain(|request| !request.is_closed());
                places.requests.push_back(sender);
                Err(receiver)
            }
        }
    }

    /// Gives an empty transaction to the request that has waited longest, or keeps it for a moment.
    pub(super) fn park(self: &Arc<Self>, mut transaction: SqlxTransaction) {
        let mut places = self.places.lock();
        while let Some(request) = places.requests.pop_front() {
            match request.send(transaction) {
                Ok(()) => return,
                Err(unsent) => transaction = unsent,
            }
        }
        places.transactions.push((Instant::now(), transaction));
        if !places.is_watched {
            places.is_watched = true;
            drop(places);
            tokio::spawn(Arc::clone(self).watch());
        }
    }

    /// Gives back what nobody came for, until nothing is left.
    async fn watch(self: Arc<Self>) {
        let mut goes_on = true;
        while goes_on {
            tokio::time::sleep(FOR).await;
            let unused: Vec<_> = {
                let mut places = self.places.lock();
                let now = Instant::now();
                let unused = places.transactions.partition_point(|(since, _)| now.duration_since(*since) >= FOR);
                let unused = places.transactions.drain(..unused).collect();
                goes_on = !places.transactions.is_empty();
                places.is_watched = goes_on;
                unused
            };
            // They roll back and go to the pool, and not under the lock.
            drop(unused);
        }
    }
}
