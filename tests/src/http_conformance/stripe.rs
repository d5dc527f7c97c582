//! What Stripe documents of its own API, "Idempotent requests" and "Advanced error handling", where the draft is silent.

use http::header::AUTHORIZATION;

use super::finding::{Finding, Verdict, check, not_applicable, not_judged, statements};
use super::races::conflict;
use super::subject::{Subject, refused};

pub(super) async fn ask(subject: &Subject) -> Vec<Finding> {
    statements![subject, "Stripe";
        "S1", "Idempotent requests", "A key has no effect on a GET", no_effect_on_get;
        "S1b", "Idempotent requests", "... nor on a DELETE", |_| not_judged("it might delete something");
        "S2", "Idempotent requests", "A key has up to 255 characters", longest_key;
        "S2b", "Idempotent requests", "Keys are compared as they are: another case is another key", case;
        "S3", "Idempotent requests", "Status and body of the first request are kept for the key", kept;
        "S3b", "Idempotent requests", "... also of one that failed with 500", |_| not_judged("nothing that is sent makes a server fail; and a server may let the retry run instead");
        "S4", "Idempotent requests", "What fails validation is not kept: the key is free", validation_is_not_kept;
        "S5", "Idempotent requests", "Other parameters under one key are an error", other_parameters;
        "S6", "Idempotent requests", "A request beside one that is executing is a conflict, and the conflict is not kept", conflict_is_not_kept;
        "S7", "Idempotent requests", "A key is kept for at least 24 hours", |_| not_judged("it takes a day");
        "S8", "Idempotent requests", "A replay carries a marker, and only a replay does", marker;
        "S9", "Advanced error handling", "Authentication comes before the key, on a retry too", authentication;
        "S9b", "Advanced error handling", "Rate limiting comes before the key", |_| not_judged("it would take the requests that reach the limit, whatever that is");
        "S10", "Advanced error handling", "After a 4xx the client takes a new key, after a 500 it keeps the key", |_| not_judged("a rule for clients");
        "S11", "Advanced error handling", "A header of the server's overrides the client's guess whether to retry", |_| not_judged("Stripe's own header; H1 asks for `Retry-After`");
    ]
}

async fn no_effect_on_get(subject: &Subject) -> Verdict {
    let request = subject.header_request().await?;
    let get = subject.reading(&request.url);
    let plain = subject.send(&get).await?;
    for line in [format!("\"{}\"", request.key), format!("\"{}\"", request.key), "\"unterminated".to_owned()] {
        let with_key = subject.send(&get.written(line)).await?;
        check(!subject.is_marked(&with_key), || "a GET with a key is marked as a replay".to_owned())?;
        let (status, plain) = (with_key.status, plain.status);
        check(status == plain, || format!("a GET is {plain}, and {status} with a key"))?;
    }
    subject.first(&request).await?;
    Ok(())
}

async fn longest_key(subject: &Subject) -> Verdict {
    let known = subject.header_request().await?;
    subject.first(&known).await?;
    // Bare keys may be refused, but not for their length alone.
    let takes_bare = subject.send(&known.written(&known.key)).await?.status != 400;
    for quote in ["\"", ""].into_iter().filter(|quote| takes_bare || !quote.is_empty()) {
        let (longest, longer) = (subject.request().await?, subject.request().await?);
        let key = format!("{:k<255}", longest.key);
        subject.first(&longest.written(format!("{quote}{key}{quote}"))).await?;
        refused(&subject.send(&longer.written(format!("{quote}{key}k{quote}"))).await?, 400)?;
    }
    Ok(())
}

async fn case(subject: &Subject) -> Verdict {
    let lower = subject.header_request().await?;
    subject.first(&lower.written(format!("\"a{}\"", lower.key))).await?;
    let upper = subject.request().await?;
    subject.first(&upper.written(format!("\"A{}\"", lower.key))).await?;
    Ok(())
}

async fn kept(subject: &Subject) -> Verdict {
    let request = subject.request().await?;
    let first = subject.first(&request).await?;
    for _ in 0..3 {
        subject.is_replay(&first, &subject.send(&request).await?)?;
    }
    Ok(())
}

async fn validation_is_not_kept(subject: &Subject) -> Verdict {
    let request = subject.request().await?;
    let invalid = subject.send(&subject.invalid(&request)?).await?;
    check((400..500).contains(&invalid.status), || format!("an invalid request is answered {}", invalid.status))?;
    subject.first(&request).await?;
    Ok(())
}

async fn other_parameters(subject: &Subject) -> Verdict {
    let request = subject.request().await?;
    subject.first(&request).await?;
    let other = subject.send(&subject.other(&request)).await?;
    Ok(check((400..500).contains(&other.status), || format!("they are answered {}", other.status))?)
}

async fn conflict_is_not_kept(subject: &Subject) -> Verdict {
    let (request, answer) = conflict(subject).await?;
    refused(&answer, 409)?;
    let retry = subject.send(&request).await?;
    Ok(check(retry.is_success(), || format!("after the conflict the retry is answered {}", retry.status))?)
}

async fn marker(subject: &Subject) -> Verdict {
    if subject.options.marker.0.is_none() {
        return not_applicable("nothing marks a replay");
    }
    let (first, retry) = subject.twice().await?;
    check(!subject.is_marked(&first), || "the first answer is marked as a replay".to_owned())?;
    Ok(check(subject.is_marked(&retry), || "the retry is not marked as a replay".to_owned())?)
}

async fn authentication(subject: &Subject) -> Verdict {
    let mut request = subject.request().await?;
    if !request.with.contains_key(AUTHORIZATION) {
        return not_applicable("there is no login (--with 'Authorization: ..')");
    }
    subject.first(&request).await?;
    request.with.remove(AUTHORIZATION);
    let anonymous = subject.send(&request).await?;
    Ok(check(matches!(anonymous.status, 401 | 403), || format!("without a login it is {}", anonymous.status))?)
}
