//! RFC 9457, of every refusal that can be had, and RFC 8288 of its link.

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

/// One of each kind. What is not refused at all is found by the statements about that.
async fn refusals(subject: &Subject) -> Result<Vec<(&'static str, Answer)>, Unmet> {
    let mut answers = Vec::new();
    if let Ok(request) = subject.header_request().await {
        answers.push(("invalid key", subject.send(&request.written("\"unterminated")).await?));
        if let Missing::Refused(_) = subject.options.missing {
            answers.push(("missing key", subject.send(&request.lines(&[])).await?));
        }
    }
    if subject.options.in_flight == InFlight::Reject
        && let Ok((_, answer)) = conflict(subject).await
    {
        answers.push(("in progress", answer));
    }
    let request = subject.request().await?;
    subject.send(&request).await?;
    answers.push(("key used again", subject.send(&subject.other(&request)).await?));
    answers.retain(|(_, answer)| !answer.is_success());
    check(!answers.is_empty(), || "nothing is refused".to_owned())?;
    Ok(answers)
}

async fn each(subject: &Subject, holds: impl Fn(&Answer) -> Result<(), String>) -> Verdict {
    for (kind, answer) in refusals(subject).await? {
        holds(&answer).map_err(|why| format!("{kind}: {why}"))?;
    }
    Ok(())
}

fn text<'a>(problem: &'a serde_json::Value, member: &str) -> Result<&'a str, String> {
    let text = problem[member].as_str().filter(|text| !text.is_empty());
    text.ok_or_else(|| format!("`{member}` is {}", problem[member]))
}

async fn content_type(subject: &Subject) -> Verdict {
    each(subject, |answer| {
        let kind = answer.header("content-type");
        check(kind == Some("application/problem+json"), || format!("the content type is {kind:?}"))
    })
    .await
}

async fn kinds(subject: &Subject) -> Verdict {
    let mut seen: Vec<(&str, String)> = Vec::new();
    for (kind, answer) in refusals(subject).await? {
        let problem = answer.json();
        let page = text(&problem, "type").map_err(|why| format!("{kind}: {why}"))?;
        reqwest::Url::parse(page).map_err(|error| format!("{kind}: `type` is {page}: {error}"))?;
        if let Some((other, _)) = seen.iter().find(|(_, other)| other == page) {
            return Err(format!("{kind} and {other} have one type, {page}").into());
        }
        seen.push((kind, page.to_owned()));
    }
    Ok(())
}

async fn status(subject: &Subject) -> Verdict {
    each(subject, |answer| {
        let status = &answer.json()["status"];
        check(*status == answer.status, || format!("`status` is {status} in an answer with {}", answer.status))
    })
    .await
}

async fn title(subject: &Subject) -> Verdict {
    let (once, again) = (refusals(subject).await?, refusals(subject).await?);
    for ((kind, one), (_, other)) in once.iter().zip(&again) {
        let (one, other) = (one.json(), other.json());
        let (one, other) = (text(&one, "title")?, text(&other, "title")?);
        check(one == other, || format!("{kind}: the title is {one:?}, and then {other:?}"))?;
    }
    Ok(())
}

async fn detail(subject: &Subject) -> Verdict {
    each(subject, |answer| text(&answer.json(), "detail").map(drop)).await
}

async fn link(subject: &Subject) -> Verdict {
    let answers = refusals(subject).await?;
    if answers.iter().all(|(_, answer)| answer.header("link").is_none()) {
        return not_applicable("no refusal has a `Link`; `type` is enough");
    }
    for (kind, answer) in answers {
        let problem = answer.json();
        let expected = format!("<{}>; rel=\"describedby\"", text(&problem, "type")?);
        let link = answer.header("link").unwrap_or_default();
        check(link == expected, || format!("{kind}: `Link` is {link:?}"))?;
    }
    Ok(())
}

async fn no_store(subject: &Subject) -> Verdict {
    each(subject, |answer| {
        let control = answer.header("cache-control");
        check(control.is_some_and(|control| control.contains("no-store")), || format!("`Cache-Control` is {control:?}"))
    })
    .await
}
