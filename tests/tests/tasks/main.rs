//! The example program `tasks`, as a person meets it: preconditions, retries, refusals, and a crash in the middle.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::PathBuf;

use idem_runtime::rusqlite::Connection;
use idem_tests::process::{Program, built};
use idem_tests::server::Seen;
use reqwest::Client;
use serde_json::json;
use tempfile::TempDir;

mod crashes;
mod limits;
mod person;
mod requests;

/// The program, on a file that outlives it.
struct Bed {
    folder: TempDir,
}

impl Bed {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("tasks.db")
    }

    async fn start(&self, options: &[&str]) -> Program {
        let store = format!("sqlite:{}", self.file().display());
        Program::start(&built("tasks"), &[&["--listen", "127.0.0.1:0", "--store", &store], options].concat()).await
    }

    /// One that refuses nobody for coming too often.
    async fn start_patient(&self) -> Program {
        self.start(&["--requests-per-second", "1000", "--burst", "100000"]).await
    }

    /// The titles that are committed, as another program sees them.
    fn titles(&self) -> Vec<String> {
        let db = Connection::open(self.file()).unwrap();
        let mut titles = db.prepare("SELECT title FROM tasks ORDER BY id").unwrap();
        titles.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }
}

/// What a client sends.
#[derive(Clone, Copy)]
struct New<'a> {
    user: u32,
    if_match: Option<&'a str>,
    key: Option<&'a str>,
    title: &'a str,
}

fn new<'a>(if_match: &'a str, key: &'a str, title: &'a str) -> New<'a> {
    New { user: 42, if_match: Some(if_match), key: Some(key), title }
}

fn url(program: &Program, path: &str) -> String {
    format!("http://{}{path}", program.address)
}

fn post(program: &Program, new: New<'_>) -> impl Future<Output = Seen> + use<> {
    let mut request = Client::new().post(url(program, &format!("/v1/tasks?user_id={}", new.user)));
    for (name, value) in [("if-match", new.if_match), ("x-idempotency-key", new.key)] {
        if let Some(value) = value {
            request = request.header(name, value);
        }
    }
    Seen::of(request.json(&json!({ "title": new.title })))
}

async fn get(program: &Program, path: &str) -> Seen {
    Seen::of(Client::new().get(url(program, path))).await
}

/// The revision of a user's tasks, and their titles.
async fn list(program: &Program, user: u32) -> (String, Vec<String>) {
    let seen = get(program, &format!("/v1/tasks?user_id={user}")).await;
    assert_eq!(seen.status, 200);
    let tasks = seen.json();
    let titles = tasks.as_array().unwrap().iter().map(|task| task["title"].as_str().unwrap().to_owned()).collect();
    (seen.header("etag").unwrap(), titles)
}

fn told(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}
