//! RFC 9457, of every refusal that can be had, and RFC 8288 of its link.

use std::collections::HashMap;

use super::exchange::Answer;
use super::finding::{Finding, Unmet, Verdict, check, not_applicable, statements};
use super::options::{InFlight, Missing};
use super::races::conflict;
use super::subject::Subject;

pub(super) async fn ask(subject: &Subject) -> Vec<Finding> {
    let mut findings = statements![subject, "RFC 9457";
        "P1", "3", "A refusal is `application/problem+json`", content_type;
        "P2", "3.1.1", "`type` is a URI, and each kind of refusal has one of its own", kinds;
        "P3", "3.1.2", "`status` is the answer's", status;
        "P4", "3.1.3", "`title` is there, and is the same for each refusal of a kind", title;
        "P5", "3.1.4", "`detail` is there, for the client to read", detail;
    ];
    findings.extend(statements![subject, "RFC 8288";
        "L1", "3", "`Link` with `rel=\"describedby\"` leads to the page that `type` names", link;
    ]);
    findings.extend(statements![subject, "RFC 9111";
        "C2", "5.2.2.5", "No cache keeps a refusal: it carries `no-store`", no_store;
    ]);
    findings
}

const KINDS: [&str; 4] = ["invalid key", "missing key", "in progress", "key used again"];

/// A refusal of this kind, if there is such a thing here. What is not refused at all is found by the statements about that.
async fn refusal(subject: &Subject, kind: &str) -> Result<Option<Answer>, Unmet> {
    let options = &subject.options;
    let request = subject.request().await?;
    let answer = match kind {
        "invalid key" if !options.key_in_url() => subject.send(&request.written("\"unterminated")).await?,
        "missing key" if !options.key_in_url() && matches!(options.missing, Missing::Refused(_)) => {
            subject.send(&request.lines(&[])).await?
        }
        "in progress" if options.in_flight == InFlight::Reject => match conflict(subject).await {
            Ok((_, answer)) => answer,
            Err(_) => return Ok(None),
        },
        "key used again" => {
            subject.send(&request).await?;
            subject.send(&subject.other(&request)).await?
        }
        _ => return Ok(None),
    };
    Ok(Some(answer).filter(|answer| !answer.is_success()))
}

/// Judges one of each kind, as soon as it is there: then it is the last one that is remembered.
async fn each(subject: &Subject, mut holds: impl FnMut(&'static str, &Answer) -> Result<(), String>) -> Verdict {
    let mut seen = false;
    for kind in KINDS {
        if let Some(answer) = refusal(subject, kind).await? {
            holds(kind, &answer).map_err(|why| format!("{kind}: {why}"))?;
            seen = true;
        }
    }
    Ok(check(seen, || "nothing is refused".to_owned())?)
}

fn text<'a>(problem: &'a serde_json::Value, member: &str) -> Result<&'a str, String> {
    let text = problem[member].as_str().filter(|text| !text.is_empty());
    text.ok_or_else(|| format!("`{member}` is {}", problem[member]))
}

async fn content_type(subject: &Subject) -> Verdict {
    each(subject, |_, answer| {
        let kind = answer.header("content-type");
        check(kind == Some("application/problem+json"), || format!("the content type is {kind:?}"))
    })
    .await
}

async fn kinds(subject: &Subject) -> Verdict {
    let mut seen: Vec<(&str, String)> = Vec::new();
    each(subject, |kind, answer| {
        let problem = answer.json();
        let page = text(&problem, "type")?;
        reqwest::Url::parse(page).map_err(|error| format!("`type` is {page}: {error}"))?;
        if let Some((other, _)) = seen.iter().find(|(_, other)| other == page) {
            return Err(format!("`type` is {page}, as it is of {other}"));
        }
        seen.push((kind, page.to_owned()));
        Ok(())
    })
    .await
}

async fn status(subject: &Subject) -> Verdict {
    each(subject, |_, answer| {
        let status = &answer.json()["status"];
        check(*status == answer.status, || format!("`status` is {status} in an answer with {}", answer.status))
    })
    .await
}

async fn title(subject: &Subject) -> Verdict {
    let mut titles = HashMap::new();
    for _ in 0..2 {
        each(subject, |kind, answer| {
            let problem = answer.json();
            let title = text(&problem, "title")?;
            let before = titles.insert(kind, title.to_owned()).unwrap_or_else(|| title.to_owned());
            check(before == title, || format!("`title` is {before:?}, and then {title:?}"))
        })
        .await?;
    }
    Ok(())
}

async fn detail(subject: &Subject) -> Verdict {
    each(subject, |_, answer| text(&answer.json(), "detail").map(drop)).await
}

async fn link(subject: &Subject) -> Verdict {
    let mut any = false;
    each(subject, |_, answer| {
        let Some(link) = answer.header("link") else { return Ok(()) };
        any = true;
        let problem = answer.json();
        let page = text(&problem, "type")?;
        let leads_there = link.contains(&format!("<{page}>")) && link.contains("describedby");
        check(leads_there, || format!("`Link` is {link:?}, and `type` {page}"))
    })
    .await?;
    if any { Ok(()) } else { not_applicable("no refusal has a `Link`; `type` is enough") }
}

async fn no_store(subject: &Subject) -> Verdict {
    each(subject, |_, answer| {
        let control = answer.header("cache-control");
        check(control.is_some_and(|control| control.contains("no-store")), || format!("`Cache-Control` is {control:?}"))
    })
    .await
}
