//! How old an entry is said to be. A store that cannot tell says nothing, but what it says is true.

use std::time::Duration;

use super::Harness;
use super::stage::Stage;
use super::verdict::{Failure, Verdict, holds, same};
use crate::store::{Age, Claim, Entry, Hold, Record, Store};

pub(super) async fn age_of_a_record<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let (claim, _) = stage.recorded().await?;
    let mut least = Duration::ZERO;
    for _ in 0..3 {
        for store in [stage.here(), stage.there()] {
            let Some((Entry::Completed(Record { expires_in, .. }), age)) = inspect(store, &claim).await? else {
                return Ok(());
            };
            let Age::Recorded { ago } = age else { return wrong("of a record", age) };
            holds("how long ago it was recorded", ago, ago < claim.ttl / 2)?;
            if !expires_in.is_zero() {
                near(stage, "what has passed and what is left of the TTL", ago + expires_in, claim.ttl)?;
            }
            passed(stage, "since it was recorded", ago, least)?;
        }
        least += stage.harness.tick();
        stage.tick().await;
    }
    Ok(())
}

pub(super) async fn age_of_a_claim<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let claim = stage.held().await?;
    for renewed in [false, true] {
        stage.tick().await;
        if renewed {
            same("renew", stage.here().renew(&claim).await?, Hold::Held)?;
        }
        for store in [stage.here(), stage.there()] {
            let Some((_, age)) = inspect(store, &claim).await? else { return Ok(()) };
            let Age::InFlight { lease_left, last_sign } = age else { return wrong("of a claim that is held", age) };
            holds("what is left of the lease", lease_left, lease_left > claim.lease / 2)?;
            holds("what is left of the lease", lease_left, lease_left <= claim.lease + stage.harness.tick())?;
            if let Some(sign) = last_sign {
                near(stage, "what has passed and what is left of the lease", sign + lease_left, claim.lease)?;
                if !renewed {
                    passed(stage, "since it was claimed", sign, stage.harness.tick())?;
                }
            }
        }
    }
    Ok(())
}

pub(super) async fn age_of_an_abandoned_claim<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let claim = stage.abandoned().await?;
    let mut least = Duration::ZERO;
    for _ in 0..3 {
        for store in [stage.here(), stage.there()] {
            let Some((_, age)) = inspect(store, &claim).await? else { return Ok(()) };
            let Age::Abandoned { lease_ended, last_sign } = age else {
                return wrong("of a claim that was abandoned", age);
            };
            holds("since the end of the lease", lease_ended, lease_ended < claim.ttl / 2)?;
            passed(stage, "since the end of the lease", lease_ended, least)?;
            if let Some(sign) = last_sign {
                near(stage, "the last sign of life before the end of the lease", sign, lease_ended + claim.lease)?;
            }
        }
        least += stage.harness.tick();
        stage.tick().await;
    }
    // Shows a sign of life after all.
    let longer = Claim { lease: stage.claim().lease, ..claim };
    same("renew", stage.here().renew(&longer).await?, Hold::Held)?;
    match inspect(stage.there(), &claim).await? {
        Some((_, Age::InFlight { lease_left, .. })) => holds("what is left", lease_left, lease_left > longer.lease / 2),
        Some((_, age)) => wrong("of a claim that was renewed", age),
        None => Ok(()),
    }
}

/// What there is, if the store says how old it is.
async fn inspect(store: &impl Store, claim: &Claim) -> Result<Option<(Entry, Age)>, Failure> {
    let (entry, age) = store.inspect(claim.key).await?.ok_or_else(|| Failure::new("inspect: found nothing"))?;
    Ok(age.map(|age| (entry, age)))
}

fn wrong(of_what: &str, age: Age) -> Verdict {
    Err(Failure::new(format!("inspect: {age:?} is not the age {of_what}")))
}

/// Fails unless `found` is `expected`, but for the resolution of the store's clock.
fn near<H: Harness>(stage: &Stage<'_, H>, what: &str, found: Duration, expected: Duration) -> Verdict {
    holds(what, (found, expected), found.abs_diff(expected) < stage.harness.tick())
}

/// Fails if less than `least` has passed, but for the resolution of the store's clock.
fn passed<H: Harness>(stage: &Stage<'_, H>, what: &str, found: Duration, least: Duration) -> Verdict {
    holds(what, found, found + stage.harness.tick() / 2 >= least)
}
