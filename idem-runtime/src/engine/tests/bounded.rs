//! Stores that say how long their calls take.

use super::*;

fn bench(longest_call: Duration) -> Bench {
    Bench::with(FaultyStore(Arc::new(Inner { longest_call: Some(longest_call), ..Inner::default() })))
}

/// Longer than the engine grants a call.
const LONG: Duration = Duration::from_secs(600);

#[tokio::test(start_paused = true)]
async fn i43_a_store_that_ends_its_calls_is_taken_at_its_word() {
    let mut bench = bench(Duration::from_secs(60));
    bench.policy.lease = LONG * 10;
    for call in ["claim", "complete"] {
        bench.store.next(call, Fault::Late(LONG));
    }
    assert!(matches!(bench.call(async { kept() }).await, Ok(Answer::Executed("ran"))), "no timer cuts it off");
    assert_eq!((bench.store.calls("claim"), bench.store.calls("complete")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn i43_a_store_whose_calls_may_take_too_long_is_given_up_in_time() {
    let bench = bench(Duration::from_secs(61));
    bench.store.next("claim", Fault::Late(LONG));
    let begun = Instant::now();
    let refused = bench.call(async { kept() }).await.unwrap_err();
    assert!(matches!(refused, Refused::Unavailable(UnavailableBecause::Store(StoreError::TimedOut(_)))));
    assert_eq!((bench.runs(), begun.elapsed().as_secs()), (0, 60));
}

#[tokio::test(start_paused = true)]
async fn i43_further_tries_have_what_is_left_of_the_time_of_one() {
    let bench = bench(Duration::from_secs(60));
    bench.store.next("claim", Fault::Fails);
    bench.store.next("claim", Fault::Late(LONG));
    let begun = Instant::now();
    let refused = bench.call(async { kept() }).await.unwrap_err();
    assert!(matches!(refused, Refused::Unavailable(UnavailableBecause::Store(StoreError::Unavailable { .. }))));
    assert_eq!((bench.store.calls("claim"), begun.elapsed().as_secs()), (2, 60));
}

#[tokio::test(start_paused = true)]
async fn i43_a_renewal_near_the_end_of_a_short_lease_has_its_deadline_all_the_same() {
    let mut bench = bench(Duration::from_secs(59));
    bench.policy.lease = Duration::from_secs(30);
    bench.store.next("renew", Fault::Late(LONG));
    let answer = bench.call(async {
        pass(Duration::from_secs(80)).await;
        kept()
    });
    assert!(matches!(answer.await, Ok(Answer::Executed("ran"))));
    assert!(bench.store.calls("renew") > 1, "the first one is given up within the lease");
}
