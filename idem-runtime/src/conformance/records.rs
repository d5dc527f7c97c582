//! What was recorded is there, for everybody, as it was.

use bytes::Bytes;

use super::Harness;
use super::stage::{Stage, outcome, record, rival, seen, tombstone};
use super::verdict::{Verdict, holds, same};
use crate::store::{ClaimOutcome, Entry, Hold, LEAST_RESERVED_HEAD, Outcome, Store};

pub(super) async fn completion<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let (claim, record) = stage.recorded().await?;
    let completed = ClaimOutcome::Completed(record.clone());
    same("a rival's claim", stage.there().claim(&rival(&claim)).await?, completed.clone())?;
    // Its own owner, too, is told that it is done, when a claim from long ago arrives at last.
    same("its owner's claim", stage.here().claim(&claim).await?, completed)?;
    seen(stage, &claim, &Entry::Completed(record)).await
}

pub(super) async fn completion_sent_again<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let (claim, record) = stage.recorded().await?;
    same("the same completion", stage.there().complete(&claim, 1, &record.outcome).await?, Hold::Held)?;
    // The first one counts.
    same("another completion", stage.here().complete(&claim, 1, &outcome()).await?, Hold::Held)?;
    seen(stage, &claim, &Entry::Completed(record)).await
}

pub(super) async fn record_is_nobodys<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let (claim, record) = stage.recorded().await?;
    same("renew", stage.here().renew(&claim).await?, Hold::Lost)?;
    same("release", stage.here().release(&claim).await?, Hold::Lost)?;
    seen(stage, &claim, &Entry::Completed(record)).await
}

pub(super) async fn bytes_as_they_were<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let every_byte: Vec<u8> = (0..=u8::MAX).collect();
    let large: Vec<u8> = every_byte.iter().copied().cycle().take(1024 * 1024 + 1).collect();
    let bodies = [&b""[..], b"\0", b"\r\n\r\n", &every_byte, b"\xff\xfe not UTF-8 \xc3", &large];
    let heads = [&b""[..], b"{\"status\":200}\n", &every_byte, b"$5\r\nidem1 C\r\n"];
    for (number, body) in bodies.into_iter().enumerate() {
        let head = Bytes::copy_from_slice(heads[number % heads.len()]);
        // A slice out of the middle of a larger buffer, as bodies often are.
        let buffer = Bytes::from([b"before", body, b"after"].concat());
        let result = Outcome { head, body: buffer.slice(6..6 + body.len()) };
        let claim = stage.held().await?;
        same("complete", stage.here().complete(&claim, 1, &result).await?, Hold::Held)?;
        for _ in 0..3 {
            seen(stage, &claim, &Entry::Completed(record(&claim, 1, result.clone()))).await?;
        }
    }
    Ok(())
}

pub(super) async fn tombstone_fits<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let reserved = stage.here().reserved_head();
    holds("reserved_head", reserved, reserved >= LEAST_RESERVED_HEAD)?;
    let (claim, tombstone) = (stage.held().await?, tombstone(stage.here()));
    same("complete", stage.here().complete(&claim, 1, &tombstone).await?, Hold::Held)?;
    seen(stage, &claim, &Entry::Completed(record(&claim, 1, tombstone))).await
}
