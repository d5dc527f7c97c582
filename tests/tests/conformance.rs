//! The suite that judges a store, over the store that needs no process of its own.

use std::time::Duration;

use idem_runtime::conformance::{Harness, check};
use idem_runtime::store::MemoryStore;

struct InMemory(MemoryStore);

impl Harness for InMemory {
    type Store = MemoryStore;

    async fn store(&self) -> MemoryStore {
        self.0.clone()
    }

    async fn pass(&self, time: Duration) {
        tokio::time::advance(time).await;
    }
}

#[tokio::test(start_paused = true)]
async fn memory() {
    check(&InMemory(MemoryStore::new())).await;
}
