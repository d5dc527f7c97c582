//! draft-ietf-httpapi-idempotency-key-header-07, in the order of its sections.

use super::finding::{Finding, Verdict, check, not_applicable, not_judged, statements};
use super::options::Missing;
use super::races::{conflict_then_retry, conflicts, explained_conflict, many_at_once, other_payload_beside};
use super::subject::{Subject, explained, refused};

pub(super) async fn ask(subject: &Subject) -> Vec<Finding> {
    statements![subject, "draft -07";
        "D1", "2.1", "The key is a Structured Field String", a_string;
        "D2", "2.1", "A list and several field lines are no key", no_lists;
        "D2b", "2.1", "A bare value is the same key as the String, or refused", bare;
        "D3", "2.2", "A key is not used again with another payload", not_used_again;
        "D4", "2.2", "The resource's owner defines what makes a key unique", |_| not_judged("a rule for whoever writes the documentation");
        "D5", "2.2", "Random identifiers that differ in one character are two keys", one_character;
        "D6", "2.3", "The resource may require keys that have the time in them", |_| not_judged("it is allowed, and not asked for");
        "D7", "2.3", "The resource publishes when keys expire", |_| not_judged("it stands in documentation, in words");
        "D8", "2.4", "By whatever the payload is told, other spacing is a replay or refused", other_spacing;
        "D9", "2.5.1", "The client knows the published rules", |_| not_judged("a rule for clients");
        "D10", "2.5.1", "The client sends one key for each distinct request", |_| not_judged("a rule for clients");
        "D11", "2.5.2", "The resource publishes its rules", |_| not_judged("it stands in documentation; D16 to D18 ask for links to it");
        "D12", "2.5.2", "The server enforces: retries and misuse have no effect", no_second_effect;
        "D12b", "2.5.2", "Of many requests at once one is carried out; the others get its answer or 409", many_at_once;
        "D13", "2.6", "The first request is processed", first;
        "D14", "2.6", "A retry after completion gets the earlier result", retry;
        "D14b", "2.6", "... also when the earlier result was an error", retry_of_an_error;
        "D15", "2.6", "A retry while the first is in progress gets a conflict", conflicts;
        "D16", "2.7", "A missing key, where required, is refused with a link to documentation", missing;
        "D16b", "2.7", "Without a key, where it is optional, each request is carried out", optional;
        "D17", "2.7", "A key used again with another payload is 422 with a link to documentation", other_payload;
        "D17b", "2.7", "Another payload beside a request in progress is 422, not 409", other_payload_beside;
        "D18", "2.7", "A request in progress is 409 with a link to documentation", explained_conflict;
        "D19", "2.7", "After 409 the same request may be sent again", conflict_then_retry;
        "D20", "2.7", "For other errors the client follows the documentation", |_| not_judged("a rule for clients");
        "D21", "3.1", "The field's name is not case-sensitive", field_name;
        "D22", "5", "A key that is empty or too long is 400, and never no key", validated;
        "D22b", "5", "... before anything is processed", validated_first;
        "D22c", "5", "Another client does not get this client's answer by its key", other_client;
    ]
}

async fn a_string(subject: &Subject) -> Verdict {
    let request = subject.header_request().await?;
    let first = subject.first(&request).await?;
    Ok(subject.is_replay(&first, &subject.send(&request).await?)?)
}

async fn no_lists(subject: &Subject) -> Verdict {
    let request = subject.header_request().await?;
    let quoted = format!("\"{}\"", request.key);
    for line in [format!("{quoted}, {quoted}"), format!("{quoted}, \"b\""), format!("{0}, {0}", request.key)] {
        refused(&subject.send(&request.written(&line)).await?, 400).map_err(|why| format!("{line}: {why}"))?;
    }
    for lines in [[quoted.as_bytes(); 2], [quoted.as_bytes(), b"\"b\""], [request.key.as_bytes(); 2]] {
        refused(&subject.send(&request.lines(&lines)).await?, 400).map_err(|why| format!("two lines: {why}"))?;
    }
    Ok(())
}

async fn bare(subject: &Subject) -> Verdict {
    let request = subject.header_request().await?;
    let first = subject.first(&request).await?;
    let retry = subject.send(&request.written(&request.key)).await?;
    Ok(if retry.status == 400 { explained(&retry, 400) } else { subject.is_replay(&first, &retry) }?)
}

async fn not_used_again(subject: &Subject) -> Verdict {
    let request = subject.request().await?;
    let first = subject.first(&request).await?;
    let other = subject.send(&subject.other(&request)).await?;
    check(!other.is_success(), || format!("another payload is answered {}", other.status))?;
    Ok(subject.is_replay(&first, &subject.send(&request).await?)?)
}

async fn one_character(subject: &Subject) -> Verdict {
    let request = subject.header_request().await?;
    subject.first(&request).await?;
    let last = if request.key.ends_with('0') { '1' } else { '0' };
    let neighbour = format!("{}{last}", &request.key[..request.key.len() - 1]);
    subject.first(&subject.request().await?.written(format!("\"{neighbour}\""))).await?;
    Ok(())
}

async fn other_spacing(subject: &Subject) -> Verdict {
    let request = subject.request().await?;
    let first = subject.first(&request).await?;
    let spaced = request.with_body(format!(" {}", request.body.as_deref().unwrap_or_default()));
    let spaced = subject.send(&spaced).await?;
    Ok(if spaced.is_success() { subject.is_replay(&first, &spaced) } else { refused(&spaced, 422) }?)
}

async fn no_second_effect(subject: &Subject) -> Verdict {
    let before = subject.effects().await?;
    let request = subject.request().await?;
    subject.send(&request).await?;
    let after = subject.effects().await?;
    check(before != after, || "--effects does not show a request that was carried out".to_owned())?;
    for again in [request.clone(), subject.other(&request)] {
        subject.send(&again).await?;
        check(subject.effects().await? == after, || "it had an effect once more".to_owned())?;
    }
    Ok(())
}

async fn first(subject: &Subject) -> Verdict {
    subject.first(&subject.request().await?).await?;
    Ok(())
}

/// Judged by what the client reads alone; the marker is not the draft's.
async fn retry(subject: &Subject) -> Verdict {
    let (first, retry) = subject.twice().await?;
    let expected = (subject.replayed_status(&first), &first.body);
    check(first.is_success(), || format!("the first request is answered {}", first.status))?;
    Ok(check((retry.status, &retry.body) == expected, || "the retry gets another status or body".to_owned())?)
}

/// Whether it was kept, or found anew.
async fn retry_of_an_error(subject: &Subject) -> Verdict {
    let request = subject.invalid(&subject.request().await?)?;
    let (first, retry) = (subject.send(&request).await?, subject.send(&request).await?);
    check((400..500).contains(&first.status), || format!("an invalid request is answered {}", first.status))?;
    Ok(check((first.status, first.body) == (retry.status, retry.body), || "the errors differ".to_owned())?)
}

async fn missing(subject: &Subject) -> Verdict {
    let request = subject.header_request().await?.lines(&[]);
    let Missing::Refused(status) = subject.options.missing else { return not_applicable("the key is optional") };
    Ok(explained(&subject.send(&request).await?, status)?)
}

async fn optional(subject: &Subject) -> Verdict {
    let request = subject.header_request().await?;
    let Missing::Execute = subject.options.missing else { return not_applicable("the key is required") };
    subject.first(&request.lines(&[])).await?;
    let before = subject.shown().await?;
    subject.first(&subject.request().await?.lines(&[])).await?;
    let carried_out = before.is_none() || subject.shown().await? != before;
    Ok(check(carried_out, || "the second one was not carried out".to_owned())?)
}

async fn other_payload(subject: &Subject) -> Verdict {
    let request = subject.request().await?;
    subject.first(&request).await?;
    Ok(explained(&subject.send(&subject.other(&request)).await?, 422)?)
}

/// HTTP/1.1 has names sent as they are written.
async fn field_name(subject: &Subject) -> Verdict {
    let request = subject.header_request().await?;
    let first = subject.first(&request).await?;
    Ok(subject.is_replay(&first, &subject.wire.send_in_capitals(request).await?)?)
}

fn no_keys() -> [String; 5] {
    let long = |length| "k".repeat(length);
    [String::new(), "\"\"".to_owned(), long(256), format!("\"{}\"", long(256)), long(4096)]
}

async fn validated(subject: &Subject) -> Verdict {
    for line in no_keys() {
        let answer = subject.send(&subject.header_request().await?.written(&line)).await?;
        refused(&answer, 400).map_err(|why| format!("a key of {} bytes: {why}", line.len()))?;
    }
    Ok(())
}

async fn validated_first(subject: &Subject) -> Verdict {
    subject.header_request().await?;
    let before = subject.effects().await?;
    for line in no_keys() {
        subject.send(&subject.header_request().await?.written(&line)).await?;
    }
    Ok(check(subject.effects().await? == before, || "a request without a valid key was carried out".to_owned())?)
}

async fn other_client(subject: &Subject) -> Verdict {
    let Some(identity) = &subject.options.other_client else {
        return not_applicable("no other client is known (--other-client)");
    };
    let request = subject.request().await?;
    let first = subject.first(&request).await?;
    let other = subject.send(&request.with(identity)).await?;
    check(!subject.is_marked(&other), || "another client gets a replay".to_owned())?;
    Ok(check(other.body != first.body, || "another client gets the same body".to_owned())?)
}
