use super::*;
use crate::conformance::ledger::{Fault, Ledger};
use crate::store::{AnyTransaction, Begun, Committed, ErasedTransactionalStore as _, Recording, Writes};

fn cached(fault: Option<Fault>) -> CachedStore<Ledger> {
    CachedStore::new(Ledger::new(fault), 1 << 20)
}

/// The same cache, over a store in which there is nothing: what it still gives is a hit.
fn over_nothing(store: &CachedStore<Ledger>) -> CachedStore<Ledger> {
    CachedStore { inner: Ledger::new(None), shared: Arc::clone(&store.shared) }
}

async fn open(store: &CachedStore<Ledger>, claim: &Claim) -> AnyTransaction {
    match store.begin(claim, None).await.unwrap() {
        Begun::Open { transaction, attempt: 1, .. } => transaction,
        other => panic!("{other:?}"),
    }
}

fn recording<'a>(claim: &'a Claim, outcome: &'a Outcome) -> Option<Recording<'a>> {
    Some(Recording { claim, attempt: 1, outcome })
}

async fn begin(store: &CachedStore<Ledger>, claim: &Claim) -> Begun<AnyTransaction> {
    store.begin(&rival(claim), None).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_was_committed_is_begun_with_without_a_call() {
    for writes in [Writes::Keep, Writes::Discard] {
        let (store, claim, outcome) = (cached(None), claim(), outcome("paid"));
        let transaction = open(&store, &claim).await;
        assert!(matches!(begin(&store, &claim).await, Begun::InFlight { same_request: true }));
        let committed = store.commit(transaction, writes, recording(&claim, &outcome)).await.unwrap();
        assert_eq!(committed, Committed::Yes);
        let Begun::Completed(hit) = begin(&over_nothing(&store), &claim).await else { panic!() };
        let Begun::Completed(said) = begin(&CachedStore::new(store.inner.clone(), 0), &claim).await else { panic!() };
        assert_eq!(hit, said);
        assert!(hit.expires_in <= said.expires_in);
        // By whichever way it is asked for.
        assert!(matches!(over_nothing(&store).claim(&rival(&claim)).await.unwrap(), ClaimOutcome::Completed(_)));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_begun_with_is_learned_from() {
    let (below, claim, outcome) = (cached(None), claim(), outcome("paid"));
    let transaction = open(&below, &claim).await;
    let committed = below.commit(transaction, Writes::Keep, recording(&claim, &outcome)).await.unwrap();
    assert_eq!(committed, Committed::Yes);
    let store = CachedStore::new(below.inner.clone(), 1 << 20);
    assert!(matches!(begin(&store, &claim).await, Begun::Completed(_)));
    assert!(matches!(begin(&over_nothing(&store), &claim).await, Begun::Completed(_)));
}

#[tokio::test(start_paused = true)]
async fn i45_what_was_not_committed_is_not_cached() {
    let (store, claim, outcome) = (cached(None), claim(), outcome("paid"));
    let transaction = open(&store, &claim).await;
    let committed = store.commit(transaction, Writes::Keep, None).await.unwrap();
    assert_eq!((committed, store.bytes()), (Committed::Yes, 0));
    let transaction = open(&store, &claim).await;
    store.roll_back(transaction).await;
    // Somebody else has the key by the time of the commit.
    let transaction = open(&store, &claim).await;
    assert_eq!(store.claim(&rival(&claim)).await.unwrap(), ClaimOutcome::Claimed { attempt: 1 });
    let committed = store.commit(transaction, Writes::Keep, recording(&claim, &outcome)).await.unwrap();
    assert_eq!((committed, store.bytes()), (Committed::No, 0));
    assert!(!store.was_committed(&claim).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn i44_a_commit_whose_answer_is_lost_leaves_it_to_the_store_what_is_recorded() {
    let (store, claim) = (cached(Some(Fault::LosesAnswers)), claim());
    let (paid, unknown) = (outcome("paid"), outcome("unknown"));
    // As where a failure is kept: a claim goes before the transaction.
    assert_eq!(store.claim(&claim).await.unwrap(), ClaimOutcome::Claimed { attempt: 1 });
    let transaction = open(&store, &claim).await;
    assert!(store.commit(transaction, Writes::Keep, recording(&claim, &paid)).await.is_err());
    assert_eq!(store.bytes(), 0);
    assert_eq!(store.complete(&claim, 1, &unknown).await.unwrap(), Hold::Held);
    let Begun::Completed(record) = begin(&store, &claim).await else { panic!() };
    assert_eq!(record.outcome, paid);
    assert!(store.was_committed(&claim).await.unwrap());
}
