//! Every reason not to open a database has its one clear line.

use std::path::Path;
use std::time::Duration;

use idem_runtime::rusqlite::Connection;
use idem_runtime::store::{SqliteOpenError, SqliteStore};
use tempfile::TempDir;

fn refusal(path: &Path) -> SqliteOpenError {
    SqliteStore::builder(path).response_timeout(Duration::from_millis(20)).open().unwrap_err()
}

fn assert_says(path: &Path, what: &str) {
    let line = refusal(path).to_string();
    assert!(line.contains(what) && !line.contains('\n'), "{line}");
}

#[test]
fn a_path_that_cannot_be_a_database_is_refused_with_what_to_do() {
    let folder = TempDir::new().unwrap();
    assert_says(&folder.path().join("missing/store.db"), "its folder does not exist; make it first");
    assert!(!folder.path().join("missing").exists(), "nothing is made");
    assert_says(folder.path(), "it is a folder; name a file in it");
    let file = folder.path().join("letter.txt");
    let text = "no database ".repeat(1_000);
    std::fs::write(&file, &text).unwrap();
    assert_says(&file, "is no SQLite database");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text, "it is left as it was");
    assert_says(&file.join("store.db"), "what should be its folder is a file; name another");
    for path in ["", ":memory:"] {
        assert_says(Path::new(path), "for a store without a file use `memory:`");
    }
}

#[test]
fn the_tables_of_a_newer_release_are_not_touched() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("store.db");
    drop(SqliteStore::builder(&file).open().unwrap());
    let db = Connection::open(&file).unwrap();
    db.execute("UPDATE idem_version SET version = 2", ()).unwrap();
    assert_says(&file, "has version 2, and this release needs 1");
    let version: i64 = db.query_row("SELECT version FROM idem_version", (), |row| row.get(0)).unwrap();
    assert_eq!(version, 2);
}

#[test]
fn a_locked_database_is_refused_and_opens_once_it_is_free() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("store.db");
    drop(SqliteStore::builder(&file).open().unwrap());
    let db = Connection::open(&file).unwrap();
    db.busy_timeout(Duration::from_secs(30)).unwrap();
    db.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_says(&file, "is locked by another connection: end its transaction");
    db.execute_batch("ROLLBACK").unwrap();
    SqliteStore::builder(&file).response_timeout(Duration::from_secs(20)).open().unwrap();
}
