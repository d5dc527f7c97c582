//! What is removed, and what is not.

use super::*;

#[tokio::test]
async fn i52_the_sweep_removes_what_has_ended_and_nothing_else() {
    let server = PostgresServer::with(&["fsync=off"]).await;
    let store = patient(&server).await;
    let count = async || server.row("SELECT count(*) FROM idem.records").await.get::<i64, _>(0);
    let (held, done) = (fresh(&store).await, recorded(&store).await);
    // Its owner is alive, though what was expected of it when it was claimed is over.
    let renewed = Claim { lease: Duration::from_millis(1), ttl: Duration::from_millis(1), ..claim() };
    let long = Claim { lease: Duration::from_secs(3_600), ..renewed };
    assert_eq!(store.claim(&long).await.unwrap(), ClaimOutcome::Claimed { attempt: 1 });
    server
        .run(&format!("UPDATE idem.records SET expires = clock_timestamp() WHERE key = decode('{}', 'hex')", long.key))
        .await;
    // More than a batch.
    server
        .run(
            "INSERT INTO idem.records SELECT sha256(n::text::bytea), 1, CASE n % 2 WHEN 0 THEN 'done' ELSE 'held' END, \
             '', '', 1, 1, clock_timestamp() - interval '1 s', clock_timestamp() - interval '1 s', '', '', '' \
             FROM generate_series(1, 2500) n",
        )
        .await;
    let mut other = server.connection().await;
    sqlx::raw_sql("BEGIN; SELECT FROM idem.records WHERE key = sha256('7') FOR UPDATE")
        .execute(&mut other)
        .await
        .unwrap();
    assert_eq!(store.sweep().await.unwrap(), 2_499, "what somebody works on is left for later");
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    assert_eq!(store.sweep().await.unwrap(), 1);
    assert_eq!(store.sweep().await.unwrap(), 0);
    assert_eq!(count().await, 3);
    for claim in [&held, &long] {
        assert_eq!(store.renew(claim).await.unwrap(), Hold::Held);
    }
    assert!(matches!(store.look_up(done.key).await.unwrap(), Some(Entry::Completed(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i52_the_store_sweeps_by_itself() {
    let server = PostgresServer::with(&["fsync=off"]).await;
    let store = patient(&server).await;
    server
        .run(
            "INSERT INTO idem.records SELECT sha256(n::text::bytea), 1, 'done', '', '', 1, 1, clock_timestamp(), \
             clock_timestamp(), '', '', '' FROM generate_series(1, 1500) n",
        )
        .await;
    for _ in 0..1_100 {
        let _ = fresh(&store).await;
    }
    let swept = async || {
        let left = server.row("SELECT count(*) FROM idem.records WHERE state = 'done'").await.get::<i64, _>(0);
        (left == 0).then_some(())
    };
    until("a sweep", swept).await;
    assert_eq!(server.row("SELECT count(*) FROM idem.records").await.get::<i64, _>(0), 1_100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i52_a_sweep_takes_nothing_from_who_claims_and_completes_meanwhile() {
    let server = PostgresServer::with(&["fsync=off"]).await;
    let (store, sweeper) = (patient(&server).await, patient(&server).await);
    let mut ended = Vec::new();
    for _ in 0..8 {
        ended.push(fresh(&store).await);
    }
    for _ in 0..40 {
        // All of them are over, and each is claimed anew while it is being removed.
        let past = "lease_until = clock_timestamp() - interval '3 h', expires = clock_timestamp() - interval '2 h'";
        server.run(&format!("UPDATE idem.records SET state = 'held', {past}")).await;
        let start = Arc::new(Barrier::new(ended.len() + 2));
        let mut race = JoinSet::new();
        for _ in 0..2 {
            let (sweeper, start) = (sweeper.clone(), Arc::clone(&start));
            race.spawn(async move {
                start.wait().await;
                sweeper.sweep().await.unwrap();
            });
        }
        for claim in &ended {
            let (store, start, claim) = (store.clone(), Arc::clone(&start), rival(claim));
            race.spawn(async move {
                start.wait().await;
                assert_eq!(store.claim(&claim).await.unwrap(), ClaimOutcome::Claimed { attempt: 1 });
                assert_eq!(store.complete(&claim, 1, &outcome()).await.unwrap(), Hold::Held);
            });
        }
        soon("the end of all", race.join_all()).await;
        for claim in &ended {
            assert!(matches!(store.look_up(claim.key).await.unwrap(), Some(Entry::Completed(_))));
        }
    }
}

#[tokio::test]
async fn renewals_touch_no_index() {
    let server = PostgresServer::with(&["fsync=off"]).await;
    let store = patient(&server).await;
    let one = fresh(&store).await;
    for _ in 0..20 {
        assert_eq!(store.renew(&one).await.unwrap(), Hold::Held);
    }
    let only_in_heap = async || {
        let sql = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'records'";
        let row = server.row(sql).await;
        let (all, hot): (i64, i64) = (row.get(0), row.get(1));
        (all == 20).then_some(hot)
    };
    assert_eq!(until("the counts", only_in_heap).await, 20);
}
