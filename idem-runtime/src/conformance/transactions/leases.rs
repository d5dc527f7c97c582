//! Claims with a lease beside transactions: a service may go from one way to the other.

use super::super::stage::{Stage, holder, outcome, record, rival, seen};
use super::super::verdict::{Failure, Verdict, holds, same};
use super::TransactionalHarness;
use super::open::{begin, busy, effect, effects, no_record, open, shown, until_open, was_committed};
use crate::store::{Begun, Claim, ClaimOutcome, Committed, Entry, Hold, Holder, Outcome, OwnerToken, Store, Writes};

pub(super) async fn own_claim<H: TransactionalHarness>(stage: &Stage<'_, H>) -> Verdict {
    let (claim, result, effect) = (stage.held().await?, outcome(), effect());
    let mut transaction = open::<H>(stage.here(), &claim, None, 1).await?;
    transaction.write(stage, &effect).await?;
    // It still holds. That it cannot be renewed while a transaction writes is no harm.
    let renewed = stage.here().renew(&claim).await;
    holds("renew", &renewed, !matches!(renewed, Ok(Hold::Lost)))?;
    busy::<H>(stage.there(), &rival(&claim), true).await?;
    let committed = transaction.commit(stage.here(), Writes::Keep, Some((&claim, &result))).await?;
    same("commit", committed, Committed::Yes)?;
    effects(stage, &effect, 1).await?;
    seen(stage, &claim, &Entry::Completed(record(&claim, 1, result))).await?;

    // And it outlives a transaction that leaves nothing.
    let claim = stage.held().await?;
    open::<H>(stage.here(), &claim, None, 1).await?.roll_back(stage.here()).await?;
    seen(stage, &claim, &Entry::InFlight(holder(&claim, 1))).await?;
    same("release", stage.here().release(&claim).await?, Hold::Held)
}

pub(super) async fn somebodys_claim<H: TransactionalHarness>(stage: &Stage<'_, H>) -> Verdict {
    let claim = stage.held().await?;
    let other = Claim { fingerprint: stage.claim().fingerprint, ..claim };
    for store in [stage.here(), stage.there()] {
        busy::<H>(store, &rival(&claim), true).await?;
        busy::<H>(store, &rival(&other), false).await?;
        // Its lease has not ended.
        match begin::<H>(store, &rival(&claim), Some(claim.owner)).await? {
            Begun::InFlight { same_request: true } => {}
            wrong => return Err(Failure::new(format!("an heir of the living: {}", shown(&wrong)))),
        }
    }
    seen(stage, &claim, &Entry::InFlight(holder(&claim, 1))).await
}

async fn is_abandoned<H: TransactionalHarness>(
    stage: &Stage<'_, H>,
    claim: &Claim,
    from: Option<OwnerToken>,
    holder: Holder,
) -> Verdict {
    for store in [stage.here(), stage.there()] {
        match begin::<H>(store, claim, from).await? {
            Begun::Abandoned(found) => same("who has abandoned it", found, holder)?,
            other => return Err(Failure::new(format!("begin: expected Abandoned, found {}", shown(&other)))),
        }
    }
    Ok(())
}

/// An heir of `dead`, for as long as the case lasts.
fn heir<H: TransactionalHarness>(stage: &Stage<'_, H>, dead: &Claim) -> Claim {
    Claim { lease: stage.claim().lease, ..rival(dead) }
}

pub(super) async fn abandoned_claim<H: TransactionalHarness>(stage: &Stage<'_, H>) -> Verdict {
    let dead = stage.abandoned().await?;
    let (next, result, effect) = (heir(stage, &dead), outcome(), effect());
    is_abandoned(stage, &next, None, holder(&dead, 1)).await?;
    is_abandoned(stage, &next, Some(OwnerToken::random()), holder(&dead, 1)).await?;
    // Another request is told what it was claimed for.
    let other = Claim { fingerprint: stage.claim().fingerprint, ..next };
    is_abandoned(stage, &other, None, holder(&dead, 1)).await?;

    let mut transaction = open::<H>(stage.there(), &next, Some(dead.owner), 2).await?;
    busy::<H>(stage.here(), &rival(&next), true).await?;
    transaction.write(stage, &effect).await?;
    let committed = transaction.commit(stage.there(), Writes::Keep, Some((&next, &result))).await?;
    same("commit", committed, Committed::Yes)?;
    effects(stage, &effect, 1).await?;
    seen(stage, &next, &Entry::Completed(record(&next, 2, result.clone()))).await?;
    same("the dead owner's complete", stage.here().complete(&dead, 1, &outcome()).await?, Hold::Lost)?;
    seen(stage, &next, &Entry::Completed(record(&next, 2, result))).await
}

pub(super) async fn abandoned_claim_outlives_a_roll_back<H: TransactionalHarness>(stage: &Stage<'_, H>) -> Verdict {
    let dead = stage.abandoned().await?;
    for _ in 0..2 {
        let transaction = open::<H>(stage.here(), &heir(stage, &dead), Some(dead.owner), 2).await?;
        transaction.roll_back(stage.here()).await?;
        is_abandoned(stage, &heir(stage, &dead), None, holder(&dead, 1)).await?;
    }
    seen(stage, &dead, &Entry::Abandoned(holder(&dead, 1))).await
}

pub(super) async fn late_owner_completes_first<H: TransactionalHarness>(stage: &Stage<'_, H>) -> Verdict {
    let dead = stage.abandoned().await?;
    late_owner(stage, &dead, true).await
}

pub(super) async fn late_owner_completes_last<H: TransactionalHarness>(stage: &Stage<'_, H>) -> Verdict {
    let dead = stage.abandoned().await?;
    late_owner(stage, &dead, false).await
}

async fn late_owner<H: TransactionalHarness>(stage: &Stage<'_, H>, dead: &Claim, is_first: bool) -> Verdict {
    let next = heir(stage, dead);
    let transaction = open::<H>(stage.there(), &next, Some(dead.owner), 2).await?;
    one_is_recorded(stage, (dead, 1), (&next, transaction), is_first).await
}

pub(super) async fn claim_is_completed_first<H: TransactionalHarness>(stage: &Stage<'_, H>) -> Verdict {
    claim_beside(stage, true).await
}

pub(super) async fn claim_is_completed_last<H: TransactionalHarness>(stage: &Stage<'_, H>) -> Verdict {
    claim_beside(stage, false).await
}

async fn claim_beside<H: TransactionalHarness>(stage: &Stage<'_, H>, is_first: bool) -> Verdict {
    let claim = stage.claim();
    let transaction = open::<H>(stage.there(), &claim, None, 1).await?;
    // Whether it is granted, or told that somebody holds the key, or not answered while a transaction writes: each is safe.
    let leased = rival(&claim);
    let answer = stage.here().claim(&leased).await;
    match answer {
        Ok(ClaimOutcome::Claimed { attempt: 1 } | ClaimOutcome::InFlight(_)) => {}
        Err(ref error) if error.is_transient() => {}
        wrong => return Err(Failure::new(format!("a claim beside a transaction: {wrong:?}"))),
    }
    one_is_recorded(stage, (&leased, 1), (&claim, transaction), is_first).await
}

/// Of an owner with a lease and a transaction, at most one is recorded, and it is the one who was told so.
async fn one_is_recorded<H: TransactionalHarness>(
    stage: &Stage<'_, H>,
    (leased, attempt): (&Claim, u32),
    (claim, mut transaction): (&Claim, super::open::Open<H::Transaction>),
    completes_first: bool,
) -> Verdict {
    let (ours, theirs, effect) = (outcome(), outcome(), effect());
    transaction.write(stage, &effect).await?;
    let by_transaction = record(claim, transaction.attempt, ours.clone());
    let complete = async |outcome: &Outcome| match stage.here().complete(leased, attempt, outcome).await {
        // One that cannot be said while a transaction writes. It is not completed later either: nothing else is sent.
        Err(error) if error.is_transient() => Ok(false),
        answer => Ok::<_, Failure>(answer? == Hold::Held),
    };
    let commit = transaction.commit(stage.there(), Writes::Keep, Some((claim, &ours)));
    let (completed, committed) = if completes_first {
        (complete(&theirs).await?, commit.await? == Committed::Yes)
    } else {
        let committed = commit.await? == Committed::Yes;
        (complete(&theirs).await?, committed)
    };
    holds("recorded by claim and transaction", (completed, committed), !(completed && committed))?;
    effects(stage, &effect, usize::from(committed)).await?;
    same("was_committed", was_committed(stage, stage.here(), claim).await?, committed)?;
    match (completed, committed) {
        (true, _) => seen(stage, leased, &Entry::Completed(record(leased, attempt, theirs))).await,
        (_, true) => seen(stage, claim, &Entry::Completed(by_transaction)).await,
        (false, false) => no_record(stage, claim).await,
    }
}

/// An owner that hangs holds its key for a lease, and what it does then comes to nothing.
pub(super) async fn left_alone<H: TransactionalHarness>(stage: &Stage<'_, H>) -> Verdict {
    let (hung, effect) = (stage.short_claim(), effect());
    let mut transaction = open::<H>(stage.here(), &hung, None, 1).await?;
    // On a slow machine it is too late for that already.
    let _ = transaction.write(stage, &effect).await;
    let (next, result, next_effect) = (Claim { lease: stage.claim().lease, ..rival(&hung) }, outcome(), self::effect());
    let mut heir = until_open(stage, stage.there(), &next, 1).await?;
    let attempt = heir.attempt;
    heir.write(stage, &next_effect).await?;
    let committed = heir.commit(stage.there(), Writes::Keep, Some((&next, &result))).await?;
    same("the next one's commit", committed, Committed::Yes)?;
    let late = transaction.commit(stage.here(), Writes::Keep, Some((&hung, &outcome()))).await;
    holds("the late commit", &late, !matches!(late, Ok(Committed::Yes)))?;
    same("was_committed", was_committed(stage, stage.here(), &hung).await?, false)?;
    effects(stage, &effect, 0).await?;
    effects(stage, &next_effect, 1).await?;
    seen(stage, &next, &Entry::Completed(record(&next, attempt, result))).await
}
