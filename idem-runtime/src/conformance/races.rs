//! Many at once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::Mutex;

use super::Harness;
use super::stage::{Stage, fresh, holder, outcome, record, rival, seen};
use super::verdict::{Failure, Verdict, holds, same};
use crate::store::{Claim, ClaimOutcome, Entry, Hold, Outcome, OwnerToken, Record, Store};

const RACERS: usize = 64;

pub(super) async fn many_claim<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    for _ in 0..8 {
        let claim = stage.claim();
        let answers = stage
            .race(RACERS, |_, store| {
                let claim = rival(&claim);
                async move { Ok((claim, store.claim(&claim).await?)) }
            })
            .await?;
        one_winner(answers, 1)?;
    }
    Ok(())
}

pub(super) async fn many_take_over<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let dead = stage.abandoned().await?;
    let lease = stage.claim().lease;
    let answers = stage
        .race(RACERS, |_, store| {
            let claim = Claim { lease, ..rival(&dead) };
            async move { Ok((claim, store.take_over(&claim, dead.owner).await?)) }
        })
        .await?;
    one_winner(answers, 2)
}

/// Fails unless one has it, and all others see who.
fn one_winner(answers: Vec<(Claim, ClaimOutcome)>, attempt: u32) -> Verdict {
    let claimed = ClaimOutcome::Claimed { attempt };
    let (winners, losers): (Vec<_>, Vec<_>) = answers.into_iter().partition(|(_, answer)| *answer == claimed);
    let [(winner, _)] = winners.as_slice() else {
        return Err(Failure::new(format!("{} of {RACERS} have won", winners.len())));
    };
    losers
        .into_iter()
        .try_for_each(|(_, answer)| same("a loser", answer, ClaimOutcome::InFlight(holder(winner, attempt))))
}

pub(super) async fn many_complete<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    // One owner sends its completion over and over; meanwhile others, who hold nothing, send theirs.
    let claim = stage.held().await?;
    let result = outcome();
    let answers = stage
        .race(RACERS, |number, store| {
            let is_owner = number % 2 == 0;
            let (claim, outcome) = if is_owner { (claim, result.clone()) } else { (rival(&claim), outcome()) };
            async move { Ok((is_owner, store.complete(&claim, 1, &outcome).await?)) }
        })
        .await?;
    for (is_owner, answer) in answers {
        same("complete", answer, if is_owner { Hold::Held } else { Hold::Lost })?;
    }
    seen(stage, &claim, &Entry::Completed(record(&claim, 1, result))).await
}

/// How many keys the owner and the heirs fight for, one after the other.
const FIGHTS: usize = 24;

pub(super) async fn late_owner_renews_or_is_replaced<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let lease = stage.claim().lease;
    for dead in dead_owners(stage).await? {
        let answers = stage
            .race(4, |number, store| {
                let claim = if number == 0 { Claim { lease, ..dead } } else { Claim { lease, ..rival(&dead) } };
                async move {
                    let is_owner = claim.owner == dead.owner;
                    let won = if is_owner {
                        store.renew(&claim).await? == Hold::Held
                    } else {
                        store.take_over(&claim, dead.owner).await? == (ClaimOutcome::Claimed { attempt: 2 })
                    };
                    Ok((won, holder(&claim, if is_owner { 1 } else { 2 })))
                }
            })
            .await?;
        let winners: Vec<_> = answers.into_iter().filter(|(won, _)| *won).collect();
        let [(_, winner)] = winners.as_slice() else {
            return Err(Failure::new(format!("owners after a renewal and a take-over at once: {winners:?}")));
        };
        seen(stage, &dead, &Entry::InFlight(*winner)).await?;
    }
    Ok(())
}

pub(super) async fn late_owner_completes_or_is_replaced<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let lease = stage.claim().lease;
    for dead in dead_owners(stage).await? {
        let result = outcome();
        let answers = stage
            .race(4, |number, store| {
                let heir = Claim { lease, ..rival(&dead) };
                let result = result.clone();
                async move {
                    if number == 0 {
                        let held = store.complete(&dead, 1, &result).await? == Hold::Held;
                        return Ok(held.then(|| Entry::Completed(record(&dead, 1, result))));
                    }
                    let taken = store.take_over(&heir, dead.owner).await? == (ClaimOutcome::Claimed { attempt: 2 });
                    Ok(taken.then(|| Entry::InFlight(holder(&heir, 2))))
                }
            })
            .await?;
        let winners: Vec<_> = answers.into_iter().flatten().collect();
        let [winner] = winners.as_slice() else {
            return Err(Failure::new(format!("owners after a completion and a take-over at once: {winners:?}")));
        };
        seen(stage, &dead, winner).await?;
    }
    Ok(())
}

/// Claims whose leases have all ended with one tick.
async fn dead_owners<H: Harness>(stage: &Stage<'_, H>) -> Result<Vec<Claim>, Failure> {
    let claims: Vec<_> = (0..FIGHTS).map(|_| stage.short_claim()).collect();
    for claim in &claims {
        fresh(stage.here(), claim).await?;
    }
    stage.tick().await;
    Ok(claims)
}

/// A key that many want, and what is known about it.
struct Contended {
    claim: Claim,
    /// How many believe to hold it.
    inside: AtomicU32,
    recorded: Mutex<Option<Record>>,
}

/// No lease ends here, so there is never more than one owner, and never an abandoned claim.
pub(super) async fn owners_come_and_go<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    let keys: Arc<Vec<_>> = Arc::new(
        (0..12)
            .map(|_| Contended { claim: stage.claim(), inside: AtomicU32::new(0), recorded: Mutex::new(None) })
            .collect(),
    );
    stage
        .race(16, |_, store| {
            let keys = Arc::clone(&keys);
            async move {
                for _ in 0..60 {
                    come_and_go(&*store, &keys[rand::random_range(0..keys.len())]).await?;
                }
                Ok(())
            }
        })
        .await
        .map(drop)
}

async fn come_and_go(store: &impl Store, key: &Contended) -> Verdict {
    let claim = rival(&key.claim);
    match store.claim(&claim).await? {
        ClaimOutcome::Claimed { attempt: 1 } => {}
        ClaimOutcome::Completed(record) => return same("a replay", Some(record), key.recorded.lock().clone()),
        ClaimOutcome::InFlight(other) => return same("a holder", other.fingerprint, claim.fingerprint),
        other => return Err(Failure::new(format!("a claim while no lease ends: {other:?}"))),
    }
    same("owners inside", key.inside.fetch_add(1, Ordering::SeqCst), 0)?;
    tokio::task::yield_now().await;
    match rand::random_range(0..4) {
        0 => same("renew", store.renew(&claim).await?, Hold::Held)?,
        1 => same("a stranger's renewal", store.renew(&rival(&claim)).await?, Hold::Lost)?,
        2 => same("a stranger's release", store.release(&rival(&claim)).await?, Hold::Lost)?,
        _ => same("a stranger's completion", store.complete(&rival(&claim), 1, &outcome()).await?, Hold::Lost)?,
    }
    tokio::task::yield_now().await;
    key.inside.fetch_sub(1, Ordering::SeqCst);
    if rand::random_range(0..8) > 0 {
        return same("release", store.release(&claim).await?, Hold::Held);
    }
    // Noted first: others may see the record before its owner is told that it is there.
    let result = outcome();
    *key.recorded.lock() = Some(record(&claim, 1, result.clone()));
    same("complete", store.complete(&claim, 1, &result).await?, Hold::Held)
}

/// What many found out about one key.
#[derive(Default)]
struct Findings {
    attempts: Vec<u32>,
    held: Vec<Outcome>,
    replayed: Vec<Outcome>,
}

/// Owners die, and are slow, and others take over: one of them gets its outcome recorded, whoever else believed to be
/// the owner meanwhile, and everybody gets that one.
pub(super) async fn owners_die<H: Harness>(stage: &Stage<'_, H>) -> Verdict {
    for _ in 0..3 {
        let claim = stage.short_claim();
        let findings = Arc::new(Mutex::new(Findings::default()));
        let pause = stage.harness.tick();
        let (send, mut pauses) = tokio::sync::mpsc::unbounded_channel();
        let theirs = Arc::clone(&findings);
        let race = stage.race(12, move |_, store| {
            let (findings, pauses) = (Arc::clone(&theirs), Pauses(send.clone()));
            async move { until_recorded(&*store, &claim, &findings, &pauses).await }
        });
        // The harness cannot be handed to tasks; it passes the time for them from here.
        let pass = async {
            while let Some(done) = pauses.recv().await {
                stage.harness.pass(pause).await;
                let _ = done.send(());
            }
        };
        let (raced, ()) = tokio::join!(race, pass);
        raced?;
        let found = findings.lock();
        let attempts: BTreeSet<_> = found.attempts.iter().collect();
        same("different attempts", attempts.len(), found.attempts.len())?;
        same("outcomes recorded", found.held.len(), 1)?;
        holds("replays", &found.replayed, found.replayed.iter().all(|replayed| *replayed == found.held[0]))?;
    }
    Ok(())
}

/// Lets time pass.
struct Pauses(tokio::sync::mpsc::UnboundedSender<tokio::sync::oneshot::Sender<()>>);

impl Pauses {
    async fn one(&self) {
        let (done, wait) = tokio::sync::oneshot::channel();
        if self.0.send(done).is_ok() {
            let _ = wait.await;
        }
    }
}

async fn until_recorded(store: &impl Store, request: &Claim, findings: &Mutex<Findings>, pauses: &Pauses) -> Verdict {
    // Each owner that dies costs a lease; half of them do.
    for _ in 0..200 {
        let claim = Claim { owner: OwnerToken::random(), ..*request };
        let mut answer = store.claim(&claim).await?;
        if let ClaimOutcome::Abandoned(dead) = answer {
            answer = store.take_over(&claim, dead.owner).await?;
        }
        match answer {
            ClaimOutcome::Completed(record) => {
                findings.lock().replayed.push(record.outcome);
                return Ok(());
            }
            ClaimOutcome::Claimed { attempt } => {
                findings.lock().attempts.push(attempt);
                run(store, &claim, attempt, findings, pauses).await?;
            }
            ClaimOutcome::InFlight(_) | ClaimOutcome::Abandoned(_) => pauses.one().await,
        }
    }
    Err(Failure::new("nothing was recorded"))
}

/// An owner: it dies, or is slow, or not.
async fn run(store: &impl Store, claim: &Claim, attempt: u32, findings: &Mutex<Findings>, pauses: &Pauses) -> Verdict {
    match rand::random_range(0..4) {
        0 | 1 => return Ok(()),
        2 => pauses.one().await,
        _ => tokio::task::yield_now().await,
    }
    let result = outcome();
    if store.complete(claim, attempt, &result).await? == Hold::Held {
        findings.lock().held.push(result);
    }
    Ok(())
}
