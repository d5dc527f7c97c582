//! In memory, on paused time.

use super::*;
use crate::engine::settled::Settled;
use crate::store::Age;
use crate::{Job, JobError, MemoryStore, OnFailure};

const SHIP: Job = Job::new("ship", Duration::from_secs(3600)).on_failure(OnFailure::Keep);

fn bench() -> (Idempotency, Admin, RecordKey) {
    let idempotency = Idempotency::builder(MemoryStore::new()).secret("s").build();
    let admin = idempotency.admin();
    let key = admin.key(&Operation::Job("ship".to_owned()), Some("acme"), "k");
    (idempotency, admin, key)
}

async fn ship(idempotency: &Idempotency, result: Result<u32, ()>) -> Result<u32, JobError<()>> {
    idempotency.run(SHIP.key("k").scope("acme"), async move { result }).await.map(crate::Done::into_inner)
}

fn refused<T: std::fmt::Debug>(result: Result<T, JobError<()>>) -> &'static str {
    match result {
        Err(JobError::Refused(refusal)) => refusal.code(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_unknown_is_released_and_runs_again() {
    let (idempotency, admin, key) = bench();
    assert_eq!(admin.look_up(key).await.unwrap(), None);
    assert!(matches!(admin.release(key).await, Err(AdminError::NotFound)));
    assert!(ship(&idempotency, Err(())).await.is_err());
    let known = admin.look_up(key).await.unwrap().unwrap();
    assert_eq!((known.state, known.attempt, &known.answer), (KeyState::OutcomeUnknown, 1, &None));
    assert_eq!(known.expires_in, Some(Duration::from_secs(3600)));
    assert_eq!(refused(ship(&idempotency, Ok(1)).await), "outcome_unknown");

    assert_eq!(admin.release(key).await.unwrap(), KeyState::OutcomeUnknown);
    assert_eq!(ship(&idempotency, Ok(2)).await.unwrap(), 2);
    let known = admin.look_up(key).await.unwrap().unwrap();
    assert_eq!((known.state, known.answer), (KeyState::Recorded, Some(Answer::value("2"))));
    for result in [admin.release(key).await, admin.settle(key, &Answer::value("3"), LEASE).await] {
        assert!(matches!(result, Err(AdminError::Refused(KeyState::Recorded))), "{result:?}");
    }
    assert_eq!(ship(&idempotency, Ok(4)).await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_unknown_is_settled_and_never_runs() {
    let (idempotency, admin, key) = bench();
    assert!(ship(&idempotency, Err(())).await.is_err());
    let settled = admin.settle(key, &Answer::value("no JSON"), Duration::from_secs(60)).await;
    assert!(matches!(settled, Err(AdminError::Unfit(UnfitAnswer::NoJson(_)))));
    assert_eq!(refused(ship(&idempotency, Ok(1)).await), "outcome_unknown");
    admin.settle(key, &Answer::value("7"), Duration::from_secs(60)).await.unwrap();
    assert_eq!(ship(&idempotency, Ok(1)).await.unwrap(), 7);
    let known = admin.look_up(key).await.unwrap().unwrap();
    let hour = Duration::from_secs(3600);
    assert_eq!((known.attempt, known.expires_in), (2, Some(hour)), "no shorter than it was refused");
    tokio::time::advance(hour).await;
    assert_eq!(admin.look_up(key).await.unwrap(), None);

    assert!(ship(&idempotency, Err(())).await.is_err());
    admin.settle(key, &Answer::value("7"), 2 * hour).await.unwrap();
    assert_eq!(admin.look_up(key).await.unwrap().unwrap().expires_in, Some(2 * hour));
}

#[tokio::test(start_paused = true)]
async fn a_change_that_fails_half_way_lets_nothing_run() {
    let (idempotency, admin, key) = bench();
    assert!(ship(&idempotency, Err(())).await.is_err());
    // As a store leaves it that does the first step, and not the second.
    admin.take(key).await.unwrap();
    assert_eq!(admin.look_up(key).await.unwrap().unwrap().state, KeyState::InFlight);
    tokio::time::advance(Duration::from_secs(365 * 24 * 3600)).await;
    assert_eq!(admin.look_up(key).await.unwrap().unwrap().state, KeyState::Abandoned);
    assert_eq!(refused(ship(&idempotency, Ok(1)).await), "outcome_unknown");
    admin.take(key).await.unwrap();
    tokio::time::advance(LEASE).await;
    assert_eq!(admin.release(key).await.unwrap(), KeyState::Abandoned);
    assert_eq!(ship(&idempotency, Ok(1)).await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_live_claim_is_refused_and_an_abandoned_one_is_not() {
    let (_, admin, key) = bench();
    let claim = Claim {
        key,
        owner: OwnerToken::random(),
        fingerprint: Fingerprint::from_bytes([1; 32]),
        lease: Duration::from_secs(30),
        ttl: Duration::from_secs(60),
        outlives_a_crash: true,
    };
    let store = admin.store();
    store.claim(&claim).await.unwrap();
    for _ in 0..3 {
        tokio::time::advance(Duration::from_secs(20)).await;
        assert_eq!(store.renew(&claim).await.unwrap(), Hold::Held);
        for result in [admin.release(key).await, admin.settle(key, &Answer::value("3"), LEASE).await] {
            assert!(matches!(result, Err(AdminError::Refused(KeyState::InFlight))), "{result:?}");
        }
    }
    tokio::time::advance(Duration::from_secs(20)).await;
    let (lease_left, last_sign) = (Duration::from_secs(10), None);
    assert_eq!(admin.look_up(key).await.unwrap().unwrap().age, Some(Age::InFlight { lease_left, last_sign }));
    tokio::time::advance(Duration::from_secs(51)).await;
    let known = admin.look_up(key).await.unwrap().unwrap();
    let lease_ended = Duration::from_secs(41);
    assert_eq!((known.state, known.age), (KeyState::Abandoned, Some(Age::Abandoned { lease_ended, last_sign })));
    let answer = Answer::response(http::StatusCode::CREATED, Some("text/plain"), "paid");
    assert_eq!(admin.settle(key, &answer, Duration::from_secs(60)).await.unwrap(), KeyState::Abandoned);
    let known = admin.look_up(key).await.unwrap().unwrap();
    assert_eq!((known.answer, known.expires_in), (Some(answer), Some(Duration::from_secs(60))));
    assert_eq!(store.complete(&claim, 1, &Settled::unknown()).await.unwrap(), Hold::Lost, "its owner is too late");
}

#[tokio::test(start_paused = true)]
async fn of_many_who_release_one_does() {
    let (idempotency, admin, key) = bench();
    assert!(ship(&idempotency, Err(())).await.is_err());
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let admin = admin.clone();
        tasks.spawn(async move { admin.release(key).await });
    }
    let results = tasks.join_all().await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
}

#[test]
fn a_key_is_found_under_every_kind_of_operation() {
    let (idempotency, admin, _) = bench();
    let digester = idempotency.digester();
    for (operation, parts) in [
        (Operation::of_handler("POST /v1/pay/{id}"), &["POST", "/v1/pay/{id}"][..]),
        (Operation::of_handler("post an order"), &["post an order"]),
        (Operation::of_handler("Post /x"), &["Post /x"]),
        (Operation::of_layer("POST /v1/pay/{id}"), &["layer", "POST", "/v1/pay/{id}"]),
        (Operation::of_layer("payments"), &["layer", "", "payments"]),
        (Operation::Job("ship".to_owned()), &["", "job", "ship"]),
    ] {
        assert_eq!(admin.key(&operation, Some("t"), "k"), digester.record_key(parts, Some("t"), "k"));
    }
}
