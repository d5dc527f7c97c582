//! What every case needs: transactions of the harness's type, and their ends.

use std::future::Future;
use std::time::Duration;

use super::super::stage::{Stage, rival};
use super::super::verdict::{Failure, Verdict, same};
use super::TransactionalHarness;
use crate::store::{
    AnyTransaction, Begun, Claim, Committed, Entry, ErasedTransactionalStore, Outcome, OwnerToken, Recording, Store,
    StoreError, Transactional, Writes,
};

/// Whoever is not answered by then is waiting for something.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often a call is made whose failure may pass: as often as the engine makes it.
const TRIES: usize = 3;

/// How many ticks something that happens by itself may take.
const TICKS: usize = 200;

/// An open transaction.
pub(super) struct Open<T> {
    pub(super) transaction: T,
    pub(super) attempt: u32,
}

/// The transactions of a store.
pub(super) fn of<S: Store>(store: &S) -> Result<&dyn ErasedTransactionalStore, Failure> {
    match store.transactional() {
        Some(Transactional(transactions)) => Ok(transactions),
        None => Err(Failure::new("Store::transactional gives nothing")),
    }
}

/// An answer that does not depend on any other transaction's end.
pub(super) async fn at_once<T>(what: &str, call: impl Future<Output = T>) -> Result<T, Failure> {
    match tokio::time::timeout(PATIENCE, call).await {
        Ok(answer) => Ok(answer),
        Err(_) => Err(Failure::new(format!("{what} waits for something"))),
    }
}

pub(super) async fn begin<H: TransactionalHarness>(
    store: &H::Store,
    claim: &Claim,
    from: Option<OwnerToken>,
) -> Result<Begun<Open<H::Transaction>>, Failure> {
    begin_as(store, claim, from).await
}

/// The same, for a task, which cannot have anything of a harness.
pub(super) async fn begin_as<S: Store, T: Send + 'static>(
    store: &S,
    claim: &Claim,
    from: Option<OwnerToken>,
) -> Result<Begun<Open<T>>, Failure> {
    let mut begun = at_once("begin", of(store)?.begin(claim, from)).await?;
    for _ in 1..TRIES {
        if begun.as_ref().is_err_and(StoreError::is_transient) {
            begun = at_once("begin", of(store)?.begin(claim, from)).await?;
        }
    }
    Ok(match begun? {
        Begun::Open { transaction, attempt, leased } => {
            Begun::Open { transaction: Open { transaction: typed(transaction)?, attempt }, attempt, leased }
        }
        Begun::InFlight { same_request } => Begun::InFlight { same_request },
        Begun::Abandoned(holder) => Begun::Abandoned(holder),
        Begun::Completed(record) => Begun::Completed(record),
    })
}

pub(super) fn typed<T: 'static>(transaction: AnyTransaction) -> Result<T, Failure> {
    match transaction.downcast() {
        Ok(transaction) => Ok(*transaction),
        Err(_) => Err(Failure::new("a transaction is not of the harness's type")),
    }
}

/// A transaction that nothing stands in the way of.
pub(super) async fn open<H: TransactionalHarness>(
    store: &H::Store,
    claim: &Claim,
    from: Option<OwnerToken>,
    attempt: u32,
) -> Result<Open<H::Transaction>, Failure> {
    match begin::<H>(store, claim, from).await? {
        Begun::Open { transaction, attempt: found, .. } => same("the attempt", found, attempt).map(|()| transaction),
        other => Err(Failure::new(format!("begin: expected Open, found {}", shown(&other)))),
    }
}

pub(super) async fn unguarded<H: TransactionalHarness>(store: &H::Store) -> Result<Open<H::Transaction>, Failure> {
    let transaction = at_once("begin_unguarded", of(store)?.begin_unguarded(Duration::from_secs(3_600))).await??;
    Ok(Open { transaction: typed(transaction)?, attempt: 1 })
}

/// What somebody else is told while a key is held.
pub(super) async fn busy<H: TransactionalHarness>(store: &H::Store, claim: &Claim, same_request: bool) -> Verdict {
    match begin::<H>(store, claim, None).await? {
        Begun::InFlight { same_request: found } => same("same_request", found, same_request),
        other => Err(Failure::new(format!("begin: expected InFlight, found {}", shown(&other)))),
    }
}

impl<T: Send + 'static> Open<T> {
    pub(super) async fn write<H>(&mut self, stage: &Stage<'_, H>, effect: &str) -> Verdict
    where
        H: TransactionalHarness<Transaction = T>,
    {
        let written = stage.harness.write(&mut self.transaction, effect).await;
        written.map_err(|error| Failure::new(format!("an effect could not be written: {error}")))
    }

    pub(super) async fn commit<S: Store>(
        self,
        store: &S,
        writes: Writes,
        recorded: Option<(&Claim, &Outcome)>,
    ) -> Result<Committed, StoreError> {
        let Ok(transactions) = of(store) else { return Ok(Committed::No) };
        let recording = recorded.map(|(claim, outcome)| Recording { claim, attempt: self.attempt, outcome });
        transactions.commit(Box::new(self.transaction), writes, recording).await
    }

    pub(super) async fn roll_back<S: Store>(self, store: &S) -> Verdict {
        of(store)?.roll_back(Box::new(self.transaction)).await;
        Ok(())
    }
}

/// Asks until it can be said: a transaction may take a moment to end.
pub(super) async fn was_committed<H: TransactionalHarness>(
    stage: &Stage<'_, H>,
    store: &H::Store,
    claim: &Claim,
) -> Result<bool, Failure> {
    for _ in 0..TICKS {
        match at_once("was_committed", of(store)?.was_committed(claim)).await? {
            Err(error) if error.is_transient() => stage.tick().await,
            answer => return Ok(answer?),
        }
    }
    Err(Failure::new("was_committed never gives an answer"))
}

/// Waits until the key can be had, and has it: what was left behind ends by itself.
pub(super) async fn until_open<H: TransactionalHarness>(
    stage: &Stage<'_, H>,
    store: &H::Store,
    claim: &Claim,
    attempt: u32,
) -> Result<Open<H::Transaction>, Failure> {
    let mut from = None;
    for _ in 0..TICKS {
        match begin::<H>(store, claim, from).await? {
            // One that held the key by a claim leaves that behind when nobody ended it.
            Begun::Open { transaction, attempt: found, leased } => {
                let attempt = if leased && from.is_some() { attempt + 1 } else { attempt };
                return same("the attempt", found, attempt).map(|()| transaction);
            }
            Begun::InFlight { same_request: true } => stage.tick().await,
            Begun::Abandoned(holder) => from = Some(holder.owner),
            other => return Err(Failure::new(format!("begin: expected Open at last, found {}", shown(&other)))),
        }
    }
    Err(Failure::new("the key is never given up"))
}

/// Fails unless nothing is left under the key of `claim`, for everybody.
pub(super) async fn free<H: TransactionalHarness>(stage: &Stage<'_, H>, claim: &Claim) -> Verdict {
    for store in [stage.here(), stage.there()] {
        until_open(stage, store, &rival(claim), 1).await?.roll_back(store).await?;
    }
    no_record(stage, claim).await
}

/// Fails if anybody sees a record: a claim is the store's own affair.
pub(super) async fn no_record<H: TransactionalHarness>(stage: &Stage<'_, H>, claim: &Claim) -> Verdict {
    for store in [stage.here(), stage.there()] {
        if let Some(Entry::Completed(record)) = store.look_up(claim.key).await? {
            return Err(Failure::new(format!("look_up: a record that nobody has committed: {record:?}")));
        }
    }
    Ok(())
}

pub(super) async fn effects<H: TransactionalHarness>(stage: &Stage<'_, H>, effect: &str, expected: usize) -> Verdict {
    same("effects that everybody sees", stage.harness.count(effect).await, expected)
}

/// The text of an effect that there is no other of.
pub(super) fn effect() -> String {
    format!("effect-{:032x}", rand::random::<u128>())
}

pub(super) fn shown<T>(begun: &Begun<T>) -> String {
    match begun {
        Begun::Open { attempt, .. } => format!("Open, attempt {attempt}"),
        Begun::InFlight { same_request } => format!("InFlight, same_request {same_request}"),
        Begun::Abandoned(holder) => format!("Abandoned({holder:?})"),
        Begun::Completed(record) => format!("Completed({record:?})"),
    }
}
