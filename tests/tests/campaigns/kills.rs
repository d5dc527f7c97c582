//! I32: `kill -9` of the application at each step, for both meanings of a failure.

use idem_tests::outside::Outside;
use idem_tests::process::Program;
use idem_tests::server::Seen;

use super::Counts;
use super::bed::{Bed, Kind, retry};

pub(crate) const fn fault(_: Kind) -> &'static str {
    "the application is killed (`kill -9`) before and after the claim, the effect, the completion \
                                and the answer, with `\"retry\"` and with `\"keep\"`"
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    BeforeClaim,
    AfterClaim,
    BeforeEffect,
    AfterEffect,
    BeforeCompletion,
    /// Which is before the answer.
    AfterCompletion,
    AfterAnswer,
}

impl Step {
    const ALL: [Self; 7] = [
        Self::BeforeClaim,
        Self::AfterClaim,
        Self::BeforeEffect,
        Self::AfterEffect,
        Self::BeforeCompletion,
        Self::AfterCompletion,
        Self::AfterAnswer,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::BeforeClaim => "before-claim",
            Self::AfterClaim => "after-claim",
            Self::BeforeEffect => "before-effect",
            Self::AfterEffect => "after-effect",
            Self::BeforeCompletion => "before-completion",
            Self::AfterCompletion => "after-completion",
            Self::AfterAnswer => "after-answer",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OnFailure {
    Retry,
    Keep,
}

/// What the retry is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// Its own execution's answer, which is the attempt of this number.
    Executed(u32),
    Replayed,
    Unknown,
}

/// What the retry is told, and how many effects there are then.
fn promised(kind: Kind, policy: OnFailure, step: Step) -> (Told, usize) {
    let effect_is_left = !kind.is_transactional() && step >= Step::AfterEffect;
    match (policy, step) {
        // There is nothing that the first one has left.
        (_, Step::BeforeClaim) => (Told::Executed(1), 1),
        // It is recorded.
        (_, Step::AfterCompletion | Step::AfterAnswer) => (Told::Replayed, 1),
        // A claim with a lease has left its owner's name; a transaction without one leaves nothing.
        (OnFailure::Retry, _) => {
            let attempt = if kind.leaves_a_claim() { 2 } else { 1 };
            (Told::Executed(attempt), if effect_is_left { 2 } else { 1 })
        }
        (OnFailure::Keep, _) => (Told::Unknown, usize::from(effect_is_left)),
    }
}

pub(crate) async fn run(kind: Kind) -> Counts {
    let (bed, outside) = (Bed::new(kind).await, Outside::new().await);
    let second = outside.server_on(&bed.url()).await;
    let mut counts = Counts::default();
    for (policy, path) in [(OnFailure::Retry, kind.retrying()), (OnFailure::Keep, kind.keeping())] {
        for step in Step::ALL {
            let key = format!("{policy:?}-{}", step.name());
            let first = outside.server_that_stops_at(step.name(), &bed.url()).await;
            let answered = killed_at(first, &outside, path, &key, step).await;
            let retried = passing(&outside, retry(&second, path, &key)).await;
            let (told, effects) = promised(kind, policy, step);
            assert_eq!(understood(&retried), told, "{key}");
            assert_eq!(bed.effects(&outside, &key).await, effects, "{key}");
            // And so it stays.
            let again = passing(&outside, retry(&second, path, &key)).await;
            match told {
                Told::Unknown => assert_eq!(understood(&again), Told::Unknown, "{key}"),
                _ => counts.lost_records += usize::from(!again.replayed),
            }
            let differs = |one: &Seen| (one.status, &one.body) != (again.status, &again.body);
            counts.changed_answers += usize::from(differs(&retried) || answered.as_ref().is_some_and(differs));
            counts.operations += 1;
            counts.repeated += bed.effects(&outside, &key).await.saturating_sub(1);
        }
    }
    counts
}

/// Sends a request, and kills the server when it stands at `step`. Gives the answer, if there was one before.
async fn killed_at(mut server: Program, outside: &Outside, path: &str, key: &str, step: Step) -> Option<Seen> {
    if step == Step::AfterAnswer {
        let answer = passing(outside, retry(&server, path, key)).await;
        assert_eq!((answer.status, answer.replayed), (201, false), "{key}");
        server.kill();
        return Some(answer);
    }
    let mut answer = tokio::spawn(retry(&server, path, key));
    let stopped = loop {
        tokio::select! {
            early = &mut answer => panic!("answered before it stood at {key}: {early:?}"),
            stopped = outside.next() => match stopped.step == step.name() {
                true => break stopped,
                false => stopped.go_on().await,
            },
        }
    };
    server.kill();
    drop(stopped);
    assert!(answer.await.is_err(), "the client has no answer: {key}");
    None
}

/// Waits for an answer, and lets every handler pass that stops meanwhile.
async fn passing<T>(outside: &Outside, answer: impl Future<Output = T>) -> T {
    tokio::pin!(answer);
    loop {
        tokio::select! {
            answer = &mut answer => return answer,
            stopped = outside.next() => stopped.go_on().await,
        }
    }
}

fn understood(seen: &Seen) -> Told {
    match seen.status {
        201 if seen.replayed => Told::Replayed,
        201 => {
            let body = String::from_utf8_lossy(&seen.body).into_owned();
            Told::Executed(body.rsplit(' ').next().unwrap().parse().unwrap())
        }
        _ => {
            assert_eq!(seen.refusal(), "outcome_unknown", "{seen:?}");
            Told::Unknown
        }
    }
}
