//! What is written down of a change: a line before it, and one after it.
//!
//! The first one is on the disk before anything is changed. A change whose second line is missing may have been made.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::SystemTime;

use idem_runtime::RecordKey;
use idem_runtime::admin::Admin;
use serde_json::{Value, json};

use crate::Failed;
use crate::arguments::Change;

pub(crate) struct Audit {
    file: Option<File>,
    line: Value,
}

impl Audit {
    /// Writes what is about to be done, and what state the key is in.
    pub(crate) async fn begin(what: &str, change: &Change, key: RecordKey, admin: &Admin) -> Result<Self, Failed> {
        let known = admin.look_up(key).await?.ok_or_else(Failed::not_found)?;
        let file = change.audit.as_deref().map(append).transpose()?;
        let mut line = json!({
            "what": what,
            "who": who(),
            "key": key.to_string(),
            "before": known.state.as_str(),
            "attempt": known.attempt,
            "reason": change.reason(),
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

    /// Writes how it went.
    pub(crate) fn end(&mut self, done: Result<String, String>) -> Result<(), Failed> {
        match done {
            Ok(after) => self.write("done", Some(after)),
            Err(why) => {
                self.line["error"] = json!(why);
                self.write("not done", None)
            }
        }
    }

    fn write(&mut self, stage: &str, after: Option<String>) -> Result<(), Failed> {
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

fn append(file: &Path) -> Result<File, Failed> {
    let opened = File::options().append(true).create(true).open(file);
    opened.map_err(|error| Failed::unusable(format!("the audit {} cannot be written: {error}", file.display())))
}

/// Whoever became another user is named by who they were.
fn who() -> String {
    let named = |name| std::env::var(name).ok().filter(|user| !user.is_empty());
    ["SUDO_USER", "USER", "LOGNAME", "USERNAME"].into_iter().find_map(named).unwrap_or_else(|| "unknown".to_owned())
}
