//! A process that is killed (`kill -9`) while it holds a claim.

use std::process::{Child, Command};

use idem_runtime::{Done, JobError};
use idem_tests::claims::{KEPT_JOB, RETRIED_JOB};
use idem_tests::outside::{Outside, Stopped};
use idem_tests::process::built;
use idem_tests::until;

use super::*;

/// The call of this process: gives the number of its attempt.
async fn call(idempotency: &Idempotency, job: Job) -> Result<Done<u32>, JobRefusal> {
    let call = job.key("message-1");
    let execution = call.execution();
    let work = async move { Ok::<_, std::convert::Infallible>(execution.attempt()) };
    idempotency.run(call, work).await.map_err(|error| match error {
        JobError::Refused(refusal) => refusal,
        JobError::Failed(never) => match never {},
    })
}

/// Once the lease of a dead owner has ended.
async fn call_later(idempotency: &Idempotency, job: Job) -> Result<Done<u32>, JobRefusal> {
    until("the end of the lease", async || match call(idempotency, job).await {
        Err(refusal) if refusal.is_transient() => None,
        other => Some(other),
    })
    .await
}

/// A process that is in the middle of its work.
struct AtWork {
    process: Child,
    /// While this is there, it does not go on.
    _stopped: Stopped,
}

impl Ground {
    async fn at_work(&self, more: &[&str]) -> AtWork {
        let outside = Outside::new().await;
        let gate = outside.gate().to_string();
        let mut process = Command::new(built("gated-job"));
        let process = process.args(["--store", &self.url(), "--gate", &gate]).args(more).spawn().unwrap();
        AtWork { process, _stopped: outside.next_at("in-work").await }
    }
}

impl AtWork {
    fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

async fn a_killed_owner_is_taken_over_when_its_lease_ends(ground: Ground) {
    let owner = ground.at_work(&[]).await;
    assert_eq!(code(call(&ground.idempotency, RETRIED_JOB).await), "in_progress");
    owner.kill();
    let done = call_later(&ground.idempotency, RETRIED_JOB).await.unwrap();
    assert_eq!((*done, done.is_replayed()), (2, false), "the second attempt");
    let again = call(&ground.other, RETRIED_JOB).await.unwrap();
    assert_eq!((*again, again.is_replayed()), (2, true));
}

async fn with_keep_nobody_takes_over(ground: Ground) {
    let owner = ground.at_work(&["--keep"]).await;
    assert_eq!(code(call(&ground.idempotency, KEPT_JOB).await), "in_progress");
    owner.kill();
    assert_eq!(code(call_later(&ground.idempotency, KEPT_JOB).await), "outcome_unknown");
    assert_eq!(code(call(&ground.other, KEPT_JOB).await), "outcome_unknown", "and so it stays");
}

on_each! { (sqlite redis postgres)
    a_killed_owner_is_taken_over_when_its_lease_ends
    with_keep_nobody_takes_over
}
