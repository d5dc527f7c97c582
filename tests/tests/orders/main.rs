//! The example `orders`: one order of each, whatever happens.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod crashes;
mod drafts;
mod keys;
mod problems;
mod program;
mod puts;

use std::time::Duration;

use idem_runtime::rusqlite::Connection;
use idem_tests::process::{Program, built};
use idem_tests::server::Seen;
use idem_tests::soon;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;

const ID: &str = "7f1e6a52-3d0b-4c55-9c0e-2b8f4a6d1e90";

/// The program, and the file that outlives it.
struct Shop {
    program: Program,
    folder: TempDir,
}

impl Shop {
    async fn open() -> Self {
        Self::open_with(&[]).await
    }

    async fn open_with(options: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        Self { program: start(&folder, options).await, folder }
    }

    /// A request of this user's.
    fn ask(&self, method: Method, path: &str, user: &str) -> RequestBuilder {
        Client::new().request(method, format!("http://{}{path}", self.program.address)).bearer_auth(user)
    }

    fn get(&self, path: &str, user: &str) -> impl Future<Output = Seen> + Send + use<> {
        Seen::of(self.ask(Method::GET, path, user))
    }

    fn put(&self, id: &str, user: &str, goods: &Value) -> impl Future<Output = Seen> + Send + use<> {
        Seen::of(self.ask(Method::PUT, &format!("/v1/orders/{id}"), user).json(goods))
    }

    fn post(&self, key: &str, user: &str, goods: &Value) -> impl Future<Output = Seen> + Send + use<> {
        Seen::of(self.ask(Method::POST, "/v1/orders", user).header("x-idempotency-key", key).json(goods))
    }

    /// The URL's path of a new draft.
    async fn draft(&self, user: &str, goods: &Value) -> String {
        let seen = Seen::of(self.ask(Method::POST, "/v1/orders/drafts", user).json(goods)).await;
        assert_eq!(seen.status, 201);
        seen.header("location").unwrap()
    }

    fn commit(&self, draft: &str, user: &str) -> impl Future<Output = Seen> + Send + use<> {
        Seen::of(self.ask(Method::PUT, &format!("{draft}/commit"), user))
    }

    /// All orders of this user's.
    async fn orders(&self, user: &str) -> Vec<Value> {
        serde_json::from_slice(&self.get("/v1/orders", user).await.body).unwrap()
    }

    /// A connection of the test's own.
    fn file(&self) -> Connection {
        file_in(&self.folder)
    }

    fn count(&self, table: &str) -> u32 {
        self.file().query_row(&format!("SELECT count(*) FROM {table}"), (), |row| row.get(0)).unwrap()
    }

    /// As if the TTL of all records had passed.
    fn end_the_records(&self) {
        assert!(self.file().execute("UPDATE idem_records SET expires = 1 WHERE state = 'done'", ()).unwrap() > 0);
    }
}

async fn start(folder: &TempDir, options: &[&str]) -> Program {
    let store = format!("sqlite:{}", folder.path().join("orders.db").display());
    let arguments = [&["--listen", "127.0.0.1:0", "--store", &store], options].concat();
    Program::start(&built("orders"), &arguments).await
}

fn file_in(folder: &TempDir) -> Connection {
    let file = Connection::open(folder.path().join("orders.db")).unwrap();
    file.busy_timeout(Duration::from_secs(30)).unwrap();
    file
}

fn lamps(quantity: u32) -> Value {
    json!({ "item": "lamp", "quantity": quantity })
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

/// Sends it again, as a client does, while it is told to.
async fn retried<F: Future<Output = Seen>>(send: impl Fn() -> F) -> Seen {
    soon("an answer that is final", async {
        loop {
            let seen = send().await;
            let again = seen.header("retry-after").is_some();
            if !again {
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
}

/// Waits for all of these that were sent at once: they tell of one order, and at most one of them made it.
async fn one_order(answers: JoinSet<Seen>) -> Value {
    let answers = soon("all answers", answers.join_all()).await;
    let made = answers.iter().filter(|seen| seen.status == 201).count();
    assert!(answers.iter().all(|seen| matches!(seen.status, 200 | 201)), "{answers:?}");
    assert!(made <= 1, "{made} were told that they made it");
    assert!(answers.iter().all(|seen| seen.body == answers[0].body && seen.header("location").is_some()));
    answers[0].json()
}

/// The same id, written in as many ways as are asked for.
fn spellings(id: &str, number: usize) -> Vec<String> {
    let letters: Vec<usize> = id.char_indices().filter(|(_, c)| c.is_ascii_alphabetic()).map(|(at, _)| at).collect();
    let spell = |bits: usize| {
        let mut id = id.to_owned();
        for (bit, at) in letters.iter().enumerate() {
            if bits >> bit & 1 == 1 {
                id[*at..=*at].make_ascii_uppercase();
            }
        }
        id
    };
    (0..number).map(|number| spell(number % (1 << letters.len().min(16)))).collect()
}
