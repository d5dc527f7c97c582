//! The record that a transaction leaves, and the ones that it finds.

use bytes::Bytes;

use super::super::Damage;
use super::super::stage::{Stage, outcome, record, rival, seen};
use super::super::verdict::{Failure, Verdict, holds, same};
use super::TransactionalHarness;
use super::open::{at_once, begin, free, of, open, shown};
use crate::store::{Begun, Claim, Committed, Entry, Outcome, OwnerToken, Record, StoreError, Writes};

/// Records `result` in a transaction.
async fn recorded<H: TransactionalHarness>(
    stage: &Stage<'_, H>,
    claim: &Claim,
    result: &Outcome,
) -> Result<Record, Failure> {
    let transaction = open::<H>(stage.here(), claim, None, 1).await?;
    let committed = transaction.commit(stage.here(), Writes::Keep, Some((claim, result))).await?;
    same("commit", committed, Committed::Yes)?;
    Ok(record(claim, 1, result.clone()))
}

/// The record that everybody finds who begins.
async fn found<H: TransactionalHarness>(
    store: &H::Store,
    claim: &Claim,
    from: Option<OwnerToken>,
) -> Result<Record, Failure> {
    match begin::<H>(store, claim, from).await? {
        Begun::Completed(record) => Ok(record),
        other => Err(Failure::new(format!("begin: expected Completed, found {}", shown(&other)))),
    }
}

pub(super) async fn bytes_as_they_were<H: TransactionalHarness>(stage: &Stage<'_, H>) -> Verdict {
    let every_byte: Vec<u8> = (0..=u8::MAX).collect();
    let large: Vec<u8> = every_byte.iter().copied().cycle().take(1024 * 1024 + 1).collect();
    let bodies = [&b""[..], b"\0", b"\\x'; --\r\n", &every_byte, b"\xff\xfe not UTF-8 \xc3", &large];
    let heads = [&b""[..], b"{\"status\":200}\n", &every_byte, b"$5\r\nidem1 C\r\n'"];
    for (number, body) in bodies.into_iter().enumerate() {
        let head = Bytes::copy_from_slice(heads[number % heads.len()]);
        let (claim, result) = (stage.claim(), Outcome { head, body: Bytes::copy_from_slice(body) });
        let record = recorded(stage, &claim, &result).await?;
        for store in [stage.here(), stage.there()] {
            same("begin", found::<H>(store, &rival(&claim), None).await?, record.clone())?;
        }
        seen(stage, &claim, &Entry::Completed(record)).await?;
    }
    Ok(())
}

pub(super) async fn record_is_found_by_every_way<H: TransactionalHarness>(stage: &Stage<'_, H>) -> Verdict {
    let (claim, result) = (stage.claim(), outcome());
    let record = recorded(stage, &claim, &result).await?;
    for store in [stage.here(), stage.there()] {
        // Its own owner too, and whoever wants to take over from it.
        same("its owner's begin", found::<H>(store, &claim, None).await?, record.clone())?;
        same("an heir's begin", found::<H>(store, &rival(&claim), Some(claim.owner)).await?, record.clone())?;
    }
    // Another request finds whose record it is.
    let other = Claim { fingerprint: stage.claim().fingerprint, ..rival(&claim) };
    same("another request's begin", found::<H>(stage.there(), &other, None).await?, record.clone())?;
    seen(stage, &claim, &Entry::Completed(record)).await
}

pub(super) async fn record_of_a_lease_is_found<H: TransactionalHarness>(stage: &Stage<'_, H>) -> Verdict {
    let (claim, record) = stage.recorded().await?;
    for store in [stage.here(), stage.there()] {
        for (claim, from) in [(claim, None), (rival(&claim), None), (rival(&claim), Some(claim.owner))] {
            same("begin", found::<H>(store, &claim, from).await?, record.clone())?;
        }
    }
    seen(stage, &claim, &Entry::Completed(record)).await
}

pub(super) async fn record_ends<H: TransactionalHarness>(stage: &Stage<'_, H>) -> Verdict {
    let claim = Claim { ttl: stage.harness.tick(), ..stage.claim() };
    recorded(stage, &claim, &outcome()).await?;
    stage.tick().await;
    free(stage, &claim).await
}

pub(super) async fn record_does_not_end_with_its_lease<H: TransactionalHarness>(stage: &Stage<'_, H>) -> Verdict {
    let (lease, result) = (stage.short_claim(), outcome());
    // Begun with the longer one, so that no slow machine leaves it alone for too long.
    let claim = Claim { lease: stage.claim().lease, ..lease };
    let transaction = open::<H>(stage.here(), &claim, None, 1).await?;
    let committed = transaction.commit(stage.here(), Writes::Keep, Some((&lease, &result))).await?;
    same("commit", committed, Committed::Yes)?;
    stage.tick().await;
    stage.tick().await;
    seen(stage, &claim, &Entry::Completed(record(&claim, 1, result))).await
}

/// How long a record lives, in ticks, whose end is seen to come nearer.
const TICKS: u32 = 4;

pub(super) async fn remaining_life_goes_down<H: TransactionalHarness>(stage: &Stage<'_, H>) -> Verdict {
    let tick = stage.harness.tick();
    let claim = Claim { ttl: tick * TICKS, ..stage.claim() };
    recorded(stage, &claim, &outcome()).await?;
    for passed in 0..=TICKS {
        for store in [stage.here(), stage.there(), stage.here()] {
            match begin::<H>(store, &rival(&claim), None).await? {
                Begun::Completed(record) => {
                    let left = record.expires_in;
                    holds("what is left", left, left <= tick * (TICKS - passed))?;
                }
                // On a slow machine it has ended by now.
                Begun::Open { transaction, .. } => return transaction.roll_back(store).await,
                other => return Err(Failure::new(format!("begin: {}", shown(&other)))),
            }
        }
        stage.tick().await;
    }
    Ok(())
}

pub(super) async fn damaged_record<H: TransactionalHarness>(stage: &Stage<'_, H>) -> Verdict {
    for damage in [Damage::CutOff, Damage::Overwritten, Damage::FlippedBit, Damage::NewerFormat] {
        let claim = stage.claim();
        recorded(stage, &claim, &outcome()).await?;
        if !stage.harness.damage(claim.key, damage).await {
            continue;
        }
        for _ in 0..2 {
            let answer = at_once("begin", of(stage.there())?.begin(&rival(&claim), None)).await?.map(drop);
            holds(&format!("{damage:?}: begin"), &answer, matches!(answer, Err(StoreError::Corrupt(_))))?;
        }
    }
    Ok(())
}
