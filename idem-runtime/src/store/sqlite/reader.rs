//! The threads that read: a replay waits neither for a commit nor for a lock.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use parking_lot::Mutex;
use rusqlite::Connection;

use super::clock::Clock;

/// What is asked of whichever thread is free.
pub(super) type Look = Box<dyn FnOnce(&Connection, Clock) + Send>;

/// The way to the threads. They end when nobody has one any more.
#[derive(Clone)]
pub(super) struct Readers {
    looks: Sender<Look>,
}

impl Readers {
    /// Starts a thread on each connection.
    pub(super) fn start(connections: Vec<Connection>, clock: Clock) -> std::io::Result<Self> {
        let (looks, asked) = channel::<Look>();
        let asked = Arc::new(Mutex::new(asked));
        for db in connections {
            let asked = Arc::clone(&asked);
            let thread = std::thread::Builder::new().name("idem-sqlite-reader".to_owned());
            thread.spawn(move || run(&db, clock, &asked))?;
        }
        Ok(Self { looks })
    }

    /// If no thread is left, it is dropped, and with it whatever waits for its answer.
    pub(super) fn send(&self, look: Look) {
        drop(self.looks.send(look));
    }
}

fn run(db: &Connection, clock: Clock, asked: &Mutex<Receiver<Look>>) {
    loop {
        // Whoever waits holds the lock; as it takes what came, it makes room for the next to wait.
        let look = asked.lock().recv();
        match look {
            Ok(look) => {
                look(db, clock);
                // One that statements have left open would show the next look what was there then.
                if !db.is_autocommit() {
                    let _ = db.execute_batch("ROLLBACK");
                }
            }
            Err(_) => return,
        }
    }
}
