//! The transactions of the store below, with what they recorded in the cache.

use std::any::TypeId;
use std::time::Duration;

use super::CachedStore;
use crate::store::transaction::{AnyTransaction, Call};
use crate::store::{
    Begun, Claim, Committed, ErasedTransactionalStore, OwnerToken, Recording, Store, StoreError, Transactional, Writes,
};

impl<S: Store> CachedStore<S> {
    fn transactions(&self) -> Result<&dyn ErasedTransactionalStore, StoreError> {
        match self.inner.transactional() {
            Some(Transactional(store)) => Ok(store),
            // Not to be reached: a store has transactions or it has none.
            None => Err(StoreError::Unavailable { reason: "the store has no transactions".to_owned(), source: None }),
        }
    }
}

impl<S: Store> ErasedTransactionalStore for CachedStore<S> {
    fn transaction_type(&self) -> TypeId {
        self.transactions().map_or(TypeId::of::<Self>(), |store| store.transaction_type())
    }

    fn begin<'a>(
        &'a self,
        claim: &'a Claim,
        from: Option<OwnerToken>,
    ) -> Call<'a, Result<Begun<AnyTransaction>, StoreError>> {
        Box::pin(async move {
            if let Some(record) = self.cached(claim.key) {
                return Ok(Begun::Completed(record));
            }
            let asked = self.shared.records.ask();
            let begun = self.transactions()?.begin(claim, from).await?;
            if let Begun::Completed(record) = &begun {
                self.shared.records.keep(claim.key, asked, record);
            }
            Ok(begun)
        })
    }

    fn begin_unguarded(&self, lease: Duration) -> Call<'_, Result<AnyTransaction, StoreError>> {
        Box::pin(async move { self.transactions()?.begin_unguarded(lease).await })
    }

    fn commit<'a>(
        &'a self,
        transaction: AnyTransaction,
        writes: Writes,
        recording: Option<Recording<'a>>,
    ) -> Call<'a, Result<Committed, StoreError>> {
        Box::pin(async move {
            let store = self.transactions()?;
            let Some(Recording { claim, attempt, outcome }) = recording else {
                return store.commit(transaction, writes, None).await;
            };
            // It may be stored though its answer is lost; whatever the owner completes its claim with then, is not.
            self.shared.firsts.take(claim.owner);
            let asked = self.shared.records.ask();
            let committed = store.commit(transaction, writes, recording).await?;
            // A transaction is committed once, with one outcome: if it was, this is what is stored.
            if committed == Committed::Yes {
                self.recorded(claim, asked, attempt, outcome);
            }
            Ok(committed)
        })
    }

    fn roll_back(&self, transaction: AnyTransaction) -> Call<'_, ()> {
        Box::pin(async move {
            if let Ok(store) = self.transactions() {
                store.roll_back(transaction).await;
            }
        })
    }

    fn was_committed<'a>(&'a self, claim: &'a Claim) -> Call<'a, Result<bool, StoreError>> {
        // Whose record it is, the cache does not know.
        Box::pin(async move { self.transactions()?.was_committed(claim).await })
    }
}
