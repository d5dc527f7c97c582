//! What is known of a key, for people and for programs.

use std::io::{self, Write as _};

use idem_runtime::RecordKey;
use idem_runtime::admin::{Answer, KeyState, Known};
use serde_json::{Value, json};

use crate::age;

pub(crate) struct Report<'a> {
    pub(crate) key: RecordKey,
    pub(crate) known: &'a Known,
    pub(crate) with_body: bool,
}

impl Report<'_> {
    pub(crate) fn print(&self, as_json: bool) -> io::Result<()> {
        let mut out = io::stdout().lock();
        match (as_json, self.with_body, &self.known.answer) {
            (true, ..) => writeln!(out, "{}", self.json())?,
            (false, true, Some(answer)) => out.write_all(answer.body())?,
            (false, ..) => out.write_all(self.text().as_bytes())?,
        }
        out.flush()
    }

    fn text(&self) -> String {
        let Known { state, attempt, bytes, expires_in, age, answer, .. } = self.known;
        let mut lines = vec![("key", self.key.to_string()), ("state", state.as_str().to_owned())];
        if let Some(age) = age::text(*age, *expires_in) {
            lines.push(("age", age));
        }
        lines.push(("attempt", attempt.to_string()));
        match answer {
            Some(Answer::Response { status, headers, body }) => {
                lines.push(("status", status.as_u16().to_string()));
                if let Some(kind) = headers.get(http::header::CONTENT_TYPE) {
                    lines.push(("type", String::from_utf8_lossy(kind.as_bytes()).into_owned()));
                }
                lines.push(("body", format!("{} bytes", body.len())));
            }
            Some(Answer::Value { json }) => lines.push(("value", format!("{} bytes of JSON", json.len()))),
            _ => {}
        }
        if *bytes > 0 {
            lines.push(("size", format!("{bytes} bytes")));
        }
        lines.push(("a retry", meaning(*state).to_owned()));
        lines.into_iter().map(|(name, value)| format!("{name:<8} {value}\n")).collect()
    }

    fn json(&self) -> Value {
        let Known { state, attempt, bytes, expires_in, age, answer, .. } = self.known;
        let mut report = json!({
            "key": self.key.to_string(),
            "state": state.as_str(),
            "attempt": attempt,
            "bytes": bytes,
        });
        for (name, time) in age::times(*age, *expires_in) {
            report[name] = json!(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        }
        if let Some(answer) = answer {
            report["body_bytes"] = json!(answer.body().len());
            if let Answer::Response { status, headers, .. } = answer {
                report["status"] = json!(status.as_u16());
                report["headers"] = headers
                    .iter()
                    .map(|(name, value)| json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())]))
                    .collect();
            }
            if self.with_body {
                match std::str::from_utf8(answer.body()) {
                    Ok(text) => report["body"] = json!(text),
                    Err(_) => report["body_base64"] = json!(data_encoding::BASE64.encode(answer.body())),
                }
            }
        }
        report
    }
}

fn meaning(state: KeyState) -> &'static str {
    match state {
        KeyState::InFlight => "waits, or is refused with `in_progress`",
        KeyState::Abandoned => "runs; with `on_failure = \"keep\"` it is refused with `outcome_unknown`",
        KeyState::Recorded => "is answered with this",
        KeyState::NotKept => "is refused with `response_not_kept`",
        KeyState::OutcomeUnknown => "is refused with `outcome_unknown`, until the key is released or settled",
        _ => "is not known to this `idem`",
    }
}
