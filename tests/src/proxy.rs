//! A TCP proxy between an application and its store, which loses what a test wants lost.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What becomes of a message that a test watches for, and of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Both arrive.
    Passes,
    /// The connection is cut before the message arrives.
    IsCut,
    /// The message arrives; the connection is cut before its answer does.
    LosesItsAnswer,
}

/// A proxy on a free port. It stops when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    fates: Arc<Mutex<VecDeque<Fate>>>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// In front of `port`; watches for messages with `watched` in them. Each is met by the next of the fates that were said,
    /// and passes if there is none.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn start(port: u16, watched: &'static [u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let own = listener.local_addr().expect("an address").port();
        let fates = Arc::<Mutex<VecDeque<Fate>>>::default();
        let said = Arc::clone(&fates);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, port, watched, Arc::clone(&said)));
            }
        });
        Self { port: own, fates, task }
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What happens to the next watched messages.
    pub fn next(&self, fates: impl IntoIterator<Item = Fate>) {
        self.fates.lock().extend(fates);
    }

    /// How many fates have not been met yet.
    #[must_use]
    pub fn left(&self) -> usize {
        self.fates.lock().len()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Carries one connection until either side ends it, or its fate does.
async fn carry(client: TcpStream, port: u16, watched: &'static [u8], fates: Arc<Mutex<VecDeque<Fate>>>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let (drop_answers, mut dropped) = watch::channel(false);
    let forth = async move {
        let mut bytes = vec![0; 64 * 1024];
        // What a message that comes in two pieces began with.
        let mut seen = Vec::new();
        loop {
            let Ok(read @ 1..) = from_client.read(&mut bytes).await else { return };
            seen.extend_from_slice(&bytes[..read]);
            let is_watched = seen.windows(watched.len()).any(|window| window == watched);
            if is_watched {
                seen.clear();
            } else {
                seen.drain(..seen.len().saturating_sub(watched.len() - 1));
            }
            let fate = is_watched.then(|| fates.lock().pop_front()).flatten().unwrap_or(Fate::Passes);
            match fate {
                Fate::Passes => {}
                Fate::IsCut => return,
                // Before it is sent: its answer may be there at once.
                Fate::LosesItsAnswer => drop(drop_answers.send(true)),
            }
            if to_server.write_all(&bytes[..read]).await.is_err() {
                return;
            }
        }
    };
    let back = async move {
        let mut bytes = vec![0; 64 * 1024];
        loop {
            let Ok(read @ 1..) = from_server.read(&mut bytes).await else { return };
            if *dropped.borrow_and_update() || to_client.write_all(&bytes[..read]).await.is_err() {
                return;
            }
        }
    };
    // Whichever ends first drops all four halves, and both connections with them.
    tokio::select! {
        () = forth => {}
        () = back => {}
    }
}
