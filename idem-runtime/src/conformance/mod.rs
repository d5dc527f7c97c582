//! One suite that judges every [`Store`]: what its rules mean, as something that can be run.
//!
//! The stores of this crate pass it, unchanged, and so should yours. Give it a [`Harness`] and call [`check`] from a
//! test; the panic names each case that failed, and what it says. Or make a test of each of the [`cases`].
//!
//! Nothing in it depends on how fast the store or the machine is: it waits for the store's clock where a lease or a TTL
//! has to end, and elsewhere uses leases that do not end within an hour. All keys are random, so a server that others
//! use too will do; what it leaves there ends within two hours.
//!
//! # Examples
//!
//! A store whose clock is Tokio's, which a test can move on:
//!
//! ```
//! use std::time::Duration;
//! use idem_runtime::conformance::{self, Harness};
//! use idem_runtime::store::MemoryStore;
//!
//! struct InMemory(MemoryStore);
//!
//! impl Harness for InMemory {
//!     type Store = MemoryStore;
//!     async fn store(&self) -> MemoryStore {
//!         self.0.clone()
//!     }
//!     async fn pass(&self, time: Duration) {
//!         tokio::time::advance(time).await;
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! conformance::check(&InMemory(MemoryStore::new())).await;
//! # }
//! ```
//!
//! For a real server, [`pass`](Harness::pass) sleeps, and a little longer than it was told.
//!
//! A store that has transactions which a handler writes in is judged by [`check_transactions`] too.

use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use crate::digest::RecordKey;
use crate::store::Store;

mod adversity;
mod ages;
mod claims;
mod expiry;
mod owners;
mod races;
mod records;
mod reopening;
mod stage;
mod takeovers;
mod transactions;
mod verdict;

#[cfg(test)]
pub(crate) mod ledger;
#[cfg(test)]
mod tests;

use stage::Stage;
pub use transactions::{TransactionalHarness, check_transactions, transaction_cases};
pub use verdict::{Failure, Verdict};

/// Gives the suite a store to judge, and lets its time pass.
pub trait Harness: Sync {
    /// What is judged.
    type Store: Store;

    /// Another handle on the *same* entries, as another process would have it: a connection of its own, if there is such
    /// a thing. Called several times per case.
    fn store(&self) -> impl Future<Output = Self::Store> + Send;

    /// Lets at least `time` pass on the clock by which the store judges leases and TTLs.
    fn pass(&self, time: Duration) -> impl Future<Output = ()> + Send;

    /// The lease and the TTL of whatever has to end within a case, in whole milliseconds: well above the resolution of
    /// the store's clock. 50 ms unless said otherwise.
    fn tick(&self) -> Duration {
        Duration::from_millis(50)
    }

    /// Makes the store so full that it refuses new claims, and says whether it could. If not, as unless said otherwise,
    /// the case is left out.
    fn fill(&self) -> impl Future<Output = bool> + Send {
        async { false }
    }

    /// Undoes [`fill`](Self::fill).
    fn make_room(&self) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// Damages what is kept under `key`, behind the store's back, and says whether it could. If not, as unless said
    /// otherwise, the case is left out.
    fn damage(&self, key: RecordKey, damage: Damage) -> impl Future<Output = bool> + Send {
        let _ = (key, damage);
        async { false }
    }
}

/// What can happen to an entry between its writing and its reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Damage {
    /// The end is missing.
    CutOff,
    /// Something else altogether was written there.
    Overwritten,
    /// One bit is wrong.
    FlippedBit,
    /// A release that nobody has heard of wrote it.
    NewerFormat,
    /// It was copied, whole, to this key.
    CopiedTo(RecordKey),
}

type Run<H> = for<'a> fn(&'a Stage<'a, H>) -> Pin<Box<dyn Future<Output = Verdict> + Send + 'a>>;

/// One thing that has to hold, and how it is found out.
pub struct Case<H: Harness> {
    name: &'static str,
    statements: &'static [&'static str],
    run: Run<H>,
}

impl<H: Harness> Case<H> {
    /// What it is about, in one word.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The project's numbers for the statements that it checks, such as `I14`.
    #[must_use]
    pub fn statements(&self) -> &'static [&'static str] {
        self.statements
    }

    /// Runs it, on keys of its own.
    ///
    /// # Errors
    /// [`Failure`], when the store does not do what it should, or panics.
    pub async fn run(&self, harness: &H) -> Verdict {
        let stage = Stage::set(harness).await;
        let mut run = (self.run)(&stage);
        poll_fn(|context| {
            catch_unwind(AssertUnwindSafe(|| run.as_mut().poll(context)))
                .unwrap_or_else(|_| Poll::Ready(Err(Failure::new("it panicked"))))
        })
        .await
    }
}

impl<H: Harness> fmt::Debug for Case<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.statements.join(", "))
    }
}

/// Runs every case, one after the other.
///
/// # Panics
/// When at least one of them failed; the message names all that did, and what they say.
pub async fn check<H: Harness>(harness: &H) {
    check_all(harness, cases()).await;
}

async fn check_all<H: Harness>(harness: &H, cases: Vec<Case<H>>) {
    let mut failed = Vec::new();
    for case in &cases {
        if let Err(failure) = case.run(harness).await {
            failed.push(format!("\n- {case:?}: {failure}"));
        }
    }
    assert!(failed.is_empty(), "{} of {} conformance cases failed:{}", failed.len(), cases.len(), failed.concat());
}

macro_rules! list {
    ($($module:ident::$name:ident $statements:tt,)*) => {
        vec![$(Case {
            name: stringify!($name),
            statements: &$statements,
            run: |stage| Box::pin($module::$name(stage)),
        }),*]
    };
}
use list;

/// Every case, in the order in which [`check`] runs them.
#[must_use]
pub fn cases<H: Harness>() -> Vec<Case<H>> {
    list![
        claims::fresh_claim["I1"],
        claims::claim_sent_again["I7"],
        claims::claim_in_flight["I2", "I27"],
        claims::claim_after_release["I15", "I18"],
        claims::looking_changes_nothing["I13"],
        claims::keys_do_not_touch_each_other["B15"],
        takeovers::abandoned_after_its_lease["I12", "I27"],
        takeovers::take_over["I16"],
        takeovers::take_over_sent_again["I7"],
        takeovers::take_over_while_the_lease_runs["I2"],
        takeovers::take_over_after_a_renewal["I2"],
        takeovers::take_over_from_somebody_else["I16"],
        takeovers::take_over_of_nothing["I1"],
        takeovers::take_over_of_a_record["I13"],
        takeovers::attempts_are_counted["I15"],
        owners::renewal["I2"],
        owners::late_renewal["I14"],
        owners::late_completion["I19"],
        owners::late_release["I14"],
        owners::owner_whose_claim_was_taken_over["I14", "I20"],
        owners::owner_whose_claim_is_gone["I18"],
        owners::stranger["I14", "I15"],
        records::completion["I13", "I17"],
        records::completion_sent_again["I17"],
        records::record_is_nobodys["I13", "I14"],
        records::bytes_as_they_were["I23"],
        records::tombstone_fits["I22"],
        expiry::record_ends["I51"],
        expiry::record_does_not_end_with_its_lease["I12", "I51", "I52"],
        expiry::completion_sent_again_does_not_prolong["I13", "I17"],
        expiry::looking_does_not_prolong["I51"],
        expiry::remaining_life_goes_down["I51"],
        expiry::remaining_life_is_in_earnest["I51"],
        expiry::completion_after_the_end["I18"],
        expiry::abandoned_claim_ends["I11", "I31"],
        expiry::lease_longer_than_ttl["I12"],
        expiry::lease_shorter_than_ttl["I12", "I31"],
        ages::age_of_a_record["I8"],
        ages::age_of_a_claim["I8", "I12"],
        ages::age_of_an_abandoned_claim["I8", "I12"],
        reopening::reopened_and_completed["I14", "I17"],
        reopening::reopened_and_released["I18"],
        reopening::reopened_and_abandoned["I12"],
        reopening::reopening_of_another_record["I13"],
        reopening::reopening_of_a_claim["I14"],
        reopening::reopening_of_nothing["I18"],
        reopening::many_reopen["I1"],
        adversity::full["B37", "I21", "I22", "I46"],
        adversity::damaged_record["B32", "I25"],
        adversity::damaged_claim["B32", "I25"],
        adversity::copied_record["B34"],
        races::many_claim["I1"],
        races::many_take_over["I1", "I16"],
        races::many_complete["I13", "I17"],
        races::late_owner_renews_or_is_replaced["I2", "I14", "I16"],
        races::late_owner_completes_or_is_replaced["I13", "I14", "I16"],
        races::owners_come_and_go["I1", "I2", "I13", "I14"],
        races::owners_die["I13", "I14", "I16", "I31"],
    ]
}
