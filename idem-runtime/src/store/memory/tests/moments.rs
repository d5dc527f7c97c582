//! To the microsecond: one before a deadline it has not come, at it it has.

use super::*;

#[tokio::test(start_paused = true)]
async fn i10_at_the_end_of_a_lease_exactly_one_side_owns_the_key() {
    let store = MemoryStore::new();
    let owner = claim_of(1);
    let other = rival(&owner);
    assert_eq!(store.claim(&owner).await.unwrap(), ClaimOutcome::Claimed { attempt: 1 });

    pass(LEASE - MICROSECOND).await;
    assert!(matches!(store.claim(&other).await.unwrap(), ClaimOutcome::InFlight(_)));
    assert!(matches!(store.take_over(&other, owner.owner).await.unwrap(), ClaimOutcome::InFlight(_)));

    pass(MICROSECOND).await;
    assert!(matches!(store.claim(&other).await.unwrap(), ClaimOutcome::Abandoned(_)));

    pass(MICROSECOND).await;
    assert_eq!(store.take_over(&other, owner.owner).await.unwrap(), ClaimOutcome::Claimed { attempt: 2 });
    assert_eq!(store.renew(&owner).await.unwrap(), Hold::Lost);
    assert_eq!(store.renew(&other).await.unwrap(), Hold::Held);
}

#[tokio::test(start_paused = true)]
async fn i10_a_renewal_at_the_very_end_keeps_the_key() {
    let store = MemoryStore::new();
    let owner = claim_of(1);
    let other = rival(&owner);
    let _ = store.claim(&owner).await.unwrap();
    pass(LEASE).await;
    assert_eq!(store.renew(&owner).await.unwrap(), Hold::Held);
    pass(LEASE - MICROSECOND).await;
    assert!(matches!(store.take_over(&other, owner.owner).await.unwrap(), ClaimOutcome::InFlight(_)));
    pass(MICROSECOND).await;
    assert_eq!(store.take_over(&other, owner.owner).await.unwrap(), ClaimOutcome::Claimed { attempt: 2 });
}

#[tokio::test(start_paused = true)]
async fn i51_a_record_is_replayed_until_its_ttl_and_not_at_it() {
    let store = MemoryStore::new();
    let owner = claim_of(1);
    let other = rival(&owner);
    let _ = store.claim(&owner).await.unwrap();
    pass(LEASE).await;
    assert_eq!(store.complete(&owner, 1, &outcome(3, 5)).await.unwrap(), Hold::Held);

    pass(TTL - MICROSECOND).await;
    assert!(matches!(store.look_up(owner.key).await.unwrap(), Some(Entry::Completed(_))));
    assert!(matches!(store.claim(&other).await.unwrap(), ClaimOutcome::Completed(_)));

    pass(MICROSECOND).await;
    assert_eq!(store.look_up(owner.key).await.unwrap(), None);
    assert_eq!(store.claim(&other).await.unwrap(), ClaimOutcome::Claimed { attempt: 1 });
}

#[tokio::test(start_paused = true)]
async fn an_abandoned_claim_stays_visible_for_its_ttl() {
    let store = MemoryStore::new();
    let owner = claim_of(1);
    let _ = store.claim(&owner).await.unwrap();
    pass(LEASE + TTL - MICROSECOND).await;
    assert!(matches!(store.look_up(owner.key).await.unwrap(), Some(Entry::Abandoned(_))));
    pass(MICROSECOND).await;
    assert_eq!(store.look_up(owner.key).await.unwrap(), None);
    assert_eq!(store.renew(&owner).await.unwrap(), Hold::Lost);
    assert_eq!(store.complete(&owner, 1, &outcome(1, 1)).await.unwrap(), Hold::Lost);
    assert_eq!(store.release(&owner).await.unwrap(), Hold::Lost);
    assert_eq!(store.look_up(owner.key).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn i11_a_lease_out_of_range_means_neither_orphan_nor_for_ever() {
    let store = MemoryStore::new();
    let none = Claim { lease: Duration::ZERO, ttl: Duration::ZERO, ..claim_of(1) };
    let _ = store.claim(&none).await.unwrap();
    assert!(matches!(store.claim(&rival(&none)).await.unwrap(), ClaimOutcome::InFlight(_)));

    let endless = Claim { lease: Duration::MAX, ttl: Duration::MAX, ..claim_of(2) };
    let _ = store.claim(&endless).await.unwrap();
    assert!(matches!(store.claim(&rival(&endless)).await.unwrap(), ClaimOutcome::InFlight(_)));
    pass(Duration::from_millis(crate::store::span::MAX_MILLIS)).await;
    assert!(matches!(store.claim(&rival(&endless)).await.unwrap(), ClaimOutcome::Abandoned(_)));
    pass(Duration::from_millis(crate::store::span::MAX_MILLIS)).await;
    assert_eq!(store.claim(&rival(&endless)).await.unwrap(), ClaimOutcome::Claimed { attempt: 1 });
}
