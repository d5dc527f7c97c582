//! [`Store`] behind a pointer, so that `Idempotency` is one type whatever the store.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use super::{Claim, ClaimOutcome, Entry, Hold, Outcome, OwnerToken, Store, StoreError, Transactional};
use crate::digest::RecordKey;

type Call<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

pub(crate) trait ErasedStore: Send + Sync + 'static {
    fn name(&self) -> &'static str;
    fn claim<'a>(&'a self, claim: &'a Claim) -> Call<'a, ClaimOutcome>;
    fn take_over<'a>(&'a self, claim: &'a Claim, from: OwnerToken) -> Call<'a, ClaimOutcome>;
    fn renew<'a>(&'a self, claim: &'a Claim) -> Call<'a, Hold>;
    fn complete<'a>(&'a self, claim: &'a Claim, attempt: u32, outcome: &'a Outcome) -> Call<'a, Hold>;
    fn release<'a>(&'a self, claim: &'a Claim) -> Call<'a, Hold>;
    fn look_up(&self, key: RecordKey) -> Call<'_, Option<Entry>>;
    fn longest_call(&self) -> Option<Duration>;
    fn transactional(&self) -> Option<Transactional<'_>>;
}

impl<S: Store> ErasedStore for S {
    fn name(&self) -> &'static str {
        Store::name(self)
    }
    fn claim<'a>(&'a self, claim: &'a Claim) -> Call<'a, ClaimOutcome> {
        Box::pin(Store::claim(self, claim))
    }
    fn take_over<'a>(&'a self, claim: &'a Claim, from: OwnerToken) -> Call<'a, ClaimOutcome> {
        Box::pin(Store::take_over(self, claim, from))
    }
    fn renew<'a>(&'a self, claim: &'a Claim) -> Call<'a, Hold> {
        Box::pin(Store::renew(self, claim))
    }
    fn complete<'a>(&'a self, claim: &'a Claim, attempt: u32, outcome: &'a Outcome) -> Call<'a, Hold> {
        Box::pin(Store::complete(self, claim, attempt, outcome))
    }
    fn release<'a>(&'a self, claim: &'a Claim) -> Call<'a, Hold> {
        Box::pin(Store::release(self, claim))
    }
    fn look_up(&self, key: RecordKey) -> Call<'_, Option<Entry>> {
        Box::pin(Store::look_up(self, key))
    }
    fn longest_call(&self) -> Option<Duration> {
        Store::longest_call(self)
    }
    fn transactional(&self) -> Option<Transactional<'_>> {
        Store::transactional(self)
    }
}
