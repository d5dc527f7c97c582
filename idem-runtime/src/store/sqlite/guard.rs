//! What the statements of an application may not do on the connection that writes.
//!
//! Others' claims and records are in the same commit: whoever ended it, or spoilt the connection for those who come next,
//! would do that to them too. SQLite itself refuses it, as it compiles the statement.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rusqlite::Connection;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

/// Behind this, an application writes. That it is still there at the end says that the transaction is still the same.
pub(super) const SAVEPOINT: &str = "idem_writes";

/// Settings that the connection needs as they are.
const SETTINGS: [&str; 9] = [
    "busy_timeout",
    "journal_mode",
    "journal_size_limit",
    "locking_mode",
    "query_only",
    "synchronous",
    "wal_autocheckpoint",
    "wal_checkpoint",
    "writable_schema",
];

/// So many steps of SQLite's virtual machine lie between two looks at the clock: well below a millisecond.
const STEPS: i32 = 10_000;

#[derive(Clone)]
pub(super) struct Guard {
    is_on: Arc<AtomicBool>,
    deadline: Arc<Mutex<Option<Instant>>>,
}

impl Guard {
    pub(super) fn over(db: &Connection) -> rusqlite::Result<Self> {
        let guard = Self { is_on: Arc::default(), deadline: Arc::default() };
        let is_on = Arc::clone(&guard.is_on);
        db.authorizer(Some(move |asked: AuthContext<'_>| match is_on.load(Ordering::Relaxed) && is_denied(&asked) {
            true => Authorization::Deny,
            false => Authorization::Allow,
        }))?;
        let deadline = Arc::clone(&guard.deadline);
        db.progress_handler(STEPS, Some(move || deadline.lock().is_some_and(|end| end <= Instant::now())))?;
        Ok(guard)
    }

    /// Runs statements of the application, which are broken off when they have taken `limit`.
    pub(super) fn watch<T>(&self, limit: Duration, statements: impl FnOnce() -> T) -> T {
        self.is_on.store(true, Ordering::Relaxed);
        *self.deadline.lock() = Instant::now().checked_add(limit);
        let result = statements();
        *self.deadline.lock() = None;
        self.is_on.store(false, Ordering::Relaxed);
        result
    }
}

/// Sees to it that a connection which reads goes on to do no more.
pub(super) fn keep_reading(db: &Connection) -> rusqlite::Result<()> {
    db.authorizer(Some(|asked: AuthContext<'_>| match asked.action {
        AuthAction::Attach { .. } | AuthAction::Pragma { pragma_name: _, pragma_value: Some(_) } => Authorization::Deny,
        _ => Authorization::Allow,
    }))
}

fn is_denied(asked: &AuthContext<'_>) -> bool {
    let is_ours = |table: &str| table.starts_with("idem_");
    match asked.action {
        AuthAction::Transaction { .. } | AuthAction::Attach { .. } | AuthAction::Detach { .. } => true,
        AuthAction::Savepoint { savepoint_name, .. } => savepoint_name.eq_ignore_ascii_case(SAVEPOINT),
        AuthAction::Pragma { pragma_name, pragma_value } => {
            pragma_value.is_some() && SETTINGS.iter().any(|setting| pragma_name.eq_ignore_ascii_case(setting))
                || pragma_name.eq_ignore_ascii_case("wal_checkpoint")
        }
        AuthAction::Insert { table_name }
        | AuthAction::Update { table_name, .. }
        | AuthAction::Delete { table_name }
        | AuthAction::DropTable { table_name }
        | AuthAction::CreateTrigger { table_name, .. }
        | AuthAction::CreateIndex { table_name, .. }
        | AuthAction::DropIndex { table_name, .. }
        | AuthAction::AlterTable { table_name, .. } => is_ours(table_name),
        _ => false,
    }
}
