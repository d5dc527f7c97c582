//! A transaction that has ended leaves an empty one behind, for the next request.

use idem_runtime::store::{Begun, Committed, PostgresStore, SqlxTransaction, TransactionalStore as _, Writes};
use idem_tests::claims::{claim, outcome};
use sqlx::{Acquire as _, Row as _};

use super::store::recording;
use super::*;

const LEASE: Duration = Duration::from_secs(30);

async fn store(database: &PostgresServer, transactions: u32) -> PostgresStore {
    let builder = PostgresStore::builder(database.url());
    let builder = builder.response_timeout(Duration::from_secs(20)).max_transactions(transactions);
    builder.migrate().await.unwrap();
    database.run("CREATE TABLE charges (note text NOT NULL)").await;
    builder.connect().await.unwrap()
}

async fn begin(store: &PostgresStore) -> SqlxTransaction {
    match store.begin(&claim(), None).await.unwrap() {
        Begun::Open { transaction, .. } => transaction,
        other => panic!("{other:?}"),
    }
}

async fn insert(transaction: &mut SqlxTransaction) {
    sqlx::query("INSERT INTO charges (note) VALUES ('')").execute(&mut **transaction).await.unwrap();
}

async fn end(store: &PostgresStore, transaction: SqlxTransaction) {
    let (mine, outcome) = (claim(), outcome());
    let committed = store.commit(transaction, Writes::Keep, recording(&mine, 1, &outcome)).await.unwrap();
    assert_eq!(committed, Committed::Yes);
}

async fn open_transactions(database: &PostgresServer) -> i64 {
    let open = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'idem' AND state LIKE 'idle in%'";
    database.row(open).await.get(0)
}

#[tokio::test]
async fn nothing_of_one_request_is_seen_by_the_next() {
    let database = PostgresServer::with(&["fsync=off"]).await;
    let store = store(&database, 1).await;
    for settings in [
        "SET TRANSACTION READ ONLY",
        "SET LOCAL lock_timeout = 1; SET LOCAL search_path = nowhere",
        "SAVEPOINT idem_writes; SET TRANSACTION READ ONLY",
        "SAVEPOINT mine; SELECT pg_advisory_xact_lock(7)",
        "CREATE TEMPORARY TABLE scratch () ON COMMIT DROP",
    ] {
        for writes in [Writes::Keep, Writes::Discard] {
            let mut transaction = begin(&store).await;
            insert(&mut transaction).await;
            sqlx::raw_sql(settings).execute(&mut *transaction).await.unwrap();
            // With the recording, which cannot be written by a transaction that was made read-only.
            let outcome = outcome();
            let mine = claim();
            let _ = store.commit(transaction, writes, recording(&mine, 1, &outcome)).await.unwrap();

            let mut next = begin(&store).await;
            insert(&mut next).await;
            let kept = "SELECT current_setting('lock_timeout') = '1ms', current_setting('search_path') = 'nowhere', \
                        current_setting('transaction_isolation'), to_regclass('scratch') IS NOT NULL, \
                        (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 7)";
            let row = sqlx::query(kept).fetch_one(&mut *next).await.unwrap();
            let kept: (bool, bool, String, bool, i64) = (row.get(0), row.get(1), row.get(2), row.get(3), row.get(4));
            assert_eq!(kept, (false, false, "read committed".to_owned(), false, 0), "{settings}");
            end(&store, next).await;
        }
    }
}

#[tokio::test]
async fn it_is_given_back_when_nobody_comes() {
    let database = PostgresServer::with(&["fsync=off"]).await;
    let store = store(&database, 4).await;
    let transactions = [begin(&store).await, begin(&store).await, begin(&store).await];
    assert_eq!(open_transactions(&database).await, 3);
    for transaction in transactions {
        end(&store, transaction).await;
    }
    idem_tests::until("no open transaction", async || (open_transactions(&database).await == 0).then_some(())).await;
    // And the next one is as good as any.
    let transaction = begin(&store).await;
    end(&store, transaction).await;
}

#[tokio::test]
async fn its_connection_may_have_died_meanwhile() {
    let database = PostgresServer::with(&["fsync=off"]).await;
    let store = store(&database, 2).await;
    for _ in 0..20 {
        let transaction = begin(&store).await;
        end(&store, transaction).await;
        database.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'idem'").await;
    }
    let (mut transaction, mut other) = (begin(&store).await, begin(&store).await);
    insert(&mut transaction).await;
    insert(&mut other).await;
    end(&store, transaction).await;
    end(&store, other).await;
}

#[tokio::test]
async fn a_nested_transaction_that_was_forgotten_spoils_no_connection() {
    let database = PostgresServer::with(&["fsync=off"]).await;
    let store = store(&database, 1).await;
    for _ in 0..3 {
        let mut transaction = begin(&store).await;
        std::mem::forget(transaction.begin().await.unwrap());
        insert(&mut transaction).await;
        end(&store, transaction).await;
        let mut next = begin(&store).await;
        insert(&mut next).await;
        end(&store, next).await;
        idem_tests::until("no open transaction", async || (open_transactions(&database).await == 0).then_some(()))
            .await;
    }
    assert_eq!(database.row("SELECT count(*) FROM charges").await.get::<i64, _>(0), 6);
}

#[tokio::test]
async fn more_requests_than_connections_are_all_served() {
    let database = PostgresServer::with(&["fsync=off"]).await;
    let store = store(&database, 2).await;
    let requests = (0..200).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            let mine = claim();
            let Begun::Open { mut transaction, .. } = store.begin(&mine, None).await.unwrap() else { panic!() };
            insert(&mut transaction).await;
            let outcome = outcome();
            let committed = store.commit(transaction, Writes::Keep, recording(&mine, 1, &outcome)).await.unwrap();
            assert_eq!(committed, Committed::Yes);
            // A replay finds what is there, and gives its transaction back.
            assert!(matches!(store.begin(&mine, None).await.unwrap(), Begun::Completed(_)));
        })
    });
    for request in requests.collect::<Vec<_>>() {
        soon("a request", request).await.unwrap();
    }
    assert_eq!(database.row("SELECT count(*) FROM charges").await.get::<i64, _>(0), 200);
    assert!(
        database.row("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'idem'").await.get::<i64, _>(0)
            <= 12
    );
}

#[tokio::test]
async fn requests_that_are_served_meanwhile_break_off_no_connection() {
    let database = PostgresServer::with(&["fsync=off"]).await;
    let store = store(&database, 8).await;
    let tasks = (0..8).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            for _ in 0..100 {
                let transaction = begin(&store).await;
                end(&store, transaction).await;
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        soon("the transactions of a task", task).await.unwrap();
    }
    // Those of the pools, and the few of this test and of the start: each one more was made for nothing.
    let sessions = "SELECT sessions FROM pg_stat_database WHERE datname = current_database()";
    let sessions = database.row(sessions).await.get::<i64, _>(0);
    assert!(sessions <= 8 + 10 + 8, "{sessions} connections");
}

#[tokio::test]
async fn a_runtime_that_ends_while_requests_wait_ends() {
    let database = PostgresServer::with(&["fsync=off"]).await;
    let store = store(&database, 1).await;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let held = runtime.spawn({
        let store = store.clone();
        async move { begin(&store).await }
    });
    let _held = soon("the only connection", held).await.unwrap();
    // One request goes, and leaves the connection that it waits for to the next one, which waits when all ends.
    let waits = |store: PostgresStore| async move { drop(store.begin(&claim(), None).await) };
    let gone = runtime.spawn(waits(store.clone()));
    runtime.spawn(async {}).await.unwrap();
    gone.abort();
    assert!(gone.await.unwrap_err().is_cancelled());
    drop(runtime.spawn(waits(store.clone())));
    runtime.spawn(async {}).await.unwrap();
    soon("the end of the runtime", tokio::task::spawn_blocking(move || drop(runtime))).await.unwrap();
}

#[tokio::test]
async fn an_applications_own_pool_gets_its_connection_back_at_once() {
    let database = PostgresServer::with(&["fsync=off"]).await;
    drop(store(&database, 1).await);
    let options = sqlx::postgres::PgPoolOptions::new().max_connections(2);
    let pool = options.connect(&database.url()).await.unwrap();
    let store =
        PostgresStore::from_pool(pool.clone()).response_timeout(Duration::from_secs(20)).connect().await.unwrap();
    for _ in 0..50 {
        let transaction = store.begin_unguarded(LEASE).await.unwrap();
        assert_eq!(store.commit(transaction, Writes::Keep, None).await.unwrap(), Committed::Yes);
        // Both of them: so none is kept.
        let (one, other) = (pool.acquire().await.unwrap(), pool.acquire().await.unwrap());
        drop((one, other));
    }
}
