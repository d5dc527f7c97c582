//! draft-ietf-httpapi-idempotency-key-header-07, in the order of its sections.

use super::Finding;
use super::subject::{Subject, Verdict, check, refused};
use crate::server::Seen;

macro_rules! statements {
    ($subject:expr, $($id:literal, $section:literal, $statement:literal, $check:expr;)*) => {
        vec![$(Finding { id: $id, section: $section, statement: $statement, verdict: $check($subject).await }),*]
    };
}
pub(super) use statements;

pub(super) async fn ask(subject: &Subject) -> Vec<Finding> {
    statements![subject,
        "D1", "2.1", "The key is a Structured Field String", a_string;
        "D2", "2.1", "Lists, broken strings and several field lines are no key", malformed;
        "D2b", "2.1", "A bare value is accepted as the same key (beyond the draft, as clients send it)", bare;
        "D3", "2.2", "A key is not used again with another payload", other_payload;
        "D8", "2.4", "The fingerprint covers the payload", other_payload;
        "D13", "2.6", "The first request is processed", first;
        "D14", "2.6", "A retry after completion gets the earlier result", retry;
        "D14b", "2.6", "... also when the earlier result was an error", retry_of_an_error;
        "D15", "2.6", "A retry while the first is in progress gets a conflict", concurrent;
        "D16", "2.7", "A missing key, where required, is 400 with a link to documentation", missing;
        "D17", "2.7", "A key used again with another payload is 422 with a link to documentation", other_payload;
        "D18", "2.7", "A request in progress is 409 with a description", concurrent;
        "D19", "2.7", "After 409 the same request may be sent again", conflict_then_retry;
        "D21", "3.1", "The field's name is not case-sensitive", field_name;
        "D22", "5", "The format is validated before anything is processed", validated_first;
    ]
}

async fn a_string(subject: &Subject) -> Verdict {
    let key = subject.new_key();
    let first = subject.send(&format!("\"{key}\""), &subject.body).await;
    check(first.status < 300, || format!("a quoted key: {}", first.status))?;
    let with_parameters = subject.send(&format!("\"{key}\";a=1"), &subject.body).await;
    subject.is_replay(&first, &with_parameters)?;
    Ok(None)
}

async fn bare(subject: &Subject) -> Verdict {
    let key = subject.new_key();
    let first = subject.send(&format!("\"{key}\""), &subject.body).await;
    let retry = subject.send(&key, &subject.body).await;
    subject.is_replay(&first, &retry)?;
    Ok(None)
}

async fn malformed(subject: &Subject) -> Verdict {
    for key in ["\"a", "a\"", "\"a\",\"b\"", "\"a\\x\"", "\"\"", "a b"] {
        refused(&subject.send(key, &subject.body).await, 400, "invalid_key").map_err(|why| format!("{key}: {why}"))?;
    }
    let twice = subject.request(&subject.body).header(&subject.header, "a").header(&subject.header, "a");
    refused(&Seen::of(twice).await, 400, "invalid_key").map_err(|why| format!("two lines: {why}"))?;
    Ok(None)
}

async fn other_payload(subject: &Subject) -> Verdict {
    let key = subject.new_key();
    let first = subject.send(&key, &subject.body).await;
    refused(&subject.send(&key, &subject.other).await, 422, "key_reused")?;
    subject.is_replay(&first, &subject.send(&key, &subject.body).await)?;
    Ok(None)
}

async fn first(subject: &Subject) -> Verdict {
    let first = subject.send(&subject.new_key(), &subject.body).await;
    check(first.status < 300 && !first.replayed, || format!("{first:?}"))?;
    Ok(None)
}

async fn retry(subject: &Subject) -> Verdict {
    let (first, retry) = subject.twice().await;
    subject.is_replay(&first, &retry)?;
    Ok(None)
}

/// The error of an extractor is no result of the operation: it is found anew, and the same.
async fn retry_of_an_error(subject: &Subject) -> Verdict {
    let Some(invalid) = &subject.invalid else { return Ok(Some("no such request is known".to_owned())) };
    let key = subject.new_key();
    let first = subject.send(&key, invalid).await;
    let retry = subject.send(&key, invalid).await;
    check((400..500).contains(&first.status), || format!("{first:?}"))?;
    check((first.status, &first.body) == (retry.status, &retry.body), || format!("{retry:?}"))?;
    Ok(None)
}

/// Sends pairs until two of them have overlapped: one is refused then.
async fn conflict(subject: &Subject) -> Result<(String, Seen), String> {
    for _ in 0..500 {
        let key = subject.new_key();
        let (one, other) = tokio::join!(subject.send(&key, &subject.body), subject.send(&key, &subject.body));
        if let Some(refused) = [one, other].into_iter().find(|seen| seen.status == 409) {
            return Ok((key, refused));
        }
    }
    Err("of 500 pairs of requests at once, none was refused".to_owned())
}

pub(super) async fn concurrent(subject: &Subject) -> Verdict {
    let (_, seen) = conflict(subject).await?;
    refused(&seen, 409, "in_progress")?;
    check(seen.header("retry-after").is_some(), || "there is no Retry-After".to_owned())?;
    Ok(None)
}

async fn conflict_then_retry(subject: &Subject) -> Verdict {
    let (key, _) = conflict(subject).await?;
    let retry = subject.send(&key, &subject.body).await;
    check(retry.replayed, || format!("{retry:?}"))?;
    Ok(None)
}

async fn missing(subject: &Subject) -> Verdict {
    let Some(status) = subject.missing else { return Ok(Some("the key is optional here".to_owned())) };
    refused(&Seen::of(subject.request(&subject.body)).await, status, "missing_key")?;
    Ok(None)
}

async fn field_name(subject: &Subject) -> Verdict {
    let key = subject.new_key();
    let first = subject.send(&key, &subject.body).await;
    let upper = subject.request(&subject.body).header(subject.header.to_uppercase(), &key);
    subject.is_replay(&first, &Seen::of(upper).await)?;
    Ok(None)
}

async fn validated_first(subject: &Subject) -> Verdict {
    for key in ["k".repeat(256), "k".repeat(8192), String::new()] {
        refused(&subject.send(&key, &subject.body).await, 400, "invalid_key")?;
    }
    Ok(None)
}
