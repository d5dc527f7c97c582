//! What an owner may do, and for how long; and what everybody else may not.

use super::Harness;
use super::stage::{Stage, fresh, gone, holder, outcome, record, rival, seen};
use super::verdict::{Verdict, same};
use crate::store::{Claim, ClaimOutcome, Entry, Hold, Store};

pub(super) async fn renewal<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let claim = stage.short_claim();
    fresh(stage.here(), &claim).await?;
    let longer = Claim { lease: stage.claim().lease, ..claim };
    same("renew", stage.here().renew(&longer).await?, Hold::Held)?;
    stage.tick().await;
    seen(stage, &claim, &Entry::InFlight(holder(&claim, 1))).await
}

pub(super) async fn late_renewal<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let claim = stage.abandoned().await?;
    let longer = Claim { lease: stage.claim().lease, ..claim };
    same("renew", stage.here().renew(&longer).await?, Hold::Held)?;
    seen(stage, &claim, &Entry::InFlight(holder(&claim, 1))).await
}

pub(super) async fn late_completion<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    // Nobody has taken over: the work is done, and recorded.
    let claim = stage.abandoned().await?;
    let result = outcome();
    same("complete", stage.here().complete(&claim, 1, &result).await?, Hold::Held)?;
    seen(stage, &claim, &Entry::Completed(record(&claim, 1, result))).await
}

pub(super) async fn late_release<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let claim = stage.abandoned().await?;
    same("release", stage.here().release(&claim).await?, Hold::Held)?;
    gone(stage, &claim).await
}

pub(super) async fn owner_whose_claim_was_taken_over<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let old = stage.abandoned().await?;
    let new = Claim { lease: stage.claim().lease, ..rival(&old) };
    let taken = stage.there().take_over(&new, old.owner).await?;
    same("take_over", taken, ClaimOutcome::Claimed { attempt: 2 })?;
    powerless(stage, &old).await?;
    seen(stage, &new, &Entry::InFlight(holder(&new, 2))).await?;

    let result = outcome();
    same("the new owner's complete", stage.there().complete(&new, 2, &result).await?, Hold::Held)?;
    powerless(stage, &old).await?;
    seen(stage, &new, &Entry::Completed(record(&new, 2, result))).await
}

pub(super) async fn owner_whose_claim_is_gone<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let claim = stage.held().await?;
    same("release", stage.here().release(&claim).await?, Hold::Held)?;
    powerless(stage, &claim).await?;
    gone(stage, &claim).await
}

pub(super) async fn stranger<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let claim = stage.held().await?;
    powerless(stage, &rival(&claim)).await?;
    seen(stage, &claim, &Entry::InFlight(holder(&claim, 1))).await?;

    let abandoned = stage.abandoned().await?;
    powerless(stage, &rival(&abandoned)).await?;
    seen(stage, &abandoned, &Entry::Abandoned(holder(&abandoned, 1))).await?;

    let (claim, record) = stage.recorded().await?;
    powerless(stage, &rival(&claim)).await?;
    seen(stage, &claim, &Entry::Completed(record)).await?;

    let nothing = stage.claim();
    powerless(stage, &nothing).await?;
    gone(stage, &nothing).await
}

/// Fails if `claim` can change anything, from wherever it is tried.
async fn powerless<H: Harness>(stage: &Stage<'_, H>, claim: &Claim) -> Verdict {
    for store in [stage.here(), stage.there()] {
        same("renew", store.renew(claim).await?, Hold::Lost)?;
        same("complete", store.complete(claim, 1, &outcome()).await?, Hold::Lost)?;
        same("release", store.release(claim).await?, Hold::Lost)?;
    }
    Ok(())
}
