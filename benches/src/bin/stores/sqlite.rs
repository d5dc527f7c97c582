//! SQLite, against statements that go through the same thread into the same commits.

use idem_runtime::rusqlite::Connection;
use idem_runtime::store::SqliteStore;

use super::*;

pub(super) async fn sqlite(bench: &mut Bench) {
    let folder = tempfile::TempDir::new().expect("a folder");
    let builder = SqliteStore::builder(folder.path().join("shop.db"));
    let store = builder.response_timeout(Duration::from_secs(20)).open().expect("sqlite");
    let table = "CREATE TABLE payments (id INTEGER PRIMARY KEY, reference BLOB NOT NULL, note BLOB NOT NULL)";
    store.write(move |db| db.execute_batch(table)).await.expect("a table");
    for tasks in [1, 32] {
        let one = store.clone();
        let bare = move |number: u64| {
            let store = one.clone();
            async move { store.write(move |db| insert(db, number)).await.expect("INSERT") }
        };
        let one = store.clone();
        let ours = move |number: u64| {
            let store = one.clone();
            async move {
                let (claim, outcome) = (claim(number), outcome());
                let Ok(Begun::Open { mut transaction, attempt, .. }) = store.begin(&claim, None).await else {
                    panic!("no transaction")
                };
                transaction.call(move |db| insert(db, number)).await.expect("INSERT");
                let recording = Recording { claim: &claim, attempt, outcome: &outcome };
                let committed = store.commit(transaction, Writes::Keep, Some(recording)).await;
                assert!(matches!(committed, Ok(Committed::Yes)), "{committed:?}");
            }
        };
        let target = if tasks == 32 { "0.90" } else { "" };
        let what = ["SQLite", "fresh in a transaction", "the same `INSERT`, in shared commits", target];
        bench.compare(what, tasks, ours, bare.clone()).await;
        let one = store.clone();
        let lease = move |number: u64| {
            let store = one.clone();
            async move { fresh(&store, number).await }
        };
        let what = ["SQLite", "fresh: claim, record", "one `INSERT`, in shared commits", ""];
        bench.compare(what, tasks, lease, bare).await;
        let all: Arc<[Claim]> = recorded(&store).await.into();
        let (one, claims) = (store.clone(), Arc::clone(&all));
        let replayed = move |number| {
            let (store, claim) = (one.clone(), pick(&claims, number));
            async move { replay(&store, &claim).await }
        };
        let one = store.clone();
        let read = move |number| {
            let (store, claim) = (one.clone(), pick(&all, number));
            async move {
                let body = "SELECT head, body FROM idem_records WHERE key = ?1";
                let found = store.read(move |db| {
                    let mut select = db.prepare_cached(body)?;
                    select.query_row([claim.key.as_bytes()], |row| {
                        Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?))
                    })
                });
                assert_eq!(found.await.expect("a row").1.len(), BODY);
            }
        };
        bench.compare(["SQLite", "replay", "a `SELECT` by the key", "0.80"], tasks, replayed, read).await;
    }
}

fn insert(db: &Connection, number: u64) -> idem_runtime::rusqlite::Result<()> {
    let reference = claim(number).key;
    let mut insert = db.prepare_cached("INSERT INTO payments (reference, note) VALUES (?1, ?2)")?;
    insert.execute((reference.as_bytes(), [b'x'; BODY])).map(drop)
}
