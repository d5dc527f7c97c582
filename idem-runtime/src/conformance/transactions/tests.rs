//! The suite over a store in memory: right, wrapped, and wrong in every way that there is a case for.

use std::collections::BTreeSet;

use super::super::ledger::{Fault, InLedger, Ledger};
use super::super::{Case, check};
use super::*;

fn harness(fault: Option<Fault>, is_paused: bool) -> InLedger<impl Fn(Ledger) -> Ledger + Sync> {
    InLedger { ledger: Ledger::new(fault), wrap: |ledger| ledger, is_paused }
}

#[tokio::test(start_paused = true)]
async fn a_store_with_transactions_conforms() {
    let harness = harness(None, true);
    check(&harness).await;
    check_transactions(&harness).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_with_transactions_conforms_on_many_threads() {
    check_transactions(&harness(None, false)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_that_lets_one_transaction_write_at_a_time_conforms() {
    let ledger = Ledger::with_one_writer();
    check_transactions(&InLedger { ledger, wrap: |ledger| ledger, is_paused: false }).await;
}

#[cfg(all(feature = "cache", feature = "encryption"))]
#[tokio::test(start_paused = true)]
async fn wrapped_stores_conform() {
    use crate::store::{CachedStore, EncryptedStore, EncryptionKey, Keyring};

    let keyring = Keyring::new("k", EncryptionKey::from_bytes([7; 32])).unwrap();
    let encrypt = |ledger| EncryptedStore::new(ledger, keyring.clone());
    let in_ledger = Ledger::new(None);
    check_transactions(&InLedger { ledger: in_ledger, wrap: encrypt, is_paused: true }).await;
    let cache = |ledger| CachedStore::new(ledger, 1 << 20);
    check_transactions(&InLedger { ledger: Ledger::new(None), wrap: cache, is_paused: true }).await;
    let both = |ledger| CachedStore::new(encrypt(ledger), 1 << 20);
    check_transactions(&InLedger { ledger: Ledger::new(None), wrap: both, is_paused: true }).await;
    let other_way = |ledger| EncryptedStore::new(CachedStore::new(ledger, 1 << 20), keyring.clone());
    check_transactions(&InLedger { ledger: Ledger::new(None), wrap: other_way, is_paused: true }).await;
}

#[test]
fn every_case_has_a_name_of_its_own() {
    fn names<H: TransactionalHarness>(_: &H) -> Vec<&'static str> {
        transaction_cases::<H>().iter().inspect(|case| assert!(!case.statements().is_empty())).map(Case::name).collect()
    }
    let names = names(&harness(None, true));
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
}

#[tokio::test(start_paused = true)]
async fn a_fault_is_found_and_named() {
    let mut found_something = BTreeSet::new();
    for (fault, found_by) in [
        (Fault::Waits, "told_at_once"),
        (Fault::HoldsNothing, "many_begin"),
        (Fault::HoldsEverything, "another_key_is_another_matter"),
        (Fault::ForgetsTheRequest, "told_at_once"),
        (Fault::WritesAtOnce, "writes_are_kept_with_the_record"),
        (Fault::LosesWrites, "writes_are_kept_without_a_record"),
        (Fault::KeepsWrites, "writes_are_discarded_and_the_record_is_kept"),
        (Fault::KeepsWrites, "rolled_back"),
        (Fault::KeepsWrites, "nothing_is_kept"),
        (Fault::CommitsDropped, "dropped"),
        (Fault::NeverForgets, "dropped"),
        (Fault::WaitsForTheHung, "left_alone"),
        (Fault::Replaces, "claim_is_completed_first"),
        (Fault::Replaces, "claim_is_completed_last"),
        (Fault::TellsTheLate, "late_owner_completes_last"),
        (Fault::Replaces, "late_owner_completes_first"),
        (Fault::IgnoresClaims, "somebodys_claim"),
        (Fault::IgnoresFrom, "abandoned_claim"),
        (Fault::ForgetsAttempts, "abandoned_claim"),
        (Fault::SaysYes, "whether_it_was_committed"),
        (Fault::SaysNoTooSoon, "whether_it_was_committed_while_it_is_open"),
        (Fault::RunsAgain, "record_of_a_lease_is_found"),
        (Fault::ReadsTheDamaged, "damaged_record"),
        (Fault::CutsBodies, "bytes_as_they_were"),
        (Fault::LivesOn, "record_ends"),
        (Fault::ForgetsTheTime, "remaining_life_goes_down"),
        (Fault::ForgetsTheUnguarded, "without_a_key"),
        (Fault::LosesAnswers, "writes_are_kept_with_the_record"),
        (Fault::Hides, "rolled_back"),
    ] {
        let harness = harness(Some(fault), true);
        let mut failed = Vec::new();
        for case in transaction_cases() {
            if case.run(&harness).await.is_err() {
                failed.push(case.name());
            }
        }
        assert!(failed.contains(&found_by), "{fault:?} is found by {failed:?}");
        if ![Fault::Hides, Fault::LosesAnswers].contains(&fault) {
            found_something.extend(failed);
        }
    }
    // Each case is there for a reason.
    let cases = transaction_cases::<InLedger<fn(Ledger) -> Ledger>>();
    let idle: Vec<_> = cases.iter().map(Case::name).filter(|name| !found_something.contains(name)).collect();
    assert_eq!(idle, [""; 0]);
}
