//! Transactions that are open and empty, for whoever comes next.
//!
//! To end a transaction and chain the next one to it is one round trip. To give its connection back instead, take it again
//! and begin anew takes four, of which a request under load would wait for each. So what was chained is kept for a moment:
//! it has no snapshot, no transaction number and no locks, and holds nothing up, neither a vacuum nor another transaction.
//!
//! Where none is there, one is opened, by a task of its own: a request that has been given another one meanwhile must not
//! break off a connection that is being made, or under load all would be broken off, for ever.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sqlx::PgPool;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::SqlxTransaction;

/// `now()` in a handler's transaction is when it was chained, so that may be late by this much.
const FOR: Duration = Duration::from_millis(10);

/// Read committed, whatever the default is: after the lock was taken, the record has to be seen as it is then.
pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// Where transactions wait for requests, and requests for transactions.
pub(super) struct Parked {
    pool: PgPool,
    places: Mutex<Places>,
}

type Opened = Result<SqlxTransaction, sqlx::Error>;

#[derive(Default)]
struct Places {
    transactions: Vec<(Instant, SqlxTransaction)>,
    requests: VecDeque<Waiting>,
    /// The number of the next request.
    next: u64,
    /// How many are being opened; never fewer than there are requests that wait.
    opening: usize,
    is_watched: bool,
}

struct Waiting {
    number: u64,
    answer: oneshot::Sender<Opened>,
}

impl Places {
    /// Gives an empty transaction to the request that has waited longest, or keeps it for a moment. Whether somebody has to
    /// begin to watch over those that are kept.
    fn put(&mut self, mut transaction: SqlxTransaction) -> bool {
        while let Some(request) = self.requests.pop_front() {
            match request.answer.send(Ok(transaction)) {
                Err(Ok(unsent)) => transaction = unsent,
                Ok(()) | Err(Err(_)) => return false,
            }
        }
        self.transactions.push((Instant::now(), transaction));
        !std::mem::replace(&mut self.is_watched, true)
    }

    /// Whether fewer are under way than are waited for, so that one more has to be opened: it counts from here on.
    fn lacks_one(&mut self) -> bool {
        let lacks = self.opening < self.requests.len();
        self.opening += usize::from(lacks);
        lacks
    }
}

// Tasks are started when the places are not locked any more: where the runtime is being shut down, a task is dropped on the
// spot, and an opening that is dropped says so here.
impl Parked {
    pub(super) fn new(pool: PgPool) -> Arc<Self> {
        Arc::new(Self { pool, places: Mutex::default() })
    }

    /// The one that has been here for the shortest time; else the next one that is parked or opened.
    pub(super) async fn take(self: &Arc<Self>) -> Opened {
        let (answer, opened) = oneshot::channel();
        let (number, lacks) = {
            let mut places = self.places.lock();
            if let Some((_, transaction)) = places.transactions.pop() {
                return Ok(transaction);
            }
            // Those that have gone need nothing any more.
            places.requests.retain(|request| !request.answer.is_closed());
            let number = places.next;
            places.next += 1;
            places.requests.push_back(Waiting { number, answer });
            (number, places.lacks_one())
        };
        if lacks {
            self.open(number);
        }
        opened.await.unwrap_or(Err(sqlx::Error::WorkerCrashed))
    }

    /// Opens one more; `request` is told if that fails.
    fn open(self: &Arc<Self>, request: u64) {
        start(Opening { parked: Arc::clone(self), request, opened: Err(sqlx::Error::WorkerCrashed) }.run());
    }

    /// Gives an empty transaction to the request that has waited longest, or keeps it for a moment.
    pub(super) fn park(self: &Arc<Self>, transaction: SqlxTransaction) {
        let begins = self.places.lock().put(transaction);
        if begins {
            start(Arc::clone(self).watch());
        }
    }

    /// An opening has ended.
    fn opened(self: &Arc<Self>, request: u64, opened: Opened) {
        // In one step: a request that comes in between must not count on this opening.
        let mut places = self.places.lock();
        places.opening -= 1;
        match opened {
            Ok(transaction) => {
                let begins = places.put(transaction);
                drop(places);
                if begins {
                    start(Arc::clone(self).watch());
                }
            }
            Err(error) => {
                // Not another one: it has not waited for as long, and may be given what is parked next.
                let own = places.requests.iter().position(|waiting| waiting.number == request);
                if let Some(own) = own.and_then(|place| places.requests.remove(place)) {
                    let _ = own.answer.send(Err(error));
                }
                let first = places.requests.front().map(|waiting| waiting.number);
                let first = first.filter(|_| places.lacks_one());
                drop(places);
                if let Some(first) = first {
                    self.open(first);
                }
            }
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

/// Starts a task; drops it if there is no runtime to run it any more.
fn start(task: impl Future<Output = ()> + Send + 'static) {
    if let Ok(runtime) = Handle::try_current() {
        drop(runtime.spawn(task));
    }
}

/// A transaction that is being opened, for whoever has waited longest when it is. Somebody is told even if this ends in
/// between.
struct Opening {
    parked: Arc<Parked>,
    request: u64,
    opened: Opened,
}

impl Opening {
    async fn run(mut self) {
        self.opened = self.parked.pool.begin_with(BEGIN).await;
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        let opened = std::mem::replace(&mut self.opened, Err(sqlx::Error::WorkerCrashed));
        self.parked.opened(self.request, opened);
    }
}
