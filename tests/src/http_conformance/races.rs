//! Requests that are sent at once.

use tokio::task::JoinSet;

use super::exchange::Answer;
use super::finding::{Unmet, Verdict, check, not_applicable};
use super::options::InFlight;
use super::request::Request;
use super::subject::{Subject, explained, refused};

/// So often requests are sent at once until two of them have met: a fast handler may be done with one before the next.
const ROUNDS: usize = 100;

/// Sends all at once, and gives their answers in the same order.
async fn at_once(subject: &Subject, requests: Vec<Request>) -> Result<Vec<Answer>, String> {
    let mut running = JoinSet::new();
    for (place, request) in requests.into_iter().enumerate() {
        let wire = subject.wire.clone();
        running.spawn(async move { (place, wire.send(request).await) });
    }
    let mut answers = running.join_all().await;
    answers.sort_by_key(|(place, _)| *place);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// A request one of whose copies came while another one was in progress, and what it was answered.
pub(super) async fn conflict(subject: &Subject) -> Result<(Request, Answer), Unmet> {
    if subject.options.in_flight == InFlight::Wait {
        return not_applicable("a retry waits here for the first one's answer");
    }
    for _ in 0..ROUNDS {
        // What was sent before is of no interest, and much.
        subject.forget();
        let request = subject.request().await?;
        let answers = at_once(subject, vec![request.clone(); 4]).await?;
        if let Some(refused) = answers.into_iter().find(|answer| !answer.is_success()) {
            return Ok((request, refused));
        }
    }
    Err(Unmet::Broken(format!("in {ROUNDS} rounds of requests at once, none was refused")))
}

pub(super) async fn conflicts(subject: &Subject) -> Verdict {
    Ok(refused(&conflict(subject).await?.1, 409)?)
}

pub(super) async fn explained_conflict(subject: &Subject) -> Verdict {
    Ok(explained(&conflict(subject).await?.1, 409)?)
}

pub(super) async fn conflict_then_retry(subject: &Subject) -> Verdict {
    let (request, _) = conflict(subject).await?;
    let (one, two) = (subject.send(&request).await?, subject.send(&request).await?);
    check(one.is_success(), || format!("the retry is answered {}", one.status))?;
    let marked = subject.options.marker.0.is_none() || subject.is_marked(&one);
    check(marked, || "the retry is not marked as a replay".to_owned())?;
    Ok(check(one.body == two.body, || "two retries get two answers".to_owned())?)
}

/// Checks the answers to copies of one request: one is the first one's, the others are its replays or conflicts.
fn one_first(subject: &Subject, answers: &[Answer]) -> Result<(), String> {
    let (successes, refusals): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.is_success());
    refusals.into_iter().try_for_each(|answer| refused(answer, 409))?;
    let mut why = "nobody gets a first answer".to_owned();
    // Where nothing marks a replay, any of them may be the first.
    for (place, first) in successes.iter().enumerate().filter(|(_, answer)| !subject.is_marked(answer)) {
        let mut others = successes.iter().enumerate().filter(|(other, _)| *other != place);
        match others.try_for_each(|(_, answer)| subject.is_replay(first, answer)) {
            Ok(()) => return Ok(()),
            Err(differs) => why = differs,
        }
    }
    Err(why)
}

pub(super) async fn many_at_once(subject: &Subject) -> Verdict {
    for _ in 0..3 {
        let request = subject.request().await?;
        one_first(subject, &at_once(subject, vec![request; 10]).await?)?;
    }
    Ok(())
}

/// Either of the two requests may be the first; the other one is refused for what it is. That one was in progress is seen
/// by its copies.
pub(super) async fn other_payload_beside(subject: &Subject) -> Verdict {
    for _ in 0..ROUNDS {
        subject.forget();
        let request = subject.request().await?;
        let other = subject.other(&request);
        let requests = [request, other].into_iter().cycle().take(8).collect();
        let answers = at_once(subject, requests).await?;
        let (ones, others): (Vec<_>, Vec<_>) = answers.into_iter().enumerate().partition(|(place, _)| place % 2 == 0);
        let [ones, others] = [ones, others].map(|side| side.into_iter().map(|(_, answer)| answer).collect::<Vec<_>>());
        let has_won = |side: &[Answer]| side.iter().any(Answer::is_success);
        let (won, lost) = match (has_won(&ones), has_won(&others)) {
            (true, false) => (ones, others),
            (false, true) => (others, ones),
            (true, true) => return Err("two payloads were carried out under one key".to_owned().into()),
            (false, false) => return Err("neither of two payloads was carried out".to_owned().into()),
        };
        one_first(subject, &won)?;
        lost.iter().try_for_each(|answer| refused(answer, 422))?;
        let met = won.iter().any(|answer| answer.status == 409);
        if met || subject.options.in_flight == InFlight::Wait {
            return Ok(());
        }
    }
    Err(Unmet::Broken(format!("in {ROUNDS} rounds of requests at once, none was in progress when another one came")))
}
