//! What is written down of a change: a line before it, and one after it.
//!
//! The first one is on the disk before anything is changed. A change whose second line is missing may have been made.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::SystemTime;

use idem_runtime::RecordKey;
use idem_runtime::admin::{AdminError, KeyState, Known};
use serde_json::{Value, json};

use crate::arguments::Change;
use crate::{Failed, in_one_line};

pub(crate) struct Audit {
    file: Option<File>,
    line: Value,
}

impl Audit {
    /// Writes what is about to be done, and what state the key is in.
    pub(crate) fn begin(what: &str, change: &Change, key: RecordKey, known: &Known) -> Result<Self, Failed> {
        let file = change.audit.as_deref().map(append).transpose()?;
        let mut line = json!({
            "what": what,
            "who": who(),
            "key": key.to_string(),
            "before": known.state.as_str(),
            "attempt": known.attempt,
            "reason": change.reason,
        });
        if change.audit_key {
            line["operation"] = json!(change.which.operation().map(|operation| format!("{operation:?}")));
            line["scope"] = json!(change.which.scope);
            line["raw_key"] = json!(change.which.key);
        }
        let mut audit = Self { file, line };
        audit.write("begun", None)?;
        Ok(audit)
    }

    /// Writes how it went, and gives the state that the key was in.
    ///
    /// # Errors
    /// What went wrong, with what was done nevertheless: the change, whether or not that could be written.
    pub(crate) fn end(mut self, after: &str, done: Result<KeyState, AdminError>) -> Result<KeyState, Failed> {
        let stage = stage_of(&done);
        let written = match &done {
            Ok(_) => self.write(stage, Some(after)),
            Err(error) => {
                self.line["error"] = json!(in_one_line(error));
                self.write(stage, None)
            }
        };
        match (done.map_err(Failed::from), written) {
            (done, Ok(())) => done,
            (Ok(_), Err(unwritten)) => {
                Err(Failed { why: format!("the key is {after}, but {}", unwritten.why), ..unwritten })
            }
            (Err(failed), Err(unwritten)) => {
                Err(Failed { why: format!("{}; and {}", failed.why, unwritten.why), ..failed })
            }
        }
    }

    fn write(&mut self, stage: &str, after: Option<&str>) -> Result<(), Failed> {
        let mut line = self.line.clone();
        line["time"] = json!(humantime::format_rfc3339_millis(SystemTime::now()).to_string());
        line["stage"] = json!(stage);
        if let Some(after) = after {
            line["after"] = json!(after);
        }
        let text = format!("{line}\n");
        match &mut self.file {
            // In one piece, so that the lines of two who append do not mix.
            Some(file) => file
                .write_all(text.as_bytes())
                .and_then(|()| file.sync_all())
                .map_err(|error| Failed::unusable(format!("the audit ({stage}) cannot be written: {error}"))),
            None => {
                eprint!("{text}");
                Ok(())
            }
        }
    }
}

/// Where the store's answer was lost, the change may have been made.
fn stage_of(done: &Result<KeyState, AdminError>) -> &'static str {
    match done {
        Ok(_) => "done",
        Err(AdminError::NotFound | AdminError::Refused(_) | AdminError::Changed | AdminError::Unfit(_)) => "not done",
        Err(_) => "unknown",
    }
}

fn append(file: &Path) -> Result<File, Failed> {
    let opened = File::options().append(true).create(true).open(file);
    opened.map_err(|error| Failed::unusable(format!("the audit {} cannot be written: {error}", file.display())))
}

/// Whoever became another user is named by who they were.
fn who() -> String {
    let named = |name| std::env::var(name).ok().filter(|user| !user.is_empty());
    ["SUDO_USER", "USER", "LOGNAME", "USERNAME"].into_iter().find_map(named).unwrap_or_else(|| "unknown".to_owned())
}

#[cfg(test)]
mod tests {
    use idem_runtime::StoreError;

    use super::*;

    /// A file that can be opened, and not written to.
    fn full() -> Audit {
        Audit {
            file: Some(append(Path::new("/dev/full")).unwrap_or_else(|failed| panic!("{}", failed.why))),
            line: json!({}),
        }
    }

    #[test]
    fn a_change_whose_answer_was_lost_may_have_been_made() {
        assert_eq!(
            stage_of(&Err(AdminError::Store(StoreError::TimedOut(std::time::Duration::from_secs(1))))),
            "unknown"
        );
        assert_eq!(stage_of(&Err(AdminError::Changed)), "not done");
        assert_eq!(stage_of(&Ok(KeyState::Abandoned)), "done");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_was_done_is_told_also_where_it_cannot_be_written() {
        let Err(failed) = full().end("released", Ok(KeyState::Abandoned)) else { panic!("on a full disk") };
        assert_eq!(failed.code, 1);
        assert!(
            failed.why.starts_with("the key is released, but the audit (done) cannot be written"),
            "{}",
            failed.why
        );
        let Err(failed) = full().end("released", Err(AdminError::Changed)) else { panic!("on a full disk") };
        assert_eq!(failed.code, 4);
        assert!(failed.why.contains("look it up again; and the audit (not done)"), "{}", failed.why);
    }
}
