//! The engine under a store that is late, loses replies, or fails, on paused time.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::{
    Answer, Call, Ending, Engine, Finished, InFlight, Limits, OnFailure, Policy, Progress, Refused, Settled,
    UnavailableBecause,
};
use crate::digest::{Fingerprint, RecordKey};
use crate::store::{Claim, ClaimOutcome, Entry, Hold, MemoryStore, Outcome, OwnerToken, Store, StoreError, Writes};
use crate::telemetry::Observed;

/// What goes wrong with one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// The call is applied, and its reply takes this long.
    Late(Duration),
    /// The call is applied, and its reply is lost.
    ReplyLost,
    /// The call is not applied.
    Fails,
    /// The call does not fit.
    Full,
}

#[derive(Clone, Default)]
struct FaultyStore(Arc<Inner>);

mod bounded;

#[derive(Default)]
struct Inner {
    longest_call: Option<Duration>,
    memory: MemoryStore,
    faults: Mutex<VecDeque<(&'static str, Fault)>>,
    calls: Mutex<Vec<&'static str>>,
}

impl FaultyStore {
    /// The next call of this name goes wrong like this.
    fn next(&self, call: &'static str, fault: Fault) {
        self.0.faults.lock().push_back((call, fault));
    }

    fn calls(&self, name: &str) -> usize {
        self.0.calls.lock().iter().filter(|call| **call == name).count()
    }

    async fn with<T>(
        &self,
        name: &'static str,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.0.calls.lock().push(name);
        let fault = {
            let mut faults = self.0.faults.lock();
            let place = faults.iter().position(|(call, _)| *call == name);
            place.and_then(|place| faults.remove(place)).map(|(_, fault)| fault)
        };
        let failed = || StoreError::unavailable("a fault", "of the test");
        match fault {
            None => call.await,
            Some(Fault::Late(delay)) => {
                let reply = call.await;
                tokio::time::sleep(delay).await;
                reply
            }
            Some(Fault::ReplyLost) => {
                drop(call.await);
                Err(failed())
            }
            Some(Fault::Fails) => Err(failed()),
            Some(Fault::Full) => Err(StoreError::Full),
        }
    }
}

impl Store for FaultyStore {
    fn name(&self) -> &'static str {
        "faulty"
    }
    async fn claim(&self, claim: &Claim) -> Result<ClaimOutcome, StoreError> {
        self.with("claim", self.0.memory.claim(claim)).await
    }
    async fn take_over(&self, claim: &Claim, from: OwnerToken) -> Result<ClaimOutcome, StoreError> {
        self.with("take_over", self.0.memory.take_over(claim, from)).await
    }
    async fn renew(&self, claim: &Claim) -> Result<Hold, StoreError> {
        self.with("renew", self.0.memory.renew(claim)).await
    }
    async fn complete(&self, claim: &Claim, attempt: u32, outcome: &Outcome) -> Result<Hold, StoreError> {
        self.with("complete", self.0.memory.complete(claim, attempt, outcome)).await
    }
    async fn release(&self, claim: &Claim) -> Result<Hold, StoreError> {
        self.with("release", self.0.memory.release(claim)).await
    }
    async fn look_up(&self, key: RecordKey) -> Result<Option<Entry>, StoreError> {
        self.with("look_up", self.0.memory.look_up(key)).await
    }
    fn longest_call(&self) -> Option<Duration> {
        self.0.longest_call
    }
}

const KEY: RecordKey = RecordKey::from_bytes([1; 32]);
const LEASE: Duration = Duration::from_secs(30);

struct Bench {
    store: FaultyStore,
    engine: Arc<Engine>,
    runs: Arc<AtomicUsize>,
    policy: Policy,
}

impl Bench {
    fn new() -> Self {
        Self::with(FaultyStore::default())
    }

    fn with(store: FaultyStore) -> Self {
        let limits = Limits { store_timeout: Duration::from_secs(60), max_waiters: 10 };
        let policy = Policy {
            ttl: Duration::from_secs(3600),
            lease: LEASE,
            on_failure: OnFailure::Retry,
            in_flight: InFlight::Reject,
        };
        Self {
            engine: Arc::new(Engine::new(Box::new(Observed::new(store.clone())), limits)),
            store,
            runs: Arc::default(),
            policy,
        }
    }

    async fn call(&self, work: impl Future<Output = Ending>) -> Result<Answer<&'static str>, Refused> {
        self.call_with(Arc::new(Progress::new(())), work).await
    }

    async fn call_with(
        &self,
        progress: Arc<Progress>,
        work: impl Future<Output = Ending>,
    ) -> Result<Answer<&'static str>, Refused> {
        let fingerprint = Fingerprint::from_bytes([2; 32]);
        let call = Call { key: KEY, fingerprint, policy: self.policy, progress, transaction: None };
        let work = async {
            self.runs.fetch_add(1, Ordering::SeqCst);
            Finished { ending: work.await, answer: "ran", writes: Writes::Keep }
        };
        self.engine.execute(call, std::future::ready(work)).await
    }

    fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }

    async fn entry(&self) -> Option<Entry> {
        self.store.0.memory.look_up(KEY).await.unwrap()
    }
}

fn kept() -> Ending {
    let mut head = Settled::begin_kept(4);
    head.extend_from_slice(b"head");
    Ending::Keep(Settled::kept(head, Bytes::from_static(b"body")))
}

/// Lets everything run that can, and time pass.
async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

#[tokio::test(start_paused = true)]
async fn i06_a_claim_that_is_answered_too_late_does_not_run() {
    let bench = Bench::new();
    bench.store.next("claim", Fault::Late(LEASE * 9 / 10));
    let refused = bench.call(async { kept() }).await.unwrap_err();
    assert!(matches!(refused, Refused::Unavailable(UnavailableBecause::LateClaim)));
    assert_eq!(bench.runs(), 0);
    pass(Duration::from_secs(1)).await;
    assert_eq!(bench.entry().await, None, "it is given back");
    bench.store.next("claim", Fault::Late(LEASE / 2));
    assert!(matches!(bench.call(async { kept() }).await, Ok(Answer::Executed("ran"))));
}

#[tokio::test(start_paused = true)]
async fn i07_a_claim_whose_reply_was_lost_is_ones_own() {
    let bench = Bench::new();
    bench.store.next("claim", Fault::ReplyLost);
    bench.store.next("claim", Fault::Fails);
    assert!(matches!(bench.call(async { kept() }).await, Ok(Answer::Executed("ran"))));
    assert_eq!((bench.runs(), bench.store.calls("claim")), (1, 3));
}

#[tokio::test(start_paused = true)]
async fn i04_i05_a_claim_without_an_answer_does_not_run() {
    let bench = Bench::new();
    for fault in [Fault::ReplyLost, Fault::Fails, Fault::ReplyLost] {
        bench.store.next("claim", fault);
    }
    let refused = bench.call(async { kept() }).await.unwrap_err();
    assert!(matches!(refused, Refused::Unavailable(UnavailableBecause::Store(_))));
    assert_eq!(bench.runs(), 0);
    pass(Duration::from_secs(1)).await;
    assert_eq!(bench.entry().await, None, "what was applied is given back");
}

#[tokio::test(start_paused = true)]
async fn i43_a_store_that_never_answers_is_given_up() {
    let bench = Bench::new();
    bench.store.next("claim", Fault::Late(Duration::from_secs(100_000)));
    let refused = bench.call(async { kept() }).await.unwrap_err();
    assert!(matches!(refused, Refused::Unavailable(UnavailableBecause::Store(StoreError::TimedOut(_)))));
    assert_eq!(bench.runs(), 0);
}

#[tokio::test(start_paused = true)]
async fn i17_i19_a_record_is_stored_again_until_it_is() {
    let bench = Bench::new();
    for fault in [Fault::Fails, Fault::ReplyLost, Fault::Fails] {
        bench.store.next("complete", fault);
    }
    assert!(matches!(bench.call(async { kept() }).await, Ok(Answer::Executed("ran"))));
    assert_eq!(bench.store.calls("complete"), 4);
    assert!(matches!(bench.call(async { kept() }).await, Ok(Answer::Replay { .. })));
    assert_eq!(bench.runs(), 1);
}

#[tokio::test(start_paused = true)]
async fn i19_i21_an_answer_that_cannot_be_recorded_goes_out_within_its_lease() {
    let bench = Bench::new();
    for _ in 0..1000 {
        bench.store.next("complete", Fault::Fails);
    }
    let start = Instant::now();
    assert!(matches!(bench.call(async { kept() }).await, Ok(Answer::Executed("ran"))));
    assert!(start.elapsed() < LEASE && start.elapsed() > LEASE * 9 / 10, "by the paused clock, exactly");
    assert!(matches!(bench.entry().await, Some(Entry::InFlight(_))), "nobody else can have run it");
    assert_eq!(bench.engine.stats().snapshot().unrecorded, 1);
}

#[tokio::test(start_paused = true)]
async fn i20_an_answer_whose_lease_has_ended_does_not_go_out_on_a_guess() {
    let bench = Bench::new();
    for _ in 0..1000 {
        bench.store.next("complete", Fault::Fails);
        bench.store.next("renew", Fault::Fails);
    }
    let late = async {
        pass(LEASE * 2).await;
        kept()
    };
    let refused = bench.call(late).await.unwrap_err();
    assert!(matches!(refused, Refused::Unavailable(UnavailableBecause::ClaimLost)));
}

#[tokio::test(start_paused = true)]
async fn i18_late_but_not_taken_over_is_still_ours() {
    let bench = Bench::new();
    for _ in 0..1000 {
        bench.store.next("renew", Fault::Fails);
    }
    let late = async {
        pass(LEASE * 2).await;
        kept()
    };
    assert!(matches!(bench.call(late).await, Ok(Answer::Executed("ran"))));
    assert!(matches!(bench.entry().await, Some(Entry::Completed(_))));
}

#[tokio::test(start_paused = true)]
async fn i22_what_does_not_fit_leaves_a_tombstone() {
    let bench = Bench::new();
    bench.store.next("complete", Fault::Full);
    assert!(matches!(bench.call(async { kept() }).await, Ok(Answer::Executed("ran"))));
    assert!(matches!(bench.call(async { kept() }).await, Err(Refused::ResponseNotKept)));
    assert_eq!(bench.runs(), 1);
}

#[tokio::test(start_paused = true)]
async fn i22_where_there_is_no_room_for_a_tombstone_either_the_answer_is_not_given_up() {
    let bench = Bench::new();
    bench.store.next("complete", Fault::Full);
    bench.store.next("complete", Fault::Full);
    assert!(matches!(bench.call(async { kept() }).await, Ok(Answer::Executed("ran"))));
    assert!(matches!(bench.call(async { kept() }).await, Ok(Answer::Replay { .. })));
    assert_eq!((bench.runs(), bench.store.calls("complete")), (1, 3));
}

#[tokio::test(start_paused = true)]
async fn i36_i39_renewal_goes_on_while_the_work_does_and_no_longer() {
    let bench = Bench::new();
    let long = async {
        pass(LEASE * 4 + LEASE / 6).await;
        assert!(matches!(bench.entry().await, Some(Entry::InFlight(_))));
        kept()
    };
    bench.call(long).await.unwrap();
    assert_eq!(bench.store.calls("renew"), 12, "at a third of the lease");
    pass(LEASE * 4).await;
    assert_eq!(bench.store.calls("renew"), 12);
}

#[tokio::test(start_paused = true)]
async fn i40_a_lost_claim_is_signalled_to_the_work() {
    let bench = Bench::new();
    let progress: Arc<Progress> = Arc::new(Progress::new(()));
    let seen = Arc::clone(&progress);
    let work = async {
        let Some(Entry::InFlight(holder)) = bench.entry().await else { panic!("no claim") };
        let claim = Claim {
            key: KEY,
            owner: holder.owner,
            fingerprint: holder.fingerprint,
            lease: LEASE,
            ttl: LEASE,
            outlives_a_crash: false,
        };
        assert_eq!(bench.store.0.memory.release(&claim).await.unwrap(), Hold::Held);
        assert!(!seen.is_lost());
        seen.lost().await;
        kept()
    };
    let refused = bench.call_with(progress, work).await.unwrap_err();
    assert!(matches!(refused, Refused::Unavailable(UnavailableBecause::ClaimLost)));
    assert_eq!(bench.entry().await, None, "I18: nothing is brought back");
}

#[tokio::test(start_paused = true)]
async fn a_release_that_fails_goes_on_behind() {
    let bench = Bench::new();
    for _ in 0..3 {
        bench.store.next("release", Fault::Fails);
    }
    assert!(matches!(bench.call(async { Ending::Release }).await, Ok(Answer::Executed("ran"))));
    assert!(bench.entry().await.is_some());
    pass(Duration::from_secs(1)).await;
    assert_eq!(bench.entry().await, None);
}

#[tokio::test(start_paused = true)]
async fn i31_when_an_owner_dies_the_lease_decides() {
    for on_failure in [OnFailure::Retry, OnFailure::Keep] {
        let bench = Bench { policy: Policy { on_failure, ..Bench::new().policy }, ..Bench::new() };
        let claim = Claim {
            key: KEY,
            owner: OwnerToken::random(),
            fingerprint: Fingerprint::from_bytes([2; 32]),
            lease: LEASE,
            ttl: LEASE,
            outlives_a_crash: false,
        };
        bench.store.0.memory.claim(&claim).await.unwrap();
        pass(LEASE - Duration::from_millis(1)).await;
        assert!(matches!(bench.call(async { kept() }).await, Err(Refused::InProgress)));
        pass(Duration::from_millis(1)).await;
        let answer = bench.call(async { kept() }).await;
        match on_failure {
            OnFailure::Retry => assert!(matches!(answer, Ok(Answer::Executed("ran")))),
            OnFailure::Keep => assert!(matches!(answer, Err(Refused::OutcomeUnknown))),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn i27_another_request_never_inherits_an_abandoned_key() {
    for on_failure in [OnFailure::Retry, OnFailure::Keep] {
        let bench = Bench { policy: Policy { on_failure, ..Bench::new().policy }, ..Bench::new() };
        let claim = Claim {
            key: KEY,
            owner: OwnerToken::random(),
            fingerprint: Fingerprint::from_bytes([9; 32]),
            lease: LEASE,
            ttl: LEASE * 10,
            outlives_a_crash: false,
        };
        bench.store.0.memory.claim(&claim).await.unwrap();
        for state in ["in flight", "abandoned"] {
            assert!(matches!(bench.call(async { kept() }).await, Err(Refused::KeyReused)), "{state}");
            pass(LEASE).await;
        }
        assert_eq!(bench.runs(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn waiters_give_up_at_their_limit_and_find_what_another_process_recorded() {
    let mut bench = Bench::new();
    bench.policy.in_flight = InFlight::Wait(Duration::from_secs(5));
    let claim = Claim {
        key: KEY,
        owner: OwnerToken::random(),
        fingerprint: Fingerprint::from_bytes([2; 32]),
        lease: LEASE,
        ttl: LEASE,
        outlives_a_crash: false,
    };
    bench.store.0.memory.claim(&claim).await.unwrap();
    let start = Instant::now();
    assert!(matches!(bench.call(async { kept() }).await, Err(Refused::InProgress)));
    assert_eq!(start.elapsed(), Duration::from_secs(5));
    // Recorded by somebody whom this engine does not know.
    let record = async {
        pass(Duration::from_secs(1)).await;
        let Ending::Keep(outcome) = kept() else { panic!() };
        bench.store.0.memory.complete(&claim, 1, &outcome).await.unwrap()
    };
    let (hold, ()) = tokio::join!(record, async {
        assert!(matches!(bench.call(async { kept() }).await, Ok(Answer::Replay { .. })));
    });
    assert_eq!((hold, bench.runs()), (Hold::Held, 0));
    assert!(bench.engine.waiters.is_empty());
}
