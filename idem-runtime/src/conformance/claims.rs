//! Who may run a request.

use super::Harness;
use super::stage::{Stage, fresh, gone, holder, rival, seen};
use super::verdict::{Verdict, same};
use crate::digest::{Fingerprint, RecordKey};
use crate::store::{Claim, ClaimOutcome, Entry, Hold, Store};

pub(super) async fn fresh_claim<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let claim = stage.claim();
    same("look_up of nothing", stage.here().look_up(claim.key).await?, None)?;
    fresh(stage.here(), &claim).await?;
    seen(stage, &claim, &Entry::InFlight(holder(&claim, 1))).await
}

pub(super) async fn claim_sent_again<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let claim = stage.held().await?;
    for store in [stage.here(), stage.there()] {
        same("the same claim", store.claim(&claim).await?, ClaimOutcome::Claimed { attempt: 1 })?;
    }
    seen(stage, &claim, &Entry::InFlight(holder(&claim, 1))).await
}

pub(super) async fn claim_in_flight<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let claim = stage.held().await?;
    let in_flight = Entry::InFlight(holder(&claim, 1));
    // Another request under the same key sees whose key it is, and what for; so do its lease and its TTL change nothing.
    let other = Claim {
        fingerprint: Fingerprint::from_bytes(rand::random()),
        lease: stage.harness.tick(),
        ttl: stage.harness.tick(),
        ..rival(&claim)
    };
    same("another claim", stage.there().claim(&other).await?, ClaimOutcome::InFlight(holder(&claim, 1)))?;
    stage.harness.pass(stage.harness.tick() * 2).await;
    seen(stage, &claim, &in_flight).await
}

pub(super) async fn claim_after_release<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let claim = stage.held().await?;
    same("release", stage.here().release(&claim).await?, Hold::Held)?;
    same("release again", stage.here().release(&claim).await?, Hold::Lost)?;
    gone(stage, &claim).await
}

pub(super) async fn looking_changes_nothing<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let claim = stage.short_claim();
    same("look_up of nothing", stage.there().look_up(claim.key).await?, None)?;
    fresh(stage.here(), &claim).await?;
    let _ = stage.there().look_up(claim.key).await?;
    stage.tick().await;
    // Not renewed by having been looked at; not taken over either.
    for _ in 0..2 {
        let abandoned = Entry::Abandoned(holder(&claim, 1));
        same("look_up", stage.there().look_up(claim.key).await?, Some(abandoned))?;
    }
    same("its owner's renewal", stage.here().renew(&claim).await?, Hold::Held)
}

pub(super) async fn keys_do_not_touch_each_other<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let claim = stage.held().await?;
    // The nearest keys there are: the same but for one bit.
    for byte in [0, 7, 8, 31] {
        let mut key = *claim.key.as_bytes();
        key[byte] ^= 1;
        let near = Claim { key: RecordKey::from_bytes(key), ..claim };
        fresh(stage.there(), &near).await?;
        same("release", stage.there().release(&near).await?, Hold::Held)?;
    }
    seen(stage, &claim, &Entry::InFlight(holder(&claim, 1))).await
}
