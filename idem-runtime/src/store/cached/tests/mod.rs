#[cfg(feature = "conformance")]
mod transactions;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;

use super::*;
use crate::digest::Fingerprint;
use crate::store::{LEAST_RESERVED_HEAD, MemoryStore};

const MINUTE: Duration = Duration::from_secs(60);
const MIB: usize = 1024 * 1024;

/// Counts the calls that reach a store, and loses the answer of one of them.
struct Counting {
    inner: MemoryStore,
    calls: AtomicUsize,
    loses: Mutex<Option<(&'static str, Lost)>>,
}

enum Lost {
    /// The call fails, after it was applied.
    Fails,
    /// It is applied, and never answered.
    Hangs,
}

impl Counting {
    fn over(inner: &MemoryStore) -> Self {
        Self { inner: inner.clone(), calls: AtomicUsize::new(0), loses: Mutex::new(None) }
    }

    async fn answer<T>(&self, call: &str, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let lost = self.loses.lock().take_if(|(loses, _)| *loses == call);
        match lost {
            None => answer,
            Some((_, Lost::Fails)) => Err(StoreError::TimedOut(MINUTE)),
            Some((_, Lost::Hangs)) => std::future::pending().await,
        }
    }
}

impl Store for Counting {
    fn name(&self) -> &'static str {
        "counting"
    }
    async fn claim(&self, claim: &Claim) -> Result<ClaimOutcome, StoreError> {
        self.answer("claim", self.inner.claim(claim).await).await
    }
    async fn take_over(&self, claim: &Claim, from: OwnerToken) -> Result<ClaimOutcome, StoreError> {
        self.answer("take_over", self.inner.take_over(claim, from).await).await
    }
    async fn renew(&self, claim: &Claim) -> Result<Hold, StoreError> {
        self.answer("renew", self.inner.renew(claim).await).await
    }
    async fn complete(&self, claim: &Claim, attempt: u32, outcome: &Outcome) -> Result<Hold, StoreError> {
        self.answer("complete", self.inner.complete(claim, attempt, outcome).await).await
    }
    async fn release(&self, claim: &Claim) -> Result<Hold, StoreError> {
        self.answer("release", self.inner.release(claim).await).await
    }
    async fn look_up(&self, key: RecordKey) -> Result<Option<Entry>, StoreError> {
        self.answer("look_up", self.inner.look_up(key).await).await
    }
    fn reserved_head(&self) -> usize {
        LEAST_RESERVED_HEAD + 5
    }
}

fn cached(below: &MemoryStore, bytes: usize) -> CachedStore<Counting> {
    CachedStore::new(Counting::over(below), bytes)
}

fn calls(store: &CachedStore<Counting>) -> usize {
    store.inner.calls.swap(0, Ordering::Relaxed)
}

fn claim() -> Claim {
    Claim {
        key: RecordKey::from_bytes(rand::random()),
        owner: OwnerToken::random(),
        fingerprint: Fingerprint::from_bytes(rand::random()),
        lease: MINUTE,
        ttl: 100 * MINUTE,
        outlives_a_crash: false,
    }
}

fn rival(claim: &Claim) -> Claim {
    Claim { owner: OwnerToken::random(), ..*claim }
}

fn outcome(body: &'static str) -> Outcome {
    Outcome { head: Bytes::from_static(b"v1 kept\n"), body: Bytes::from_static(body.as_bytes()) }
}

async fn held(store: &impl Store) -> Claim {
    let claim = claim();
    assert_eq!(store.claim(&claim).await.unwrap(), ClaimOutcome::Claimed { attempt: 1 });
    claim
}

async fn recorded(store: &impl Store) -> Claim {
    let claim = held(store).await;
    assert_eq!(store.complete(&claim, 1, &outcome("first")).await.unwrap(), Hold::Held);
    claim
}

/// The record, by every operation that gives one.
async fn seen(store: &impl Store, claim: &Claim) -> Vec<Record> {
    let mut seen = Vec::new();
    for answer in [store.claim(&rival(claim)).await, store.take_over(&rival(claim), claim.owner).await] {
        match answer {
            Ok(ClaimOutcome::Completed(record)) => seen.push(record),
            other => panic!("{other:?}"),
        }
    }
    match store.look_up(claim.key).await {
        Ok(Some(Entry::Completed(record))) => seen.push(record),
        other => panic!("{other:?}"),
    }
    seen
}

fn says(records: &[Record], claim: &Claim, body: &'static str) {
    for Record { fingerprint, attempt, outcome: found, .. } in records {
        assert_eq!((*fingerprint, *attempt, found), (claim.fingerprint, 1, &outcome(body)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_hit_makes_no_call_and_is_what_the_store_would_have_said() {
    let below = MemoryStore::new();
    let store = cached(&below, MIB);
    let ours = recorded(&store).await;
    assert_eq!(calls(&store), 2);
    let hits = seen(&store, &ours).await;
    assert_eq!(calls(&store), 0, "recorded by this process");
    assert_eq!(hits, seen(&below, &ours).await);

    let theirs = recorded(&below).await;
    assert_eq!(store.look_up(theirs.key).await.unwrap(), below.look_up(theirs.key).await.unwrap());
    assert_eq!(calls(&store), 1);
    says(&seen(&store, &theirs).await, &theirs, "first");
    assert_eq!(calls(&store), 0, "found by this process");

    // The same claim, once it is finished; and another request, which is the engine's to judge.
    assert!(matches!(store.claim(&ours).await.unwrap(), ClaimOutcome::Completed(_)));
    let other = Claim { fingerprint: Fingerprint::from_bytes([1; 32]), ..rival(&ours) };
    let ClaimOutcome::Completed(record) = store.claim(&other).await.unwrap() else { panic!() };
    assert_eq!((record.fingerprint, calls(&store)), (ours.fingerprint, 0));
}

#[tokio::test(start_paused = true)]
async fn every_operation_that_gives_a_record_is_learned_from() {
    let below = MemoryStore::new();
    for way in ["claim", "take_over", "look_up"] {
        let store = cached(&below, MIB);
        let claim = recorded(&below).await;
        let asks = rival(&claim);
        match way {
            "claim" => drop(store.claim(&asks).await.unwrap()),
            "take_over" => drop(store.take_over(&asks, claim.owner).await.unwrap()),
            _ => drop(store.look_up(claim.key).await.unwrap()),
        }
        assert_eq!(calls(&store), 1, "{way}");
        says(&seen(&store, &claim).await, &claim, "first");
        assert_eq!(calls(&store), 0, "{way}");
    }
}

#[tokio::test(start_paused = true)]
async fn i02_what_is_in_flight_is_asked_for_each_time() {
    let store = cached(&MemoryStore::new(), MIB);
    let claim = held(&store).await;
    let _ = calls(&store);
    for asked in 1..=3 {
        assert!(matches!(store.claim(&rival(&claim)).await.unwrap(), ClaimOutcome::InFlight(_)));
        assert!(matches!(store.look_up(claim.key).await.unwrap(), Some(Entry::InFlight(_))));
        assert_eq!(store.renew(&claim).await.unwrap(), Hold::Held);
        assert_eq!(store.inner.calls.load(Ordering::Relaxed), 3 * asked);
    }
    tokio::time::advance(MINUTE).await;
    assert!(matches!(store.claim(&rival(&claim)).await.unwrap(), ClaimOutcome::Abandoned(_)));
    assert_eq!(store.release(&claim).await.unwrap(), Hold::Held);
    assert_eq!(store.look_up(claim.key).await.unwrap(), None);
    assert_eq!(store.claim(&rival(&claim)).await.unwrap(), ClaimOutcome::Claimed { attempt: 1 });
    assert_eq!(store.bytes(), 0);
}

#[tokio::test(start_paused = true)]
async fn i51_a_record_is_never_given_out_for_longer_than_it_lives() {
    let below = MemoryStore::new();
    let (ours, theirs) = (cached(&below, MIB), cached(&below, MIB));
    let claim = recorded(&ours).await;
    for passed in 0..100 {
        for store in [&ours, &theirs] {
            for record in seen(store, &claim).await {
                assert!(record.expires_in <= claim.ttl - passed * MINUTE, "{passed}: {:?}", record.expires_in);
            }
        }
        tokio::time::advance(MINUTE).await;
    }
    for store in [&ours, &theirs] {
        assert_eq!(store.look_up(claim.key).await.unwrap(), None);
    }
    assert_eq!(ours.claim(&rival(&claim)).await.unwrap(), ClaimOutcome::Claimed { attempt: 1 });
    assert!(matches!(theirs.claim(&rival(&claim)).await.unwrap(), ClaimOutcome::InFlight(_)));
}

#[tokio::test(start_paused = true)]
async fn near_its_end_the_store_is_asked_again() {
    let store = cached(&MemoryStore::new(), MIB);
    let claim = recorded(&store).await;
    tokio::time::advance(98 * MINUTE).await;
    let _ = seen(&store, &claim).await;
    assert_eq!(calls(&store), 2, "the claim and the completion");
    tokio::time::advance(MINUTE).await;
    let _ = store.look_up(claim.key).await;
    assert_eq!(calls(&store), 1);
    // What the store says then, is kept again, for as long as is left.
    says(&seen(&store, &claim).await, &claim, "first");
    assert_eq!(calls(&store), 0);
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_counts_from_when_it_was_asked_for() {
    let records = Records::new(MIB);
    let asked = records.ask();
    tokio::time::advance(MINUTE).await;
    let record = |expires_in| Record {
        fingerprint: Fingerprint::from_bytes([1; 32]),
        attempt: 1,
        outcome: outcome("slow"),
        expires_in,
    };
    let (over, alive) = (claim().key, claim().key);
    records.keep(over, asked, &record(MINUTE));
    records.keep(alive, asked, &record(2 * MINUTE));
    assert_eq!(records.get(over), None);
    assert!(records.get(alive).unwrap().expires_in < MINUTE);
}

#[tokio::test(start_paused = true)]
async fn i13_i17_what_an_owner_sends_second_is_not_taken_for_the_record() {
    let below = MemoryStore::new();
    let store = cached(&below, MIB);
    // The first outcome was stored, and its answer lost: the store says "held" to the next one, and keeps the first.
    for lost in [Lost::Fails, Lost::Hangs] {
        let claim = held(&store).await;
        *store.inner.loses.lock() = Some(("complete", lost));
        let first = outcome("first");
        let answer = tokio::time::timeout(MINUTE / 2, store.complete(&claim, 1, &first)).await;
        assert!(!matches!(answer, Ok(Ok(_))), "{answer:?}");
        assert_eq!(store.complete(&claim, 1, &outcome("second")).await.unwrap(), Hold::Held);
        says(&seen(&store, &claim).await, &claim, "first");
    }

    // Once it is recorded, the owner may say what it likes.
    let claim = recorded(&store).await;
    assert_eq!(store.complete(&claim, 1, &outcome("second")).await.unwrap(), Hold::Held);
    store.clear();
    assert_eq!(store.complete(&claim, 1, &outcome("third")).await.unwrap(), Hold::Held);
    says(&seen(&store, &claim).await, &claim, "first");
}

#[tokio::test(start_paused = true)]
async fn i14_an_owner_that_lost_its_claim_puts_nothing_into_the_cache() {
    let below = MemoryStore::new();
    let (store, other) = (cached(&below, MIB), cached(&below, MIB));
    let dead = held(&store).await;
    tokio::time::advance(MINUTE).await;
    let heir = rival(&dead);
    assert_eq!(other.take_over(&heir, dead.owner).await.unwrap(), ClaimOutcome::Claimed { attempt: 2 });
    assert_eq!(store.complete(&dead, 1, &outcome("late")).await.unwrap(), Hold::Lost);
    assert!(matches!(store.look_up(dead.key).await.unwrap(), Some(Entry::InFlight(_))));
    assert_eq!(other.complete(&heir, 2, &outcome("heir")).await.unwrap(), Hold::Held);
    let Some(Entry::Completed(record)) = store.look_up(dead.key).await.unwrap() else { panic!() };
    assert_eq!((record.attempt, record.outcome), (2, outcome("heir")));
}

#[tokio::test(start_paused = true)]
async fn i46_finished_requests_are_replayed_while_the_store_is_away() {
    let store = cached(&MemoryStore::new(), MIB);
    let claim = recorded(&store).await;
    *store.inner.loses.lock() = Some(("claim", Lost::Fails));
    assert!(matches!(store.claim(&rival(&claim)).await, Ok(ClaimOutcome::Completed(_))));
    assert!(store.claim(&self::claim()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn b37_it_is_bounded_by_bytes() {
    let below = MemoryStore::new();
    for bytes in [0, 1_000, 100_000, 20 * MIB] {
        let store = cached(&below, bytes);
        for number in 0..3_000_usize {
            let claim = held(&store).await;
            let body = Bytes::from(vec![7; if number % 50 == 0 { 60_000 } else { number % 3_000 }]);
            let answer = Outcome { head: Bytes::from_static(b"head"), body };
            assert_eq!(store.complete(&claim, 1, &answer).await.unwrap(), Hold::Held);
            assert!(store.bytes() <= bytes, "{} of {bytes}", store.bytes());
            let Some(Entry::Completed(record)) = store.look_up(claim.key).await.unwrap() else { panic!() };
            assert_eq!(record.outcome, answer);
        }
        // Neither so small that hardly anything fits, nor so large that everything does.
        assert!(bytes != 100_000 || store.bytes() > bytes / 4 * 3, "{}", store.bytes());
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_cached_does_not_hold_on_to_a_larger_buffer() {
    let buffer = Bytes::from(vec![1; MIB]);
    let outcome = Outcome { head: buffer.slice(..3), body: buffer.slice(10..20) };
    let store = cached(&MemoryStore::new(), MIB);
    let claim = held(&store).await;
    assert_eq!(store.complete(&claim, 1, &outcome).await.unwrap(), Hold::Held);
    drop(outcome);
    assert!(buffer.is_unique());
}

#[tokio::test(start_paused = true)]
async fn a_record_that_was_removed_by_hand_is_replayed_until_the_cache_is_cleared() {
    let store = cached(&MemoryStore::new(), MIB);
    let claim = recorded(&store).await;
    let emptied = CachedStore { inner: Counting::over(&MemoryStore::new()), shared: Arc::clone(&store.shared) };
    says(&seen(&emptied, &claim).await, &claim, "first");
    let asked_before = emptied.shared.records.ask();
    emptied.clear();
    // An answer from before the records were removed comes late.
    let record = seen(&store.inner, &claim).await.remove(0);
    emptied.shared.records.keep(claim.key, asked_before, &record);
    assert_eq!(emptied.look_up(claim.key).await.unwrap(), None);
    assert_eq!(emptied.bytes(), 0);
    says(&seen(&store, &claim).await, &claim, "first");
}

#[tokio::test]
async fn b40_nothing_of_an_answer_is_shown() {
    let store = cached(&MemoryStore::new(), MIB);
    let _ = recorded(&store).await;
    let shown = format!("{store:?}");
    assert!(shown.starts_with("CachedStore { store: \"counting\", bytes: ") && !shown.contains("first"), "{shown}");
    assert_eq!((store.name(), store.reserved_head()), ("counting", LEAST_RESERVED_HEAD + 5));
    assert!(store.transactional().is_none());
}

#[tokio::test]
async fn what_an_operator_may_change_is_in_no_cache() {
    let below = MemoryStore::new();
    let (here, there) = (CachedStore::new(below.clone(), MIB), CachedStore::new(below, MIB));
    let claim = held(&here).await;
    let mark = Outcome { head: Bytes::from_static(b"v1 unknown\n"), body: Bytes::new() };
    assert_eq!(here.complete(&claim, 1, &mark).await.unwrap(), Hold::Held);
    let record = seen(&there, &claim).await.remove(0);
    assert_eq!((here.bytes(), there.bytes()), (0, 0));
    let operator = rival(&claim);
    assert_eq!(here.reopen(&operator, &record).await.unwrap(), Hold::Held);
    for store in [&here, &there] {
        assert!(matches!(store.look_up(claim.key).await.unwrap(), Some(Entry::InFlight(_))));
    }
}

#[tokio::test]
async fn what_was_encrypted_below_is_in_no_cache_either() {
    for (head, kept) in [(&b"enc1 2026-11\n"[..], false), (b"v1 kept\nHTTP/1.1 204 No Content\r\n\r\n", true)] {
        let store = CachedStore::new(MemoryStore::new(), MIB);
        let claim = held(&store).await;
        let outcome = Outcome { head: Bytes::from_static(head), body: Bytes::new() };
        assert_eq!(store.complete(&claim, 1, &outcome).await.unwrap(), Hold::Held);
        assert_eq!(store.bytes() > 0, kept);
    }
}
