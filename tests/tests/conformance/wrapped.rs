//! A harness whose stores have something put in front of them.

use idem_runtime::store::{CachedStore, EncryptedStore, EncryptionKey, Keyring, Store};

use super::*;

/// The harness below, with a store in front of each of its stores.
pub(super) struct Wrapped<H, F> {
    below: H,
    wrap: F,
}

/// Each handle with a cache of its own, as each process has one.
pub(super) fn cached<H: Harness>(below: H) -> Wrapped<H, impl Fn(H::Store) -> CachedStore<H::Store> + Sync> {
    Wrapped { below, wrap: |store| CachedStore::new(store, 64 * 1024 * 1024) }
}

pub(super) fn encrypted<H: Harness>(below: H) -> Wrapped<H, impl Fn(H::Store) -> EncryptedStore<H::Store> + Sync> {
    let keyring = Keyring::new("2026-11", EncryptionKey::from_bytes([7; 32])).unwrap();
    Wrapped { below, wrap: move |store| EncryptedStore::new(store, keyring.clone()) }
}

impl<H: Harness, S: Store, F: Fn(H::Store) -> S + Sync> Harness for Wrapped<H, F> {
    type Store = S;

    async fn store(&self) -> S {
        (self.wrap)(self.below.store().await)
    }

    async fn pass(&self, time: Duration) {
        self.below.pass(time).await;
    }

    fn tick(&self) -> Duration {
        self.below.tick()
    }

    async fn fill(&self) -> bool {
        self.below.fill().await
    }

    async fn make_room(&self) {
        self.below.make_room().await;
    }

    async fn damage(&self, key: RecordKey, damage: Damage) -> bool {
        self.below.damage(key, damage).await
    }
}

impl<H: TransactionalHarness, S: Store, F: Fn(H::Store) -> S + Sync> TransactionalHarness for Wrapped<H, F> {
    type Transaction = H::Transaction;

    async fn write(
        &self,
        transaction: &mut H::Transaction,
        effect: &str,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.below.write(transaction, effect).await
    }

    async fn count(&self, effect: &str) -> usize {
        self.below.count(effect).await
    }
}
