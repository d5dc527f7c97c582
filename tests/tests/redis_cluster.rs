//! The Redis store on a cluster.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use idem_runtime::Idempotency;
use idem_runtime::store::{ClaimOutcome, Hold, RedisConnectError, RedisStore, Store as _};
use idem_tests::certificates::Certificates;
use idem_tests::claims::{claim, outcome, rival};
use idem_tests::load::Load;
use idem_tests::redis_cluster::RedisCluster;
use idem_tests::redis_server::RedisServer;

/// One after the other, as one request would.
async fn runs_once(store: &RedisStore) {
    let one = claim();
    assert_eq!(store.claim(&one).await.unwrap(), ClaimOutcome::Claimed { attempt: 1 });
    assert_eq!(store.renew(&one).await.unwrap(), Hold::Held);
    assert_eq!(store.complete(&one, 1, &outcome()).await.unwrap(), Hold::Held);
    assert!(matches!(store.claim(&rival(&one)).await.unwrap(), ClaimOutcome::Completed(_)));
}

/// How often the nodes redirected somebody.
async fn redirections(cluster: &RedisCluster, kind: &str) -> u64 {
    let mut sum = 0;
    for node in &cluster.nodes {
        let stats: String = node.command(&["INFO", "errorstats"]).await;
        let line = stats.lines().find_map(|line| line.strip_prefix(&format!("errorstat_{kind}:count=")));
        sum += line.map_or(0, |count| count.trim().parse::<u64>().unwrap());
    }
    sum
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i50_keys_are_on_every_node() {
    let cluster = RedisCluster::start(3, false).await;
    // One of the hosts is enough to find the others.
    let url = format!("redis+cluster://127.0.0.1:1,127.0.0.1:{}", cluster.nodes[1].port());
    let store = RedisStore::builder(url).response_timeout(Duration::from_secs(5)).connect().await.unwrap();
    for _ in 0..50 {
        runs_once(&store).await;
    }
    for node in &cluster.nodes {
        assert!(node.command::<u64>(&["DBSIZE"]).await > 0);
    }
    assert_eq!(redirections(&cluster, "MOVED").await, 0, "whom to ask is known beforehand");
    assert_eq!(Idempotency::connect(&cluster.url()).await.unwrap().store_name(), "redis");
}

// While a slot is under way, a key that is there already is at the old node, and every other one at the new node, for who
// asks with leave. The prefix puts all keys into that slot.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i50_a_slot_moves_to_another_node_under_load() {
    let cluster = RedisCluster::start(3, false).await;
    let builder = RedisStore::builder(cluster.url()).response_timeout(Duration::from_secs(5)).prefix("{shop}:idem:");
    let store = builder.connect().await.unwrap();
    let (from, slot) = cluster.primary_of("{shop}").await;
    let to = (from + 1) % 3;
    let (held, recorded) = (claim(), claim());
    for one in [&held, &recorded] {
        assert_eq!(store.claim(one).await.unwrap(), ClaimOutcome::Claimed { attempt: 1 });
    }
    assert_eq!(store.complete(&recorded, 1, &outcome()).await.unwrap(), Hold::Held);
    let load = Load::begin(store.clone(), 8).await;
    load.goes_on(100).await;

    cluster.begin_migration(slot, from, to).await;
    load.goes_on(100).await;
    let asked = redirections(&cluster, "ASK").await;
    assert!(asked >= 100, "new keys go to the new node, by leave: {asked}");
    // Still here, and only here.
    assert!(matches!(store.claim(&rival(&held)).await.unwrap(), ClaimOutcome::InFlight(_)));
    assert!(cluster.migrate_keys(slot, from, to).await > 100);
    // There by now, by leave.
    assert!(matches!(store.claim(&rival(&held)).await.unwrap(), ClaimOutcome::InFlight(_)));
    assert_eq!(store.renew(&held).await.unwrap(), Hold::Held);
    assert_eq!(store.complete(&held, 1, &outcome()).await.unwrap(), Hold::Held);
    assert!(matches!(store.claim(&rival(&recorded)).await.unwrap(), ClaimOutcome::Completed(_)));
    load.goes_on(100).await;
    cluster.end_migration(slot, to).await;
    load.goes_on(100).await;
    assert!(redirections(&cluster, "MOVED").await > 0, "the old node is no longer right");
    load.end().await;
    // And who comes new finds it at once.
    let before = redirections(&cluster, "MOVED").await;
    let other = RedisStore::builder(cluster.url()).prefix("{shop}:idem:").connect().await.unwrap();
    assert!(matches!(other.claim(&rival(&held)).await.unwrap(), ClaimOutcome::Completed(_)));
    assert_eq!(redirections(&cluster, "MOVED").await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i49_i50_a_killed_primary_is_replaced_by_its_replica() {
    let mut cluster = RedisCluster::start(3, true).await;
    let store =
        RedisStore::builder(cluster.url()).wait_replicas(1, Duration::from_millis(200)).connect().await.unwrap();
    let load = Load::begin(store, 16).await;
    load.goes_on(300).await;
    cluster.nodes[0].kill();
    idem_tests::until("the replica's promotion", async || {
        (cluster.nodes[3].info("role").await? == "master").then_some(())
    })
    .await;
    // It comes back as the replica of its replica, without which nothing there could be confirmed.
    cluster.nodes[0].restart().await;
    load.goes_on(600).await;
    assert!(load.refusals() > 0, "nobody was let in while nothing could be confirmed");
    load.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_gone_takes_only_its_own_keys_along() {
    let mut cluster = RedisCluster::start(3, false).await;
    cluster.everywhere(&["CONFIG", "SET", "cluster-require-full-coverage", "no"]).await;
    let store = RedisStore::connect(cluster.url()).await.unwrap();
    cluster.nodes[0].kill();
    let (mut served, mut refused) = (0, 0);
    while served == 0 || refused == 0 {
        match idem_tests::soon("an answer", store.claim(&claim())).await {
            Ok(_) => served += 1,
            Err(error) => {
                assert!(error.is_transient(), "{error:?}");
                refused += 1;
            }
        }
    }
    cluster.nodes[0].restart().await;
    for _ in 0..20 {
        idem_tests::until("a claim", async || store.claim(&claim()).await.ok()).await;
    }
}

#[tokio::test]
async fn i47_i48_every_primary_is_looked_at() {
    let cluster = RedisCluster::start(3, false).await;
    let last = &cluster.nodes[2];
    last.command::<()>(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]).await;
    let error = RedisStore::connect(cluster.url()).await.unwrap_err();
    assert!(matches!(error, RedisConnectError::Evicts { .. }), "{error:?}");
    assert!(RedisStore::builder(cluster.url()).allow_eviction(true).connect().await.is_ok());
    last.command::<()>(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]).await;
    assert!(RedisStore::connect(cluster.url()).await.is_ok());
}

#[tokio::test]
async fn what_is_wrong_is_said_in_one_line() {
    let cluster = RedisCluster::start(1, false).await;
    let line = async |url: String| {
        let error = RedisStore::connect(url).await.unwrap_err().to_string();
        assert!(!error.contains('\n') && !error.contains("canary"), "{error}");
        error
    };
    let node = cluster.nodes[0].port();
    assert!(line(format!("redis://127.0.0.1:{node}")).await.contains("is a node of a cluster; use redis+cluster://"));
    let mistaken = line(format!("redis+sentinel://127.0.0.1:{node}/shop")).await;
    assert!(mistaken.contains("use redis+cluster://"), "{mistaken}");
    let server = RedisServer::with(&[]).await;
    let mistaken = line(format!("redis+cluster://127.0.0.1:{}", server.port())).await;
    assert!(mistaken.contains("use redis://"), "{mistaken}");
    let gone = RedisStore::connect("redis+cluster://:canary@127.0.0.1:1,127.0.0.1:2").await.unwrap_err();
    assert!(matches!(gone, RedisConnectError::Unreachable { .. }), "{gone:?}");
    cluster.everywhere(&["CONFIG", "SET", "requirepass", "right"]).await;
    let error = RedisStore::connect(format!("redis+cluster://:canary@127.0.0.1:{node}")).await.unwrap_err();
    assert!(matches!(error, RedisConnectError::Authentication { .. }), "{error:?}");
    assert!(RedisStore::connect(format!("redis+cluster://:right@127.0.0.1:{node}")).await.is_ok());
}

#[tokio::test]
async fn a_user_with_few_rights_is_enough() {
    let cluster = RedisCluster::start(3, false).await;
    let rules =
        ["on", ">secret", "~idem:*", "+set", "+get", "+pttl", "+getrange", "+pexpire", "+del", "+evalsha", "+eval"];
    let rules = [&["ACL", "SETUSER", "shop"], &rules[..], &["+cluster|slots", "+asking"]].concat();
    cluster.everywhere(&rules).await;
    let url = cluster.url().replace("://", "://shop:secret@");
    let store = RedisStore::builder(url).response_timeout(Duration::from_secs(5)).connect().await.unwrap();
    for _ in 0..10 {
        runs_once(&store).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_encrypted_cluster_is_encrypted_everywhere() {
    let certificates = Certificates::make();
    let cluster = RedisCluster::with(3, false, Some(&certificates)).await;
    let url = cluster.url().replace("redis+cluster", "rediss+cluster");
    let builder = RedisStore::builder(&url).response_timeout(Duration::from_secs(5));
    let store = builder.tls_root_certificate(certificates.authority()).connect().await.unwrap();
    for _ in 0..20 {
        runs_once(&store).await;
    }
    for node in &cluster.nodes {
        assert!(node.command::<u64>(&["DBSIZE"]).await > 0);
    }
}
