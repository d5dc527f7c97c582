//! The findings, to be read.

use super::finding::{Finding, Outcome};

/// What was sent last tells most.
const EXCHANGES: usize = 8;

/// The findings as a table; behind it, for each that fails, what was sent and what came.
#[must_use]
pub fn table(findings: &[Finding]) -> String {
    let mut table = String::from("| id | source | section | statement | result |\n|---|---|---|---|---|\n");
    for Finding { id, source, section, statement, outcome, .. } in findings {
        let result = match outcome {
            Outcome::Pass => "pass".to_owned(),
            Outcome::Fail(why) => format!("FAIL: {why}"),
            Outcome::NotApplicable(why) => format!("not applicable: {why}"),
            Outcome::NotJudged(why) => format!("not judged from outside: {why}"),
        };
        // A bar would end the cell.
        let result = result.replace('|', "\\|");
        table.push_str(&format!("| {id} | {source} | {section} | {statement} | {result} |\n"));
    }
    for Finding { id, exchanges, .. } in findings.iter().filter(|finding| finding.is_failure()) {
        table.push_str(&format!("\n{id}:\n"));
        for exchange in &exchanges[exchanges.len().saturating_sub(EXCHANGES)..] {
            table.push_str(&format!("{exchange}\n"));
        }
    }
    table
}
