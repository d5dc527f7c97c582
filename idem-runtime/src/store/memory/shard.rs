//! One shard of the memory store: every operation on one key, and the removal of what has ended.
//!
//! All of it is synchronous and runs under the shard's lock.

use std::fmt;

use hashbrown::HashTable;
use hashbrown::hash_table::{Entry as Place, OccupiedEntry};

use super::clock::Moment;
use super::entry::{Done, Kept};
use super::room::{ENTRY_BYTES, NoRoom, Room};
use crate::digest::RecordKey;
use crate::store::{Age, Claim, ClaimOutcome, Entry, Hold, OwnerToken, RESERVED_HEAD, Record};

/// For how many buckets each claim pays, which are looked through for entries that have ended.
///
/// A table has between 1.1 and 2.3 buckets per entry, so the hand has been round it once while a third of the entries
/// was replaced, at worst: no more than that fraction of memory is held by what has ended, and no timer, queue or heap
/// is needed to find it.
const BUCKETS_PER_CLAIM: usize = 8;

/// How many it looks through at once, when that many are due: neighbours in memory, which cost little more than one alone
/// would, and few enough for nobody to be held up by them.
const BUCKETS_AT_ONCE: usize = 64;

/// Tables smaller than this are not worth shrinking.
const SHRINK_FROM: usize = 1_024;

/// A part of the entries, behind one lock.
pub(super) struct Shard {
    table: HashTable<Slot>,
    /// The bucket at which the next sweep goes on: like the hand of a clock, it goes round and round.
    hand: usize,
    /// No entry ends before this: until then there is nothing to sweep.
    earliest: Moment,
    /// As `earliest`, of the entries that the hand has passed in this round, and of those that came or changed meanwhile.
    earliest_of_round: Moment,
    /// How many buckets the claims have paid for that were not looked through yet.
    due: usize,
}

/// What the table itself keeps of an entry: enough to sweep and to grow without touching the entry's own memory.
struct Slot {
    hash: u64,
    /// When the entry is over: the end of a record's TTL, or of the time for which an abandoned claim stays visible.
    ends: Moment,
    kept: Kept,
}

/// Which entry an operation is about.
#[derive(Clone, Copy)]
pub(super) struct Address {
    pub(super) key: RecordKey,
    pub(super) hash: u64,
}

/// What a sweep removed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Swept {
    pub(super) entries: usize,
    pub(super) bytes: usize,
}

impl Shard {
    pub(super) fn claim(
        &mut self,
        at: Address,
        claim: &Claim,
        now: Moment,
        room: &Room,
    ) -> Result<ClaimOutcome, NoRoom> {
        self.sweep_a_little(now, room);
        if self.table.len() == self.table.capacity() {
            // It is about to be laid out anew, and entries get behind the hand that it has not passed.
            self.earliest_of_round = self.earliest_of_round.min(self.earliest);
        }
        let ends = match self.table.entry(at.hash, |slot| slot.kept.is_of(at.key), |slot| slot.hash) {
            Place::Occupied(slot) if !slot.get().ends.has_come(now) => {
                return Ok(slot.get().answer(claim, now));
            }
            Place::Occupied(mut ended) => {
                let slot = ended.get_mut();
                room.exchange(slot.kept.bytes(), ENTRY_BYTES + RESERVED_HEAD)?;
                slot.hold(claim, 1, now)
            }
            Place::Vacant(place) => {
                room.take(ENTRY_BYTES + RESERVED_HEAD)?;
                place.insert(Slot::held(at.hash, claim, now)).get().ends
            }
        };
        self.note(ends);
        Ok(ClaimOutcome::Claimed { attempt: 1 })
    }

    pub(super) fn take_over(
        &mut self,
        at: Address,
        claim: &Claim,
        from: OwnerToken,
        now: Moment,
        room: &Room,
    ) -> Result<ClaimOutcome, NoRoom> {
        match self.live(at, now) {
            Some(mut slot) if slot.get().kept.was_abandoned_by(from, now) && from != claim.owner => {
                let attempt = slot.get().kept.attempt().saturating_add(1);
                let ends = slot.get_mut().hold(claim, attempt, now);
                self.note(ends);
                Ok(ClaimOutcome::Claimed { attempt })
            }
            Some(slot) => Ok(slot.get().answer(claim, now)),
            None => self.claim(at, claim, now, room),
        }
    }

    pub(super) fn renew(&mut self, at: Address, claim: &Claim, now: Moment) -> Hold {
        let Some(mut slot) = self.live(at, now) else { return Hold::Lost };
        let slot = slot.get_mut();
        if !slot.kept.is_held_by(claim.owner) {
            return Hold::Lost;
        }
        let ends = slot.extend(claim, now);
        self.note(ends);
        Hold::Held
    }

    pub(super) fn complete(
        &mut self,
        at: Address,
        claim: &Claim,
        record: &Done,
        now: Moment,
        room: &Room,
    ) -> Result<Hold, NoRoom> {
        let Some(mut slot) = self.live(at, now) else { return Ok(Hold::Lost) };
        let slot = slot.get_mut();
        if !slot.kept.belongs_to(claim.owner) {
            return Ok(Hold::Lost);
        }
        if slot.kept.is_done() {
            return Ok(Hold::Held);
        }
        room.exchange(slot.kept.bytes(), ENTRY_BYTES + record.len())?;
        slot.kept = Kept::Done(record.clone());
        let ends = now.after(claim.ttl);
        slot.ends = ends;
        self.note(ends);
        Ok(Hold::Held)
    }

    pub(super) fn release(&mut self, at: Address, claim: &Claim, now: Moment, room: &Room) -> Hold {
        match self.live(at, now) {
            Some(slot) if slot.get().kept.is_held_by(claim.owner) => {
                remove(slot, room);
                Hold::Held
            }
            _ => Hold::Lost,
        }
    }

    pub(super) fn reopen(
        &mut self,
        at: Address,
        claim: &Claim,
        seen: &Record,
        now: Moment,
        room: &Room,
    ) -> Result<Hold, NoRoom> {
        let Some(mut slot) = self.live(at, now) else { return Ok(Hold::Lost) };
        let slot = slot.get_mut();
        if slot.kept.is_held_by(claim.owner) {
            return Ok(Hold::Held);
        }
        if !matches!(slot.kept.look(now, slot.ends), Entry::Completed(record) if record == *seen) {
            return Ok(Hold::Lost);
        }
        room.exchange(slot.kept.bytes(), ENTRY_BYTES + RESERVED_HEAD)?;
        let ends = slot.hold(claim, seen.attempt.saturating_add(1), now);
        self.note(ends);
        Ok(Hold::Held)
    }

    pub(super) fn look_up(&self, at: Address, now: Moment) -> Option<Entry> {
        let slot = self.table.find(at.hash, |slot| slot.kept.is_of(at.key))?;
        (!slot.ends.has_come(now)).then(|| slot.kept.look(now, slot.ends))
    }

    pub(super) fn inspect(&self, at: Address, now: Moment) -> Option<(Entry, Option<Age>)> {
        let slot = self.table.find(at.hash, |slot| slot.kept.is_of(at.key))?;
        (!slot.ends.has_come(now)).then(|| (slot.kept.look(now, slot.ends), slot.kept.age(now)))
    }

    /// What a claim does of the sweeping, if there can be anything to sweep.
    fn sweep_a_little(&mut self, now: Moment, room: &Room) {
        if !self.earliest.has_come(now) {
            return;
        }
        self.due += BUCKETS_PER_CLAIM;
        if self.due >= BUCKETS_AT_ONCE {
            self.due = 0;
            self.sweep(BUCKETS_AT_ONCE, now, room);
        }
    }

    /// There is an entry that ends then.
    fn note(&mut self, ends: Moment) {
        self.earliest = self.earliest.min(ends);
        self.earliest_of_round = self.earliest_of_round.min(ends);
    }

    /// Looks through the next `buckets` buckets, at most once round, and removes what has ended.
    pub(super) fn sweep(&mut self, buckets: usize, now: Moment, room: &Room) -> Swept {
        let mut swept = Swept::default();
        let mut went_round = false;
        for _ in 0..buckets.min(self.table.num_buckets()) {
            if self.hand >= self.table.num_buckets() {
                self.hand = 0;
                self.earliest = std::mem::replace(&mut self.earliest_of_round, Moment::NEVER);
                went_round = true;
            }
            match self.table.get_bucket_entry(self.hand) {
                Ok(slot) if slot.get().ends.has_come(now) => {
                    swept.bytes += remove(slot, room);
                    swept.entries += 1;
                }
                Ok(slot) => self.earliest_of_round = self.earliest_of_round.min(slot.get().ends),
                Err(_) => {}
            }
            self.hand += 1;
        }
        // Not on the way: it moves entries from behind the hand to before it, and back.
        if went_round {
            self.shrink();
        }
        swept
    }

    pub(super) fn buckets(&self) -> usize {
        self.table.num_buckets()
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// Gives memory back after a flood: a table that has become nearly empty keeps its size for ever otherwise.
    fn shrink(&mut self) {
        if self.table.num_buckets() > SHRINK_FROM && self.table.len() < self.table.num_buckets() / 8 {
            self.table.shrink_to(self.table.len() * 2, |slot| slot.hash);
            // Entries have moved behind the hand, which will not see them on this round.
            self.earliest_of_round = self.earliest_of_round.min(self.earliest);
        }
    }

    fn live(&mut self, at: Address, now: Moment) -> Option<OccupiedEntry<'_, Slot>> {
        let slot = self.table.find_entry(at.hash, |slot| slot.kept.is_of(at.key)).ok()?;
        (!slot.get().ends.has_come(now)).then_some(slot)
    }
}

impl Slot {
    fn held(hash: u64, claim: &Claim, now: Moment) -> Self {
        let lease_end = now.after(claim.lease);
        Self { hash, ends: lease_end.after(claim.ttl), kept: Kept::held(claim, 1, lease_end) }
    }

    fn answer(&self, claim: &Claim, now: Moment) -> ClaimOutcome {
        self.kept.answer(claim.owner, now, self.ends)
    }

    /// Makes `claim` the holder, whoever was it before; says when that is over.
    fn hold(&mut self, claim: &Claim, attempt: u32, now: Moment) -> Moment {
        let lease_end = now.after(claim.lease);
        self.ends = lease_end.after(claim.ttl);
        self.kept = Kept::held(claim, attempt, lease_end);
        self.ends
    }

    /// Starts the lease of the holder anew.
    fn extend(&mut self, claim: &Claim, now: Moment) -> Moment {
        let lease_end = now.after(claim.lease);
        self.ends = lease_end.after(claim.ttl);
        self.kept.extend(lease_end);
        self.ends
    }
}

impl Default for Shard {
    fn default() -> Self {
        let (earliest, earliest_of_round) = (Moment::NEVER, Moment::NEVER);
        Self { table: HashTable::default(), hand: 0, earliest, earliest_of_round, due: 0 }
    }
}

impl fmt::Debug for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shard").field("len", &self.len()).finish_non_exhaustive()
    }
}

fn remove(slot: OccupiedEntry<'_, Slot>, room: &Room) -> usize {
    let (slot, _) = slot.remove();
    let bytes = slot.kept.bytes();
    room.give_back(bytes);
    bytes
}
