//! The page that ships with the crate explains every code, and no other.

use super::*;

const PAGE: &str = include_str!("../../docs/problems.md");

/// Every code that `RefusalCode::as_str` gives. Its `match` is complete, or it would not compile.
fn codes() -> Vec<&'static str> {
    let source = include_str!("refusal.rs");
    let (_, rest) = source.split_once("fn as_str").unwrap();
    let (body, _) = rest.split_once("\n    }").unwrap();
    let codes: Vec<_> = body.lines().filter_map(|line| line.split(" => \"").nth(1)?.split('"').next()).collect();
    assert!(codes.len() >= 11, "{codes:?}");
    codes
}

/// The page's sections: the code that each is about, and what stands in it.
fn sections() -> Vec<(&'static str, &'static str)> {
    PAGE.split("\n## ").skip(1).map(|section| section.split_once('\n').unwrap()).collect()
}

#[test]
fn every_code_has_its_section_and_every_section_its_code() {
    let (mut codes, mut explained): (Vec<_>, Vec<_>) = (codes(), sections().iter().map(|section| section.0).collect());
    codes.sort_unstable();
    explained.sort_unstable();
    assert_eq!(codes, explained);
}

#[test]
fn every_section_says_all_that_a_client_asks() {
    for (code, text) in sections() {
        let rows = text.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next());
        let rows: Vec<_> = rows.filter(|row| *row != "|").collect();
        assert_eq!(rows, ["status", "means", "was it run?", "do", "the key", "`Retry-After`"], "{code}");
    }
}

/// In the overview, and wherever else one code speaks of another.
#[test]
fn links_within_the_page_lead_to_sections() {
    let codes = codes();
    let links: Vec<_> = PAGE.split("](#").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    assert!(codes.iter().all(|code| links.contains(code)), "a code is not in the overview: {links:?}");
    for link in links {
        assert!(codes.contains(&link), "{link}");
    }
}

#[test]
fn status_and_wait_are_those_of_the_code() {
    let all = [
        RefusalCode::MissingKey,
        RefusalCode::InvalidKey,
        RefusalCode::MissingScope,
        RefusalCode::InvalidScope,
        RefusalCode::KeyReused,
        RefusalCode::InProgress,
        RefusalCode::OutcomeUnknown,
        RefusalCode::ResponseNotKept,
        RefusalCode::StoreUnavailable,
        RefusalCode::Draining,
        RefusalCode::Misconfigured,
        RefusalCode::InvalidPrecondition,
        RefusalCode::PreconditionRequired,
        RefusalCode::PreconditionFailed,
    ];
    assert_eq!(all.len(), codes().len(), "a code is missing in this list");
    for code in all {
        let (_, text) = sections().into_iter().find(|(name, _)| *name == code.as_str()).unwrap();
        let cell = |row: &str| {
            let line = text.lines().find(|line| line.starts_with(&format!("| {row} |"))).unwrap();
            line.split(" | ").nth(1).unwrap().trim_end_matches(" |")
        };
        assert!(cell("status").starts_with(code.status().as_str()), "{code}");
        assert_eq!(cell("`Retry-After`").starts_with("yes"), code.retry_after().is_some(), "{code}");
    }
}

#[test]
fn pages_of_the_application_are_checked() {
    for right in ["https://api.shop.example/problems#", "http://localhost:3000/problems/", "https://x.example/?code="] {
        assert!(begins_a_uri(right), "{right}");
    }
    for wrong in [
        "",
        "/problems#",
        "problems",
        "urn:problem:",
        "https://x.example/a b#",
        "https://x.example/>#",
        "https://x.example/##",
        "https://",
    ] {
        assert!(!begins_a_uri(wrong), "{wrong}");
    }
}
