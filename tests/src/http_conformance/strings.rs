//! RFC 9651, of the String that a key is written as.

use super::finding::{Finding, Verdict, statements};
use super::subject::{Subject, refused};

pub(super) async fn ask(subject: &Subject) -> Vec<Finding> {
    statements![subject, "RFC 9651";
        "F1", "4.2.5", "A quote and a backslash are written with a backslash in front, and nothing else is", escapes;
        "F2", "4.2.5", "A String that does not end, and one with something behind it, is no key", broken;
        "F3", "3.3.3", "What is not ASCII is no key", not_ascii;
        "F4", "4.2.3.2", "Parameters behind the String change nothing; broken ones make it no key", parameters;
        "F5", "4.2", "Spaces around the String change nothing", spaces;
    ]
}

async fn escapes(subject: &Subject) -> Verdict {
    let key = subject.header_request().await?.key;
    let [quote, backslash] = [format!("\"{key}\\\"\""), format!("\"{key}\\\\\"")];
    for line in [quote, backslash] {
        let request = subject.header_request().await?.written(&line);
        let first = subject.first(&request).await.map_err(|why| format!("{line}: {why}"))?;
        subject.is_replay(&first, &subject.send(&request).await?)?;
    }
    let answer = subject.send(&subject.header_request().await?.written(format!("\"{key}\\x\""))).await?;
    Ok(refused(&answer, 400).map_err(|why| format!("\\x: {why}"))?)
}

async fn none_is_a_key(subject: &Subject, lines: &[Vec<u8>]) -> Verdict {
    for line in lines {
        let answer = subject.send(&subject.header_request().await?.written(line)).await?;
        refused(&answer, 400).map_err(|why| format!("{}: {why}", String::from_utf8_lossy(line)))?;
    }
    Ok(())
}

async fn broken(subject: &Subject) -> Verdict {
    let key = subject.header_request().await?.key;
    let lines = [format!("\"{key}"), format!("{key}\""), format!("\"{key}\"a"), format!("\"{key}\\"), "\"".to_owned()];
    none_is_a_key(subject, &lines.map(String::into_bytes)).await
}

async fn not_ascii(subject: &Subject) -> Verdict {
    let key = subject.header_request().await?.key;
    let quoted = |more: &[u8]| [b"\"", key.as_bytes(), more, b"\""].concat();
    let bare = [key.as_bytes(), "\u{e9}".as_bytes()].concat();
    none_is_a_key(subject, &[quoted("\u{e9}".as_bytes()), quoted(b"\xff"), quoted(b"\t"), bare]).await
}

async fn parameters(subject: &Subject) -> Verdict {
    let request = subject.header_request().await?;
    let first = subject.first(&request).await?;
    for parameters in [";a=1", ";a;b=\"c\"", "; a=?0"] {
        let retry = subject.send(&request.written(format!("\"{}\"{parameters}", request.key))).await?;
        subject.is_replay(&first, &retry).map_err(|why| format!("{parameters}: {why}"))?;
    }
    let key = &request.key;
    let lines = [format!("\"{key}\";"), format!("\"{key}\";A=1"), format!("\"{key}\";a=")];
    none_is_a_key(subject, &lines.map(String::into_bytes)).await
}

async fn spaces(subject: &Subject) -> Verdict {
    let request = subject.header_request().await?;
    let first = subject.first(&request).await?;
    let retry = subject.send(&request.written(format!("  \"{}\"  ", request.key))).await?;
    Ok(subject.is_replay(&first, &retry)?)
}
