//! Others who come while a transaction is open.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use super::super::stage::{Stage, outcome, record, rival, seen};
use super::super::verdict::{Failure, Verdict, holds, same};
use super::TransactionalHarness;
use super::open::{Open, begin, begin_as, busy, effect, effects, no_record, of, open, shown, typed};
use crate::store::{Begun, Claim, ClaimOutcome, Committed, Entry, Hold, Record, Store, StoreError, Writes};

const RACERS: usize = 64;

pub(super) async fn told_at_once<H: TransactionalHarness>(stage: &Stage<'_, H>) -> Verdict {
    let (claim, result, effect) = (stage.claim(), outcome(), effect());
    let mut transaction = open::<H>(stage.here(), &claim, None, 1).await?;
    let other = Claim { fingerprint: stage.claim().fingerprint, ..claim };
    // Before it has written anything, and after.
    for written in [false, true] {
        if written {
            transaction.write(stage, &effect).await?;
        }
        for store in [stage.here(), stage.there()] {
            busy::<H>(store, &rival(&claim), true).await?;
            busy::<H>(store, &rival(&other), false).await?;
            busy::<H>(store, &rival(&claim), true).await?;
        }
    }
    let committed = transaction.commit(stage.here(), Writes::Keep, Some((&claim, &result))).await?;
    same("commit", committed, Committed::Yes)?;
    effects(stage, &effect, 1).await?;
    seen(stage, &claim, &Entry::Completed(record(&claim, 1, result))).await
}

/// What each of many is told who begins at the same moment, half of them for another request.
async fn answers<H: TransactionalHarness>(
    stage: &Stage<'_, H>,
    request: &Claim,
    other: &Claim,
) -> Result<Vec<(Claim, Begun<Open<H::Transaction>>)>, Failure> {
    let race = stage.race(RACERS, |number, store| {
        let claim = rival(if number % 2 == 0 { request } else { other });
        async move { Ok((claim, begin_as::<_, H::Transaction>(&*store, &claim, None).await?)) }
    });
    race.await
}

pub(super) async fn many_begin<H: TransactionalHarness>(stage: &Stage<'_, H>) -> Verdict {
    for _ in 0..4 {
        let request = stage.claim();
        let (mut winners, mut told) = (Vec::new(), 0);
        for (claim, answer) in answers(stage, &request, &request).await? {
            match answer {
                Begun::Open { transaction, attempt: 1, .. } => winners.push((claim, transaction)),
                Begun::InFlight { same_request: true } => told += 1,
                other => return Err(Failure::new(format!("one of many: {}", shown(&other)))),
            }
        }
        same("open, and told so", (winners.len(), told), (1, RACERS - 1))?;
        let Some((claim, mut transaction)) = winners.pop() else { return Ok(()) };
        let (result, effect) = (outcome(), effect());
        transaction.write(stage, &effect).await?;
        let committed = transaction.commit(stage.here(), Writes::Keep, Some((&claim, &result))).await?;
        same("commit", committed, Committed::Yes)?;
        effects(stage, &effect, 1).await?;
        seen(stage, &claim, &Entry::Completed(record(&claim, 1, result))).await?;
    }
    Ok(())
}

/// Those who only look are in nobody's way, not for a moment.
pub(super) async fn many_find_the_record<H: TransactionalHarness>(stage: &Stage<'_, H>) -> Verdict {
    let (claim, record) = stage.recorded().await?;
    let other = Claim { fingerprint: stage.claim().fingerprint, ..claim };
    for _ in 0..4 {
        for (_, answer) in answers(stage, &claim, &other).await? {
            let is_record = matches!(&answer, Begun::Completed(found) if *found == record);
            holds("one of many", shown(&answer), is_record)?;
        }
    }
    Ok(())
}

pub(super) async fn many_find_a_claim<H: TransactionalHarness>(stage: &Stage<'_, H>) -> Verdict {
    let claim = stage.held().await?;
    let other = Claim { fingerprint: stage.claim().fingerprint, ..claim };
    for _ in 0..4 {
        for (asked, answer) in answers(stage, &claim, &other).await? {
            match answer {
                Begun::InFlight { same_request } => {
                    same("same_request", same_request, asked.fingerprint == claim.fingerprint)?;
                }
                wrong => return Err(Failure::new(format!("one of many: {}", shown(&wrong)))),
            }
        }
    }
    Ok(())
}

/// An owner asks what became of its commit while its client sends the request again: the same one, not another.
pub(super) async fn asking_misleads_nobody<H: TransactionalHarness>(stage: &Stage<'_, H>) -> Verdict {
    for _ in 0..8 {
        let claim = stage.claim();
        open::<H>(stage.here(), &claim, None, 1).await?.roll_back(stage.here()).await?;
        let race = stage.race(16, |number, store| async move {
            if number % 2 == 0 {
                return match of(&*store)?.was_committed(&claim).await {
                    Ok(was) => same("was_committed", was, false),
                    Err(error) if error.is_transient() => Ok(()),
                    Err(error) => Err(error.into()),
                };
            }
            match begin_as::<_, H::Transaction>(&*store, &rival(&claim), None).await? {
                Begun::Open { transaction, attempt: 1, .. } => transaction.roll_back(&*store).await,
                Begun::InFlight { same_request: true } => Ok(()),
                wrong => Err(Failure::new(format!("the same request again: {}", shown(&wrong)))),
            }
        });
        race.await?;
    }
    Ok(())
}

/// It may wait, where one transaction writes at a time, but it is not told that somebody runs it.
pub(super) async fn another_key_is_another_matter<H: TransactionalHarness>(stage: &Stage<'_, H>) -> Verdict {
    let (claim, result) = (stage.claim(), outcome());
    let (near, leased) = (stage.claim(), stage.claim());
    let transaction = open::<H>(stage.here(), &claim, None, 1).await?;
    let end = async {
        tokio::task::yield_now().await;
        transaction.commit(stage.here(), Writes::Keep, Some((&claim, &result))).await
    };
    let beside = async {
        let opened = begin::<H>(stage.there(), &near, None).await?;
        match opened {
            Begun::Open { transaction, attempt: 1, .. } => transaction.roll_back(stage.there()).await?,
            other => return Err(Failure::new(format!("another key: {}", shown(&other)))),
        }
        same("another key's claim", stage.there().claim(&leased).await?, ClaimOutcome::Claimed { attempt: 1 })?;
        same("its release", stage.there().release(&leased).await?, Hold::Held)
    };
    let (committed, beside) = tokio::join!(end, beside);
    beside?;
    same("commit", committed?, Committed::Yes)?;
    seen(stage, &claim, &Entry::Completed(record(&claim, 1, result))).await
}

/// A key that many want, and what is known about it.
struct Contended {
    claim: Claim,
    effect: String,
    /// How many believe to hold it.
    inside: AtomicU32,
    ended: Mutex<Ended>,
}

#[derive(Default)]
struct Ended {
    record: Option<Record>,
    /// How many effects were committed.
    effects: usize,
}

/// A transaction that is handed to the harness to be written in, and back.
type Handed<T> = (Open<T>, String, oneshot::Sender<(Open<T>, Verdict)>);

/// Many at once on a few keys; a transaction ends in any way there is.
pub(super) async fn owners_come_and_go<H: TransactionalHarness>(stage: &Stage<'_, H>) -> Verdict {
    let keys: Arc<Vec<_>> = Arc::new(
        (0..8)
            .map(|_| Contended {
                claim: stage.claim(),
                effect: effect(),
                inside: AtomicU32::new(0),
                ended: Mutex::default(),
            })
            .collect(),
    );
    let (send, mut handed) = mpsc::unbounded_channel::<Handed<H::Transaction>>();
    let theirs = Arc::clone(&keys);
    let race = stage.race(12, move |_, store| {
        let (keys, send) = (Arc::clone(&theirs), send.clone());
        async move {
            for _ in 0..25 {
                come_and_go(&*store, &keys[rand::random_range(0..keys.len())], &send).await?;
            }
            Ok(())
        }
    });
    // The harness cannot be handed to tasks; it writes for them from here.
    let write = async {
        while let Some((mut transaction, effect, back)) = handed.recv().await {
            let written = transaction.write(stage, &effect).await;
            let _ = back.send((transaction, written));
        }
    };
    let (raced, ()) = tokio::join!(race, write);
    raced?;
    for key in &*keys {
        let (record, written) = {
            let ended = key.ended.lock();
            (ended.record.clone(), ended.effects)
        };
        effects(stage, &key.effect, written).await?;
        match record {
            Some(record) => seen(stage, &key.claim, &Entry::Completed(record)).await?,
            None => no_record(stage, &key.claim).await?,
        }
    }
    Ok(())
}

async fn come_and_go<S: Store, T: Send + 'static>(
    store: &S,
    key: &Contended,
    write: &mpsc::UnboundedSender<Handed<T>>,
) -> Verdict {
    let claim = rival(&key.claim);
    let open = match of(store)?.begin(&claim, None).await {
        // More of them than may wait for their turn.
        Err(error) if error.is_transient() => return Ok(()),
        Err(error) => return Err(error.into()),
        Ok(Begun::Open { transaction, attempt, .. }) => {
            same("the attempt", attempt, 1)?;
            Open { transaction: typed(transaction)?, attempt }
        }
        Ok(Begun::Completed(record)) => return same("a replay", Some(record), key.ended.lock().record.clone()),
        Ok(Begun::InFlight { same_request: true }) => return Ok(()),
        Ok(other) => return Err(Failure::new(format!("begin, while no lease ends: {}", shown(&other)))),
    };
    same("owners inside", key.inside.fetch_add(1, Ordering::SeqCst), 0)?;
    let (back, written) = oneshot::channel();
    let _ = write.send((open, key.effect.clone(), back));
    let (open, written) = written.await.map_err(|_| Failure::new("the harness has gone"))?;
    written?;
    key.inside.fetch_sub(1, Ordering::SeqCst);
    let result = outcome();
    let writes = match rand::random_range(0..10) {
        0 => Writes::Keep,
        1 => Writes::Discard,
        2 => {
            key.ended.lock().effects += 1;
            return committed(open.commit(store, Writes::Keep, None).await);
        }
        3..6 => {
            drop(open);
            return Ok(());
        }
        _ => return open.roll_back(store).await,
    };
    // Noted first: others may see the record before its owner is told that it is there.
    {
        let mut ended = key.ended.lock();
        ended.effects += usize::from(writes == Writes::Keep);
        ended.record = Some(record(&claim, 1, result.clone()));
    }
    committed(open.commit(store, writes, Some((&claim, &result))).await)
}

fn committed(answer: Result<Committed, StoreError>) -> Verdict {
    same("commit", answer?, Committed::Yes)
}
