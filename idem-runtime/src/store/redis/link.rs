//! The connection to one server that all operations share, and what makes it again.

use std::sync::Arc;
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use tokio::sync::watch;
use tokio::time::Instant;

use super::fault::{Fault, Remedy};
use super::own::OwnConnections;
use super::request::{Manner, Replies, Request, Wait};
use super::way::Way;

/// Between two attempts to connect, if the first one failed.
const PAUSE: Duration = Duration::from_millis(50);

/// One connection, shared by all, made again when it is lost. Clones share it.
#[derive(Clone)]
pub(super) struct Link {
    shared: Arc<Shared>,
}

struct Shared {
    way: Way,
    timeout: Duration,
    state: watch::Sender<State>,
    own: OwnConnections,
}

#[derive(Default)]
struct State {
    connection: Option<MultiplexedConnection>,
    /// How many connections there have been, so that the loss of an old one is not taken for that of the present one.
    generation: u64,
    /// Somebody is connecting: never two at once.
    connecting: bool,
    /// How many attempts have ended.
    attempts: u64,
    failure: Option<(Instant, Fault)>,
}

impl Link {
    /// Connects when it is first used.
    pub(super) fn lazy(way: Way, timeout: Duration) -> Self {
        let own = OwnConnections::default();
        Self { shared: Arc::new(Shared { way, timeout, state: watch::Sender::default(), own }) }
    }

    /// Connects.
    pub(super) async fn open(way: Way, timeout: Duration) -> Result<Self, Fault> {
        let link = Self::lazy(way, timeout);
        link.connected().await?;
        Ok(link)
    }

    /// Asks once. What is wrong with the connection afterwards is set right meanwhile.
    pub(super) async fn ask(&self, request: &Request, manner: Manner) -> Result<Replies, Fault> {
        self.ask_until(request, manner, Instant::now() + self.limit(manner.wait)).await
    }

    /// How long one request may take.
    pub(super) fn limit(&self, wait: Option<Wait>) -> Duration {
        self.shared.timeout.saturating_add(wait.map(|wait| wait.timeout).unwrap_or_default())
    }

    /// As [`ask`](Self::ask), but `until` then.
    pub(super) async fn ask_until(&self, request: &Request, manner: Manner, until: Instant) -> Result<Replies, Fault> {
        match manner.wait {
            None => self.ask_shared(request, manner, until).await,
            // Boxed, as everything is that is seldom needed: each request would carry the room for it with it.
            Some(_) => Box::pin(self.shared.own.ask(&self.shared.way, request, manner, until)).await,
        }
    }

    /// Over the connection that all share.
    pub(super) async fn ask_shared(&self, request: &Request, manner: Manner, until: Instant) -> Result<Replies, Fault> {
        let (mut connection, generation) = match self.current() {
            Some(current) => current,
            None => {
                let connected = Box::pin(tokio::time::timeout_at(until, self.connected()));
                connected.await.unwrap_or(Err(Fault::TimedOut))?
            }
        };
        let asked = tokio::time::timeout_at(until, request.send(&mut connection, manner));
        match asked.await {
            Ok(Ok(replies)) => Ok(replies),
            Ok(Err(error)) => Err(self.heed(error.into(), generation)),
            Err(_) => Err(self.heed(Fault::TimedOut, generation)),
        }
    }

    /// After this fault, the connection of this generation is lost, or may be.
    fn heed(&self, fault: Fault, generation: u64) -> Fault {
        match fault.remedy() {
            Remedy::Reconnect => self.renew(generation, true),
            Remedy::Suspect => self.renew(generation, false),
            _ => {}
        }
        fault
    }

    /// The server that was reached does not write any more. The next one who asks waits for another connection.
    pub(super) fn leave(&self) {
        let generation = self.shared.state.borrow().generation;
        self.renew(generation, true);
        self.shared.own.clear();
    }

    fn current(&self) -> Option<(MultiplexedConnection, u64)> {
        let state = self.shared.state.borrow();
        state.connection.clone().map(|connection| (connection, state.generation))
    }

    fn renew(&self, generation: u64, is_lost: bool) {
        let is_present = self.shared.state.send_if_modified(|state| {
            let is_present = state.generation == generation;
            if is_present && is_lost {
                state.connection = None;
            }
            is_present && is_lost
        });
        if is_present || self.shared.state.borrow().generation == generation {
            self.connect_soon();
        }
    }

    /// Waits for a connection, or for an attempt that failed.
    async fn connected(&self) -> Result<(MultiplexedConnection, u64), Fault> {
        let mut states = self.shared.state.subscribe();
        let before = states.borrow_and_update().attempts;
        self.connect_soon();
        loop {
            {
                let state = states.borrow_and_update();
                if let Some(connection) = &state.connection {
                    return Ok((connection.clone(), state.generation));
                }
                if state.attempts > before
                    && let Some((_, fault)) = &state.failure
                {
                    return Err(fault.clone());
                }
            }
            // The sender lives as long as this link.
            let _ = states.changed().await;
        }
    }

    /// Starts an attempt to connect, if none is under way. In a task of its own: whoever asked may be gone before it ends.
    fn connect_soon(&self) {
        let mut starts = false;
        self.shared.state.send_if_modified(|state| {
            starts = !std::mem::replace(&mut state.connecting, true);
            false
        });
        if starts {
            let attempt = Attempt(Arc::clone(&self.shared));
            drop(tokio::spawn(attempt.run()));
        }
    }
}

/// An attempt to connect. However it ends, another one may begin after it.
struct Attempt(Arc<Shared>);

impl Attempt {
    async fn run(self) {
        let failed = self.0.state.borrow().failure.as_ref().map(|(since, _)| since.elapsed());
        if let Some(rest) = failed.and_then(|ago| PAUSE.checked_sub(ago)) {
            tokio::time::sleep(rest).await;
        }
        let result = self.0.way.connect().await;
        self.0.state.send_modify(|state| match result {
            Ok(connection) => {
                state.connection = Some(connection);
                state.generation += 1;
                state.failure = None;
            }
            Err(fault) => state.failure = Some((Instant::now(), fault)),
        });
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.0.state.send_modify(|state| {
            state.connecting = false;
            state.attempts += 1;
        });
    }
}
