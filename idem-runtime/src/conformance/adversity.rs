//! No room, and entries that are not what was written. Left out where the harness cannot bring it about.

use super::stage::{Stage, fresh, holder, record, rival, seen, tombstone};
use super::verdict::{Failure, Verdict, holds, same};
use super::{Damage, Harness};
use crate::store::{Claim, ClaimOutcome, Entry, Hold, Store, StoreError};

/// More than would find room by chance in what is left over.
const RUNNING: usize = 24;

pub(super) async fn full<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let mut running = Vec::new();
    for _ in 0..RUNNING {
        running.push(stage.held().await?);
    }
    let given_up = stage.held().await?;
    let orphan = stage.abandoned().await?;
    let recorded = stage.recorded().await?;
    if !stage.harness.fill().await {
        return Ok(());
    }
    let verdict = while_full(stage, running, given_up, orphan, recorded).await;
    stage.harness.make_room().await;
    verdict?;
    fresh(stage.here(), &stage.claim()).await
}

async fn while_full<H: Harness>(
    stage: &Stage<'_, H>,
    all_running: Vec<Claim>,
    given_up: Claim,
    orphan: Claim,
    (finished, finished_as): (Claim, crate::store::Record),
) -> Verdict {
    let [running, ..] = all_running[..] else { return Ok(()) };
    let refused = stage.there().claim(&stage.claim()).await;
    holds("a new claim is refused", &refused, matches!(refused, Err(StoreError::Full)))?;

    // What was there before is there, and can be worked with.
    seen(stage, &finished, &Entry::Completed(finished_as)).await?;
    seen(stage, &orphan, &Entry::Abandoned(holder(&orphan, 1))).await?;
    seen(stage, &running, &Entry::InFlight(holder(&running, 1))).await?;
    same("the same claim", stage.here().claim(&running).await?, ClaimOutcome::Claimed { attempt: 1 })?;
    same("renew", stage.here().renew(&running).await?, Hold::Held)?;
    let heir = Claim { lease: stage.claim().lease, ..rival(&orphan) };
    let taken = stage.there().take_over(&heir, orphan.owner).await?;
    same("take_over", taken, ClaimOutcome::Claimed { attempt: 2 })?;

    // That it was done can always be recorded, by all of them.
    for claim in &all_running {
        let tombstone = tombstone(stage.here());
        same("complete", stage.here().complete(claim, 1, &tombstone).await?, Hold::Held)?;
        seen(stage, claim, &Entry::Completed(record(claim, 1, tombstone))).await?;
    }
    same("release", stage.here().release(&given_up).await?, Hold::Held)
}

const DAMAGES: [Damage; 4] = [Damage::CutOff, Damage::Overwritten, Damage::FlippedBit, Damage::NewerFormat];

pub(super) async fn damaged_record<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    for damage in DAMAGES {
        let (claim, _) = stage.recorded().await?;
        if stage.harness.damage(claim.key, damage).await {
            unreadable(stage, &claim, damage).await?;
        }
    }
    Ok(())
}

pub(super) async fn damaged_claim<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    for damage in DAMAGES {
        for claim in [stage.held().await?, stage.abandoned().await?] {
            if stage.harness.damage(claim.key, damage).await {
                unreadable(stage, &claim, damage).await?;
            }
        }
    }
    Ok(())
}

pub(super) async fn copied_record<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let (claim, record) = stage.recorded().await?;
    let other = Claim { key: stage.claim().key, ..claim };
    let damage = Damage::CopiedTo(other.key);
    if stage.harness.damage(claim.key, damage).await {
        unreadable(stage, &other, damage).await?;
        seen(stage, &claim, &Entry::Completed(record)).await?;
    }
    Ok(())
}

/// Fails unless everybody is told, each time, that the entry cannot be read.
async fn unreadable<H: Harness>(stage: &Stage<'_, H>, claim: &Claim, damage: Damage) -> Verdict {
    for _ in 0..2 {
        let answers = [
            stage.there().claim(&rival(claim)).await.map(drop),
            stage.there().take_over(&rival(claim), claim.owner).await.map(drop),
            stage.there().look_up(claim.key).await.map(drop),
            stage.there().inspect(claim.key).await.map(drop),
        ];
        if let Some(wrong) = answers.iter().find(|answer| !matches!(answer, Err(StoreError::Corrupt(_)))) {
            return Err(Failure::new(format!("{damage:?}: expected Corrupt, found {wrong:?}")));
        }
    }
    Ok(())
}
