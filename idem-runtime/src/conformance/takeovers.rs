//! What becomes of a claim whose owner died.

use super::Harness;
use super::stage::{Stage, fresh, holder, outcome, rival, seen};
use super::verdict::{Verdict, same};
use crate::digest::Fingerprint;
use crate::store::{Claim, ClaimOutcome, Entry, Hold, OwnerToken, Store};

/// `claim` by somebody else, for as long as the case lasts.
fn heir<H: Harness>(stage: &Stage<'_, H>, claim: &Claim) -> Claim {
    Claim { lease: stage.claim().lease, ..rival(claim) }
}

pub(super) async fn abandoned_after_its_lease<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let claim = stage.abandoned().await?;
    seen(stage, &claim, &Entry::Abandoned(holder(&claim, 1))).await?;
    // Another request under the same key is told what it was claimed for.
    let other = Claim { fingerprint: Fingerprint::from_bytes(rand::random()), ..heir(stage, &claim) };
    same("another claim", stage.there().claim(&other).await?, ClaimOutcome::Abandoned(holder(&claim, 1)))?;
    seen(stage, &claim, &Entry::Abandoned(holder(&claim, 1))).await
}

pub(super) async fn take_over<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let claim = stage.abandoned().await?;
    let heir_claim = heir(stage, &claim);
    let taken = stage.there().take_over(&heir_claim, claim.owner).await?;
    same("take_over", taken, ClaimOutcome::Claimed { attempt: 2 })?;
    seen(stage, &heir_claim, &Entry::InFlight(holder(&heir_claim, 2))).await?;
    // The second heir comes too late: who they would take it from does not hold it any more.
    let late = stage.here().take_over(&heir(stage, &claim), claim.owner).await?;
    same("a second take_over", late, ClaimOutcome::InFlight(holder(&heir_claim, 2)))?;
    same("complete", stage.there().complete(&heir_claim, 2, &outcome()).await?, Hold::Held)
}

pub(super) async fn take_over_sent_again<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let claim = stage.abandoned().await?;
    let heir = heir(stage, &claim);
    for store in [stage.here(), stage.there(), stage.here()] {
        let taken = store.take_over(&heir, claim.owner).await?;
        same("the same take_over", taken, ClaimOutcome::Claimed { attempt: 2 })?;
    }
    seen(stage, &heir, &Entry::InFlight(holder(&heir, 2))).await
}

pub(super) async fn take_over_while_the_lease_runs<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let claim = stage.held().await?;
    let refused = stage.there().take_over(&heir(stage, &claim), claim.owner).await?;
    same("take_over", refused, ClaimOutcome::InFlight(holder(&claim, 1)))?;
    same("renew", stage.here().renew(&claim).await?, Hold::Held)?;
    seen(stage, &claim, &Entry::InFlight(holder(&claim, 1))).await
}

pub(super) async fn take_over_after_a_renewal<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let claim = stage.abandoned().await?;
    // The heir has seen that it is abandoned; then the owner shows a sign of life after all.
    same("claim", stage.there().claim(&rival(&claim)).await?, ClaimOutcome::Abandoned(holder(&claim, 1)))?;
    let longer = Claim { lease: stage.claim().lease, ..claim };
    same("renew", stage.here().renew(&longer).await?, Hold::Held)?;
    let refused = stage.there().take_over(&heir(stage, &claim), claim.owner).await?;
    same("take_over", refused, ClaimOutcome::InFlight(holder(&claim, 1)))?;
    seen(stage, &claim, &Entry::InFlight(holder(&claim, 1))).await
}

pub(super) async fn take_over_from_somebody_else<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let claim = stage.abandoned().await?;
    let refused = stage.there().take_over(&heir(stage, &claim), OwnerToken::random()).await?;
    same("take_over", refused, ClaimOutcome::Abandoned(holder(&claim, 1)))?;
    seen(stage, &claim, &Entry::Abandoned(holder(&claim, 1))).await
}

pub(super) async fn take_over_of_nothing<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let claim = stage.claim();
    let taken = stage.here().take_over(&claim, OwnerToken::random()).await?;
    same("take_over", taken, ClaimOutcome::Claimed { attempt: 1 })?;
    seen(stage, &claim, &Entry::InFlight(holder(&claim, 1))).await
}

pub(super) async fn take_over_of_a_record<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let (claim, record) = stage.recorded().await?;
    let refused = stage.there().take_over(&rival(&claim), claim.owner).await?;
    same("take_over", refused, ClaimOutcome::Completed(record.clone()))?;
    seen(stage, &claim, &Entry::Completed(record)).await
}

pub(super) async fn attempts_are_counted<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let mut claim = stage.short_claim();
    fresh(stage.here(), &claim).await?;
    for attempt in 2..=4 {
        stage.tick().await;
        let next = rival(&claim);
        let taken = stage.there().take_over(&next, claim.owner).await?;
        same("take_over", taken, ClaimOutcome::Claimed { attempt })?;
        claim = next;
    }
    let result = outcome();
    same("complete", stage.here().complete(&claim, 4, &result).await?, Hold::Held)?;
    seen(stage, &claim, &Entry::Completed(super::stage::record(&claim, 4, result))).await
}
