//! One call of a job, whose work stops where a test lets it go on, or not.

use std::net::SocketAddr;

use clap::Parser;
use idem_runtime::{Idempotency, JobError};
use idem_tests::claims::{KEPT_JOB, RETRIED_JOB};
use idem_tests::gated::stop_at;

#[derive(Debug, Parser)]
struct Options {
    #[arg(long)]
    store: String,
    /// Where the test listens.
    #[arg(long)]
    gate: SocketAddr,
    /// What a failure means: that it is the outcome.
    #[arg(long)]
    keep: bool,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let Options { store, gate, keep } = Options::parse();
    let idempotency = Idempotency::connect(&store).await?;
    let job = if keep { KEPT_JOB } else { RETRIED_JOB };
    let work = async move {
        stop_at(gate, "in-work").await?;
        Ok::<u32, std::io::Error>(0)
    };
    match idempotency.run(job.key("message-1"), work).await {
        Ok(_) => Ok(()),
        Err(JobError::Failed(error)) => Err(error.into()),
        Err(JobError::Refused(refusal)) => Err(refusal.into()),
    }
}
