//! The commands of newer servers that compare and set, in the place of scripts: on Valkey, and on Redis.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use idem_runtime::RecordKey;
use idem_runtime::store::{Claim, ClaimOutcome, Entry, Hold, Outcome, RedisStore, Store as _, StoreError};
use idem_tests::claims::{claim, rival, saying};
use idem_tests::redis_server::RedisServer;
use idem_tests::until;

async fn store(server: &RedisServer) -> RedisStore {
    RedisStore::builder(server.url()).response_timeout(Duration::from_secs(5)).connect().await.unwrap()
}

async fn held(store: &RedisStore) -> Claim {
    let one = claim();
    assert_eq!(store.claim(&one).await.unwrap(), ClaimOutcome::Claimed { attempt: 1 });
    one
}

/// How often the server was asked to run a script since it was last asked this.
async fn scripts(server: &RedisServer) -> u64 {
    let mut sum = 0;
    let stats: String = server.command(&["INFO", "commandstats"]).await;
    for name in ["cmdstat_evalsha:calls=", "cmdstat_eval:calls="] {
        let calls = stats.lines().find_map(|line| line.strip_prefix(name)?.split(',').next()?.parse::<u64>().ok());
        sum += calls.unwrap_or(0);
    }
    server.command::<()>(&["CONFIG", "RESETSTAT"]).await;
    sum
}

async fn recorded(store: &RedisStore, key: RecordKey) -> Outcome {
    match store.look_up(key).await.unwrap() {
        Some(Entry::Completed(record)) => record.outcome,
        other => panic!("{other:?}"),
    }
}

macro_rules! on_each_server {
    ($($test:ident),* $(,)?) => {
        mod valkey {
            $(#[tokio::test]
            async fn $test() {
                super::$test("valkey").await;
            })*
        }
        mod redis_itself {
            $(#[tokio::test]
            async fn $test() {
                super::$test("redis").await;
            })*
        }
    };
}

on_each_server!(
    the_usual_way_needs_no_script,
    what_a_command_does_not_do_the_script_decides,
    an_heir_completes_and_releases_as_the_first_owner_would,
    i21_a_full_server_still_records,
    a_server_without_the_commands_is_found_out,
);

async fn the_usual_way_needs_no_script(name: &str) {
    let server = RedisServer::newer(name, &[]).await;
    let store = store(&server).await;
    let (done, given_back) = (held(&store).await, held(&store).await);
    assert_eq!(store.complete(&done, 1, &saying("paid")).await.unwrap(), Hold::Held);
    assert_eq!(store.release(&given_back).await.unwrap(), Hold::Held);
    assert_eq!(scripts(&server).await, 0);
    assert_eq!(recorded(&store, done.key).await, saying("paid"));
    let left: u64 = server.command(&["PTTL", &format!("idem:{}", done.key)]).await;
    assert!((3_590_000..=3_600_000).contains(&left), "a record lives for its TTL: {left}");
    assert_eq!(store.look_up(given_back.key).await.unwrap(), None);
    // A renewal changes when the claim ends, and nothing of what it says.
    let renewed = held(&store).await;
    assert_eq!(store.renew(&renewed).await.unwrap(), Hold::Held);
    scripts(&server).await;
    assert_eq!(store.complete(&renewed, 1, &saying("paid")).await.unwrap(), Hold::Held);
    assert_eq!(scripts(&server).await, 0);
}

async fn what_a_command_does_not_do_the_script_decides(name: &str) {
    let server = RedisServer::newer(name, &[]).await;
    let store = store(&server).await;
    let one = held(&store).await;
    assert_eq!(store.complete(&one, 1, &saying("first")).await.unwrap(), Hold::Held);
    assert_eq!(store.complete(&one, 1, &saying("second")).await.unwrap(), Hold::Held, "sent again");
    assert_eq!(recorded(&store, one.key).await, saying("first"));
    assert_eq!(store.release(&one).await.unwrap(), Hold::Lost);

    let another = held(&store).await;
    assert_eq!(store.complete(&rival(&another), 1, &saying("x")).await.unwrap(), Hold::Lost);
    assert_eq!(store.release(&rival(&another)).await.unwrap(), Hold::Lost);
    assert_eq!(store.complete(&claim(), 1, &saying("x")).await.unwrap(), Hold::Lost, "nothing is there");
    assert_eq!(store.release(&claim()).await.unwrap(), Hold::Lost);

    let damaged = held(&store).await;
    server.command::<()>(&["SET", &format!("idem:{}", damaged.key), "something else"]).await;
    assert!(matches!(store.complete(&damaged, 1, &saying("x")).await, Err(StoreError::Corrupt(_))));
    assert!(matches!(store.release(&damaged).await, Err(StoreError::Corrupt(_))));
    server.command::<()>(&["DEL", &format!("idem:{}", damaged.key)]).await;
    server.command::<()>(&["LPUSH", &format!("idem:{}", damaged.key), "x"]).await;
    assert!(matches!(store.complete(&damaged, 1, &saying("x")).await, Err(StoreError::Corrupt(_))));
    assert!(matches!(store.release(&damaged).await, Err(StoreError::Corrupt(_))));
}

async fn an_heir_completes_and_releases_as_the_first_owner_would(name: &str) {
    let server = RedisServer::newer(name, &[]).await;
    let store = store(&server).await;
    for releases in [false, true] {
        let first = Claim { lease: Duration::from_millis(1), ..claim() };
        assert_eq!(store.claim(&first).await.unwrap(), ClaimOutcome::Claimed { attempt: 1 });
        let heir = Claim { lease: Duration::from_secs(60), ..rival(&first) };
        let taken = until("a take-over", async || match store.take_over(&heir, first.owner).await.unwrap() {
            ClaimOutcome::InFlight(_) | ClaimOutcome::Abandoned(_) => None,
            taken => Some(taken),
        })
        .await;
        assert_eq!(taken, ClaimOutcome::Claimed { attempt: 2 });
        assert_eq!(store.complete(&first, 1, &saying("late")).await.unwrap(), Hold::Lost);
        scripts(&server).await;
        if releases {
            assert_eq!(store.release(&heir).await.unwrap(), Hold::Held);
            assert_eq!(store.look_up(heir.key).await.unwrap(), None);
        } else {
            assert_eq!(store.complete(&heir, 2, &saying("paid")).await.unwrap(), Hold::Held);
            assert_eq!(scripts(&server).await, 0);
            assert_eq!(recorded(&store, heir.key).await, saying("paid"));
        }
    }
}

// `SET` is refused when memory is short; the script is not.
async fn i21_a_full_server_still_records(name: &str) {
    let server = RedisServer::newer(name, &[]).await;
    let store = store(&server).await;
    let (one, two) = (held(&store).await, held(&store).await);
    server.command::<()>(&["CONFIG", "SET", "maxmemory", "1"]).await;
    assert_eq!(store.complete(&one, 1, &saying("paid")).await.unwrap(), Hold::Held);
    assert_eq!(recorded(&store, one.key).await, saying("paid"));
    assert_eq!(store.release(&two).await.unwrap(), Hold::Held);
    // And is asked first again, once there is room.
    server.command::<()>(&["CONFIG", "SET", "maxmemory", "0"]).await;
    let three = held(&store).await;
    scripts(&server).await;
    assert_eq!(store.complete(&three, 1, &saying("paid")).await.unwrap(), Hold::Held);
    assert_eq!(scripts(&server).await, 0);
}

async fn a_server_without_the_commands_is_found_out(name: &str) {
    // Neither server knows the other's command.
    let (delete, no_delete) = if name == "valkey" { ("+delifeq", "-delifeq") } else { ("+delex", "-delex") };
    // After a failover, say, to a server that is older; here, the commands are taken away from the user.
    let server = RedisServer::newer(name, &[]).await;
    let rules =
        ["on", ">secret", "~idem:*", "+set", "+get", "+pttl", "+getrange", "+pexpire", "+del", "+evalsha", "+eval"];
    server.command::<()>(&[&["ACL", "SETUSER", "shop", delete], &rules[..]].concat()).await;
    let store = RedisStore::connect(format!("redis://shop:secret@127.0.0.1:{}", server.port())).await.unwrap();
    let one = held(&store).await;
    assert_eq!(store.release(&one).await.unwrap(), Hold::Held);
    assert_eq!(scripts(&server).await, 0);
    server.command::<()>(&["ACL", "SETUSER", "shop", no_delete]).await;
    let two = held(&store).await;
    assert_eq!(store.release(&two).await.unwrap(), Hold::Held);
    assert!(scripts(&server).await > 0);
    assert_eq!(store.look_up(two.key).await.unwrap(), None);
}

#[tokio::test]
async fn an_old_server_is_not_asked_for_new_commands() {
    let server = RedisServer::with(&[]).await;
    let store = store(&server).await;
    // One connection: a new one tells its name, in a command that this server does not know.
    let mut connection = server.connection().await;
    redis::cmd("CONFIG").arg("RESETSTAT").exec_async(&mut connection).await.unwrap();
    let (one, two) = (held(&store).await, held(&store).await);
    assert_eq!(store.complete(&one, 1, &saying("paid")).await.unwrap(), Hold::Held);
    assert_eq!(store.release(&two).await.unwrap(), Hold::Held);
    // The scripts were not known yet; nothing else was refused.
    let refused: String = redis::cmd("INFO").arg("errorstats").query_async(&mut connection).await.unwrap();
    assert!(!refused.contains("errorstat_ERR"), "{refused}");
}
