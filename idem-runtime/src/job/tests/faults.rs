//! Callers that go, owners that lose their claim, and stores that do not answer.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::bench::{Bench, WAYS, Way};
use super::{KEEP, SHIP, refusal};
use crate::store::{Entry, Store as _};
use crate::{Done, JobRefusal};

#[tokio::test(start_paused = true)]
async fn i33_owned_work_is_carried_to_its_end_when_its_caller_goes() {
    let bench = Bench::new();
    let (go, may_end) = oneshot::channel();
    let work = async move {
        may_end.await.unwrap();
        Ok::<_, Infallible>(1)
    };
    let dropped = tokio::time::timeout(Duration::from_secs(1), bench.run(Way::Owned, SHIP.key("k"), work)).await;
    assert!(dropped.is_err());
    assert!(matches!(bench.entry(SHIP, "k").await, Some(Entry::InFlight(_))));
    go.send(()).unwrap();
    bench.idempotency.drain().await;
    assert_eq!(bench.number(Way::Owned, SHIP.key("k")).await.unwrap(), Done::replayed(1));
    assert_eq!((bench.runs(), bench.idempotency.counts().adopted), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn borrowing_work_that_is_dropped_has_failed() {
    for (job, code) in [(SHIP, None), (KEEP, Some("outcome_unknown"))] {
        let bench = Bench::new();
        let work = bench.run(Way::Borrowing, job.key("k"), pending::<Result<u32, Infallible>>());
        assert!(tokio::time::timeout(Duration::from_secs(1), work).await.is_err());
        // Long before its lease has ended.
        tokio::time::sleep(Duration::from_millis(1)).await;
        let next = bench.number(Way::Borrowing, job.key("k")).await;
        assert_eq!(next.err().map(|error| refusal(Err::<(), _>(error)).code()), code);
        assert_eq!(bench.runs(), if code.is_some() { 1 } else { 2 });
    }
}

#[tokio::test(start_paused = true)]
async fn i04_without_an_answer_of_the_store_nothing_is_run() {
    for way in WAYS {
        let bench = Bench::new();
        bench.store.takes("claim", Duration::from_secs(5));
        let refusal = refusal(bench.number(way, SHIP.key("k")).await);
        assert!(matches!(refusal, JobRefusal::Unavailable(_)) && refusal.is_transient());
        let source = std::error::Error::source(&refusal).unwrap().to_string();
        assert_eq!(source, "the idempotency store did not answer within 1s");
        assert_eq!(bench.runs(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn borrowing_work_that_never_began_is_given_back() {
    let bench = Bench::new();
    bench.store.takes("claim", Duration::from_millis(500));
    let work = bench.number(Way::Borrowing, KEEP.key("k"));
    assert!(tokio::time::timeout(Duration::from_millis(100), work).await.is_err());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(bench.entry(KEEP, "k").await.is_none(), "and is not unknown");
    assert_eq!(bench.runs(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_value_that_is_being_recorded_is_recorded_whoever_goes() {
    for way in WAYS {
        let bench = Bench::new();
        bench.store.takes("complete", Duration::from_millis(500));
        let work = bench.number(way, SHIP.key("k"));
        assert!(tokio::time::timeout(Duration::from_millis(100), work).await.is_err());
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(bench.number(way, SHIP.key("k")).await.unwrap().is_replayed());
        assert_eq!(bench.runs(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn i20_an_owner_that_lost_its_claim_gives_the_recorded_value() {
    for way in WAYS {
        let bench = Bench::new();
        let other = Bench { runs: Arc::clone(&bench.runs), ..Bench::on(Arc::clone(&bench.store)) };
        let call = SHIP.key("k").identify(&bench.idempotency).unwrap();
        let store = Arc::clone(&bench.store);
        let work = async move {
            // Somebody else takes the entry away and is done first.
            let Some(Entry::InFlight(holder)) = store.memory.look_up(call.key).await.unwrap() else { panic!() };
            store.release_of(call.key, holder).await;
            other.run(way, SHIP.key("k"), async { Ok::<_, Infallible>(1) }).await.unwrap();
            Ok::<_, Infallible>(2)
        };
        let work = Box::pin(work) as std::pin::Pin<Box<dyn Future<Output = _> + Send>>;
        assert_eq!(bench.run(way, SHIP.key("k"), work).await.unwrap(), Done::replayed(1));
    }
}
