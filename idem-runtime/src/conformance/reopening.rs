//! A record that an operator takes back: once, and only if it is still the one that was looked at.
//!
//! The records are such as say only that there is no answer: of others a cache may have a copy, and nobody changes them.

use bytes::Bytes;

use super::Harness;
use super::stage::{Stage, fresh, gone, holder, outcome, record, rival, seen};
use super::verdict::{Failure, Verdict, same};
use crate::digest::Fingerprint;
use crate::store::{Claim, Entry, Hold, Outcome, OwnerToken, Record, Store, StoreError};

/// An outcome without an answer, as the engine writes it.
fn mark() -> Outcome {
    Outcome { head: Bytes::from_static(b"v1 unknown\n"), body: Bytes::new() }
}

/// A record without an answer, which everybody has seen.
async fn marked<H: Harness>(stage: &Stage<'_, H>) -> Result<(Claim, Record), Failure> {
    let claim = stage.held().await?;
    let record = record(&claim, 1, mark());
    same("complete", stage.here().complete(&claim, 1, &record.outcome).await?, Hold::Held)?;
    seen(stage, &claim, &Entry::Completed(record.clone())).await?;
    Ok((claim, record))
}

/// `None` for a store that has no such thing.
async fn reopen(store: &impl Store, claim: &Claim, seen: &Record) -> Result<Option<Hold>, Failure> {
    match store.reopen(claim, seen).await {
        Ok(hold) => Ok(Some(hold)),
        Err(StoreError::Unsupported(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn reopened_and_completed<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let (claim, old) = marked(stage).await?;
    let operator = rival(&claim);
    for store in [stage.there(), stage.there(), stage.here()] {
        // Sent again, it is recognised.
        let Some(hold) = reopen(store, &operator, &old).await? else { return Ok(()) };
        same("reopen", hold, Hold::Held)?;
        seen(stage, &operator, &Entry::InFlight(holder(&operator, 2))).await?;
    }
    same("the old owner's completion", stage.here().complete(&claim, 1, &outcome()).await?, Hold::Lost)?;
    let result = outcome();
    same("complete", stage.there().complete(&operator, 2, &result).await?, Hold::Held)?;
    seen(stage, &operator, &Entry::Completed(record(&operator, 2, result))).await
}

pub(super) async fn reopened_and_released<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let (claim, old) = marked(stage).await?;
    let operator = rival(&claim);
    let Some(hold) = reopen(stage.there(), &operator, &old).await? else { return Ok(()) };
    same("reopen", hold, Hold::Held)?;
    same("release", stage.there().release(&operator).await?, Hold::Held)?;
    gone(stage, &claim).await
}

pub(super) async fn reopened_and_abandoned<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let (claim, old) = marked(stage).await?;
    let operator = Claim { lease: stage.harness.tick(), ..rival(&claim) };
    let Some(hold) = reopen(stage.here(), &operator, &old).await? else { return Ok(()) };
    same("reopen", hold, Hold::Held)?;
    stage.tick().await;
    seen(stage, &operator, &Entry::Abandoned(holder(&operator, 2))).await
}

pub(super) async fn reopening_of_another_record<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let (claim, there) = marked(stage).await?;
    let others = [
        Record { attempt: 2, ..there.clone() },
        Record { fingerprint: Fingerprint::from_bytes(rand::random()), ..there.clone() },
        Record { outcome: Outcome { head: Bytes::from_static(b"v1 not-kept\n"), ..mark() }, ..there.clone() },
        Record { outcome: Outcome { body: Bytes::from_static(b"x"), ..mark() }, ..there.clone() },
    ];
    for other in others {
        let Some(hold) = reopen(stage.there(), &rival(&claim), &other).await? else { return Ok(()) };
        same("reopen", hold, Hold::Lost)?;
        seen(stage, &claim, &Entry::Completed(there.clone())).await?;
    }
    Ok(())
}

pub(super) async fn reopening_of_a_claim<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let held = stage.held().await?;
    let abandoned = stage.abandoned().await?;
    for (claim, entry) in
        [(held, Entry::InFlight(holder(&held, 1))), (abandoned, Entry::Abandoned(holder(&abandoned, 1)))]
    {
        let Some(hold) = reopen(stage.there(), &rival(&claim), &record(&claim, 1, mark())).await? else {
            return Ok(());
        };
        same("reopen", hold, Hold::Lost)?;
        seen(stage, &claim, &entry).await?;
    }
    Ok(())
}

pub(super) async fn reopening_of_nothing<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let claim = stage.claim();
    let Some(hold) = reopen(stage.here(), &claim, &record(&claim, 1, mark())).await? else { return Ok(()) };
    same("reopen", hold, Hold::Lost)?;
    gone(stage, &claim).await
}

pub(super) async fn many_reopen<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let (claim, old) = marked(stage).await?;
    let holds = stage
        .race(16, |_, store| {
            let (operator, old) = (Claim { owner: OwnerToken::random(), ..claim }, old.clone());
            async move { Ok((operator, reopen(&*store, &operator, &old).await?)) }
        })
        .await?;
    if holds.iter().any(|(_, hold)| hold.is_none()) {
        return Ok(());
    }
    let winners: Vec<_> = holds.into_iter().filter(|(_, hold)| *hold == Some(Hold::Held)).collect();
    same("how many reopened it", winners.len(), 1)?;
    let operator = winners[0].0;
    seen(stage, &operator, &Entry::InFlight(holder(&operator, 2))).await?;
    same("release", stage.here().release(&operator).await?, Hold::Held)?;
    fresh(stage.here(), &rival(&claim)).await
}
