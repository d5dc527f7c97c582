//! Claims and outcomes for tests that ask a store directly, without a handler; and jobs that a test and its programs share.

use std::time::Duration;

use bytes::Bytes;
use idem_runtime::store::{Claim, Outcome, OwnerToken};
use idem_runtime::{Fingerprint, Job, OnFailure, RecordKey};

/// A job whose owner is missed soon, and whose failure lets the next one run.
pub const RETRIED_JOB: Job = Job::new("retried", Duration::from_secs(3_600)).lease(Duration::from_secs(1));

/// The same, whose failure is the outcome.
pub const KEPT_JOB: Job =
    Job::new("kept", Duration::from_secs(3_600)).lease(Duration::from_secs(1)).on_failure(OnFailure::Keep);

/// A claim of a key that nobody has had before, which holds longer than any test takes.
#[must_use]
pub fn claim() -> Claim {
    Claim {
        key: RecordKey::from_bytes(rand::random()),
        owner: OwnerToken::random(),
        fingerprint: Fingerprint::from_bytes(rand::random()),
        lease: Duration::from_secs(60),
        ttl: Duration::from_secs(3_600),
        outlives_a_crash: false,
    }
}

/// The same, asked for by somebody else.
#[must_use]
pub fn rival(claim: &Claim) -> Claim {
    Claim { owner: OwnerToken::random(), ..*claim }
}

/// Its body has to turn up in no log and no error.
#[must_use]
pub fn outcome() -> Outcome {
    saying("canary-body")
}

/// An outcome that is told from others by its body.
#[must_use]
pub fn saying(body: &'static str) -> Outcome {
    Outcome { head: Bytes::from_static(b"{\"status\":201}\n"), body: Bytes::from_static(body.as_bytes()) }
}
