//! The table of misuses in the documentation is what the compiler says, word for word.
//!
//! `IDEM_BLESS=1 cargo test -p idem-tests --test misuse_table` writes it anew from the reviewed cases.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

const GROUPS: [(&str, &str); 12] = [
    ("options", "Options"),
    ("durations", "Durations"),
    ("sizes", "Sizes"),
    ("keys", "Keys, scopes and other sources"),
    ("statuses", "Statuses"),
    ("words", "Choices"),
    ("expressions", "Expressions over the arguments"),
    ("function", "The function"),
    ("router", "The router"),
    ("jobs", "Functions that are no handlers: options"),
    ("job_functions", "Functions that are no handlers: the function"),
    ("transparent", "The handler's own mistakes, reported as without the attribute"),
];

fn sorted(folder: &Path, kind: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == kind));
    files.sort();
    files
}

fn in_a_cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// The attribute and the signature below it, in one line.
fn misuse(case: &Path) -> String {
    let source = std::fs::read_to_string(case).unwrap();
    let mut lines = source.lines().skip_while(|line| !line.trim_start().starts_with("#[idempotent"));
    let attribute = lines.next().unwrap_or_default().trim();
    let said_by_the_attribute = !["function", "router", "transparent", "job_functions"]
        .iter()
        .any(|group| case.parent().unwrap().ends_with(group));
    if said_by_the_attribute {
        return format!("`{attribute}`");
    }
    let name = case.file_stem().unwrap().to_string_lossy().replace('_', " ");
    let item = lines.find(|line| !line.trim().starts_with("#[")).unwrap_or_default().trim();
    format!("{name}: `{}`", item.trim_end_matches(['{', ' ', '}']))
}

fn messages(case: &Path) -> Vec<String> {
    let said = std::fs::read_to_string(case.with_extension("stderr")).unwrap();
    let said = said.lines().filter_map(|line| line.strip_prefix("error"));
    said.map(|line| line.split_once(": ").unwrap().1.to_owned()).collect()
}

#[test]
fn the_table_is_what_the_compiler_says() {
    let ui = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui");
    let mut table = String::from(
        "Each row is a case that is compiled by the tests, and each message is what the compiler printed.\n",
    );
    let mut rows = 0;
    for (folder, title) in GROUPS {
        let _ = write!(table, "\n## {title}\n\n| misuse | what the compiler says |\n|---|---|\n");
        for case in sorted(&ui.join(folder), "rs") {
            let messages: Vec<_> = messages(&case).iter().map(|message| in_a_cell(message)).collect();
            let _ = writeln!(table, "| {} | {} |", in_a_cell(&misuse(&case)), messages.join("<br>"));
            rows += 1;
        }
    }
    let folders = std::fs::read_dir(&ui).unwrap().count();
    assert_eq!(folders, GROUPS.len(), "a group of cases is missing in the table");
    assert!(rows >= 120);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../idem-runtime/docs/misuse.md");
    if std::env::var_os("IDEM_BLESS").is_some() {
        std::fs::write(&path, &table).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), table, "run it with IDEM_BLESS=1");
}

/// The page that explains the messages quotes them as they are printed.
#[test]
fn the_page_leads_with_real_messages() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../idem-runtime/docs/why-not-compile.md");
    let page = std::fs::read_to_string(page).unwrap();
    let ui = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui");
    let said: String = GROUPS
        .iter()
        .flat_map(|(folder, _)| sorted(&ui.join(folder), "stderr"))
        .map(|file| std::fs::read_to_string(file).unwrap())
        .collect();
    let quoted: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("error")).collect();
    assert!(quoted.len() >= 10);
    for line in quoted {
        assert!(said.contains(&format!("error{line}\n")), "no case prints: error{line}");
    }
}
