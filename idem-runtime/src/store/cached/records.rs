//! The cache itself: what it holds, and what makes room.

use std::collections::hash_map::RandomState;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{OptionsBuilder, Weighter};

use super::kept::{Kept, Moment, RECORD_BYTES};
use crate::digest::RecordKey;
use crate::store::Record;

/// Parts of the cache that have a lock each are at least so large, so that what is worth caching fits into one.
const PART_BYTES: usize = 8 * 1024 * 1024;

/// What a record has at the mean, or so: no more than a guess of how much administration is needed.
const USUAL_BYTES: usize = RECORD_BYTES + 640;

/// A larger record would drive too many others out of its part.
const LARGEST: usize = PART_BYTES / 2;

pub(super) struct Records {
    cache: Cache<RecordKey, Arc<Kept>, ByBytes, RandomState>,
    largest: usize,
    /// How often it was cleared.
    cleared: AtomicU64,
}

/// When a call was sent to the store.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) at: Moment,
    /// What it tells is from before all that was cleared since.
    pub(super) cleared: u64,
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<RecordKey, Arc<Kept>> for ByBytes {
    fn weight(&self, _: &RecordKey, kept: &Arc<Kept>) -> u64 {
        kept.bytes() as u64
    }
}

impl Records {
    pub(super) fn new(bytes: usize) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let most_parts = (bytes / PART_BYTES).max(1);
        // A power of two, or it would be rounded up to one.
        let parts = (1_usize << most_parts.ilog2()).min((threads * 4).next_power_of_two());
        let options = OptionsBuilder::new()
            .shards(parts)
            .estimated_items_capacity(bytes / USUAL_BYTES)
            // Each part gets as much as any other, and all together no more than was given.
            .weight_capacity((bytes / parts * parts) as u64)
            .build()
            .unwrap_or_else(|_| unreachable!("both capacities are given"));
        let cache = Cache::with_options(options, ByBytes, RandomState::new(), DefaultLifecycle::default());
        Self { cache, largest: LARGEST.min(bytes / 2), cleared: AtomicU64::new(0) }
    }

    pub(super) fn ask(&self) -> Asked {
        Asked { at: Moment::now(), cleared: self.cleared.load(Ordering::Acquire) }
    }

    pub(super) fn get(&self, key: RecordKey) -> Option<Record> {
        let kept = self.cache.get(&key)?;
        let record = kept.record(self.ask());
        if record.is_none() {
            // Unless another one has taken its place meanwhile.
            self.cache.remove_if(&key, |found| Arc::ptr_eq(found, &kept));
        }
        record
    }

    /// Keeps a copy of what the store said, or did, in a call that was sent at `asked`.
    pub(super) fn keep(&self, key: RecordKey, asked: Asked, record: &Record) {
        if record.outcome.may_be_a_tombstone() {
            return;
        }
        if record.outcome.len().saturating_add(RECORD_BYTES) > self.largest {
            return;
        }
        if let Some(kept) = Kept::copy(record, asked) {
            self.cache.insert(key, Arc::new(kept));
        }
    }

    pub(super) fn bytes(&self) -> usize {
        usize::try_from(self.cache.weight()).unwrap_or(usize::MAX)
    }

    pub(super) fn clear(&self) {
        self.cleared.fetch_add(1, Ordering::AcqRel);
        self.cache.clear();
    }
}
