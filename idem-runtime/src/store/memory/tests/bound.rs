//! B37, I52: the store is bounded, and what lives is never dropped for it.

use super::*;

/// Room for this many claims.
const FEW: usize = 200;

fn small_store() -> MemoryStore {
    MemoryStore::with_capacity_bytes(FEW * (room::ENTRY_BYTES + crate::store::RESERVED_HEAD))
}

async fn fill(store: &MemoryStore) -> Vec<Claim> {
    let mut claims = Vec::new();
    for number in 0.. {
        let claim = claim_of(number);
        match store.claim(&claim).await {
            Ok(ClaimOutcome::Claimed { attempt: 1 }) => claims.push(claim),
            Err(StoreError::Full) => return claims,
            other => panic!("{other:?}"),
        }
    }
    claims
}

#[tokio::test(start_paused = true)]
async fn b37_a_full_store_refuses_and_drops_nothing() {
    let store = small_store();
    let claims = fill(&store).await;
    assert_eq!(claims.len(), FEW);
    assert!(store.bytes() <= store.capacity_bytes());

    for claim in &claims {
        assert!(matches!(store.claim(&rival(claim)).await.unwrap(), ClaimOutcome::InFlight(_)));
    }
    // Their leases end; they are abandoned, which is not over.
    pass(LEASE).await;
    assert!(matches!(store.claim(&claim_of(1_000_000)).await, Err(StoreError::Full)));
    for claim in &claims {
        assert!(matches!(store.claim(&rival(claim)).await.unwrap(), ClaimOutcome::Abandoned(_)));
        assert_eq!(store.renew(claim).await.unwrap(), Hold::Held);
    }
}

#[tokio::test(start_paused = true)]
async fn b37_a_full_store_recovers_when_entries_end() {
    let store = small_store();
    let claims = fill(&store).await;
    pass(LEASE + TTL).await;
    assert_eq!(store.len(), claims.len());
    for number in 0..FEW as u64 {
        let claim = claim_of(2_000_000 + number);
        assert_eq!(store.claim(&claim).await.unwrap(), ClaimOutcome::Claimed { attempt: 1 });
    }
    assert!(store.bytes() <= store.capacity_bytes());
}

#[tokio::test(start_paused = true)]
async fn i22_a_tombstone_always_fits() {
    let store = small_store();
    let claims = fill(&store).await;
    for claim in &claims {
        let kept = store.complete(claim, 1, &outcome(crate::store::RESERVED_HEAD, 1)).await;
        assert!(matches!(kept, Err(StoreError::Full)), "{kept:?}");
        assert!(matches!(store.look_up(claim.key).await.unwrap(), Some(Entry::InFlight(_))));
        let tombstone = outcome(crate::store::RESERVED_HEAD, 0);
        assert_eq!(store.complete(claim, 1, &tombstone).await.unwrap(), Hold::Held);
    }
    assert!(store.bytes() <= store.capacity_bytes());
}

#[tokio::test(start_paused = true)]
async fn i52_a_million_keys_pass_through_a_small_store() {
    // Every entry ends after 130 ms; 1,000 claims arrive per ms, so at most 130,000 live at once.
    let store = MemoryStore::with_capacity_bytes(64 * 1024 * 1024);
    let mut keeper = Claim { lease: TTL * 1_000, ..claim_of(0) };
    keeper.ttl = TTL * 1_000;
    let _ = store.claim(&keeper).await.unwrap();
    let record = rival(&claim_of(1));
    let record = Claim { ttl: TTL * 1_000, ..record };
    let _ = store.claim(&record).await.unwrap();
    assert_eq!(store.complete(&record, 1, &outcome(10, 200)).await.unwrap(), Hold::Held);
    let mut most = 0;
    for number in 2..1_000_000 {
        assert_eq!(store.claim(&claim_of(number)).await.unwrap(), ClaimOutcome::Claimed { attempt: 1 });
        if number % 1_000 == 0 {
            pass(Duration::from_millis(1)).await;
            most = most.max(store.len());
        }
    }
    assert!(most < 260_000, "{most} entries, where at most 130,000 live");
    assert!(matches!(store.look_up(keeper.key).await.unwrap(), Some(Entry::InFlight(_))));
    assert!(matches!(store.look_up(record.key).await.unwrap(), Some(Entry::Completed(_))));
}

#[tokio::test(start_paused = true)]
async fn every_byte_that_is_taken_is_given_back() {
    let store = MemoryStore::new();
    for number in 0..1_000 {
        let claim = claim_of(number);
        let _ = store.claim(&claim).await.unwrap();
        match number % 4 {
            0 => assert_eq!(store.release(&claim).await.unwrap(), Hold::Held),
            1 => assert_eq!(store.complete(&claim, 1, &outcome(40, 4_000)).await.unwrap(), Hold::Held),
            2 => assert_eq!(store.complete(&claim, 1, &outcome(0, 0)).await.unwrap(), Hold::Held),
            _ => {}
        }
    }
    assert!(store.bytes() > 1_000_000);
    assert_eq!(store.sweep(), 0);
    pass(LEASE + TTL).await;
    assert_eq!(store.sweep(), 750);
    assert_eq!((store.bytes(), store.len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_record_does_not_keep_the_buffer_alive_that_its_body_is_a_slice_of() {
    let store = MemoryStore::new();
    let buffer = Bytes::from(vec![b'x'; 1024 * 1024]);
    let claim = claim_of(1);
    let _ = store.claim(&claim).await.unwrap();
    let sliced = Outcome { head: buffer.slice(..10), body: buffer.slice(10..30) };
    assert_eq!(store.complete(&claim, 1, &sliced).await.unwrap(), Hold::Held);
    drop(sliced);
    assert!(buffer.is_unique());
}

#[tokio::test(start_paused = true)]
async fn b40_debug_shows_no_contents() {
    let store = MemoryStore::new();
    let claim = claim_of(1);
    let _ = store.claim(&claim).await.unwrap();
    let canary = Outcome { head: Bytes::from_static(b"canary"), body: Bytes::from_static(b"canary") };
    assert_eq!(store.complete(&claim, 1, &canary).await.unwrap(), Hold::Held);
    let shown = format!("{store:?} {:?} {canary:?}", store.look_up(claim.key).await.unwrap());
    assert!(!shown.contains("canary") && shown.contains("body: 6 B"), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn one_sweep_finds_everything_that_has_ended() {
    let store = MemoryStore::new();
    for number in 0..200_000 {
        let _ = store.claim(&claim_of(number)).await.unwrap();
    }
    let lasting = Claim { ttl: TTL * 10, ..claim_of(1_000_000) };
    let _ = store.claim(&lasting).await.unwrap();
    pass(LEASE + TTL).await;
    // The hands stand anywhere, and the tables shrink when they have been round.
    assert_eq!(store.sweep(), 200_000);
    assert_eq!((store.sweep(), store.len()), (0, 1));
    assert!(matches!(store.look_up(lasting.key).await.unwrap(), Some(Entry::Abandoned(_))));
}

#[tokio::test(start_paused = true)]
async fn nobody_sweeps_more_than_a_few_entries_at_a_time() {
    let store = MemoryStore::new();
    for number in 0..50_000 {
        let _ = store.claim(&claim_of(number)).await.unwrap();
    }
    pass(LEASE + TTL).await;
    let mut before = store.len();
    // As many claims as have ended are enough to find all of them.
    for number in 50_000..100_000 {
        assert_eq!(store.claim(&claim_of(number)).await.unwrap(), ClaimOutcome::Claimed { attempt: 1 });
        let after = store.len();
        assert!(before + 1 - after <= 64, "{} were removed by one claim", before + 1 - after);
        before = after;
    }
    assert!(before < 51_000, "{before} entries, of which 50,000 live");
}

#[tokio::test(start_paused = true)]
async fn what_ends_before_the_rest_is_found_all_the_same() {
    let store = MemoryStore::new();
    let short = Claim { ttl: TTL, ..claim_of(0) };
    let long = |number| Claim { ttl: TTL * 1_000, ..claim_of(number) };
    // Those that end last come first, and last: the tables are laid out anew with the short one among them, in mid-round.
    for number in 1..5_000 {
        let _ = store.claim(&long(number)).await.unwrap();
    }
    let _ = store.claim(&short).await.unwrap();
    for number in 5_000..100_000 {
        let _ = store.claim(&long(number)).await.unwrap();
    }
    pass(LEASE + TTL).await;
    for number in 100_000..200_000 {
        let _ = store.claim(&long(number)).await.unwrap();
    }
    assert_eq!(store.len(), 199_999);
    assert_eq!(store.sweep(), 0);
}
