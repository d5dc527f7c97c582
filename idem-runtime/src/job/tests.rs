//! Calls of jobs in memory, on paused time.

mod bench;
mod faults;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use self::bench::{Bench, WAYS, Way};
use super::*;
use crate::{Idempotency, MemoryStore};

const SHIP: Job = Job::new("ship", Duration::from_secs(3600));
const KEEP: Job = SHIP.on_failure(OnFailure::Keep);
const WAIT: Job = SHIP.in_flight(InFlight::Wait(Duration::from_secs(60)));

fn refusal<T: std::fmt::Debug, E: std::fmt::Debug>(result: Result<T, JobError<E>>) -> JobRefusal {
    match result {
        Err(JobError::Refused(refusal)) => refusal,
        other => panic!("no refusal: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_value_is_executed_once_and_then_replayed() {
    for way in WAYS {
        let bench = Bench::new();
        let first = bench.number(way, SHIP.key("a")).await.unwrap();
        let second = bench.number(way, SHIP.key("a")).await.unwrap();
        assert_eq!((first, second), (Done::executed(7), Done::replayed(7)));
        assert!(!bench.number(way, SHIP.key("b")).await.unwrap().is_replayed());
        assert_eq!(bench.runs(), 2);
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert!(!bench.number(way, SHIP.key("a")).await.unwrap().is_replayed(), "I51: its time is over");
    }
}

#[tokio::test(start_paused = true)]
async fn operations_and_scopes_are_parts_of_the_key() {
    let bench = Bench::new();
    let other = Job::new("other", Duration::from_secs(3600));
    for call in [SHIP.key("k"), other.key("k"), SHIP.key("k").scope("a"), SHIP.key("k").scope("b")] {
        assert!(!bench.number(Way::Owned, call).await.unwrap().is_replayed());
    }
    assert_eq!(bench.runs(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_cannot_be_identified_does_not_run() {
    struct Broken;
    impl serde::Serialize for Broken {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("as the test wants"))
        }
    }
    for way in WAYS {
        let bench = Bench::new();
        for (call, code) in [
            (SHIP.key(None::<u64>), "missing_key"),
            (SHIP.key(""), "invalid_key"),
            (SHIP.key(("eu", "")), "missing_key"),
            (SHIP.key("k").scope(None::<u64>), "missing_scope"),
            (SHIP.key("k").scope(""), "missing_scope"),
            (SHIP.key("k").fingerprint(&Broken), "misconfigured"),
        ] {
            let refusal = refusal(bench.number(way, call).await);
            assert_eq!((refusal.code(), refusal.is_transient(), refusal.was_done()), (code, false, false));
        }
        assert_eq!(bench.runs(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn i26_a_key_with_another_input_is_reused() {
    for way in WAYS {
        let bench = Bench::new();
        bench.number(way, SHIP.key("k").fingerprint(&1)).await.unwrap();
        assert!(bench.number(way, SHIP.key("k").fingerprint(&1)).await.unwrap().is_replayed());
        for other in [SHIP.key("k").fingerprint(&2), SHIP.key("k")] {
            assert!(matches!(refusal(bench.number(way, other).await), JobRefusal::KeyReused));
        }
        assert_eq!(bench.runs(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_lets_the_next_call_run_or_is_kept_as_unknown() {
    for way in WAYS {
        let bench = Bench::new();
        for _ in 0..2 {
            let failed = bench.run(way, SHIP.key("k"), async { Err::<u32, _>("no") }).await;
            assert!(matches!(failed, Err(JobError::Failed("no"))));
        }
        assert_eq!(bench.runs(), 2);
        assert_eq!(*bench.number(way, SHIP.key("k")).await.unwrap(), 7);

        let failed = bench.run(way, KEEP.key("kept"), async { Err::<u32, _>("no") }).await;
        assert!(matches!(failed, Err(JobError::Failed("no"))), "the first caller gets the error itself");
        assert!(matches!(refusal(bench.number(way, KEEP.key("kept")).await), JobRefusal::OutcomeUnknown));
        assert_eq!(bench.runs(), 4);
    }
}

#[tokio::test(start_paused = true)]
async fn i34_a_panic_settles_the_claim_and_is_the_callers() {
    for way in WAYS {
        for (job, code) in [(SHIP, None), (KEEP, Some("outcome_unknown"))] {
            let bench = Arc::new(Bench::new());
            let panics = Arc::clone(&bench);
            let work = async { panic!("as the test wants") };
            let caller = tokio::spawn(async move { panics.run::<u32, Infallible>(way, job.key("k"), work).await });
            let panic = caller.await.unwrap_err().into_panic();
            assert_eq!(panic.downcast_ref(), Some(&"as the test wants"), "{way:?}");
            assert_eq!(bench.idempotency.counts().panicked, 1);
            let next = bench.number(way, job.key("k")).await;
            assert_eq!(next.err().map(|error| refusal(Err::<(), _>(error)).code()), code);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn duplicates_wait_or_are_told_that_it_runs() {
    for way in WAYS {
        let bench = Arc::new(Bench::new());
        let (started, has_started) = oneshot::channel();
        let (go, may_end) = oneshot::channel();
        let first = Arc::clone(&bench);
        let first = tokio::spawn(async move {
            let work = async move {
                started.send(()).unwrap();
                may_end.await.unwrap();
                Ok::<_, Infallible>(1)
            };
            first.run(way, WAIT.key("k"), work).await
        });
        has_started.await.unwrap();
        let refusal = refusal(bench.number(way, SHIP.key("k")).await);
        assert!(matches!(refusal, JobRefusal::InProgress) && refusal.is_transient());
        let waiters: Vec<_> = (0..20)
            .map(|_| {
                let bench = Arc::clone(&bench);
                tokio::spawn(async move { bench.number(way, WAIT.key("k")).await.unwrap() })
            })
            .collect();
        tokio::task::yield_now().await;
        go.send(()).unwrap();
        assert_eq!(first.await.unwrap().unwrap(), Done::executed(1));
        for waiter in waiters {
            assert_eq!(waiter.await.unwrap(), Done::replayed(1));
        }
        assert_eq!(bench.runs(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn work_that_takes_longer_than_its_lease_keeps_its_claim() {
    for way in WAYS {
        let bench = Arc::new(Bench::new());
        let first = Arc::clone(&bench);
        let slow = async {
            tokio::time::sleep(Duration::from_secs(300)).await;
            Ok::<_, Infallible>(1)
        };
        let first = tokio::spawn(async move { first.run(way, SHIP.key("k"), slow).await });
        tokio::time::sleep(Duration::from_secs(200)).await;
        assert!(matches!(refusal(bench.number(way, SHIP.key("k")).await), JobRefusal::InProgress));
        assert_eq!(first.await.unwrap().unwrap(), Done::executed(1));
        assert!(bench.idempotency.counts().renewed >= 10);
    }
}

#[tokio::test(start_paused = true)]
async fn work_may_borrow_and_need_not_be_sent() {
    let bench = Bench::new();
    let mut log = Vec::new();
    let shared = std::rc::Rc::new(5);
    for _ in 0..2 {
        let work = async {
            log.push("ran");
            tokio::task::yield_now().await;
            Ok::<_, Infallible>(*shared)
        };
        assert_eq!(*bench.idempotency.run_borrowing(SHIP.key("k"), work).await.unwrap(), 5);
    }
    assert_eq!(log, ["ran"]);
}

#[tokio::test(start_paused = true)]
async fn a_value_that_is_no_longer_readable_is_refused_and_stays() {
    for way in WAYS {
        let bench = Bench::new();
        bench.run(way, SHIP.key("k"), async { Ok::<_, Infallible>("seven".to_owned()) }).await.unwrap();
        for _ in 0..2 {
            let refusal = refusal(bench.number(way, SHIP.key("k")).await);
            assert!(matches!(refusal, JobRefusal::Unreadable(_)));
            assert!(refusal.was_done() && !refusal.is_transient());
            assert!(!refusal.to_string().contains("seven"));
        }
        let old = bench.run(way, SHIP.key("k"), async { Ok::<String, Infallible>(String::new()) }).await;
        assert_eq!(old.unwrap(), Done::replayed("seven".to_owned()), "an older release still reads it");
        assert_eq!(bench.runs(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn i22_a_value_that_is_too_large_is_given_once() {
    let small = SHIP.max_result(3);
    for way in WAYS {
        let bench = Bench::new();
        let work = || async { Ok::<_, Infallible>("abc".to_owned()) };
        assert_eq!(*bench.run(way, small.key("k"), work()).await.unwrap(), "abc");
        let refusal = refusal(bench.run(way, small.key("k"), work()).await);
        assert!(matches!(refusal, JobRefusal::NotKept) && refusal.was_done());
        assert_eq!(bench.runs(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn i37_nothing_new_is_run_while_draining() {
    for way in WAYS {
        let bench = Bench::new();
        bench.number(way, SHIP.key("k")).await.unwrap();
        bench.idempotency.drain().await;
        assert!(bench.number(way, SHIP.key("k")).await.unwrap().is_replayed());
        let refusal = refusal(bench.number(way, SHIP.key("new")).await);
        assert!(matches!(refusal, JobRefusal::Draining) && refusal.is_transient());
    }
}

#[tokio::test(start_paused = true)]
async fn work_knows_its_execution() {
    for way in WAYS {
        let bench = Bench::new();
        let call = SHIP.key("k");
        let execution = call.execution();
        let derived = bench
            .run(way, call, async move {
                assert_eq!((execution.key().as_deref(), execution.attempt()), (Some("k"), 1));
                Ok::<_, Infallible>(execution.derive_key("charge").unwrap())
            })
            .await
            .unwrap();
        assert_eq!(derived.len(), 32);
    }
}

// I30: a record that an older release has written has to be found by a newer one.
#[test]
fn i30_the_keys_of_jobs_are_stable_over_releases() {
    let idempotency = Idempotency::new(MemoryStore::new());
    let call = SHIP.key("k-1").scope("tenant-1").fingerprint(&[1, 2]).identify(&idempotency).unwrap();
    assert_eq!([call.key.to_string(), call.fingerprint.to_string()], GOLDEN);
    let handlers = idempotency.digester().record_key(&["ship"], Some("tenant-1"), "k-1");
    assert_ne!(call.key, handlers, "a handler's operation of the same name is another one");
}

const GOLDEN: [&str; 2] = [
    "e59c328aa281848def7bba92deb194125d1e331c31c078175fa8ca7ab4e5fd94",
    "9daed7faf04b273039628edd0440ed1ed8b210d8eb59fee74001e3ebb2733abd",
];

#[test]
fn a_job_is_held_to_its_bounds() {
    let job = Job::new("j", Duration::from_secs(9));
    assert_eq!(job.policy(&Defaults::new()).lease, Duration::from_secs(3));
    let millis = Duration::from_millis;
    let seconds = Duration::from_secs;
    for wrong in [
        || _ = Job::new("", Duration::from_secs(9)),
        || _ = Job::new("j", Duration::from_millis(999)),
        || _ = Job::new("j", Duration::from_secs(366 * 24 * 3600 + 1)),
        || _ = SHIP.lease(Duration::from_millis(99)),
        || _ = SHIP.lease(Duration::from_secs(3600)),
        || _ = SHIP.in_flight(InFlight::Wait(Duration::ZERO)),
        || _ = SHIP.in_flight(InFlight::Wait(Duration::from_secs(301))),
    ] {
        assert!(std::panic::catch_unwind(wrong).is_err());
    }
    let job = SHIP.lease(millis(100)).in_flight(InFlight::Wait(seconds(300)));
    let policy = job.policy(&Defaults::new());
    assert_eq!((policy.lease, policy.in_flight), (millis(100), InFlight::Wait(seconds(300))));
}
