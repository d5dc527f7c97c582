//! The Redis store behind sentinels.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use idem_runtime::Idempotency;
use idem_runtime::store::{ClaimOutcome, RedisConnectError, RedisStore, Store as _};
use idem_tests::certificates::Certificates;
use idem_tests::claims::claim;
use idem_tests::load::Load;
use idem_tests::redis_sentinel::{SERVICE, Watched};
use idem_tests::redis_server::RedisServer;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i49_a_killed_primary_loses_nothing_that_a_replica_has_confirmed() {
    let mut watched = Watched::with(1, &[]).await;
    let store =
        RedisStore::builder(watched.url()).wait_replicas(1, Duration::from_millis(200)).connect().await.unwrap();
    let load = Load::begin(store, 16).await;
    load.goes_on(300).await;
    let first = watched.primary().await;
    watched.servers[first].kill();
    let second = watched.another_primary(first).await;
    assert_ne!(first, second);
    // It has the old data, and takes itself for the primary until the sentinels tell it otherwise.
    watched.servers[first].restart().await;
    load.goes_on(300).await;
    assert!(load.refusals() > 0, "nobody was let in while nothing could be confirmed");
    load.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_gives_its_place_away_is_left() {
    let watched = Watched::with(1, &[]).await;
    let store = RedisStore::connect(watched.url()).await.unwrap();
    let load = Load::begin(store, 8).await;
    load.goes_on(200).await;
    let first = watched.primary().await;
    watched.fail_over().await;
    watched.another_primary(first).await;
    load.goes_on(200).await;
    drop(load);
}

#[tokio::test]
async fn what_is_wrong_is_said_in_one_line() {
    let watched = Watched::with(0, &[]).await;
    let line = async |url: String| {
        let error = RedisStore::connect(url).await.unwrap_err().to_string();
        assert!(!error.contains('\n') && !error.contains("canary"), "{error}");
        error
    };
    let hosts = watched.hosts();
    let wrong = RedisStore::connect(format!("redis+sentinel://:canary@{hosts}/other")).await.unwrap_err();
    assert!(matches!(wrong, RedisConnectError::UnknownService { .. }), "{wrong:?}");
    let sentinel = hosts.split(',').next().unwrap();
    assert!(line(format!("redis://{sentinel}")).await.contains("is a sentinel; use redis+sentinel://"));
    assert!(line(format!("redis+cluster://{sentinel}")).await.contains("is a sentinel; use redis+sentinel://"));
    let server = watched.servers[0].port();
    let mistaken = line(format!("redis+sentinel://127.0.0.1:{server}/{SERVICE}")).await;
    assert!(mistaken.contains("use redis://"), "{mistaken}");
    let replica = RedisServer::with(&["--replicaof", "127.0.0.1", &server.to_string()]).await;
    let error = RedisStore::connect(replica.url()).await.unwrap_err();
    assert!(matches!(error, RedisConnectError::Replica { .. }), "{error:?}");
}

#[tokio::test]
async fn sentinels_that_are_gone_are_passed_over() {
    let watched = Watched::with(0, &[]).await;
    let url = format!("redis+sentinel://127.0.0.1:1,{}/{SERVICE}", watched.hosts());
    assert_eq!(Idempotency::connect(&url).await.unwrap().store_name(), "redis");
    let gone = RedisStore::connect(format!("redis+sentinel://127.0.0.1:1,127.0.0.1:2/{SERVICE}")).await.unwrap_err();
    assert!(matches!(gone, RedisConnectError::Unreachable { .. }), "{gone:?}");
}

#[tokio::test]
async fn users_of_the_servers_and_of_the_sentinels_are_two() {
    let watched = Watched::with(0, &[]).await;
    let rules =
        ["on", ">secret", "~idem:*", "+set", "+get", "+pttl", "+getrange", "+pexpire", "+del", "+evalsha", "+eval"];
    watched.servers[0].command::<()>(&[&["ACL", "SETUSER", "shop"], &rules[..]].concat()).await;
    watched.each_sentinel(&["ACL", "SETUSER", "watch", "on", ">canary", "+sentinel|get-master-addr-by-name"]).await;
    watched.each_sentinel(&["ACL", "SETUSER", "default", "off"]).await;
    let url = format!("redis+sentinel://shop:secret@{}/{SERVICE}", watched.hosts());
    let builder = RedisStore::builder(&url).response_timeout(Duration::from_secs(5));
    let error = builder.clone().connect().await.unwrap_err();
    assert!(matches!(error, RedisConnectError::Authentication { .. }), "{error:?}");
    let error = builder.clone().sentinel_credentials(Some("watch"), "canary-wrong").connect().await.unwrap_err();
    assert!(matches!(error, RedisConnectError::Authentication { .. }), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("canary"));
    let store = builder.sentinel_credentials(Some("watch"), "canary").connect().await.unwrap();
    assert_eq!(store.claim(&claim()).await.unwrap(), ClaimOutcome::Claimed { attempt: 1 });
    assert!(!format!("{store:?}").contains("canary"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn encrypted_sentinels_name_encrypted_servers() {
    let certificates = Certificates::make();
    let watched = Watched::encrypted(1, &certificates).await;
    let url = watched.url().replace("redis+sentinel", "rediss+sentinel");
    let builder = RedisStore::builder(&url).response_timeout(Duration::from_secs(5));
    let (chain, key) = certificates.client();
    let store = builder
        .tls_root_certificate(certificates.authority())
        .tls_client_certificate(chain, key)
        .wait_replicas(1, Duration::from_secs(5))
        .connect()
        .await
        .unwrap();
    assert_eq!(store.claim(&claim()).await.unwrap(), ClaimOutcome::Claimed { attempt: 1 });
}
