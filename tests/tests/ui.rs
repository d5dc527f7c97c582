//! Every misuse of the attribute that can be known at compile time is an error, at its token, and is said once.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::{Path, PathBuf};

#[test]
fn every_misuse_is_reported() {
    trybuild::TestCases::new().compile_fail("ui/*/*.rs");
}

fn cases() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui");
    let groups = std::fs::read_dir(root).unwrap().map(|group| group.unwrap().path());
    let files = groups.flat_map(|group| std::fs::read_dir(group).unwrap().map(|file| file.unwrap().path()));
    let mut cases: Vec<_> = files.filter(|file| file.extension().is_some_and(|kind| kind == "rs")).collect();
    cases.sort();
    cases
}

/// Each case says in its first line how many mistakes it has; the compiler reports exactly so many errors.
#[test]
fn there_are_as_many_errors_as_mistakes() {
    let cases = cases();
    assert!(cases.len() >= 120, "{}", cases.len());
    let mut wrong = Vec::new();
    for case in cases {
        let source = std::fs::read_to_string(&case).unwrap();
        let mistakes: usize = source.lines().next().unwrap().strip_prefix("// mistakes: ").unwrap().parse().unwrap();
        let said = std::fs::read_to_string(case.with_extension("stderr")).unwrap();
        let errors = said.lines().filter(|line| line.starts_with("error")).count();
        if errors != mistakes {
            wrong.push(format!("{}: {mistakes} mistakes, {errors} errors\n{said}", case.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
