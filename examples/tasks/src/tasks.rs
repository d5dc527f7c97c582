//! The tasks of all users, in SQLite: what is written here is written in the transaction in which the request is recorded.

use std::sync::Arc;
use std::time::Duration;

use idem_runtime::rusqlite::{self, Connection, OptionalExtension as _, Row, Transaction};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// One task.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Task {
    /// Its number, from 1, among those of all users.
    pub(crate) id: u64,
    pub(crate) user_id: u32,
    pub(crate) title: String,
}

/// What a task is called: not blank, at most 200 characters.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Title(String);

impl TryFrom<String> for Title {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.trim() {
            "" => Err("the title is empty"),
            title if title.chars().count() > 200 => Err("the title has more than 200 characters"),
            title => Ok(Self(title.to_owned())),
        }
    }
}

/// What came of a new task.
#[derive(Debug)]
pub(crate) enum Added {
    /// It is there, and its user's tasks have a new revision.
    New(Task),
    /// The user has it already.
    Duplicate { id: u64 },
}

/// What is read outside of any request's transaction.
#[derive(Clone, Debug)]
pub(crate) struct Tasks {
    reader: Arc<Mutex<Connection>>,
}

impl Tasks {
    /// In this file. Makes the tables if they are missing.
    pub(crate) fn open(file: &str) -> rusqlite::Result<Self> {
        let db = Connection::open(file)?;
        db.busy_timeout(Duration::from_secs(5))?;
        db.execute_batch(
            "CREATE TABLE IF NOT EXISTS tasks (\
                 id INTEGER PRIMARY KEY AUTOINCREMENT, user_id INTEGER NOT NULL, title TEXT NOT NULL,\
                 UNIQUE (user_id, title)) STRICT;\
             CREATE TABLE IF NOT EXISTS revisions (user_id INTEGER PRIMARY KEY, revision INTEGER NOT NULL) STRICT;",
        )?;
        db.pragma_update(None, "query_only", true)?;
        Ok(Self { reader: Arc::new(Mutex::new(db)) })
    }

    /// A user's tasks, and the revision that they have together.
    pub(crate) async fn of_user(&self, user_id: u32) -> rusqlite::Result<(u64, Vec<Task>)> {
        self.ask(move |db| {
            let revision = revision(db, user_id)?;
            let mut tasks = db.prepare_cached("SELECT * FROM tasks WHERE user_id = ?1 ORDER BY id")?;
            let tasks = tasks.query_map([user_id], task)?.collect::<Result<_, _>>()?;
            Ok((revision, tasks))
        })
        .await
    }

    /// One task.
    pub(crate) async fn find(&self, id: u64) -> rusqlite::Result<Option<Task>> {
        let id = i64::try_from(id).unwrap_or(i64::MAX);
        self.ask(move |db| db.query_row("SELECT * FROM tasks WHERE id = ?1", [id], task).optional()).await
    }

    /// All of one question is asked of one state. SQLite waits for the disk, and that must not keep a thread of the server's
    /// from other requests.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> rusqlite::Result<T> {
        let reader = Arc::clone(&self.reader);
        let answer = tokio::task::spawn_blocking(move || question(&reader.lock().unchecked_transaction()?)).await;
        answer.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
    }
}

/// The revision of a user's tasks: 1, and one more with each task.
pub(crate) fn revision(db: &Connection, user_id: u32) -> rusqlite::Result<u64> {
    let known = db.query_row("SELECT revision FROM revisions WHERE user_id = ?1", [user_id], |row| row.get(0));
    Ok(known.optional()?.map_or(1, i64::unsigned_abs))
}

/// A new task, and the next revision.
pub(crate) fn add(db: &Connection, user_id: u32, Title(title): Title) -> rusqlite::Result<Added> {
    let insert = "INSERT INTO tasks (user_id, title) VALUES (?1, ?2) ON CONFLICT DO NOTHING RETURNING *";
    let Some(task) = db.query_row(insert, (user_id, &title), task).optional()? else {
        let existing = "SELECT id FROM tasks WHERE user_id = ?1 AND title = ?2";
        let id: i64 = db.query_row(existing, (user_id, title), |row| row.get(0))?;
        return Ok(Added::Duplicate { id: id.unsigned_abs() });
    };
    let advance = "INSERT INTO revisions (user_id, revision) VALUES (?1, 2) \
                   ON CONFLICT DO UPDATE SET revision = revision + 1";
    db.execute(advance, [user_id])?;
    Ok(Added::New(task))
}

fn task(row: &Row<'_>) -> rusqlite::Result<Task> {
    let id: i64 = row.get(0)?;
    Ok(Task { id: id.unsigned_abs(), user_id: row.get(1)?, title: row.get(2)? })
}
