//! A store in memory with transactions, for tests: right, or wrong in one way.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

mod fault;

pub(crate) use fault::Fault;

use super::{Damage, Harness, TransactionalHarness};
use crate::digest::{Fingerprint, RecordKey};
use crate::store::{
    Begun, Claim, ClaimOutcome, Committed, Entry, Hold, MemoryStore, Outcome, OwnerToken, Recording, Store, StoreError,
    Transactional, TransactionalStore, Writes,
};

/// Records in memory, and effects beside them. Clones share both.
#[derive(Clone)]
pub(crate) struct Ledger {
    below: MemoryStore,
    shared: Arc<Shared>,
    fault: Option<Fault>,
    /// Whether one transaction writes at a time, and nobody beside it, as in an embedded database.
    has_one_writer: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    ended: Notify,
}

#[derive(Default)]
struct State {
    held: HashMap<RecordKey, Held>,
    effects: Vec<String>,
    committed: Vec<OwnerToken>,
    damaged: HashSet<RecordKey>,
}

#[derive(Clone, Copy)]
struct Held {
    number: u128,
    owner: OwnerToken,
    fingerprint: Fingerprint,
    until: Instant,
}

pub(crate) struct LedgerTransaction {
    ledger: Ledger,
    /// What it holds, if anything.
    key: Option<RecordKey>,
    number: u128,
    attempt: u32,
    effects: Vec<String>,
    has_ended: bool,
}

/// The memory store never waits.
fn now<T>(call: impl Future<Output = T>) -> T {
    match std::pin::pin!(call).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("the memory store waits"),
    }
}

impl Ledger {
    pub(crate) fn new(fault: Option<Fault>) -> Self {
        Self { below: MemoryStore::new(), shared: Arc::default(), fault, has_one_writer: false }
    }

    pub(crate) fn with_one_writer() -> Self {
        Self { has_one_writer: true, ..Self::new(None) }
    }

    /// Refuses what would have to wait.
    fn writable(&self) -> Result<(), StoreError> {
        let mut state = self.shared.state.lock();
        state.held.retain(|_, held| held.until > Instant::now());
        if self.has_one_writer && !state.held.is_empty() {
            return Err(StoreError::Unavailable { reason: "a transaction is writing".to_owned(), source: None });
        }
        Ok(())
    }

    fn readable(&self, key: RecordKey) -> Result<(), StoreError> {
        match self.shared.state.lock().damaged.contains(&key) {
            true => Err(StoreError::corrupt("damaged by a test")),
            false => Ok(()),
        }
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    /// What stands in the way of a transaction, or its attempt.
    fn look(&self, claim: &Claim, from: Option<OwnerToken>) -> Result<Begun<u32>, StoreError> {
        let open = |attempt| Ok(Begun::Open { transaction: attempt, attempt, leased: false });
        match now(self.below.look_up(claim.key))? {
            None => open(1),
            Some(Entry::Completed(_)) if self.has(Fault::RunsAgain) => open(1),
            Some(Entry::Completed(mut record)) => {
                if self.has(Fault::ForgetsTheTime) {
                    record.expires_in = claim.ttl;
                }
                Ok(Begun::Completed(record))
            }
            Some(Entry::InFlight(holder) | Entry::Abandoned(holder)) if holder.owner == claim.owner => {
                open(holder.attempt)
            }
            Some(_) if self.has(Fault::IgnoresClaims) => open(1),
            Some(Entry::InFlight(holder)) => {
                Ok(Begun::InFlight { same_request: holder.fingerprint == claim.fingerprint })
            }
            Some(Entry::Abandoned(holder)) if from == Some(holder.owner) || self.has(Fault::IgnoresFrom) => {
                open(if self.has(Fault::ForgetsAttempts) { 1 } else { holder.attempt + 1 })
            }
            Some(Entry::Abandoned(holder)) => Ok(Begun::Abandoned(holder)),
        }
    }

    /// Writes the record, unless somebody else's is there.
    fn record(&self, recording: &Recording<'_>) -> bool {
        let Recording { attempt, .. } = *recording;
        let ttl = recording.claim.ttl * if self.has(Fault::LivesOn) { 2 } else { 1 };
        let claim = &Claim { ttl, ..*recording.claim };
        let mut outcome = recording.outcome.clone();
        if self.has(Fault::CutsBodies) {
            outcome.body.clear();
        }
        let held = match now(self.below.look_up(claim.key)) {
            Ok(Some(Entry::InFlight(holder) | Entry::Abandoned(holder))) if holder.owner == claim.owner => true,
            Ok(Some(Entry::Abandoned(holder))) if holder.attempt < attempt => {
                matches!(now(self.below.take_over(claim, holder.owner)), Ok(ClaimOutcome::Claimed { .. }))
            }
            Ok(Some(Entry::InFlight(holder))) if self.has(Fault::Replaces) => {
                let _ = now(self.below.release(&Claim { owner: holder.owner, ..*claim }));
                matches!(now(self.below.claim(claim)), Ok(ClaimOutcome::Claimed { .. }))
            }
            Ok(Some(Entry::Completed(_))) if self.has(Fault::Replaces) => return true,
            Ok(None) => matches!(now(self.below.claim(claim)), Ok(ClaimOutcome::Claimed { .. })),
            _ => false,
        };
        held && matches!(now(self.below.complete(claim, attempt, &outcome)), Ok(Hold::Held))
    }
}

impl LedgerTransaction {
    fn write(&mut self, effect: &str) {
        match self.ledger.fault {
            Some(Fault::WritesAtOnce) => self.ledger.shared.state.lock().effects.push(effect.to_owned()),
            Some(Fault::LosesWrites) => {}
            _ => self.effects.push(effect.to_owned()),
        }
    }

    /// Ends it, if it has not been ended by somebody else: with what it wrote, and its record, or without.
    fn end(&mut self, writes: Writes, recording: Option<Recording<'_>>) -> bool {
        self.has_ended = true;
        let ledger = self.ledger.clone();
        let mut state = ledger.shared.state.lock();
        if let Some(key) = self.key {
            let is_held = state.held.get(&key).is_some_and(|held| held.number == self.number);
            if is_held {
                state.held.remove(&key);
                ledger.shared.ended.notify_waiters();
            } else if !ledger.has(Fault::HoldsNothing) {
                return false;
            }
        }
        if let Some(recording) = recording {
            let recording = Recording { attempt: self.attempt, ..recording };
            if !ledger.record(&recording) {
                return false;
            }
            state.committed.push(recording.claim.owner);
        }
        if writes == Writes::Keep || ledger.has(Fault::KeepsWrites) {
            state.effects.append(&mut self.effects);
        }
        true
    }
}

impl Drop for LedgerTransaction {
    fn drop(&mut self) {
        if !self.has_ended && !self.ledger.has(Fault::NeverForgets) {
            let writes = if self.ledger.has(Fault::CommitsDropped) { Writes::Keep } else { Writes::Discard };
            self.end(writes, None);
        }
    }
}

impl Store for Ledger {
    fn name(&self) -> &'static str {
        "ledger"
    }
    async fn claim(&self, claim: &Claim) -> Result<ClaimOutcome, StoreError> {
        self.readable(claim.key)?;
        self.writable()?;
        self.below.claim(claim).await
    }
    async fn take_over(&self, claim: &Claim, from: OwnerToken) -> Result<ClaimOutcome, StoreError> {
        self.readable(claim.key)?;
        self.writable()?;
        self.below.take_over(claim, from).await
    }
    async fn renew(&self, claim: &Claim) -> Result<Hold, StoreError> {
        self.writable()?;
        self.below.renew(claim).await
    }
    async fn complete(&self, claim: &Claim, attempt: u32, outcome: &Outcome) -> Result<Hold, StoreError> {
        self.writable()?;
        let hold = self.below.complete(claim, attempt, outcome).await?;
        Ok(if self.has(Fault::TellsTheLate) || self.has(Fault::Replaces) { Hold::Held } else { hold })
    }
    async fn release(&self, claim: &Claim) -> Result<Hold, StoreError> {
        self.writable()?;
        self.below.release(claim).await
    }
    async fn look_up(&self, key: RecordKey) -> Result<Option<Entry>, StoreError> {
        self.readable(key)?;
        self.below.look_up(key).await
    }
    fn transactional(&self) -> Option<Transactional<'_>> {
        (!self.has(Fault::Hides)).then(|| Transactional::of(self))
    }
}

impl TransactionalStore for Ledger {
    type Transaction = LedgerTransaction;

    async fn begin(&self, claim: &Claim, from: Option<OwnerToken>) -> Result<Begun<LedgerTransaction>, StoreError> {
        if !self.has(Fault::ReadsTheDamaged) {
            self.readable(claim.key)?;
        }
        loop {
            let ended = self.shared.ended.notified();
            {
                let mut state = self.shared.state.lock();
                if !self.has(Fault::WaitsForTheHung) {
                    state.held.retain(|_, held| held.until > Instant::now());
                }
                let held = match self.fault {
                    Some(Fault::HoldsEverything) => state.held.values().next(),
                    _ => state.held.get(&claim.key),
                };
                match held {
                    Some(held) if !self.has(Fault::Waits) => {
                        let same_request = held.fingerprint == claim.fingerprint || self.has(Fault::ForgetsTheRequest);
                        return Ok(Begun::InFlight { same_request });
                    }
                    Some(_) => {}
                    None if self.has_one_writer && !state.held.is_empty() => {}
                    None => return self.open(&mut state, claim, from),
                }
            }
            ended.await;
        }
    }

    async fn begin_unguarded(&self, _: Duration) -> Result<LedgerTransaction, StoreError> {
        Ok(self.transaction(None, 1))
    }

    async fn commit(
        &self,
        mut transaction: LedgerTransaction,
        writes: Writes,
        recording: Option<Recording<'_>>,
    ) -> Result<Committed, StoreError> {
        let writes = match transaction.key {
            None if self.has(Fault::ForgetsTheUnguarded) => Writes::Discard,
            _ => writes,
        };
        let committed = if transaction.end(writes, recording) { Committed::Yes } else { Committed::No };
        if self.has(Fault::LosesAnswers) {
            return Err(StoreError::TimedOut(Duration::from_secs(1)));
        }
        Ok(committed)
    }

    async fn roll_back(&self, mut transaction: LedgerTransaction) {
        transaction.end(Writes::Discard, None);
    }

    async fn was_committed(&self, claim: &Claim) -> Result<bool, StoreError> {
        let state = self.shared.state.lock();
        if self.has(Fault::SaysYes) {
            return Ok(true);
        }
        match state.held.get(&claim.key) {
            Some(held) if held.owner == claim.owner && !self.has(Fault::SaysNoTooSoon) => {
                Err(StoreError::Unavailable { reason: "it has not ended yet".to_owned(), source: None })
            }
            _ => Ok(state.committed.contains(&claim.owner)),
        }
    }
}

impl Ledger {
    fn transaction(&self, key: Option<RecordKey>, attempt: u32) -> LedgerTransaction {
        let number = rand::random();
        LedgerTransaction { ledger: self.clone(), key, number, attempt, effects: Vec::new(), has_ended: false }
    }

    fn open(
        &self,
        state: &mut State,
        claim: &Claim,
        from: Option<OwnerToken>,
    ) -> Result<Begun<LedgerTransaction>, StoreError> {
        match self.look(claim, from)? {
            Begun::Open { attempt, .. } => {
                let transaction = self.transaction(Some(claim.key), attempt);
                if !self.has(Fault::HoldsNothing) {
                    let (owner, fingerprint) = (claim.owner, claim.fingerprint);
                    let until = Instant::now() + claim.lease;
                    state.held.insert(claim.key, Held { number: transaction.number, owner, fingerprint, until });
                }
                Ok(Begun::Open { transaction, attempt, leased: false })
            }
            Begun::InFlight { same_request } => Ok(Begun::InFlight { same_request }),
            Begun::Abandoned(holder) => Ok(Begun::Abandoned(holder)),
            Begun::Completed(record) => Ok(Begun::Completed(record)),
        }
    }
}

/// Over one ledger, with a store of any kind on top of it.
pub(crate) struct InLedger<F> {
    pub(crate) ledger: Ledger,
    pub(crate) wrap: F,
    pub(crate) is_paused: bool,
}

impl<S: Store, F: Fn(Ledger) -> S + Sync> Harness for InLedger<F> {
    type Store = S;

    async fn store(&self) -> S {
        (self.wrap)(self.ledger.clone())
    }

    async fn pass(&self, time: Duration) {
        if self.is_paused {
            tokio::time::advance(time).await;
        } else {
            tokio::time::sleep(time + Duration::from_millis(1)).await;
        }
    }

    async fn damage(&self, key: RecordKey, damage: Damage) -> bool {
        !matches!(damage, Damage::CopiedTo(_)) && self.ledger.shared.state.lock().damaged.insert(key)
    }
}

impl<S: Store, F: Fn(Ledger) -> S + Sync> TransactionalHarness for InLedger<F> {
    type Transaction = LedgerTransaction;

    async fn write(
        &self,
        transaction: &mut LedgerTransaction,
        effect: &str,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        transaction.write(effect);
        Ok(())
    }

    async fn count(&self, effect: &str) -> usize {
        self.ledger.shared.state.lock().effects.iter().filter(|found| *found == effect).count()
    }
}
