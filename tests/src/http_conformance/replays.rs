//! What HTTP itself asks of an answer that is given twice, and of one that invites to come again.

use http::HeaderName;
use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, DATE, SET_COOKIE, TRANSFER_ENCODING};

use super::exchange::Answer;
use super::finding::{Finding, Verdict, check, not_applicable, not_judged, statements};
use super::options::Marker;
use super::races::conflict;
use super::subject::Subject;

pub(super) async fn ask(subject: &Subject) -> Vec<Finding> {
    let mut findings = statements![subject, "RFC 9110";
        "H1", "10.2.3", "409 for a request in progress says with `Retry-After` when to come again", retry_after;
        "H2", "10.2.3", "503 for a store that cannot be asked does so too", |_| not_judged("nothing that is sent breaks a store");
        "H3", "5.3", "A replay has the fields of the first answer, repeated ones in their order", same_fields;
        "H4", "8.6", "A replay has one `Content-Length`, of its body, and one `Date`", framing;
    ];
    findings.extend(statements![subject, "RFC 9111";
        "C1", "5.2.2.5", "A replay is kept in no cache that the first answer did not allow", no_store;
    ]);
    findings.extend(statements![subject, "RFC 6265";
        "K1", "4.1", "A cookie is not handed out a second time", no_cookies;
    ]);
    findings
}

async fn retry_after(subject: &Subject) -> Verdict {
    let (_, answer) = conflict(subject).await?;
    let text = answer.header("retry-after").ok_or_else(|| "there is no `Retry-After`".to_owned())?;
    let is_date = text.ends_with(" GMT");
    Ok(check(is_date || text.parse::<u32>().is_ok(), || format!("`Retry-After` is {text:?}"))?)
}

async fn same_fields(subject: &Subject) -> Verdict {
    let (first, retry) = subject.replay().await?;
    let names = first.headers.keys().chain(retry.headers.keys());
    for name in names.filter(|name| is_kept(subject, name)) {
        let (one, other) = (first.all(name), retry.all(name));
        check(one == other, || format!("`{name}` is {one:?} at first, and {other:?} in the replay"))?;
    }
    Ok(())
}

/// The others are made anew, or have a statement of their own.
fn is_kept(subject: &Subject, name: &HeaderName) -> bool {
    let Marker(marker) = &subject.options.marker;
    let anew = [CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, DATE, SET_COOKIE, TRANSFER_ENCODING];
    !anew.contains(name) && marker.as_ref() != Some(name)
}

async fn framing(subject: &Subject) -> Verdict {
    let (first, retry) = subject.replay().await?;
    let dates = |answer: &Answer| answer.all(&DATE).len();
    check(dates(&retry) == dates(&first).min(1), || format!("the replay has {} `Date`s", dates(&retry)))?;
    let lengths = retry.all(&CONTENT_LENGTH);
    let whole = lengths.len() <= 1 && lengths.iter().all(|length| *length == retry.body.len().to_string());
    Ok(check(whole, || format!("`Content-Length` is {lengths:?} of a body of {}", retry.body.len()))?)
}

async fn no_store(subject: &Subject) -> Verdict {
    let (first, retry) = subject.replay().await?;
    let (own, control) = (first.header("cache-control"), retry.header("cache-control"));
    let kept = control.is_some() && (own == control || control.is_some_and(|control| control.contains("no-store")));
    Ok(check(kept, || format!("`Cache-Control` is {own:?} at first, and {control:?} in the replay"))?)
}

async fn no_cookies(subject: &Subject) -> Verdict {
    let (first, retry) = subject.replay().await?;
    if !first.headers.contains_key(SET_COOKIE) {
        return not_applicable("the first answer sets no cookie");
    }
    Ok(check(!retry.headers.contains_key(SET_COOKIE), || "the replay sets the cookie again".to_owned())?)
}
