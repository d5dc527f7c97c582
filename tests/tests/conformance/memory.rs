use idem_runtime::store::MemoryStore;

use super::*;

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

in_every_dress!(check, tokio::test(start_paused = true), InMemory(MemoryStore::new()));
