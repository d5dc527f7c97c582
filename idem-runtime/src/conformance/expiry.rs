//! When things end, and that they do.

use super::Harness;
use super::stage::{Stage, fresh, gone, holder, outcome, record, rival, seen};
use super::verdict::{Failure, Verdict, holds, same};
use crate::store::{Claim, ClaimOutcome, Entry, Hold, Record, Store};

pub(super) async fn record_ends<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let claim = Claim { ttl: stage.harness.tick(), ..stage.claim() };
    fresh(stage.here(), &claim).await?;
    same("complete", stage.here().complete(&claim, 1, &outcome()).await?, Hold::Held)?;
    stage.tick().await;
    gone(stage, &claim).await
}

pub(super) async fn record_does_not_end_with_its_lease<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    // The TTL counts from the completion, not from the claim, and the lease does not matter any more.
    let claim = stage.abandoned().await?;
    let result = outcome();
    same("complete", stage.here().complete(&claim, 1, &result).await?, Hold::Held)?;
    stage.tick().await;
    stage.tick().await;
    seen(stage, &claim, &Entry::Completed(record(&claim, 1, result))).await
}

pub(super) async fn completion_sent_again_does_not_prolong<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let claim = Claim { ttl: stage.harness.tick(), ..stage.claim() };
    fresh(stage.here(), &claim).await?;
    let result = outcome();
    same("complete", stage.here().complete(&claim, 1, &result).await?, Hold::Held)?;
    // On a slow machine the record has ended by now, and this is told that it is lost. Neither brings it back.
    let longer = Claim { ttl: stage.claim().ttl, ..claim };
    let _ = stage.here().complete(&longer, 1, &result).await?;
    stage.tick().await;
    gone(stage, &claim).await
}

pub(super) async fn looking_does_not_prolong<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let claim = Claim { ttl: stage.harness.tick(), ..stage.claim() };
    fresh(stage.here(), &claim).await?;
    same("complete", stage.here().complete(&claim, 1, &outcome()).await?, Hold::Held)?;
    let _ = stage.there().look_up(claim.key).await?;
    // Would be answered with the record, or hold the key anew if the record has ended already.
    let short = Claim { lease: stage.harness.tick(), ..rival(&claim) };
    let _ = stage.there().claim(&short).await?;
    stage.tick().await;
    stage.tick().await;
    gone(stage, &claim).await
}

pub(super) async fn completion_after_the_end<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let claim = Claim { ttl: stage.harness.tick(), ..stage.short_claim() };
    fresh(stage.here(), &claim).await?;
    stage.tick().await;
    stage.tick().await;
    for store in [stage.here(), stage.there()] {
        same("complete", store.complete(&claim, 1, &outcome()).await?, Hold::Lost)?;
        same("renew", store.renew(&claim).await?, Hold::Lost)?;
        same("release", store.release(&claim).await?, Hold::Lost)?;
    }
    gone(stage, &claim).await
}

pub(super) async fn abandoned_claim_ends<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let claim = Claim { ttl: stage.harness.tick(), ..stage.short_claim() };
    fresh(stage.here(), &claim).await?;
    stage.tick().await;
    stage.tick().await;
    // A take-over from somebody who is forgotten is a claim like any other.
    let heir = Claim { lease: stage.claim().lease, ..rival(&claim) };
    let taken = stage.there().take_over(&heir, claim.owner).await?;
    same("take_over", taken, ClaimOutcome::Claimed { attempt: 1 })?;
    seen(stage, &heir, &Entry::InFlight(holder(&heir, 1))).await
}

pub(super) async fn lease_longer_than_ttl<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let claim = Claim { ttl: stage.harness.tick(), ..stage.claim() };
    fresh(stage.here(), &claim).await?;
    stage.tick().await;
    stage.tick().await;
    seen(stage, &claim, &Entry::InFlight(holder(&claim, 1))).await
}

pub(super) async fn lease_shorter_than_ttl<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    // A crash is recovered from within the lease, not within the TTL.
    let claim = stage.abandoned().await?;
    let heir = Claim { lease: stage.claim().lease, ..rival(&claim) };
    let taken = stage.there().take_over(&heir, claim.owner).await?;
    same("take_over", taken, ClaimOutcome::Claimed { attempt: 2 })
}

/// How long a record lives, in ticks, whose end is seen to come nearer.
const TICKS: u32 = 4;

pub(super) async fn remaining_life_goes_down<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let tick = stage.harness.tick();
    let claim = Claim { ttl: tick * TICKS, ..stage.claim() };
    fresh(stage.here(), &claim).await?;
    same("complete", stage.here().complete(&claim, 1, &outcome()).await?, Hold::Held)?;
    for passed in 0..=TICKS {
        // So much at the most: what has passed, has passed on the store's clock. Everywhere, also where the record has
        // been seen before.
        for store in [stage.here(), stage.there(), stage.here()] {
            for record in ways_to_see(store, &claim).await? {
                holds("what is left", record.expires_in, record.expires_in <= tick * (TICKS - passed))?;
            }
        }
        stage.tick().await;
    }
    Ok(())
}

pub(super) async fn remaining_life_is_in_earnest<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    // Zero says that the store cannot tell; anything else is about right.
    let (claim, _) = stage.recorded().await?;
    for store in [stage.here(), stage.there()] {
        for Record { expires_in, .. } in ways_to_see(store, &claim).await? {
            holds("what is left", expires_in, expires_in.is_zero() || expires_in > claim.ttl / 2)?;
            holds("what is left", expires_in, expires_in <= claim.ttl)?;
        }
    }
    Ok(())
}

/// The record, by every operation that gives it, as long as it is there.
async fn ways_to_see(store: &impl Store, claim: &Claim) -> Result<Vec<Record>, Failure> {
    let mut seen = Vec::new();
    if let Some(Entry::Completed(record)) = store.look_up(claim.key).await? {
        seen.push(record);
    }
    for answer in [store.claim(&rival(claim)).await?, store.take_over(&rival(claim), claim.owner).await?] {
        if let ClaimOutcome::Completed(record) = answer {
            seen.push(record);
        }
    }
    Ok(seen)
}
