//! The suite over the memory store: where its time is a test's to move, and where threads really run side by side.

use bytes::Bytes;

use super::*;
use crate::digest::Fingerprint;
use crate::store::{Age, Claim, ClaimOutcome, Entry, Hold, MemoryStore, Outcome, OwnerToken, Record, StoreError};

struct InMemory {
    store: MemoryStore,
    is_paused: bool,
}

impl InMemory {
    fn new(is_paused: bool) -> Self {
        Self { store: MemoryStore::with_capacity_bytes(16 * 1024 * 1024), is_paused }
    }

    fn filler(number: u64) -> Claim {
        let mut key = [0xff; 32];
        key[..8].copy_from_slice(&number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes());
        let lease = Duration::from_secs(1);
        Claim {
            key: RecordKey::from_bytes(key),
            owner: OwnerToken::from_bits(number.into()),
            fingerprint: Fingerprint::from_bytes([0; 32]),
            lease,
            ttl: lease * 3_600,
            outlives_a_crash: false,
        }
    }
}

impl Harness for InMemory {
    type Store = MemoryStore;

    async fn store(&self) -> MemoryStore {
        self.store.clone()
    }

    async fn pass(&self, time: Duration) {
        if self.is_paused {
            tokio::time::advance(time).await;
        } else {
            tokio::time::sleep(time + Duration::from_millis(1)).await;
        }
    }

    async fn fill(&self) -> bool {
        for number in 0.. {
            if matches!(self.store.claim(&Self::filler(number)).await, Err(StoreError::Full)) {
                return true;
            }
        }
        false
    }

    async fn make_room(&self) {
        for number in 0..1_000 {
            let _ = self.store.release(&Self::filler(number)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_memory_store_conforms() {
    check(&InMemory::new(true)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_memory_store_conforms_on_many_threads() {
    check(&InMemory::new(false)).await;
}

#[test]
fn every_case_has_a_name_of_its_own() {
    let cases = cases::<InMemory>();
    let names: std::collections::BTreeSet<_> = cases.iter().map(Case::name).collect();
    assert_eq!(names.len(), cases.len());
    assert!(cases.iter().all(|case| !case.statements().is_empty()));
}

/// A store with a fault, to see that the suite finds it.
struct Faulty {
    store: MemoryStore,
    fault: Fault,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// Takes over whenever it is asked to.
    TakesOverTheLiving,
    /// Lets anybody complete.
    AnyoneCompletes,
    /// Cuts bodies off.
    CutsBodies,
    /// Tells everybody that they have the claim.
    EverybodyWins,
    /// Says of each record that it lives as long as it ever did.
    ForgetsTheTime,
    /// Takes back whatever record there is, without comparing.
    ReopensAnything,
    /// Tells everybody that they have taken it back.
    EverybodyReopens,
    /// Takes back a claim that somebody holds.
    ReopensClaims,
    /// Says of each record that it has just been recorded.
    AgesNoRecord,
    /// Says of each lease that it has just ended, or been given.
    AgesNoLease,
    /// Says of a claim that was abandoned that its lease still runs.
    BuriesNobody,
    /// Says of a record how old the claim was.
    ForgetsTheTtl,
    /// Finds nothing where somebody only looks.
    InspectsNothing,
    /// Panics.
    Panics,
}

impl Store for Faulty {
    fn name(&self) -> &'static str {
        "faulty"
    }
    async fn claim(&self, claim: &Claim) -> Result<ClaimOutcome, StoreError> {
        assert_ne!(self.fault, Fault::Panics);
        match self.store.claim(claim).await? {
            ClaimOutcome::InFlight(_) if self.fault == Fault::EverybodyWins => Ok(ClaimOutcome::Claimed { attempt: 1 }),
            ClaimOutcome::Completed(record) if self.fault == Fault::ForgetsTheTime => {
                Ok(ClaimOutcome::Completed(Record { expires_in: claim.ttl, ..record }))
            }
            answer => Ok(answer),
        }
    }
    async fn take_over(&self, claim: &Claim, from: OwnerToken) -> Result<ClaimOutcome, StoreError> {
        match self.store.look_up(claim.key).await? {
            Some(Entry::InFlight(holder)) if self.fault == Fault::TakesOverTheLiving && holder.owner == from => {
                let _ = self.store.release(&Claim { owner: from, ..*claim }).await?;
                self.store.claim(claim).await
            }
            _ => self.store.take_over(claim, from).await,
        }
    }
    async fn renew(&self, claim: &Claim) -> Result<Hold, StoreError> {
        self.store.renew(claim).await
    }
    async fn complete(&self, claim: &Claim, attempt: u32, outcome: &Outcome) -> Result<Hold, StoreError> {
        let owner = match self.store.look_up(claim.key).await? {
            Some(Entry::InFlight(holder)) if self.fault == Fault::AnyoneCompletes => holder.owner,
            _ => claim.owner,
        };
        let mut outcome = outcome.clone();
        if self.fault == Fault::CutsBodies && outcome.body.len() > 1024 {
            outcome.body = Bytes::new();
        }
        self.store.complete(&Claim { owner, ..*claim }, attempt, &outcome).await
    }
    async fn release(&self, claim: &Claim) -> Result<Hold, StoreError> {
        self.store.release(claim).await
    }
    async fn look_up(&self, key: RecordKey) -> Result<Option<Entry>, StoreError> {
        self.store.look_up(key).await
    }
    async fn inspect(&self, key: RecordKey) -> Result<Option<(Entry, Option<Age>)>, StoreError> {
        let Some((entry, age)) = self.store.inspect(key).await? else { return Ok(None) };
        let (zero, last_sign) = (Duration::ZERO, None);
        let age = match (self.fault, &entry, age) {
            (Fault::InspectsNothing, ..) => return Ok(None),
            (Fault::AgesNoRecord, Entry::Completed(_), _) => Some(Age::Recorded { ago: zero }),
            (Fault::ForgetsTheTtl, Entry::Completed(record), _) => Some(Age::Recorded { ago: record.expires_in }),
            (Fault::AgesNoLease, Entry::Abandoned(_), _) => Some(Age::Abandoned { lease_ended: zero, last_sign }),
            (Fault::AgesNoLease, _, Some(Age::InFlight { lease_left, .. })) => {
                Some(Age::InFlight { lease_left, last_sign: Some(zero) })
            }
            (Fault::BuriesNobody, _, Some(Age::Abandoned { lease_ended, .. })) => {
                Some(Age::InFlight { lease_left: lease_ended, last_sign })
            }
            (.., age) => age,
        };
        Ok(Some((entry, age)))
    }
    async fn reopen(&self, claim: &Claim, seen: &Record) -> Result<Hold, StoreError> {
        match (self.fault, self.store.look_up(claim.key).await?) {
            (Fault::ReopensAnything, Some(Entry::Completed(record))) => self.store.reopen(claim, &record).await,
            (Fault::EverybodyReopens, _) => self.store.reopen(claim, seen).await.map(|_| Hold::Held),
            (Fault::ReopensClaims, Some(Entry::InFlight(holder))) => {
                let _ = self.store.release(&Claim { owner: holder.owner, ..*claim }).await?;
                self.store.claim(claim).await.map(|_| Hold::Held)
            }
            _ => self.store.reopen(claim, seen).await,
        }
    }
}

struct WithFault(MemoryStore, Fault);

impl Harness for WithFault {
    type Store = Faulty;
    async fn store(&self) -> Faulty {
        Faulty { store: self.0.clone(), fault: self.1 }
    }
    async fn pass(&self, time: Duration) {
        tokio::time::advance(time).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_fault_is_found_and_named() {
    for (fault, found_by) in [
        (Fault::TakesOverTheLiving, "take_over_while_the_lease_runs"),
        (Fault::AnyoneCompletes, "stranger"),
        (Fault::CutsBodies, "bytes_as_they_were"),
        (Fault::EverybodyWins, "many_claim"),
        (Fault::ForgetsTheTime, "remaining_life_goes_down"),
        (Fault::ReopensAnything, "reopening_of_another_record"),
        (Fault::EverybodyReopens, "many_reopen"),
        (Fault::ReopensClaims, "reopening_of_a_claim"),
        (Fault::AgesNoRecord, "age_of_a_record"),
        (Fault::ForgetsTheTtl, "age_of_a_record"),
        (Fault::AgesNoLease, "age_of_a_claim"),
        (Fault::AgesNoLease, "age_of_an_abandoned_claim"),
        (Fault::BuriesNobody, "age_of_an_abandoned_claim"),
        (Fault::InspectsNothing, "completion"),
        (Fault::Panics, "fresh_claim"),
    ] {
        let harness = WithFault(MemoryStore::new(), fault);
        let mut failed = Vec::new();
        for case in cases() {
            if case.run(&harness).await.is_err() {
                failed.push(case.name());
            }
        }
        assert!(failed.contains(&found_by), "{fault:?} is found by {failed:?}");
    }
}
