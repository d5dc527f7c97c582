//! Connections that one operation has to itself: `WAIT` blocks the connection that it is sent on, and counts only what
//! that connection wrote.

use ::redis::aio::MultiplexedConnection;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::fault::{self, Fault, Remedy};
use super::request::{Manner, Replies, Request};
use super::way::Way;

/// How many operations can wait for the replicas of one server at a time; more than that queue up.
const MOST: usize = 32;

pub(super) struct OwnConnections {
    idle: Mutex<Vec<MultiplexedConnection>>,
    seats: Semaphore,
}

impl Default for OwnConnections {
    fn default() -> Self {
        Self { idle: Mutex::default(), seats: Semaphore::new(MOST) }
    }
}

impl OwnConnections {
    /// Asks once, on a connection that nobody else uses meanwhile.
    pub(super) async fn ask(
        &self,
        way: &Way,
        request: &Request,
        manner: Manner,
        until: Instant,
    ) -> Result<Replies, Fault> {
        let asked = async {
            // Never closed.
            let _seat = self.seats.acquire().await;
            let idle = self.idle.lock().pop();
            let mut connection = match idle {
                Some(connection) => connection,
                None => way.connect().await?,
            };
            let replies = request.send(&mut connection, manner).await?;
            if fault::of_reply(&replies.confirmed).is_none() {
                self.idle.lock().push(connection);
            }
            Ok(replies)
        };
        // A connection that is not put back is closed: whatever it still waits for.
        let answer = tokio::time::timeout_at(until, asked).await.unwrap_or(Err(Fault::TimedOut));
        if let Err(fault) = &answer
            && matches!(fault.remedy(), Remedy::Reconnect | Remedy::Suspect)
        {
            self.clear();
        }
        answer
    }

    /// Whatever happened to one, has probably happened to all.
    pub(super) fn clear(&self) {
        self.idle.lock().clear();
    }
}
