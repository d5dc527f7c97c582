//! The server killed, stopped, locked, and read-only under a running store.

use idem_runtime::store::{Begun, Committed, TransactionalStore as _, Writes};

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i32_a_server_that_is_killed_has_lost_nothing_that_it_acknowledged() {
    let mut server = PostgresServer::start().await;
    let store = patient(&server).await;
    let running = fresh(&store).await;
    let finished = recorded(&store).await;
    // Writers that are busy while it dies: what they were told must be true afterwards.
    let mut writers = JoinSet::new();
    let started = Arc::new(Barrier::new(9));
    for _ in 0..8 {
        let (store, started) = (store.clone(), Arc::clone(&started));
        writers.spawn(async move {
            let mut done = vec![recorded(&store).await];
            started.wait().await;
            loop {
                let claim = claim();
                if store.claim(&claim).await.is_err() {
                    return done;
                }
                match store.complete(&claim, 1, &outcome()).await {
                    Ok(hold) => assert_eq!(hold, Hold::Held),
                    Err(_) => return done,
                }
                done.push(claim);
            }
        });
    }
    started.wait().await;
    let told = server.row("SELECT count(*) FROM idem.records WHERE state = 'done'").await.get::<i64, _>(0);
    assert!(told >= 9);
    server.kill();
    let acknowledged: Vec<Claim> = soon("their end", writers.join_all()).await.concat();
    let error = store.complete(&running, 1, &outcome()).await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");

    server.restart().await;
    let completed = async || store.complete(&running, 1, &outcome()).await.ok();
    assert_eq!(until("the completion", completed).await, Hold::Held);
    for claim in acknowledged.iter().chain([&running, &finished]) {
        let Some(Entry::Completed(record)) = store.look_up(claim.key).await.unwrap() else { panic!("{claim:?}") };
        assert_eq!(record.outcome, outcome());
        assert!(matches!(store.claim(&rival(claim)).await.unwrap(), ClaimOutcome::Completed(_)));
    }
}

#[tokio::test]
async fn a_server_that_came_back_is_found_by_the_first_call() {
    let mut server = PostgresServer::with(&["fsync=off"]).await;
    let store = patient(&server).await;
    let one = fresh(&store).await;
    // All connections of the pool are dead now, and nobody has noticed yet.
    server.kill();
    server.restart().await;
    assert_eq!(store.renew(&one).await.unwrap(), Hold::Held);
    assert_eq!(store.complete(&one, 1, &outcome()).await.unwrap(), Hold::Held);
}

#[tokio::test]
async fn i43_a_stopped_server_is_not_waited_for() {
    let server = PostgresServer::with(&["fsync=off"]).await;
    let builder = PostgresStore::builder(server.url());
    builder.migrate().await.unwrap();
    let store = builder.connect().await.unwrap();
    let one = claim();
    let _ = until("a first claim", async || store.claim(&claim()).await.ok()).await;
    server.pause();
    // More calls than connections: also who waits for a connection is told.
    let mut calls = JoinSet::new();
    for _ in 0..32 {
        let store = store.clone();
        calls.spawn(async move { store.claim(&rival(&one)).await.unwrap_err() });
    }
    let errors = soon("an answer to all", calls.join_all()).await;
    let connecting = soon("an answer", PostgresStore::connect(server.url())).await.unwrap_err();
    server.go_on();
    assert!(errors.iter().all(StoreError::is_transient), "{errors:?}");
    assert!(matches!(connecting, PostgresConnectError::TimedOut { .. }), "{connecting:?}");
    until("an answer again", async || store.look_up(one.key).await.ok()).await;
}

#[tokio::test]
async fn i5_what_a_stopped_server_was_sent_may_be_applied_later() {
    let server = PostgresServer::with(&["fsync=off"]).await;
    let pool = sqlx::PgPool::connect(&server.url()).await.unwrap();
    let builder = PostgresStore::from_pool(pool.clone()).response_timeout(Duration::from_secs(2));
    builder.migrate().await.unwrap();
    let store = builder.connect().await.unwrap();
    let one = fresh(&store).await;
    until("an idle connection", async || (pool.num_idle() > 0).then_some(())).await;
    server.pause();
    let error = soon("an answer", store.complete(&one, 1, &outcome())).await.unwrap_err();
    server.go_on();
    assert!(matches!(error, StoreError::TimedOut(_) | StoreError::Unavailable { .. }), "{error:?}");
    // Sent again, it is done, whether it was then or is now.
    assert_eq!(patient(&server).await.complete(&one, 1, &outcome()).await.unwrap(), Hold::Held);
}

#[tokio::test]
async fn i43_a_lock_is_not_waited_for() {
    let server = PostgresServer::with(&["fsync=off"]).await;
    let builder = PostgresStore::builder(server.url()).response_timeout(Duration::from_secs(4));
    builder.migrate().await.unwrap();
    let store = builder.connect().await.unwrap();
    let one = fresh(&store).await;
    let mut other = server.connection().await;
    sqlx::raw_sql("BEGIN; SELECT FROM idem.records FOR UPDATE").execute(&mut other).await.unwrap();
    for refused in [store.renew(&one).await, store.complete(&one, 1, &outcome()).await, store.release(&one).await] {
        assert!(matches!(refused, Err(StoreError::TimedOut(_))), "{refused:?}");
    }
    // Who only looks is not held up.
    assert!(matches!(store.claim(&rival(&one)).await.unwrap(), ClaimOutcome::InFlight(_)));
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    assert_eq!(store.complete(&one, 1, &outcome()).await.unwrap(), Hold::Held);
}

#[tokio::test]
async fn i46_replays_work_while_nothing_can_be_written() {
    let server = PostgresServer::with(&["fsync=off"]).await;
    let store = patient(&server).await;
    let (done, held) = (recorded(&store).await, fresh(&store).await);
    server.run("ALTER SYSTEM SET default_transaction_read_only = on").await;
    server.run("SELECT pg_reload_conf()").await;
    let refused = until("a refusal", async || store.claim(&claim()).await.err()).await;
    assert!(refused.to_string().contains("25006: it is read-only"), "{refused}");
    assert!(matches!(store.claim(&rival(&done)).await.unwrap(), ClaimOutcome::Completed(_)));
    assert!(matches!(store.claim(&rival(&held)).await.unwrap(), ClaimOutcome::InFlight(_)));
    assert!(matches!(store.look_up(done.key).await.unwrap(), Some(Entry::Completed(_))));
    let error = PostgresStore::connect(server.url()).await.unwrap_err();
    assert!(matches!(error, PostgresConnectError::ReadOnly { .. }), "{error:?}");
    assert!(error.to_string().contains("read-only") && error.to_string().contains("primary"), "{error}");
}

#[tokio::test]
async fn b40_an_error_quotes_nothing_of_what_was_sent() {
    let server = PostgresServer::with(&["fsync=off"]).await;
    let store = patient(&server).await;
    let one = fresh(&store).await;
    // A check that fails has the whole row in its message.
    server.run("ALTER TABLE idem.records ADD CHECK (state <> 'done') NOT VALID").await;
    let errors = [
        store.complete(&one, 1, &outcome()).await.unwrap_err(),
        {
            server.run("DROP TABLE idem.records").await;
            store.claim(&one).await.unwrap_err()
        },
        store.look_up(one.key).await.unwrap_err(),
        store.renew(&one).await.unwrap_err(),
    ];
    assert!(errors[0].to_string().contains("23514"), "{}", errors[0]);
    assert!(errors[1].to_string().contains("migrate()"), "{}", errors[1]);
    for error in errors {
        let shown = format!("{error} {error:?}");
        let owner = format!("{:032x}", one.owner.bits());
        for canary in ["canary", &one.key.to_string(), &owner, &one.fingerprint.to_string()] {
            assert!(!shown.contains(canary), "{shown}");
        }
    }
}

/// Its connections are kept for a moment, idle ones and one with a transaction, and there is no runtime any more to give them back
/// in.
#[test]
fn a_store_that_outlives_its_runtime_goes_quietly() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (_server, store) = runtime.block_on(async {
        let server = PostgresServer::with(&["fsync=off"]).await;
        let store = patient(&server).await;
        let Begun::Open { transaction, .. } = store.begin(&claim(), None).await.unwrap() else { panic!("a fresh key") };
        assert!(matches!(store.commit(transaction, Writes::Discard, None).await.unwrap(), Committed::Yes));
        recorded(&store).await;
        (server, store)
    });
    drop(runtime);
    drop(store);
}
