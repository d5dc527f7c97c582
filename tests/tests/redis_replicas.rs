//! Claims and records that replicas have to confirm.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use idem_runtime::Idempotency;
use idem_runtime::store::{Claim, ClaimOutcome, Entry, Hold, RedisStore, RedisStoreBuilder, Store as _, StoreError};
use idem_tests::app::{AppState, router};
use idem_tests::claims::{claim, outcome, rival};
use idem_tests::gate::Gate;
use idem_tests::redis_server::RedisServer;
use idem_tests::server::{Seen, Server};
use idem_tests::{soon, until};
use serde_json::json;

/// A primary and its replica.
struct Pair {
    primary: RedisServer,
    replica: RedisServer,
}

impl Pair {
    async fn start() -> Self {
        let primary = RedisServer::with(&["--repl-diskless-sync-delay", "0"]).await;
        let replica = RedisServer::with(&["--replicaof", "127.0.0.1", &primary.port().to_string()]).await;
        until("the replica has everything", async || (replica.info("master_link_status").await? == "up").then_some(()))
            .await;
        Self { primary, replica }
    }

    fn builder(&self, timeout: Duration) -> RedisStoreBuilder {
        // Long, so that only the replicas' time runs out here.
        let builder = RedisStore::builder(self.primary.url()).response_timeout(Duration::from_secs(20));
        builder.wait_replicas(1, timeout)
    }

    async fn patient(&self) -> RedisStore {
        self.builder(Duration::from_secs(30)).connect().await.unwrap()
    }

    async fn hasty(&self) -> RedisStore {
        self.builder(Duration::from_millis(50)).connect().await.unwrap()
    }

    /// What the replica has.
    async fn copy(&self, claim: &Claim) -> Option<String> {
        self.replica.command(&["GET", &format!("idem:{}", claim.key)]).await
    }
}

fn is_unconfirmed(error: &StoreError) {
    assert!(matches!(error, StoreError::Unavailable { .. }) && error.is_transient(), "{error:?}");
    assert!(error.to_string().contains("replicas"), "{error}");
}

#[tokio::test]
async fn i49_what_is_held_and_recorded_is_on_the_replica() {
    let pair = Pair::start().await;
    let store = pair.patient().await;
    for _ in 0..20 {
        let one = claim();
        assert_eq!(store.claim(&one).await.unwrap(), ClaimOutcome::Claimed { attempt: 1 });
        assert!(pair.copy(&one).await.unwrap().starts_with("idem1 P"), "it was there before the claim was answered");
        assert_eq!(store.renew(&one).await.unwrap(), Hold::Held);
        assert_eq!(store.complete(&one, 1, &outcome()).await.unwrap(), Hold::Held);
        assert!(pair.copy(&one).await.unwrap().starts_with("idem1 C"));
        assert!(matches!(store.claim(&rival(&one)).await.unwrap(), ClaimOutcome::Completed(_)));
    }
    let abandoned = Claim { lease: Duration::from_millis(1), ..claim() };
    let _ = store.claim(&abandoned).await.unwrap();
    let heir = rival(&abandoned);
    let taken = until("a take-over", async || match store.take_over(&heir, abandoned.owner).await.unwrap() {
        ClaimOutcome::InFlight(_) | ClaimOutcome::Abandoned(_) => None,
        taken => Some(taken),
    })
    .await;
    assert_eq!(taken, ClaimOutcome::Claimed { attempt: 2 });
    assert!(pair.copy(&heir).await.unwrap().contains(&format!("{:032x}", heir.owner.bits())));
}

#[tokio::test]
async fn i49_nothing_is_confirmed_while_replication_is_cut() {
    let pair = Pair::start().await;
    let (hasty, patient) = (pair.hasty().await, pair.patient().await);
    let (held, recorded, old) = (claim(), claim(), Claim { lease: Duration::from_millis(1), ..claim() });
    for one in [&held, &recorded, &old] {
        assert_eq!(patient.claim(one).await.unwrap(), ClaimOutcome::Claimed { attempt: 1 });
    }
    assert_eq!(patient.complete(&old, 1, &outcome()).await.unwrap(), Hold::Held);
    until("it is older than its lease", async || {
        let left: u64 = pair.primary.command(&["PTTL", &format!("idem:{}", old.key)]).await;
        (left < 3_599_999).then_some(())
    })
    .await;

    pair.replica.pause();
    let fresh = claim();
    is_unconfirmed(&hasty.claim(&fresh).await.unwrap_err());
    // Sent again, it is recognised as one's own, and no more confirmed than before: also by whoever wrote nothing itself.
    is_unconfirmed(&hasty.claim(&fresh).await.unwrap_err());
    is_unconfirmed(&pair.hasty().await.claim(&fresh).await.unwrap_err());
    is_unconfirmed(&hasty.renew(&held).await.unwrap_err());
    is_unconfirmed(&hasty.complete(&recorded, 1, &outcome()).await.unwrap_err());
    is_unconfirmed(&hasty.complete(&recorded, 1, &outcome()).await.unwrap_err());
    // Nobody is given an answer that a failover could take back.
    is_unconfirmed(&hasty.claim(&rival(&recorded)).await.unwrap_err());
    is_unconfirmed(&hasty.look_up(recorded.key).await.unwrap_err());
    // What is older than its lease is not asked about again; and who is refused needs no replica.
    assert!(matches!(hasty.claim(&rival(&old)).await.unwrap(), ClaimOutcome::Completed(_)));
    assert!(matches!(hasty.claim(&rival(&held)).await.unwrap(), ClaimOutcome::InFlight(_)));
    assert_eq!(hasty.release(&fresh).await.unwrap(), Hold::Held);
    pair.replica.go_on();

    assert_eq!(patient.claim(&fresh).await.unwrap(), ClaimOutcome::Claimed { attempt: 1 });
    assert_eq!(patient.renew(&held).await.unwrap(), Hold::Held);
    assert_eq!(patient.complete(&recorded, 1, &outcome()).await.unwrap(), Hold::Held);
    assert!(pair.copy(&recorded).await.unwrap().starts_with("idem1 C"));
    assert!(matches!(patient.look_up(recorded.key).await.unwrap(), Some(Entry::Completed(_))));
    let left: u64 = pair.primary.command(&["PTTL", &format!("idem:{}", recorded.key)]).await;
    assert!(left <= 3_600_000, "a confirmation prolongs nothing");
}

#[tokio::test]
async fn more_replicas_than_there_are_confirm_nothing() {
    let pair = Pair::start().await;
    let store = pair.builder(Duration::ZERO).wait_replicas(2, Duration::from_millis(50)).connect().await.unwrap();
    is_unconfirmed(&store.claim(&claim()).await.unwrap_err());
    // And nothing is asked for again by asking for none.
    let store = pair.builder(Duration::ZERO).wait_replicas(0, Duration::ZERO).connect().await.unwrap();
    assert_eq!(store.claim(&claim()).await.unwrap(), ClaimOutcome::Claimed { attempt: 1 });
}

#[tokio::test]
async fn i49_who_waits_holds_up_nobody_else() {
    let pair = Pair::start().await;
    let store = pair.patient().await;
    pair.replica.pause();
    let waiting: Vec<_> = (0..40)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.claim(&claim()).await.unwrap() })
        })
        .collect();
    // All the connections that there are for it.
    until("claims that wait", async || {
        let clients: String = pair.primary.command(&["CLIENT", "LIST"]).await;
        (clients.matches("cmd=wait").count() == 32).then_some(())
    })
    .await;
    assert_eq!(soon("an answer", store.look_up(claim().key)).await.unwrap(), None);
    assert!(!waiting.iter().any(tokio::task::JoinHandle::is_finished));
    pair.replica.go_on();
    for one in waiting {
        assert_eq!(soon("a claim", one).await.unwrap(), ClaimOutcome::Claimed { attempt: 1 });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i4_i49_a_handler_whose_claim_is_not_confirmed_does_not_run() {
    let pair = Pair::start().await;
    let (gate, store) = (Gate::open(), pair.hasty().await);
    let idempotency = Idempotency::new(store);
    let server = Server::start(router(AppState { idempotency: idempotency.clone(), gate: gate.clone() })).await;
    let pay = async || Seen::of(server.post("/pay", "k", &json!(1))).await;
    pair.replica.pause();
    let refused = pay().await;
    assert_eq!((refused.status, refused.refusal().as_str()), (503, "store_unavailable"));
    assert_eq!(gate.executions(), 0);
    // It is given back, or the next one would be told that it is in progress.
    until("the claim's release", async || pair.primary.keys().await.is_empty().then_some(())).await;
    pair.replica.go_on();
    let paid = until("a confirmation", async || Some(pay().await).filter(|seen| seen.status == 201)).await;
    assert_eq!((paid.replayed, gate.executions()), (false, 1));
    assert!(pay().await.replayed);
}

#[tokio::test]
async fn a_user_with_few_rights_is_enough() {
    let pair = Pair::start().await;
    let rules =
        ["on", ">secret", "~idem:*", "+set", "+get", "+pttl", "+getrange", "+pexpire", "+del", "+evalsha", "+eval"];
    let wait = ["+wait", "+pexpiretime", "+pexpireat"];
    pair.primary.command::<()>(&[&["ACL", "SETUSER", "shop"], &rules[..], &wait[..]].concat()).await;
    let url = format!("redis://shop:secret@127.0.0.1:{}", pair.primary.port());
    let store = RedisStore::builder(url)
        .response_timeout(Duration::from_secs(5))
        .wait_replicas(1, Duration::from_secs(5))
        .connect()
        .await
        .unwrap();
    let one = claim();
    for _ in 0..2 {
        assert_eq!(store.claim(&one).await.unwrap(), ClaimOutcome::Claimed { attempt: 1 });
    }
    for _ in 0..2 {
        assert_eq!(store.complete(&one, 1, &outcome()).await.unwrap(), Hold::Held);
    }
    assert!(matches!(store.look_up(one.key).await.unwrap(), Some(Entry::Completed(_))));
    // Without the right to wait, nothing is confirmed.
    pair.primary.command::<()>(&["ACL", "SETUSER", "shop", "-wait"]).await;
    let error = store.claim(&claim()).await.unwrap_err();
    assert!(error.to_string().contains("NOPERM"), "{error}");
}
