//! The tasks of all users, in SQLite: what is written here is written in the transaction in which the request is recorded.

use idem_runtime::SqliteStore;
use idem_runtime::rusqlite::{self, Connection, OptionalExtension as _, Row};
use idem_runtime::store::SqliteError;
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

/// What is read outside of any request's transaction: from the database of the store that keeps the records.
#[derive(Clone, Debug)]
pub(crate) struct Tasks {
    store: SqliteStore,
}

impl Tasks {
    /// Makes the tables if they are missing.
    pub(crate) async fn open(store: SqliteStore) -> Result<Self, SqliteError> {
        let make = "CREATE TABLE IF NOT EXISTS tasks (\
                        id INTEGER PRIMARY KEY AUTOINCREMENT, user_id INTEGER NOT NULL, title TEXT NOT NULL,\
                        UNIQUE (user_id, title)) STRICT;\
                    CREATE TABLE IF NOT EXISTS revisions (user_id INTEGER PRIMARY KEY, revision INTEGER NOT NULL) STRICT;";
        store.write(|db| db.execute_batch(make)).await?;
        Ok(Self { store })
    }

    /// A user's tasks, and the revision that they have together.
    pub(crate) async fn of_user(&self, user_id: u32) -> Result<(u64, Vec<Task>), SqliteError> {
        self.store
            .read(move |db| {
                // Both of one state.
                let db = db.unchecked_transaction()?;
                let revision = revision(&db, user_id)?;
                let mut tasks = db.prepare_cached("SELECT * FROM tasks WHERE user_id = ?1 ORDER BY id")?;
                let tasks = tasks.query_map([user_id], task)?.collect::<rusqlite::Result<_>>()?;
                Ok((revision, tasks))
            })
            .await
    }

    /// One task.
    pub(crate) async fn find(&self, id: u64) -> Result<Option<Task>, SqliteError> {
        let id = i64::try_from(id).unwrap_or(i64::MAX);
        self.store.read(move |db| db.query_row("SELECT * FROM tasks WHERE id = ?1", [id], task).optional()).await
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
