//! What is left of a transaction, by how it ended.

use super::super::stage::{Stage, outcome, record, rival, seen};
use super::super::verdict::{Failure, Verdict, holds, same};
use super::TransactionalHarness;
use super::open::{at_once, effect, effects, free, no_record, of, open, unguarded, until_open, was_committed};
use crate::store::{Committed, Entry, Writes};

pub(super) async fn writes_are_kept_with_the_record<H: TransactionalHarness>(stage: &Stage<'_, H>) -> Verdict {
    let (claim, result, effect) = (stage.claim(), outcome(), effect());
    let mut transaction = open::<H>(stage.here(), &claim, None, 1).await?;
    no_record(stage, &claim).await?;
    transaction.write(stage, &effect).await?;
    // Not before it is committed.
    effects(stage, &effect, 0).await?;
    no_record(stage, &claim).await?;
    let committed = transaction.commit(stage.here(), Writes::Keep, Some((&claim, &result))).await?;
    same("commit", committed, Committed::Yes)?;
    effects(stage, &effect, 1).await?;
    seen(stage, &claim, &Entry::Completed(record(&claim, 1, result))).await
}

pub(super) async fn writes_are_discarded_and_the_record_is_kept<H: TransactionalHarness>(
    stage: &Stage<'_, H>,
) -> Verdict {
    let (claim, result, effect) = (stage.claim(), outcome(), effect());
    let mut transaction = open::<H>(stage.here(), &claim, None, 1).await?;
    transaction.write(stage, &effect).await?;
    let committed = transaction.commit(stage.here(), Writes::Discard, Some((&claim, &result))).await?;
    same("commit", committed, Committed::Yes)?;
    effects(stage, &effect, 0).await?;
    seen(stage, &claim, &Entry::Completed(record(&claim, 1, result))).await
}

pub(super) async fn writes_are_kept_without_a_record<H: TransactionalHarness>(stage: &Stage<'_, H>) -> Verdict {
    let (claim, effect) = (stage.claim(), effect());
    let mut transaction = open::<H>(stage.here(), &claim, None, 1).await?;
    transaction.write(stage, &effect).await?;
    same("commit", transaction.commit(stage.here(), Writes::Keep, None).await?, Committed::Yes)?;
    effects(stage, &effect, 1).await?;
    free(stage, &claim).await
}

pub(super) async fn nothing_is_kept<H: TransactionalHarness>(stage: &Stage<'_, H>) -> Verdict {
    let (claim, effect) = (stage.claim(), effect());
    let mut transaction = open::<H>(stage.here(), &claim, None, 1).await?;
    transaction.write(stage, &effect).await?;
    same("commit", transaction.commit(stage.here(), Writes::Discard, None).await?, Committed::Yes)?;
    effects(stage, &effect, 0).await?;
    free(stage, &claim).await
}

pub(super) async fn rolled_back<H: TransactionalHarness>(stage: &Stage<'_, H>) -> Verdict {
    let (claim, effect) = (stage.claim(), effect());
    let mut transaction = open::<H>(stage.here(), &claim, None, 1).await?;
    transaction.write(stage, &effect).await?;
    transaction.roll_back(stage.here()).await?;
    free(stage, &claim).await?;
    effects(stage, &effect, 0).await
}

pub(super) async fn dropped<H: TransactionalHarness>(stage: &Stage<'_, H>) -> Verdict {
    let (claim, effect) = (stage.claim(), effect());
    let mut transaction = open::<H>(stage.here(), &claim, None, 1).await?;
    transaction.write(stage, &effect).await?;
    drop(transaction);
    // The key is had by the next one, who finds nothing of it.
    let (next, result) = (rival(&claim), outcome());
    let transaction = until_open(stage, stage.there(), &next, 1).await?;
    effects(stage, &effect, 0).await?;
    let committed = transaction.commit(stage.there(), Writes::Keep, Some((&next, &result))).await?;
    same("the next one's commit", committed, Committed::Yes)?;
    effects(stage, &effect, 0).await?;
    seen(stage, &next, &Entry::Completed(record(&next, 1, result))).await
}

pub(super) async fn without_a_key<H: TransactionalHarness>(stage: &Stage<'_, H>) -> Verdict {
    for (writes, left) in [(Writes::Keep, 1), (Writes::Discard, 0)] {
        let effect = effect();
        let mut transaction = unguarded::<H>(stage.here()).await?;
        transaction.write(stage, &effect).await?;
        effects(stage, &effect, 0).await?;
        same("commit", transaction.commit(stage.here(), writes, None).await?, Committed::Yes)?;
        effects(stage, &effect, left).await?;
    }
    let effect = effect();
    let mut transaction = unguarded::<H>(stage.here()).await?;
    transaction.write(stage, &effect).await?;
    transaction.roll_back(stage.here()).await?;
    let mut dropped = unguarded::<H>(stage.here()).await?;
    dropped.write(stage, &effect).await?;
    drop(dropped);
    // Whatever comes next, does not come after them by chance.
    same(
        "commit",
        unguarded::<H>(stage.there()).await?.commit(stage.there(), Writes::Keep, None).await?,
        Committed::Yes,
    )?;
    effects(stage, &effect, 0).await
}

pub(super) async fn whether_it_was_committed<H: TransactionalHarness>(stage: &Stage<'_, H>) -> Verdict {
    let result = outcome();
    for writes in [Some(Writes::Keep), Some(Writes::Discard), None] {
        let claim = stage.claim();
        let transaction = open::<H>(stage.here(), &claim, None, 1).await?;
        match writes {
            Some(writes) => {
                let committed = transaction.commit(stage.here(), writes, Some((&claim, &result))).await?;
                same("commit", committed, Committed::Yes)?;
            }
            None => transaction.roll_back(stage.here()).await?,
        }
        for store in [stage.here(), stage.there()] {
            same("was_committed", was_committed(stage, store, &claim).await?, writes.is_some())?;
            same("was_committed, of a rival", was_committed(stage, store, &rival(&claim)).await?, false)?;
        }
    }
    Ok(())
}

pub(super) async fn whether_it_was_committed_while_it_is_open<H: TransactionalHarness>(
    stage: &Stage<'_, H>,
) -> Verdict {
    let (claim, result, effect) = (stage.claim(), outcome(), effect());
    let mut transaction = open::<H>(stage.here(), &claim, None, 1).await?;
    transaction.write(stage, &effect).await?;
    let answer = at_once("was_committed", of(stage.there())?.was_committed(&claim)).await?;
    holds("was_committed, while it is open", &answer, !matches!(answer, Ok(true)))?;
    let committed = transaction.commit(stage.here(), Writes::Keep, Some((&claim, &result))).await;
    match answer {
        // What was not committed by then, never will be.
        Ok(_) => {
            holds("commit after that", &committed, !matches!(committed, Ok(Committed::Yes)))?;
            no_record(stage, &claim).await?;
            effects(stage, &effect, 0).await
        }
        Err(error) if error.is_transient() => {
            same("commit", committed?, Committed::Yes)?;
            same("was_committed", was_committed(stage, stage.there(), &claim).await?, true)?;
            effects(stage, &effect, 1).await
        }
        Err(error) => Err(Failure::from(error)),
    }
}
