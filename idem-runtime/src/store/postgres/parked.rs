//! Connections that were in use just now, for whoever comes next: idle ones, and ones with a transaction that is open and empty.
//!
//! The pool tests each connection that it gets back, which takes two round trips: under load, a server would spend more on them
//! than on what it is asked. So one that has just answered is kept for a moment.
//!
//! To end a transaction and chain the next one to it is one round trip. To give its connection back instead, take it again
//! and begin anew takes four, of which a request under load would wait for each. What was chained has no snapshot, no
//! transaction number and no locks, and holds nothing up, neither a vacuum nor another transaction.
//!
//! Where none is there, one is opened, by a task of its own: a request that has been given another one meanwhile must not
//! break off a connection that is being made, or under load all would be broken off, for ever.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sqlx::pool::PoolConnection;
use sqlx::{PgPool, Postgres};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::SqlxTransaction;

/// `now()` in a handler's transaction is when it was chained, so that may be late by this much.
const FOR: Duration = Duration::from_millis(10);

/// Read committed, whatever the default is: after the lock was taken, the record has to be seen as it is then.
pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// What is kept for a moment, and opened where none is there.
pub(super) trait Spare: Sized + Send + 'static {
    fn open(pool: &PgPool) -> impl Future<Output = Result<Self, sqlx::Error>> + Send;
}

impl Spare for SqlxTransaction {
    fn open(pool: &PgPool) -> impl Future<Output = Result<Self, sqlx::Error>> + Send {
        pool.begin_with(BEGIN)
    }
}

impl Spare for PoolConnection<Postgres> {
    fn open(pool: &PgPool) -> impl Future<Output = Result<Self, sqlx::Error>> + Send {
        pool.acquire()
    }
}

/// Where spare ones wait for requests, and requests for spare ones.
pub(super) struct Parked<T: Spare> {
    pool: PgPool,
    /// Where the store was made.
    runtime: Handle,
    places: Mutex<Places<T>>,
}

struct Places<T> {
    spare: Vec<(Instant, T)>,
    requests: VecDeque<Waiting<T>>,
    /// The number of the next request.
    next: u64,
    /// How many are being opened; never fewer than there are requests that wait.
    opening: usize,
    is_watched: bool,
}

struct Waiting<T> {
    number: u64,
    answer: oneshot::Sender<Result<T, sqlx::Error>>,
}

impl<T> Places<T> {
    const fn new() -> Self {
        Self { spare: Vec::new(), requests: VecDeque::new(), next: 0, opening: 0, is_watched: false }
    }

    /// Gives a spare one to the request that has waited longest, or keeps it for a moment. Whether somebody has to begin to
    /// watch over those that are kept.
    fn put(&mut self, mut spare: T) -> bool {
        while let Some(request) = self.requests.pop_front() {
            match request.answer.send(Ok(spare)) {
                Err(Ok(unsent)) => spare = unsent,
                Ok(()) | Err(Err(_)) => return false,
            }
        }
        self.spare.push((Instant::now(), spare));
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
impl<T: Spare> Parked<T> {
    /// Has to be called in a runtime.
    pub(super) fn new(pool: PgPool) -> Arc<Self> {
        Arc::new(Self { pool, runtime: Handle::current(), places: Mutex::new(Places::new()) })
    }

    /// The one that has been here for the shortest time, if there is any.
    pub(super) fn take_at_once(&self) -> Option<T> {
        self.places.lock().spare.pop().map(|(_, spare)| spare)
    }

    /// The one that has been here for the shortest time; else the next one that is parked or opened.
    pub(super) async fn take(self: &Arc<Self>) -> Result<T, sqlx::Error> {
        let (answer, opened) = oneshot::channel();
        let (number, lacks) = {
            let mut places = self.places.lock();
            if let Some((_, spare)) = places.spare.pop() {
                return Ok(spare);
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

    /// Gives a spare one to the request that has waited longest, or keeps it for a moment.
    pub(super) fn park(self: &Arc<Self>, spare: T) {
        let begins = self.places.lock().put(spare);
        if begins {
            start(Arc::clone(self).watch());
        }
    }

    /// An opening has ended.
    fn opened(self: &Arc<Self>, request: u64, opened: Result<T, sqlx::Error>) {
        // In one step: a request that comes in between must not count on this opening.
        let mut places = self.places.lock();
        places.opening -= 1;
        match opened {
            Ok(spare) => {
                let begins = places.put(spare);
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
                let unused = places.spare.partition_point(|(since, _)| now.duration_since(*since) >= FOR);
                let unused = places.spare.drain(..unused).collect();
                goes_on = !places.spare.is_empty();
                places.is_watched = goes_on;
                unused
            };
            // They go to the pool, what is open is rolled back, and not under the lock.
            drop(unused);
        }
    }
}

impl<T: Spare> Drop for Parked<T> {
    fn drop(&mut self) {
        // What goes back to its pool starts a task for that, and panics where it has no runtime to start it in. In one that
        // has ended, the connection is closed.
        let _entered = self.runtime.enter();
        self.places.get_mut().spare.clear();
    }
}

/// Starts a task; drops it if there is no runtime to run it any more.
fn start(task: impl Future<Output = ()> + Send + 'static) {
    if let Ok(runtime) = Handle::try_current() {
        drop(runtime.spawn(task));
    }
}

/// One that is being opened, for whoever has waited longest when it is. Somebody is told even if this ends in between.
struct Opening<T: Spare> {
    parked: Arc<Parked<T>>,
    request: u64,
    opened: Result<T, sqlx::Error>,
}

impl<T: Spare> Opening<T> {
    async fn run(mut self) {
        self.opened = T::open(&self.parked.pool).await;
    }
}

impl<T: Spare> Drop for Opening<T> {
    fn drop(&mut self) {
        let opened = std::mem::replace(&mut self.opened, Err(sqlx::Error::WorkerCrashed));
        self.parked.opened(self.request, opened);
    }
}
