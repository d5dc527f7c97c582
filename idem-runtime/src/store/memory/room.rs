//! How much memory the entries may take, and take.

use std::sync::atomic::{AtomicUsize, Ordering};

/// What one entry takes beside its payload: its slot in a table that is about two thirds full, the entry itself, the
/// payload's reference counts, and what the allocator rounds up. Measured with a counting
/// allocator: 170 to 200 bytes.
pub(super) const ENTRY_BYTES: usize = 200;

/// The bytes that all entries take together, and their bound.
///
/// One counter for all shards: a bound per shard would refuse claims while other shards have room.
#[derive(Debug)]
pub(super) struct Room {
    bound: usize,
    taken: AtomicUsize,
}

/// The bound was reached.
#[derive(Debug)]
pub(super) struct NoRoom {
    /// How many bytes should have been free.
    pub(super) wanted: usize,
}

impl Room {
    pub(super) fn new(bound: usize) -> Self {
        Self { bound, taken: AtomicUsize::new(0) }
    }

    pub(super) fn bound(&self) -> usize {
        self.bound
    }

    pub(super) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    /// Takes `bytes`, if that many are free.
    pub(super) fn take(&self, bytes: usize) -> Result<(), NoRoom> {
        let fits = |taken: usize| taken.checked_add(bytes).filter(|&sum| sum <= self.bound);
        self.taken
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits)
            .map(drop)
            .map_err(|_| NoRoom { wanted: bytes })
    }

    /// Gives `bytes` back, which were taken.
    pub(super) fn give_back(&self, bytes: usize) {
        self.taken.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Changes `had` bytes, which were taken, into `wanted`.
    pub(super) fn exchange(&self, had: usize, wanted: usize) -> Result<(), NoRoom> {
        if wanted > had {
            self.take(wanted - had)
        } else {
            self.give_back(had - wanted);
            Ok(())
        }
    }
}
