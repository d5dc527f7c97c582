//! One record is too large for the room that is left, and others that fit are committed with it.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use idem_runtime::StoreError;
use idem_runtime::store::TransactionalStore as _;
use idem_runtime::store::{Claim, ClaimOutcome, Entry, Hold, Outcome, SqliteError, SqliteStore, Store as _};
use idem_tests::claims::{claim, outcome, saying};
use tempfile::TempDir;

/// Below what SQLite keeps in memory until the commit.
const LARGE: usize = 1_200_000;

fn open(file: &Path) -> SqliteStore {
    let builder = SqliteStore::builder(file).response_timeout(Duration::from_secs(30));
    builder.hold(Duration::from_secs(60)).open().unwrap()
}

/// Records all three in one commit, as far as they can be.
async fn record(store: &SqliteStore, claims: &[Claim; 3]) -> [Result<Hold, StoreError>; 3] {
    let large = Outcome { body: Bytes::from(vec![b'x'; LARGE]), ..outcome() };
    let (before, after) = (saying("before"), saying("after"));
    // The thread is kept until all have come. Nothing of this is kept, and so it has no part in the commit.
    let mut tx = store.begin_unguarded(Duration::from_secs(60)).await.unwrap();
    tx.call(|_| Ok(())).await.unwrap();
    let [one, two, three] = claims;
    let (one, two, three) =
        (store.complete(one, 1, &before), store.complete(two, 1, &large), store.complete(three, 1, &after));
    // Asked in this order: each is polled before the transaction is given up.
    let (one, two, three, ()) = tokio::join!(one, two, three, async { drop(tx) });
    [one, two, three]
}

async fn only_the_large_one_has_no_room(store: &SqliteStore) {
    let claims = [claim(), claim(), claim()];
    for claim in &claims {
        assert!(matches!(store.claim(claim).await, Ok(ClaimOutcome::Claimed { attempt: 1 })));
    }
    assert_nobody_gives_up(&record(store, &claims).await);
    // Each by itself, it shows.
    let [before, large, after] = record(store, &claims).await;
    assert!(matches!((&before, &after), (Ok(Hold::Held), Ok(Hold::Held))), "{before:?} {after:?}");
    assert!(matches!(large, Err(StoreError::Full)), "{large:?}");
    for (claim, body) in [(claims[0], "before"), (claims[2], "after")] {
        let Ok(Some(Entry::Completed(record))) = store.look_up(claim.key).await else { panic!("a lost record") };
        assert_eq!(record.outcome.body, body);
    }
    assert!(matches!(store.complete(&claims[1], 1, &outcome()).await, Ok(Hold::Held)), "a smaller one has room");
    // And what comes after that is committed together again.
    let others = [claim(), claim(), claim()];
    for claim in &others {
        assert!(matches!(store.claim(claim).await, Ok(ClaimOutcome::Claimed { .. })));
    }
    assert_nobody_gives_up(&record(store, &others).await);
}

/// Whoever was in one commit with the large one is to try again: any of them may have been the cause.
fn assert_nobody_gives_up(told: &[Result<Hold, StoreError>; 3]) {
    assert!(told[..2].iter().all(|told| told.as_ref().is_err_and(StoreError::is_transient)), "{told:?}");
    assert!(!matches!(told[2], Err(StoreError::Full)), "{told:?}");
}

#[tokio::test]
async fn i22_whose_statement_found_no_room_is_told_so_and_nobody_else() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder.path().join("store.db"));
    store.write(|db| db.execute_batch("PRAGMA max_page_count = 100")).await.unwrap();
    only_the_large_one_has_no_room(&store).await;
}

#[tokio::test]
async fn statements_that_find_no_room_are_told_so() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder.path().join("store.db"));
    store.write(|db| db.execute_batch("CREATE TABLE notes (note BLOB); PRAGMA max_page_count = 100")).await.unwrap();
    let full = store.write(|db| db.execute("INSERT INTO notes VALUES (zeroblob(1200000))", ())).await;
    let Err(SqliteError::Sqlite(error)) = full else { panic!("{full:?}") };
    assert_eq!(error.sqlite_error_code(), Some(idem_runtime::rusqlite::ErrorCode::DiskFull));
    store.write(|db| db.execute("INSERT INTO notes VALUES (zeroblob(10))", ())).await.unwrap();
}

#[test]
fn i22_whose_record_found_no_room_at_the_commit_is_told_so_and_nobody_else() {
    let folder = TempDir::new().unwrap();
    let script = r#"mount -t tmpfs -o size=1m tmpfs "$1" && export IDEM_SMALL_DISK="$1" && shift && exec "$@""#;
    let output = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", script, "sh"])
        .arg(folder.path())
        .arg(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "no_room::on_a_small_disk"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
#[ignore = "the test above runs it, with a small disk that nobody else sees"]
async fn on_a_small_disk() {
    let disk = std::env::var_os("IDEM_SMALL_DISK").expect("a small disk");
    only_the_large_one_has_no_room(&open(&Path::new(&disk).join("store.db"))).await;
}
