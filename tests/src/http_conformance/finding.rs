//! A statement, and what came of asking it.

use super::exchange::Exchange;
use super::subject::Subject;

/// What became of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The server does so.
    Pass,
    /// The server does not, and what it does instead.
    Fail(String),
    /// The statement is about something that this server does not have, and what that is.
    NotApplicable(String),
    /// Nothing that can be sent to a server tells, and why.
    NotJudged(&'static str),
}

/// One statement, and what the server did.
#[derive(Debug)]
pub struct Finding {
    /// The number of the statement.
    pub id: &'static str,
    /// Who says so.
    pub source: &'static str,
    /// Where it stands there.
    pub section: &'static str,
    /// What it says.
    pub statement: &'static str,
    /// What became of it.
    pub outcome: Outcome,
    /// What was sent and what came, if that was not as it should be.
    pub(super) exchanges: Vec<Exchange>,
}

/// Why a statement was not found to be kept to.
#[derive(Debug)]
pub(super) enum Unmet {
    Broken(String),
    NotApplicable(String),
    NotJudged(&'static str),
}

pub(super) type Verdict = Result<(), Unmet>;

impl From<String> for Unmet {
    fn from(why: String) -> Self {
        Self::Broken(why)
    }
}

/// Leaves a check of a statement that does not concern this server.
pub(super) fn not_applicable<T>(why: &str) -> Result<T, Unmet> {
    Err(Unmet::NotApplicable(why.to_owned()))
}

/// The check of a statement that no request can check.
pub(super) async fn not_judged(why: &'static str) -> Verdict {
    Err(Unmet::NotJudged(why))
}

/// Passes if it holds.
pub(super) fn check(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

impl Finding {
    /// Whether the server goes against the statement.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        matches!(self.outcome, Outcome::Fail(_))
    }

    pub(super) async fn of(
        [id, source, section, statement]: [&'static str; 4],
        subject: &Subject,
        check: impl Future<Output = Verdict>,
    ) -> Self {
        subject.forget();
        let outcome = match check.await {
            Ok(()) => Outcome::Pass,
            Err(Unmet::Broken(why)) => Outcome::Fail(why),
            Err(Unmet::NotApplicable(why)) => Outcome::NotApplicable(why),
            Err(Unmet::NotJudged(why)) => Outcome::NotJudged(why),
        };
        let exchanges = if matches!(outcome, Outcome::Fail(_)) { subject.exchanges() } else { Vec::new() };
        Self { id, source, section, statement, outcome, exchanges }
    }
}

/// Number, section, words and check of each statement of a source, asked in this order.
macro_rules! statements {
    ($subject:expr, $source:literal; $($id:literal, $section:literal, $statement:literal, $check:expr;)*) => {
        vec![$(
            $crate::http_conformance::finding::Finding::of(
                [$id, $source, $section, $statement], $subject, $check($subject),
            ).await
        ),*]
    };
}
pub(super) use statements;
