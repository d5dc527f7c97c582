//! The statements of the Idempotency-Key draft and of Stripe's documentation, asked of a running server.
//!
//! Black box: all that is known of the server is where to send which request.

mod draft;
mod stripe;
mod subject;

pub use subject::Subject;

/// One statement, and what the server did.
#[derive(Debug)]
pub struct Finding {
    /// The number of the statement.
    pub id: &'static str,
    /// Where it stands.
    pub section: &'static str,
    /// What it says.
    pub statement: &'static str,
    /// Whether the server does so, or why that could not be asked of it.
    pub verdict: Result<Option<String>, String>,
}

impl Finding {
    /// Whether the server goes against the statement.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        self.verdict.is_err()
    }
}

/// Asks everything, one after the other.
pub async fn ask_all(subject: &Subject) -> Vec<Finding> {
    let mut findings = draft::ask(subject).await;
    findings.extend(stripe::ask(subject).await);
    findings
}

/// The findings as a table.
#[must_use]
pub fn table(findings: &[Finding]) -> String {
    let mut table = String::from("| id | section | statement | result |\n|---|---|---|---|\n");
    for Finding { id, section, statement, verdict } in findings {
        let result = match verdict {
            Ok(None) => "pass".to_owned(),
            Ok(Some(why)) => format!("not asked: {why}"),
            Err(why) => format!("FAIL: {why}"),
        };
        table.push_str(&format!("| {id} | {section} | {statement} | {result} |\n"));
    }
    table
}
