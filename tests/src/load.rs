//! Clients that buy and retry until they have an answer, whatever happens to the store meanwhile, and the books to check
//! them by.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use axum::extract::{FromRef, State};
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use idem_runtime::store::Store;
use idem_runtime::{Idempotency, idempotent};
use parking_lot::Mutex;
use serde_json::json;
use tokio::task::JoinHandle;

use crate::server::{Seen, Server};
use crate::{soon, until};

/// Many clients of one application, each with one purchase after the other.
#[derive(Debug)]
pub struct Load {
    books: Books,
    server: Arc<Server>,
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<()>>,
}

#[derive(Clone, Debug, Default)]
struct Books {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// How often each purchase was carried out.
    executions: Mutex<HashMap<String, usize>>,
    /// The answer that its client got.
    answers: Mutex<HashMap<String, Vec<u8>>>,
    refusals: AtomicUsize,
}

#[derive(Clone, FromRef)]
struct Shop {
    idempotency: Idempotency,
    books: Books,
}

#[idempotent(ttl = "1h", lease = "10s")]
async fn buy(State(books): State<Books>, Json(name): Json<String>) -> (StatusCode, String) {
    let mut executions = books.inner.executions.lock();
    let number = executions.len();
    *executions.entry(name.clone()).or_default() += 1;
    (StatusCode::CREATED, format!("{name} is number {number}"))
}

impl Load {
    /// So many clients, who begin at once.
    pub async fn begin(store: impl Store, clients: usize) -> Self {
        let books = Books::default();
        let shop = Shop { idempotency: Idempotency::new(store), books: books.clone() };
        let server = Arc::new(Server::start(Router::new().route("/buy", post(buy)).with_state(shop)).await);
        let stop = Arc::new(AtomicBool::new(false));
        let clients = (0..clients)
            .map(|client| {
                let (books, server, stop) = (books.clone(), Arc::clone(&server), Arc::clone(&stop));
                tokio::spawn(async move {
                    for number in 0.. {
                        if stop.load(SeqCst) {
                            return;
                        }
                        books.buy(&server, &format!("purchase-{client}-{number}")).await;
                    }
                })
            })
            .collect();
        Self { books, server, stop, clients }
    }

    /// How many purchases have been answered.
    #[must_use]
    pub fn answered(&self) -> usize {
        self.books.inner.answers.lock().len()
    }

    /// How often a client was told to come again.
    #[must_use]
    pub fn refusals(&self) -> usize {
        self.books.inner.refusals.load(SeqCst)
    }

    /// Waits until so many more have been answered.
    pub async fn goes_on(&self, purchases: usize) {
        let goal = self.answered() + purchases;
        until("more purchases", async || {
            assert!(!self.clients.iter().any(JoinHandle::is_finished), "a client has given up");
            (self.answered() >= goal).then_some(())
        })
        .await;
    }

    /// Lets every client have its last answer. Then each purchase must have been carried out once, and a retry of each
    /// must be answered as it was.
    ///
    /// # Panics
    /// When that is not so.
    pub async fn end(mut self) {
        self.stop.store(true, SeqCst);
        for client in self.clients.drain(..) {
            soon("the client's last answer", client).await.expect("no panic in a client");
        }
        let answers = std::mem::take(&mut *self.books.inner.answers.lock());
        let executions = self.books.inner.executions.lock().clone();
        let twice: Vec<_> = executions.iter().filter(|(_, times)| **times != 1).collect();
        assert!(twice.is_empty(), "carried out more than once: {twice:?}");
        assert_eq!(executions.len(), answers.len(), "every purchase was carried out, and answered");
        for (name, answer) in &answers {
            let seen = until("a replay", async || {
                Some(Books::ask(&self.server, name).await).filter(|seen| seen.status != 503)
            })
            .await;
            assert_eq!((seen.status, seen.replayed), (201, true), "{name} was recorded, and the record was lost");
            assert_eq!(&seen.body, answer, "{name} is answered differently now");
        }
    }
}

impl Books {
    async fn ask(server: &Server, name: &str) -> Seen {
        Seen::of(server.post("/buy", name, &json!(name))).await
    }

    /// Until there is an answer. Everything else must be a refusal that says to come again.
    async fn buy(&self, server: &Server, name: &str) {
        soon("an answer", async {
            loop {
                let seen = Self::ask(server, name).await;
                if seen.status == 201 {
                    self.inner.answers.lock().insert(name.to_owned(), seen.body);
                    return;
                }
                let refusal = seen.refusal();
                assert!(["store_unavailable", "in_progress"].contains(&refusal.as_str()), "{refusal}");
                self.inner.refusals.fetch_add(1, SeqCst);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    }
}
