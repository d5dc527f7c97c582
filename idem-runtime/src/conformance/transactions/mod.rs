//! What has to hold for a store whose claim can be a transaction.

use std::error::Error;
use std::future::Future;

use super::{Case, Harness, check_all, list};

mod endings;
mod leases;
mod open;
mod records;
mod rivals;
#[cfg(test)]
mod tests;

/// Lets the suite write in the transactions of a store, and see what became of it.
///
/// What is judged is what [`Store::transactional`](crate::store::Store::transactional) gives: a store that wraps another
/// one is judged as it is.
pub trait TransactionalHarness: Harness {
    /// What a handler writes with.
    type Transaction: Send + 'static;

    /// Writes `effect`, a short text that no other effect is equal to, in `transaction`, as a handler would.
    ///
    /// # Errors
    /// When it cannot be written: the case fails, or the store has ended the transaction and the case wants that.
    fn write(
        &self,
        transaction: &mut Self::Transaction,
        effect: &str,
    ) -> impl Future<Output = Result<(), Box<dyn Error + Send + Sync>>> + Send;

    /// How often `effect` is there, as everybody else sees it: outside of any transaction, and without waiting for one.
    fn count(&self, effect: &str) -> impl Future<Output = usize> + Send;
}

/// Runs every case for a store with transactions, one after the other. [`check`](super::check) is for the rest of it.
///
/// No case has transactions open on two keys at once, unless one of them may wait for the other: a store that lets one
/// transaction write at a time will do.
///
/// # Panics
/// When at least one of them failed; the message names all that did, and what they say.
///
/// # Examples
///
/// ```
/// use idem_runtime::conformance::{TransactionalHarness, check, check_transactions};
///
/// async fn judge(harness: &impl TransactionalHarness) {
///     check(harness).await;
///     check_transactions(harness).await;
/// }
/// ```
pub async fn check_transactions<H: TransactionalHarness>(harness: &H) {
    check_all(harness, transaction_cases()).await;
}

/// Every case for a store with transactions, in the order in which [`check_transactions`] runs them.
#[must_use]
pub fn transaction_cases<H: TransactionalHarness>() -> Vec<Case<H>> {
    list![
        endings::writes_are_kept_with_the_record["I45", "I24"],
        endings::writes_are_discarded_and_the_record_is_kept["I45"],
        endings::writes_are_kept_without_a_record["I45"],
        endings::nothing_is_kept["I45"],
        endings::rolled_back["I45"],
        endings::dropped["I45", "I42"],
        endings::without_a_key["I45"],
        endings::whether_it_was_committed["I44"],
        endings::whether_it_was_committed_while_it_is_open["I44"],
        records::bytes_as_they_were["I23"],
        records::record_is_found_by_every_way["I13"],
        records::record_of_a_lease_is_found["I13"],
        records::record_ends["I51"],
        records::record_does_not_end_with_its_lease["I12"],
        records::remaining_life_goes_down["I51"],
        records::damaged_record["B32", "I25"],
        rivals::told_at_once["I1", "I27"],
        rivals::many_begin["I1"],
        rivals::many_find_the_record["I13"],
        rivals::many_find_a_claim["I2", "I27"],
        rivals::asking_misleads_nobody["I27", "I44"],
        rivals::another_key_is_another_matter["B15"],
        rivals::owners_come_and_go["I1", "I13", "I45"],
        leases::own_claim["I7"],
        leases::somebodys_claim["I2", "I27"],
        leases::abandoned_claim["I16", "I31"],
        leases::abandoned_claim_outlives_a_roll_back["I16"],
        leases::late_owner_completes_first["I13", "I14"],
        leases::late_owner_completes_last["I13", "I14"],
        leases::claim_is_completed_first["I13"],
        leases::claim_is_completed_last["I13"],
        leases::left_alone["I20", "I31", "I43"],
    ]
}
