//! What Stripe documents of its own API, where the draft is silent.

use super::Finding;
use super::draft::{concurrent, statements};
use super::subject::{Subject, Verdict, check, refused};
use crate::server::Seen;

pub(super) async fn ask(subject: &Subject) -> Vec<Finding> {
    statements![subject,
        "S1", "Idempotent requests", "A key has no effect on a GET", no_effect_on_get;
        "S2", "Idempotent requests", "A key has up to 255 characters", longest_key;
        "S3", "Idempotent requests", "Status and body of the first request are kept for the key", kept;
        "S4", "Idempotent requests", "What fails validation is not kept: the key is free", validation_is_not_kept;
        "S5", "Idempotent requests", "Other parameters under one key are an error", other_parameters;
        "S6", "Idempotent requests", "A request beside one that is executing is a conflict, and is not kept", concurrent;
        "S7", "Idempotent requests", "A key is kept for at least 24 hours", a_day;
        "S8", "Idempotent requests", "A replay carries a marker, and only a replay does", marker;
        "S2b", "Idempotent requests", "Keys are compared as they are: another case is another key", case;
    ]
}

async fn no_effect_on_get(subject: &Subject) -> Verdict {
    let get = || Seen::of(reqwest::Client::new().get(&subject.url).header(&subject.header, "k"));
    let (first, again) = (get().await, get().await);
    check(!first.replayed && !again.replayed, || format!("{again:?}"))?;
    Ok(None)
}

async fn longest_key(subject: &Subject) -> Verdict {
    let key = format!("{}{}", subject.new_key(), "k".repeat(223));
    let first = subject.send(&key, &subject.body).await;
    check(first.status < 300, || format!("255 characters: {}", first.status))?;
    refused(&subject.send(&format!("{key}k"), &subject.body).await, 400, "invalid_key")?;
    Ok(None)
}

async fn kept(subject: &Subject) -> Verdict {
    let (first, retry) = subject.twice().await;
    subject.is_replay(&first, &retry)?;
    Ok(None)
}

async fn validation_is_not_kept(subject: &Subject) -> Verdict {
    let Some(invalid) = &subject.invalid else { return Ok(Some("no such request is known".to_owned())) };
    let key = subject.new_key();
    let refused = subject.send(&key, invalid).await;
    let valid = subject.send(&key, &subject.body).await;
    check((400..500).contains(&refused.status), || format!("{refused:?}"))?;
    check(valid.status < 300 && !valid.replayed, || format!("{valid:?}"))?;
    Ok(None)
}

async fn other_parameters(subject: &Subject) -> Verdict {
    let key = subject.new_key();
    subject.send(&key, &subject.body).await;
    refused(&subject.send(&key, &subject.other).await, 422, "key_reused")?;
    Ok(None)
}

async fn a_day(_: &Subject) -> Verdict {
    Ok(Some(
        "it takes a day; the route's `ttl` says it, and the stores' suite checks that a `ttl` is kept to".to_owned(),
    ))
}

async fn marker(subject: &Subject) -> Verdict {
    let (first, retry) = subject.twice().await;
    check(!first.replayed && retry.replayed, || format!("{} {}", first.replayed, retry.replayed))?;
    Ok(None)
}

async fn case(subject: &Subject) -> Verdict {
    let key = format!("a{}", subject.new_key());
    let lower = subject.send(&key, &subject.body).await;
    let upper = subject.send(&key.to_uppercase(), &subject.body).await;
    check(!lower.replayed && !upper.replayed, || format!("{upper:?}"))?;
    Ok(None)
}
