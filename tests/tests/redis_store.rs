//! The Redis store against a real server.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use idem_runtime::store::{
    Claim, ClaimOutcome, Entry, Hold, OwnerToken, RedisConnectError, RedisStore, Store as _, StoreError,
};
use idem_tests::claims::{claim, outcome, rival};
use idem_tests::proxy::{Fate, Proxy};
use idem_tests::redis_server::RedisServer;
use idem_tests::until;

/// Longer than by default: the tests share two cores.
async fn patient(server: &RedisServer) -> RedisStore {
    RedisStore::builder(server.url()).response_timeout(Duration::from_secs(5)).connect().await.unwrap()
}

async fn works_again(store: &RedisStore) {
    let claimed = async || store.claim(&claim()).await.ok();
    assert_eq!(until("a claim", claimed).await, ClaimOutcome::Claimed { attempt: 1 });
}

#[tokio::test]
async fn i11_a_removed_expiry_is_given_back() {
    let server = RedisServer::with(&[]).await;
    let store = patient(&server).await;
    let (held, recorded) = (claim(), claim());
    for one in [&held, &recorded] {
        assert_eq!(store.claim(one).await.unwrap(), ClaimOutcome::Claimed { attempt: 1 });
    }
    assert_eq!(store.complete(&recorded, 1, &outcome()).await.unwrap(), Hold::Held);
    let left = async |claim: &Claim| server.command::<i64>(&["PTTL", &format!("idem:{}", claim.key)]).await;
    let persist = async |claim: &Claim| server.command::<()>(&["PERSIST", &format!("idem:{}", claim.key)]).await;

    persist(&held).await;
    assert_eq!(left(&held).await, -1);
    assert!(matches!(store.look_up(held.key).await.unwrap(), Some(Entry::InFlight(_))));
    assert!(matches!(store.take_over(&rival(&held), held.owner).await.unwrap(), ClaimOutcome::InFlight(_)));
    assert!((3_600_000..=3_660_000).contains(&left(&held).await));

    persist(&held).await;
    assert_eq!(store.claim(&held).await.unwrap(), ClaimOutcome::Claimed { attempt: 1 });
    assert!(left(&held).await > 0);

    persist(&recorded).await;
    assert!(matches!(store.look_up(recorded.key).await.unwrap(), Some(Entry::Completed(_))));
    assert!(matches!(store.claim(&rival(&recorded)).await.unwrap(), ClaimOutcome::Completed(_)));
    assert!((1..=3_600_000).contains(&left(&recorded).await));

    persist(&held).await;
    assert_eq!(store.renew(&held).await.unwrap(), Hold::Held);
    assert!(left(&held).await > 0);
}

#[tokio::test]
async fn scripts_are_sent_again_when_the_server_forgot_them() {
    let server = RedisServer::with(&[]).await;
    let store = patient(&server).await;
    let flush = async || server.command::<()>(&["SCRIPT", "FLUSH"]).await;
    let one = claim();
    let _ = store.claim(&one).await.unwrap();
    for _ in 0..2 {
        flush().await;
        assert_eq!(store.renew(&one).await.unwrap(), Hold::Held);
    }
    flush().await;
    assert_eq!(store.complete(&one, 1, &outcome()).await.unwrap(), Hold::Held);
    let two = claim();
    let _ = store.claim(&two).await.unwrap();
    flush().await;
    assert_eq!(store.release(&two).await.unwrap(), Hold::Held);
}

#[tokio::test]
async fn another_type_under_the_key_is_corrupt() {
    let server = RedisServer::with(&[]).await;
    let store = patient(&server).await;
    let one = claim();
    server.command::<()>(&["LPUSH", &format!("idem:{}", one.key), "x"]).await;
    assert!(matches!(store.claim(&one).await, Err(StoreError::Corrupt(_))));
    assert!(matches!(store.take_over(&one, OwnerToken::random()).await, Err(StoreError::Corrupt(_))));
    assert!(matches!(store.look_up(one.key).await, Err(StoreError::Corrupt(_))));
    assert!(matches!(store.renew(&one).await, Err(StoreError::Corrupt(_))));
    assert!(matches!(store.release(&one).await, Err(StoreError::Corrupt(_))));
    assert!(matches!(store.complete(&one, 1, &outcome()).await, Err(StoreError::Corrupt(_))));
}

#[tokio::test]
async fn i46_replays_work_while_writes_are_refused() {
    let server = RedisServer::with(&[]).await;
    let store = patient(&server).await;
    let recorded = claim();
    let _ = store.claim(&recorded).await.unwrap();
    assert_eq!(store.complete(&recorded, 1, &outcome()).await.unwrap(), Hold::Held);
    server.command::<()>(&["CONFIG", "SET", "min-replicas-to-write", "1"]).await;
    let error = store.claim(&claim()).await.unwrap_err();
    assert!(error.to_string().contains("NOREPLICAS"), "{error}");
    assert!(matches!(store.claim(&rival(&recorded)).await.unwrap(), ClaimOutcome::Completed(_)));
}

#[tokio::test]
async fn i5_a_stopped_server_times_out_and_the_claim_is_applied_later() {
    let server = RedisServer::with(&[]).await;
    let store = RedisStore::connect(server.url()).await.unwrap();
    let one = claim();
    server.pause();
    let error = store.claim(&one).await.unwrap_err();
    server.go_on();
    assert!(matches!(error, StoreError::TimedOut(_)), "{error:?}");
    assert_eq!(patient(&server).await.claim(&one).await.unwrap(), ClaimOutcome::Claimed { attempt: 1 });
    let _ = store.release(&one).await;
}

#[tokio::test]
async fn a_server_that_comes_back_is_found_again() {
    let mut server = RedisServer::with(&[]).await;
    let store = RedisStore::connect(server.url()).await.unwrap();
    let _ = store.claim(&claim()).await.unwrap();
    server.kill();
    for _ in 0..3 {
        let error = store.claim(&claim()).await.unwrap_err();
        assert!(error.is_transient());
    }
    server.restart().await;
    works_again(&store).await;
}

#[tokio::test]
async fn i47_an_evicting_server_is_refused() {
    let server = RedisServer::with(&["--maxmemory-policy", "allkeys-lru", "--maxmemory", "100mb"]).await;
    let error = RedisStore::connect(server.url()).await.unwrap_err();
    assert!(matches!(error, RedisConnectError::Evicts { .. }));
    let store = RedisStore::builder(server.url()).allow_eviction(true).prefix("x:").connect().await.unwrap();
    let one = claim();
    let _ = store.claim(&one).await.unwrap();
    assert_eq!(server.command::<i64>(&["EXISTS", &format!("x:{}", one.key)]).await, 1);
}

#[tokio::test]
async fn every_reason_not_to_connect_has_its_line() {
    let server = RedisServer::with(&["--requirepass", "right"]).await;
    let port = server.port();
    for url in [
        format!("redis://:canary@127.0.0.1:{port}"),
        format!("redis://127.0.0.1:{port}"),
        format!("redis://:canary@127.0.0.1:{port}/?protocol=resp3"),
        format!("redis://127.0.0.1:{port}/?protocol=resp3"),
        format!("redis://canary:canary@127.0.0.1:{port}"),
    ] {
        let error = RedisStore::connect(url).await.unwrap_err();
        assert!(matches!(error, RedisConnectError::Authentication { .. }), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("canary"));
    }
    let store = RedisStore::connect(format!("redis://:right@127.0.0.1:{port}")).await.unwrap();
    assert!(!format!("{store:?}").contains("right"));
    drop(server);

    let error = RedisStore::connect("redis://:canary@127.0.0.1:1").await.unwrap_err();
    assert!(matches!(error, RedisConnectError::Unreachable { .. }) && !format!("{error:?}").contains("canary"));

    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://:canary@{}", silent.local_addr().unwrap());
    let error = RedisStore::connect(url).await.unwrap_err();
    assert!(matches!(error, RedisConnectError::TimedOut { .. }) && !format!("{error:?}").contains("canary"));

    let error = RedisStore::connect("redis://no-such-host.invalid").await.unwrap_err();
    assert!(matches!(error, RedisConnectError::Unreachable { .. } | RedisConnectError::TimedOut { .. }));
}

#[tokio::test]
async fn i48_a_replica_is_refused() {
    let primary = RedisServer::with(&[]).await;
    let replica = RedisServer::with(&["--replicaof", "127.0.0.1", &primary.port().to_string()]).await;
    let error = RedisStore::connect(replica.url()).await.unwrap_err();
    assert!(matches!(error, RedisConnectError::Replica { .. }));
}

/// What was sent arrives, and the connection is lost before the answer: one call of the store is enough all the same.
async fn answers_are_lost(server: RedisServer) {
    // In every request of the store, and in nothing that a connection begins with.
    let proxy = Proxy::start(server.port(), b"idem:").await;
    let url = format!("redis://127.0.0.1:{}", proxy.port());
    let store = RedisStore::builder(url).response_timeout(Duration::from_secs(5)).connect().await.unwrap();
    let lost = || {
        assert_eq!(proxy.left(), 0, "the loss before this one happened");
        proxy.next([Fate::LosesItsAnswer]);
    };
    let (one, two) = (claim(), claim());
    for held in [&one, &two] {
        lost();
        assert_eq!(store.claim(held).await.unwrap(), ClaimOutcome::Claimed { attempt: 1 });
    }
    lost();
    assert_eq!(store.renew(&one).await.unwrap(), Hold::Held);
    lost();
    assert_eq!(store.complete(&one, 1, &outcome()).await.unwrap(), Hold::Held);
    lost();
    assert!(matches!(store.claim(&rival(&one)).await.unwrap(), ClaimOutcome::Completed(_)));
    lost();
    assert_eq!(store.release(&two).await.unwrap(), Hold::Held);
    lost();
    assert_eq!(store.look_up(two.key).await.unwrap(), None);
    let abandoned = Claim { lease: Duration::from_millis(1), ..claim() };
    let _ = store.claim(&abandoned).await.unwrap();
    let heir = rival(&abandoned);
    until("the lease's end", async || {
        matches!(store.look_up(heir.key).await.unwrap(), Some(Entry::Abandoned(_))).then_some(())
    })
    .await;
    // It is read first, and that answer arrives.
    proxy.next([Fate::Passes, Fate::LosesItsAnswer]);
    assert_eq!(store.take_over(&heir, abandoned.owner).await.unwrap(), ClaimOutcome::Claimed { attempt: 2 });
    assert_eq!(proxy.left(), 0);
}

#[tokio::test]
async fn i7_i17_an_answer_that_is_lost_is_asked_for_again() {
    answers_are_lost(RedisServer::with(&[]).await).await;
}

#[tokio::test]
async fn i7_i17_an_answer_to_a_native_command_that_is_lost_is_asked_for_again() {
    answers_are_lost(RedisServer::newer("valkey", &[]).await).await;
}

#[tokio::test]
async fn i48_a_server_that_becomes_a_replica_is_left() {
    let (server, other) = (RedisServer::with(&[]).await, RedisServer::with(&[]).await);
    let store = RedisStore::connect(server.url()).await.unwrap();
    let one = claim();
    let _ = store.claim(&one).await.unwrap();
    // The connection stays, and what it reads from now on is another server's.
    server.command::<()>(&["REPLICAOF", "127.0.0.1", &other.port().to_string()]).await;
    let error = until("a refusal", async || store.claim(&claim()).await.err()).await;
    assert!(error.is_transient(), "{error:?}");
    // Nothing is read there either.
    let error = store.look_up(one.key).await.unwrap_err();
    assert!(error.to_string().contains("replica"), "{error}");
    server.command::<()>(&["REPLICAOF", "NO", "ONE"]).await;
    works_again(&store).await;
}

#[tokio::test]
async fn a_server_that_is_still_loading_is_waited_for() {
    // Slow to load, a kilobyte after the other, and ready to say so after each.
    let slow =
        ["--key-load-delay", "5000", "--loading-process-events-interval-bytes", "1024", "--rdbcompression", "no"];
    let server = RedisServer::with(&[&["--enable-debug-command", "yes"], &slow[..]].concat()).await;
    let store = patient(&server).await;
    server.command::<()>(&["DEBUG", "POPULATE", "200", "key", "1024"]).await;
    let one = claim();
    // Its answer takes longer than this client waits.
    let reload = async { drop(server.try_command::<()>(&["DEBUG", "RELOAD"]).await) };
    let claimed = async {
        until("it loads", async || (server.info("loading").await? == "1").then_some(())).await;
        store.claim(&one).await.unwrap()
    };
    let ((), claimed) = tokio::join!(reload, claimed);
    assert_eq!(claimed, ClaimOutcome::Claimed { attempt: 1 });
    assert!(server.info("errorstat_LOADING").await.is_some(), "it was told to wait");
}

#[tokio::test]
async fn a_user_with_few_rights_is_enough() {
    let server = RedisServer::with(&[]).await;
    server
        .command::<()>(&[
            "ACL",
            "SETUSER",
            "shop",
            "on",
            ">secret",
            "~idem:*",
            "+set",
            "+get",
            "+pttl",
            "+getrange",
            "+pexpire",
            "+del",
            "+evalsha",
            "+eval",
        ])
        .await;
    let store = RedisStore::connect(format!("redis://shop:secret@127.0.0.1:{}", server.port())).await.unwrap();
    let one = claim();
    let _ = store.claim(&one).await.unwrap();
    assert_eq!(store.renew(&one).await.unwrap(), Hold::Held);
    assert!(store.look_up(one.key).await.unwrap().is_some());
    assert_eq!(store.complete(&one, 1, &outcome()).await.unwrap(), Hold::Held);
    let two = claim();
    let _ = store.claim(&two).await.unwrap();
    assert_eq!(store.release(&two).await.unwrap(), Hold::Held);
    // And it says what it may not, without saying what it was about.
    server.command::<()>(&["ACL", "SETUSER", "shop", "-set"]).await;
    let error = store.claim(&claim()).await.unwrap_err();
    assert!(error.to_string().contains("NOPERM"));
}

#[tokio::test]
async fn an_operator_can_read_it() {
    let server = RedisServer::with(&[]).await;
    let store = patient(&server).await;
    let one = claim();
    let _ = store.claim(&one).await.unwrap();
    let name = format!("idem:{}", one.key);
    let value: String = server.command(&["GET", &name]).await;
    assert!(
        value.starts_with(&format!("idem1 P {:032x} {} 0000000001 ", one.owner.bits(), one.fingerprint)),
        "{value}"
    );
    assert_eq!(store.complete(&one, 1, &outcome()).await.unwrap(), Hold::Held);
    let value: String = server.command(&["GET", &name]).await;
    assert!(value.starts_with("idem1 C ") && value.ends_with("\n{\"status\":201}\ncanary-body"), "{value}");
}

#[tokio::test]
async fn durations_at_the_edges_are_kept_to() {
    let server = RedisServer::with(&[]).await;
    let store = patient(&server).await;
    let endless = Claim { lease: Duration::MAX, ttl: Duration::MAX, ..claim() };
    let _ = store.claim(&endless).await.unwrap();
    assert_eq!(store.renew(&endless).await.unwrap(), Hold::Held);
    assert!(matches!(store.claim(&rival(&endless)).await.unwrap(), ClaimOutcome::InFlight(_)));
    assert_eq!(store.complete(&endless, 1, &outcome()).await.unwrap(), Hold::Held);
    assert!(matches!(store.claim(&rival(&endless)).await.unwrap(), ClaimOutcome::Completed(_)));
    let none = Claim { lease: Duration::ZERO, ttl: Duration::ZERO, ..claim() };
    assert_eq!(store.claim(&none).await.unwrap(), ClaimOutcome::Claimed { attempt: 1 });
    let _ = store.complete(&none, 1, &outcome()).await.unwrap();
}

#[tokio::test]
async fn a_password_that_was_wrong_for_a_while_is_tried_again() {
    let server = RedisServer::with(&["--requirepass", "right"]).await;
    let url = format!("redis://:right@127.0.0.1:{}", server.port());
    let mut admin = redis::Client::open(url.clone()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let store = RedisStore::connect(url).await.unwrap();
    let _ = store.claim(&claim()).await.unwrap();
    let mut set = async |password: &str| {
        let mut change = redis::cmd("CONFIG");
        change.arg("SET").arg("requirepass").arg(password);
        change.query_async::<()>(&mut admin).await.unwrap();
        let mut kill = redis::cmd("CLIENT");
        kill.arg("KILL").arg("SKIPME").arg("yes");
        kill.query_async::<redis::Value>(&mut admin).await.unwrap();
    };
    set("other").await;
    let refused = async || store.claim(&claim()).await.err().filter(|error| error.to_string().contains("password"));
    until("a refusal", refused).await;
    set("right").await;
    works_again(&store).await;
}

#[tokio::test]
async fn b40_an_error_quotes_nothing_of_the_command() {
    // A server quotes a command that it does not know, with its arguments.
    let server = RedisServer::with(&["--rename-command", "EVALSHA", "", "--rename-command", "GET", ""]).await;
    let store = patient(&server).await;
    let one = claim();
    let _ = store.claim(&one).await.unwrap();
    let errors = [
        store.look_up(one.key).await.map(drop).unwrap_err(),
        store.complete(&one, 1, &outcome()).await.map(drop).unwrap_err(),
        store.renew(&one).await.map(drop).unwrap_err(),
    ];
    for error in errors {
        let shown = format!("{error} {error:?}");
        let owner = format!("{:032x}", one.owner.bits());
        for canary in ["canary", &one.key.to_string(), &owner, &one.fingerprint.to_string()] {
            assert!(!shown.contains(canary), "{shown}");
        }
    }
}
