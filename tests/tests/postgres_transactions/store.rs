//! The store's own rules, without a handler.

use bytes::Bytes;
use idem_runtime::store::{
    Begun, Claim, ClaimOutcome, Committed, Hold, Outcome, OwnerToken, Recording, Store as _, TransactionalStore as _,
    Writes,
};
use idem_runtime::{Fingerprint, RecordKey};

use super::*;

pub(super) fn claim() -> Claim {
    Claim {
        key: RecordKey::from_bytes(rand::random()),
        owner: OwnerToken::random(),
        fingerprint: Fingerprint::from_bytes([7; 32]),
        lease: Duration::from_secs(60),
        ttl: Duration::from_secs(3_600),
        outlives_a_crash: false,
    }
}

fn rival(claim: &Claim) -> Claim {
    Claim { owner: OwnerToken::random(), ..*claim }
}

async fn stores(database: &PostgresServer) -> [PostgresStore; 2] {
    let builder = PostgresStore::builder(database.url()).response_timeout(Duration::from_secs(20));
    builder.migrate().await.unwrap();
    [builder.clone().connect().await.unwrap(), builder.connect().await.unwrap()]
}

pub(super) fn outcome() -> Outcome {
    Outcome { head: Bytes::from_static(b"head"), body: Bytes::from_static(b"body") }
}

pub(super) fn recording<'a>(claim: &'a Claim, attempt: u32, outcome: &'a Outcome) -> Option<Recording<'a>> {
    Some(Recording { claim, attempt, outcome })
}

#[tokio::test]
async fn i44_whether_it_was_committed_is_not_said_before_it_has_ended() {
    let database = PostgresServer::with(&["fsync=off"]).await;
    let [store, other] = stores(&database).await;
    let (kept, undone) = (claim(), claim());
    let outcome = outcome();
    for (claim, commits) in [(&kept, true), (&undone, false)] {
        let Begun::Open { transaction, attempt: 1, .. } = store.begin(claim, None).await.unwrap() else { panic!() };
        assert!(other.was_committed(claim).await.is_err());
        match commits {
            true => {
                let recording = recording(claim, 1, &outcome);
                assert_eq!(store.commit(transaction, Writes::Keep, recording).await.unwrap(), Committed::Yes);
            }
            false => store.roll_back(transaction).await,
        }
        assert_eq!(other.was_committed(claim).await.unwrap(), commits);
        assert!(!other.was_committed(&rival(claim)).await.unwrap());
    }
}

#[tokio::test]
async fn an_abandoned_claim_is_taken_over_into_the_transaction() {
    let database = PostgresServer::with(&["fsync=off"]).await;
    let [store, _] = stores(&database).await;
    let dead = Claim { lease: Duration::from_millis(1), ..claim() };
    assert_eq!(store.claim(&dead).await.unwrap(), ClaimOutcome::Claimed { attempt: 1 });
    let next = rival(&dead);
    let holder = idem_tests::until("the lease's end", async || match store.begin(&next, None).await.unwrap() {
        Begun::Abandoned(holder) => Some(holder),
        _ => None,
    })
    .await;
    assert_eq!((holder.owner, holder.attempt), (dead.owner, 1));
    // By its very owner only.
    assert!(matches!(store.begin(&next, Some(OwnerToken::random())).await.unwrap(), Begun::Abandoned(_)));
    let Begun::Open { transaction, attempt, .. } = store.begin(&next, Some(dead.owner)).await.unwrap() else {
        panic!()
    };
    assert_eq!(attempt, 2);
    let outcome = outcome();
    let committed = store.commit(transaction, Writes::Keep, recording(&next, attempt, &outcome)).await.unwrap();
    assert_eq!(committed, Committed::Yes);
    // I14: the dead owner comes back.
    assert_eq!(store.complete(&dead, 1, &outcome).await.unwrap(), Hold::Lost);
    let Begun::Completed(record) = store.begin(&rival(&dead), None).await.unwrap() else { panic!() };
    assert_eq!((record.attempt, record.outcome), (2, outcome));
}

#[tokio::test]
async fn a_claim_with_a_lease_stands_in_the_way_unless_it_is_ones_own() {
    let database = PostgresServer::with(&["fsync=off"]).await;
    let [store, other] = stores(&database).await;
    let (mine, outcome) = (claim(), outcome());
    assert_eq!(store.claim(&mine).await.unwrap(), ClaimOutcome::Claimed { attempt: 1 });
    let theirs = Claim { fingerprint: Fingerprint::from_bytes([8; 32]), ..rival(&mine) };
    assert!(matches!(other.begin(&rival(&mine), None).await.unwrap(), Begun::InFlight { same_request: true }));
    assert!(matches!(other.begin(&theirs, None).await.unwrap(), Begun::InFlight { same_request: false }));
    let Begun::Open { transaction, attempt: 1, .. } = store.begin(&mine, None).await.unwrap() else { panic!() };
    assert_eq!(store.renew(&mine).await.unwrap(), Hold::Held);
    assert_eq!(store.commit(transaction, Writes::Keep, recording(&mine, 1, &outcome)).await.unwrap(), Committed::Yes);
    assert!(matches!(other.claim(&rival(&mine)).await.unwrap(), ClaimOutcome::Completed(_)));
}

#[tokio::test]
async fn i13_of_a_transaction_and_a_claim_with_a_lease_one_is_recorded() {
    let database = PostgresServer::with(&["fsync=off"]).await;
    let [store, other] = stores(&database).await;
    let (mine, outcome) = (claim(), outcome());
    let theirs = rival(&mine);
    let Begun::Open { transaction, .. } = store.begin(&mine, None).await.unwrap() else { panic!() };
    // As in a service that goes over from the one way to the other.
    assert_eq!(other.claim(&theirs).await.unwrap(), ClaimOutcome::Claimed { attempt: 1 });
    assert_eq!(store.commit(transaction, Writes::Keep, recording(&mine, 1, &outcome)).await.unwrap(), Committed::No);
    assert_eq!(other.complete(&theirs, 1, &outcome).await.unwrap(), Hold::Held);
}

#[tokio::test]
async fn a_transaction_that_is_dropped_frees_its_key() {
    let database = PostgresServer::with(&["fsync=off"]).await;
    let [store, other] = stores(&database).await;
    let mine = claim();
    drop(store.begin(&mine, None).await.unwrap());
    idem_tests::until("the key to be free", async || {
        matches!(other.begin(&rival(&mine), None).await.unwrap(), Begun::Open { .. }).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_was_set_for_a_handler_does_not_outlive_its_transaction() {
    let database = PostgresServer::with(&["fsync=off"]).await;
    let builder = PostgresStore::builder(database.url()).response_timeout(Duration::from_secs(20)).max_transactions(1);
    builder.migrate().await.unwrap();
    let store = builder.connect().await.unwrap();
    let settings =
        "SELECT current_setting('idle_in_transaction_session_timeout'), current_setting('statement_timeout')";
    let brief = Claim { lease: Duration::from_millis(7_000), ..claim() };
    let Begun::Open { mut transaction, .. } = store.begin(&brief, None).await.unwrap() else { panic!() };
    let within = sqlx::query(settings).fetch_one(&mut *transaction).await.unwrap();
    assert_eq!((within.get::<String, _>(0), within.get::<String, _>(1)), ("7s".to_owned(), "7s".to_owned()));
    let outcome = outcome();
    let committed = store.commit(transaction, Writes::Keep, recording(&brief, 1, &outcome)).await.unwrap();
    assert_eq!(committed, Committed::Yes);
    let mut next = store.begin_unguarded(Duration::from_secs(30)).await.unwrap();
    let after = sqlx::query(settings).fetch_one(&mut *next).await.unwrap();
    assert_eq!((after.get::<String, _>(0), after.get::<String, _>(1)), ("30s".to_owned(), "30s".to_owned()));
}

#[tokio::test]
async fn tables_of_the_version_before_are_brought_up_to_date() {
    let database = PostgresServer::with(&["fsync=off"]).await;
    let [store, _] = stores(&database).await;
    let (mine, outcome) = (claim(), outcome());
    assert_eq!(store.claim(&mine).await.unwrap(), ClaimOutcome::Claimed { attempt: 1 });
    assert_eq!(store.complete(&mine, 1, &outcome).await.unwrap(), Hold::Held);
    database
        .run(
            "DROP FUNCTION idem.records_begin_v2; DROP FUNCTION idem.records_record_v2; DROP FUNCTION \
             idem.records_ended_v2; UPDATE idem.records_version SET version = 1",
        )
        .await;
    let builder = PostgresStore::builder(database.url()).response_timeout(Duration::from_secs(20));
    assert!(builder.clone().connect().await.unwrap_err().to_string().contains("migrate"));
    builder.migrate().await.unwrap();
    let store = builder.connect().await.unwrap();
    assert!(matches!(store.begin(&mine, None).await.unwrap(), Begun::Completed(_)));
    assert!(matches!(store.begin(&claim(), None).await.unwrap(), Begun::Open { .. }));
}
