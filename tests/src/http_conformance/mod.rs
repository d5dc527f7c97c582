//! The statements of the Idempotency-Key draft, of Stripe's documentation and of the RFCs that they build on, asked of a
//! running server.
//!
//! Black box: all that is known of the server is where to send which request, and that is what [`Options`] say. Each
//! statement has one [`Finding`], also one that cannot be judged from outside: then it says why.

mod draft;
mod exchange;
mod finding;
mod options;
mod problems;
mod races;
mod replays;
mod request;
mod strings;
mod stripe;
mod subject;
mod table;

pub use finding::{Finding, Outcome};
pub use options::{InFlight, Marker, Missing, Options};
pub use subject::Subject;
pub use table::table;

/// Asks everything, one after the other.
pub async fn ask_all(subject: &Subject) -> Vec<Finding> {
    let mut findings = draft::ask(subject).await;
    findings.extend(stripe::ask(subject).await);
    findings.extend(strings::ask(subject).await);
    findings.extend(problems::ask(subject).await);
    findings.extend(replays::ask(subject).await);
    findings
}
