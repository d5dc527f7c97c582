//! What statements of an application may not do, and what becomes of a transaction that is left alone.

use std::time::Duration;

use idem_runtime::store::{Committed, SqliteError, SqliteStore, TransactionalStore as _, Writes};
use idem_tests::soon;
use tempfile::TempDir;

async fn store(folder: &TempDir, hold: Duration) -> SqliteStore {
    let file = folder.path().join("store.db");
    let store = SqliteStore::builder(file).hold(hold).response_timeout(Duration::from_secs(20)).open().unwrap();
    store.write(|db| db.execute_batch("CREATE TABLE charges (note TEXT NOT NULL)")).await.unwrap();
    store
}

async fn charges(store: &SqliteStore) -> i64 {
    store.read(|db| db.query_row("SELECT count(*) FROM charges", (), |row| row.get(0))).await.unwrap()
}

#[tokio::test]
async fn statements_that_are_refused_leave_the_transaction_as_it_was() {
    let folder = TempDir::new().unwrap();
    let store = store(&folder, Duration::from_secs(60)).await;
    let mut tx = store.begin_unguarded(Duration::from_secs(60)).await.unwrap();
    tx.call(|db| db.execute("INSERT INTO charges VALUES ('one')", ())).await.unwrap();
    for refused in [
        "COMMIT",
        "ROLLBACK",
        "ATTACH ':memory:' AS other",
        "PRAGMA synchronous = OFF",
        "DELETE FROM idem_records",
        "RELEASE idem_writes",
    ] {
        let error = tx.call(move |db| db.execute_batch(refused)).await.unwrap_err();
        assert!(matches!(error, SqliteError::Sqlite(_)), "{refused}: {error:?}");
    }
    assert_eq!(store.commit(tx, Writes::Keep, None).await.unwrap(), Committed::Yes);
    assert_eq!(charges(&store).await, 1);
}

#[tokio::test]
async fn a_panic_undoes_its_statements_and_the_store_goes_on() {
    let folder = TempDir::new().unwrap();
    let store = store(&folder, Duration::from_secs(60)).await;
    let other = store.clone();
    let panicked = tokio::spawn(async move {
        let panics = |db: &idem_runtime::rusqlite::Connection| -> idem_runtime::rusqlite::Result<()> {
            db.execute("INSERT INTO charges VALUES ('lost')", ())?;
            panic!("in statements")
        };
        other.write(panics).await
    });
    assert!(panicked.await.unwrap_err().is_panic());
    assert_eq!(charges(&store).await, 0);
    store.write(|db| db.execute("INSERT INTO charges VALUES ('kept')", ())).await.unwrap();
    assert_eq!(charges(&store).await, 1);
}

#[tokio::test]
async fn a_transaction_that_is_left_alone_is_undone_and_others_go_on() {
    let folder = TempDir::new().unwrap();
    let store = store(&folder, Duration::from_millis(50)).await;
    let mut tx = store.begin_unguarded(Duration::from_secs(60)).await.unwrap();
    tx.call(|db| db.execute("INSERT INTO charges VALUES ('left')", ())).await.unwrap();
    let write = store.write(|db| db.execute("INSERT INTO charges VALUES ('other')", ()));
    soon("the others' turn", write).await.unwrap();
    let late = tx.call(|db| db.execute("INSERT INTO charges VALUES ('late')", ())).await;
    assert!(matches!(late, Err(SqliteError::Ended)), "{late:?}");
    assert_eq!(store.commit(tx, Writes::Keep, None).await.unwrap(), Committed::No);
    assert_eq!(charges(&store).await, 1);
}

#[tokio::test]
async fn a_read_that_leaves_a_transaction_open_shows_nobody_what_was_there_then() {
    let folder = TempDir::new().unwrap();
    drop(store(&folder, Duration::from_secs(60)).await);
    let store = SqliteStore::builder(folder.path().join("store.db")).readers(1).open().unwrap();
    store.read(|db| db.execute_batch("BEGIN; SELECT count(*) FROM charges")).await.unwrap();
    store.write(|db| db.execute("INSERT INTO charges VALUES ('new')", ())).await.unwrap();
    assert_eq!(charges(&store).await, 1);
}

#[tokio::test]
async fn what_reads_cannot_be_made_to_write() {
    let folder = TempDir::new().unwrap();
    let store = SqliteStore::open(folder.path().join("shop.db")).unwrap();
    store.write(|db| db.execute_batch("CREATE TABLE charges (note TEXT)")).await.unwrap();
    for sql in ["INSERT INTO charges VALUES ('x')", "PRAGMA query_only = OFF", "ATTACH ':memory:' AS other"] {
        assert!(matches!(store.read(|db| db.execute_batch(sql)).await, Err(SqliteError::Sqlite(_))), "{sql}");
    }
    assert!(store.read(|db| db.execute_batch("DELETE FROM idem_records")).await.is_err());
    let count = store.read(|db| db.query_row("SELECT count(*) FROM charges", [], |row| row.get::<_, u32>(0)));
    assert_eq!(count.await.unwrap(), 0);
}
