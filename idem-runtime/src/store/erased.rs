//! [`Store`](super::Store) behind a pointer, so that `Idempotency` is one type whatever the store.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use super::{Age, Claim, ClaimOutcome, Entry, Hold, Outcome, OwnerToken, Record, StoreError, Transactional};
use crate::digest::RecordKey;

type Call<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

pub(crate) trait ErasedStore: Send + Sync + 'static {
    fn name(&self) -> &'static str;
    fn claim<'a>(&'a self, claim: &'a Claim) -> Call<'a, ClaimOutcome>;
    /// As `claim`, of a store that never waits; `None` of any other, which has been asked for nothing then.
    fn claim_at_once(&self, claim: &Claim) -> Option<Result<ClaimOutcome, StoreError>>;
    fn take_over<'a>(&'a self, claim: &'a Claim, from: OwnerToken) -> Call<'a, ClaimOutcome>;
    fn renew<'a>(&'a self, claim: &'a Claim) -> Call<'a, Hold>;
    fn complete<'a>(&'a self, claim: &'a Claim, attempt: u32, outcome: &'a Outcome) -> Call<'a, Hold>;
    fn release<'a>(&'a self, claim: &'a Claim) -> Call<'a, Hold>;
    fn look_up(&self, key: RecordKey) -> Call<'_, Option<Entry>>;
    #[cfg_attr(not(feature = "admin"), allow(dead_code, reason = "for an operator"))]
    fn inspect(&self, key: RecordKey) -> Call<'_, Option<(Entry, Option<Age>)>>;
    #[cfg_attr(not(feature = "admin"), allow(dead_code, reason = "for an operator"))]
    fn reopen<'a>(&'a self, claim: &'a Claim, seen: &'a Record) -> Call<'a, Hold>;
    #[cfg_attr(not(feature = "admin"), allow(dead_code, reason = "for an operator"))]
    fn sweep(&self) -> Call<'_, u64>;
    fn longest_call(&self) -> Option<Duration>;
    fn transactional(&self) -> Option<Transactional<'_>>;
}
