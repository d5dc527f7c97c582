//! A store whose calls are timed, if anybody wants to know.

use std::any::TypeId;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tracing::Span;

use super::meters::StoreMeters;
use super::seen::spans_may_be_seen;
use super::store_call::{CallResult, StoreCall, Told};
use crate::digest::RecordKey;
use crate::store::{
    Age, AnyTransaction, Begun, Claim, ClaimOutcome, Committed, Entry, ErasedStore, ErasedTransactionalStore, Hold,
    MemoryStore, Outcome, OwnerToken, Record, Recording, Store, StoreError, Transactional, Writes,
};

type Call<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A store of whatever type. Its calls go into a box each in any case; where nobody watches, that is all.
pub(crate) struct Observed<S> {
    store: S,
    /// Whether no call of it ever waits.
    never_waits: bool,
    meters: StoreMeters,
}

impl<S: Store> Observed<S> {
    pub(crate) fn new(store: S) -> Self {
        let meters = StoreMeters::new(store.name());
        Self { store, never_waits: TypeId::of::<S>() == TypeId::of::<MemoryStore>(), meters }
    }

    fn watch<'a, T: Told>(&'a self, call: StoreCall, made: impl Future<Output = T> + Send + 'a) -> Call<'a, T> {
        if !is_watched() {
            return Box::pin(made);
        }
        Box::pin(async move {
            let mut timer = self.timer(call);
            let answer = made.await;
            timer.result = answer.told();
            answer
        })
    }

    fn timer(&self, call: StoreCall) -> Timer<'_> {
        Timer { meters: &self.meters, call, began: Instant::now(), result: CallResult::TimedOut }
    }

    fn transactions(&self) -> &dyn ErasedTransactionalStore {
        match self.store.transactional() {
            Some(Transactional(store)) => store,
            None => unreachable!("only a store that has transactions is asked for them"),
        }
    }
}

/// One atomic load where there are neither metrics nor subscribers.
fn is_watched() -> bool {
    cfg!(feature = "metrics") || spans_may_be_seen()
}

/// A call under way. Dropped without an answer, it was given up: its deadline had passed.
struct Timer<'a> {
    meters: &'a StoreMeters,
    call: StoreCall,
    began: Instant,
    result: CallResult,
}

impl Drop for Timer<'_> {
    fn drop(&mut self) {
        let took = self.began.elapsed();
        self.meters.record(self.call, self.result, took);
        // A duplicate that waits asks many times, and so does who has something to record while the store is down.
        if let Some(field) = self.call.field()
            && self.result.is_final()
            && spans_may_be_seen()
        {
            // The engine makes its calls in the span of the call that it guards.
            Span::current().record(field, took.as_secs_f64() * 1_000.0);
        }
    }
}

impl<S: Store> ErasedStore for Observed<S> {
    fn name(&self) -> &'static str {
        self.store.name()
    }

    fn claim<'a>(&'a self, claim: &'a Claim) -> Call<'a, Result<ClaimOutcome, StoreError>> {
        self.watch(StoreCall::Claim, self.store.claim(claim))
    }

    fn claim_at_once(&self, claim: &Claim) -> Option<Result<ClaimOutcome, StoreError>> {
        if !self.never_waits {
            return None;
        }
        let timer = is_watched().then(|| self.timer(StoreCall::Claim));
        let call = std::pin::pin!(self.store.claim(claim));
        let Poll::Ready(answer) = call.poll(&mut Context::from_waker(Waker::noop())) else { return None };
        if let Some(mut timer) = timer {
            timer.result = answer.told();
        }
        Some(answer)
    }

    fn take_over<'a>(&'a self, claim: &'a Claim, from: OwnerToken) -> Call<'a, Result<ClaimOutcome, StoreError>> {
        self.watch(StoreCall::TakeOver, self.store.take_over(claim, from))
    }

    fn renew<'a>(&'a self, claim: &'a Claim) -> Call<'a, Result<Hold, StoreError>> {
        self.watch(StoreCall::Renew, self.store.renew(claim))
    }

    fn complete<'a>(
        &'a self,
        claim: &'a Claim,
        attempt: u32,
        outcome: &'a Outcome,
    ) -> Call<'a, Result<Hold, StoreError>> {
        self.watch(StoreCall::Complete, self.store.complete(claim, attempt, outcome))
    }

    fn release<'a>(&'a self, claim: &'a Claim) -> Call<'a, Result<Hold, StoreError>> {
        self.watch(StoreCall::Release, self.store.release(claim))
    }

    fn look_up(&self, key: RecordKey) -> Call<'_, Result<Option<Entry>, StoreError>> {
        self.watch(StoreCall::LookUp, self.store.look_up(key))
    }

    // What an operator does now and then is not timed.
    fn inspect(&self, key: RecordKey) -> Call<'_, Result<Option<(Entry, Option<Age>)>, StoreError>> {
        Box::pin(self.store.inspect(key))
    }

    fn reopen<'a>(&'a self, claim: &'a Claim, seen: &'a Record) -> Call<'a, Result<Hold, StoreError>> {
        Box::pin(self.store.reopen(claim, seen))
    }

    fn sweep(&self) -> Call<'_, Result<u64, StoreError>> {
        Box::pin(self.store.sweep())
    }

    fn longest_call(&self) -> Option<Duration> {
        self.store.longest_call()
    }

    fn transactional(&self) -> Option<Transactional<'_>> {
        let transactions = self.store.transactional()?;
        Some(if is_watched() { Transactional(self) } else { transactions })
    }
}

impl<S: Store> ErasedTransactionalStore for Observed<S> {
    fn transaction_type(&self) -> TypeId {
        self.transactions().transaction_type()
    }

    fn begin<'a>(
        &'a self,
        claim: &'a Claim,
        from: Option<OwnerToken>,
    ) -> Call<'a, Result<Begun<AnyTransaction>, StoreError>> {
        self.watch(StoreCall::Begin, self.transactions().begin(claim, from))
    }

    fn begin_unguarded(&self, lease: Duration) -> Call<'_, Result<AnyTransaction, StoreError>> {
        self.watch(StoreCall::BeginUnguarded, self.transactions().begin_unguarded(lease))
    }

    fn commit<'a>(
        &'a self,
        transaction: AnyTransaction,
        writes: Writes,
        recording: Option<Recording<'a>>,
    ) -> Call<'a, Result<Committed, StoreError>> {
        self.watch(StoreCall::Commit, self.transactions().commit(transaction, writes, recording))
    }

    fn roll_back(&self, transaction: AnyTransaction) -> Call<'_, ()> {
        self.watch(StoreCall::RollBack, self.transactions().roll_back(transaction))
    }

    fn was_committed<'a>(&'a self, claim: &'a Claim) -> Call<'a, Result<bool, StoreError>> {
        self.watch(StoreCall::WasCommitted, self.transactions().was_committed(claim))
    }
}
