//! Duplicates that wait for the first request's answer.
//!
//! A request that ends in this process wakes them. One that ends in another process is noticed by asking the store now
//! and then: the waiters of one key take turns at that, so that a thousand of them ask as often as one.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::digest::RecordKey;

/// How often the store is asked, per key and process, while somebody waits.
const ASK_EVERY: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub(crate) struct Waiters {
    rooms: Mutex<HashMap<RecordKey, Arc<Room>>>,
    waiting: AtomicUsize,
    most: usize,
}

#[derive(Debug, Default)]
struct Room {
    ended: Notify,
    turn: tokio::sync::Mutex<()>,
}

/// One waiter's place; giving it up leaves nothing behind.
#[derive(Debug)]
pub(crate) struct Seat<'a> {
    waiters: &'a Waiters,
    key: RecordKey,
    room: Arc<Room>,
}

impl Waiters {
    pub(crate) fn new(most: usize) -> Self {
        Self { rooms: Mutex::default(), waiting: AtomicUsize::new(0), most }
    }

    /// A place among those who wait for `key`, or `None` if too many wait already.
    pub(crate) fn join(&self, key: RecordKey) -> Option<Seat<'_>> {
        if self.waiting.fetch_add(1, Ordering::SeqCst) >= self.most {
            self.waiting.fetch_sub(1, Ordering::SeqCst);
            return None;
        }
        let room = Arc::clone(self.rooms.lock().entry(key).or_default());
        Some(Seat { waiters: self, key, room })
    }

    /// Tells those who wait for `key` to look again.
    pub(crate) fn wake(&self, key: RecordKey) {
        // Nobody waits, nearly always. Whoever joins after this look asks the store once more before they wait.
        if self.waiting.load(Ordering::SeqCst) == 0 {
            return;
        }
        // Under the lock: a second handle on the room would hide from a leaving waiter that it is the last one.
        if let Some(room) = self.rooms.lock().get(&key) {
            room.ended.notify_waiters();
        }
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.rooms.lock().is_empty() && self.waiting.load(Ordering::SeqCst) == 0
    }
}

impl Seat<'_> {
    /// Ends when the request has ended in this process.
    pub(crate) fn ended(&self) -> Notified<'_> {
        self.room.ended.notified()
    }

    /// Ends when it is this waiter's turn to ask the store.
    pub(crate) async fn my_turn(&self) {
        let _turn = self.room.turn.lock().await;
        tokio::time::sleep(ASK_EVERY).await;
    }

    /// Tells the others what this one found out: that there is something to look at.
    pub(crate) fn wake_others(&self) {
        self.room.ended.notify_waiters();
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut rooms = self.waiters.rooms.lock();
        // Two: the map's and this one. Nobody can join while the map is locked.
        if Arc::strong_count(&self.room) == 2 {
            rooms.remove(&self.key);
        }
        drop(rooms);
        self.waiters.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: RecordKey = RecordKey::from_bytes([7; 32]);

    #[tokio::test]
    async fn i42_a_waiter_that_goes_away_leaks_nothing() {
        let waiters = Waiters::new(10);
        let one = waiters.join(KEY).unwrap();
        let other = waiters.join(KEY).unwrap();
        drop(one);
        assert!(!waiters.is_empty());
        {
            let ended = other.ended();
            tokio::pin!(ended);
            ended.as_mut().enable();
            waiters.wake(KEY);
            ended.await;
        }
        drop(other);
        assert!(waiters.is_empty());
    }

    #[test]
    fn i41_waiters_are_bounded() {
        let waiters = Waiters::new(2);
        let seats = [waiters.join(KEY), waiters.join(RecordKey::from_bytes([8; 32]))];
        assert!(seats.iter().all(Option::is_some));
        assert!(waiters.join(KEY).is_none());
        drop(seats);
        assert!(waiters.join(KEY).is_some());
    }
}
