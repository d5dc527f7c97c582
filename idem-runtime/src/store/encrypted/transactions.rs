//! The transactions of the store below, with the record encrypted.

use std::any::TypeId;
use std::time::Duration;

use super::EncryptedStore;
use crate::store::transaction::{AnyTransaction, Call};
use crate::store::{
    Begun, Claim, Committed, ErasedTransactionalStore, OwnerToken, Recording, Store, StoreError, Transactional, Writes,
};

impl<S: Store> EncryptedStore<S> {
    fn transactions(&self) -> Result<&dyn ErasedTransactionalStore, StoreError> {
        match self.inner.transactional() {
            Some(Transactional(store)) => Ok(store),
            // Not to be reached: a store has transactions or it has none.
            None => Err(StoreError::Unavailable { reason: "the store has no transactions".to_owned(), source: None }),
        }
    }
}

impl<S: Store> ErasedTransactionalStore for EncryptedStore<S> {
    fn transaction_type(&self) -> TypeId {
        self.transactions().map_or(TypeId::of::<Self>(), |store| store.transaction_type())
    }

    fn begin<'a>(
        &'a self,
        claim: &'a Claim,
        from: Option<OwnerToken>,
    ) -> Call<'a, Result<Begun<AnyTransaction>, StoreError>> {
        Box::pin(async move {
            match self.transactions()?.begin(claim, from).await? {
                Begun::Completed(record) => self.open(claim.key, record).map(Begun::Completed),
                other => Ok(other),
            }
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
            match self.seal(claim, attempt, outcome) {
                Ok(sealed) => {
                    let recording = Recording { claim, attempt, outcome: &sealed };
                    store.commit(transaction, writes, Some(recording)).await
                }
                Err(error) => {
                    // Nothing was sent: nothing is left.
                    tracing::warn!(%error, "a transaction cannot be committed");
                    store.roll_back(transaction).await;
                    Ok(Committed::No)
                }
            }
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
        Box::pin(async move { self.transactions()?.was_committed(claim).await })
    }
}
