//! The page that says how many tries an operation takes.

use std::fmt::Write as _;
use std::path::Path;

use crate::campaign::{FAULTS, OPERATIONS, Storm};

const MARK: &str = "<!-- written by tests/tests/client -->";

/// Compares the page with what came of the campaign.
pub(crate) fn check(storm: &Storm) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../idem-client/docs/attempts.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let parts: Vec<_> = page.split(MARK).collect();
    let [before, found, after] = parts[..] else { panic!("the tables stand between two lines `{MARK}`") };
    let written = tables(storm);
    if std::env::var_os("IDEM_BLESS").is_some() {
        std::fs::write(&path, format!("{before}{MARK}\n\n{written}\n{MARK}{after}")).unwrap();
        return;
    }
    assert_eq!(found.trim(), written.trim(), "run it with IDEM_BLESS=1");
}

fn tables(storm: &Storm) -> String {
    let mut tries = [0_usize; 10];
    (0..OPERATIONS).for_each(|operation| tries[storm.faults(operation) + 1] += 1);
    let mut text = String::from("| tries | operations | |\n|---|---|---|\n");
    for (number, count) in tries.iter().enumerate().filter(|(_, count)| **count > 0) {
        // One block is 2% of them; what there is at all is seen.
        let bar = "█".repeat((count * 50).div_ceil(OPERATIONS));
        let _ = writeln!(text, "| {number} | {count} | {bar} |");
    }
    text.push_str("\n| what was done to a try | tries |\n|---|---|\n");
    for (fault, said, _) in &FAULTS {
        let _ = writeln!(text, "| {said} | {} |", storm.count(fault));
    }
    text
}
