//! Reads a key: a String, with parameters that are ignored, or the bare value; 1 to 255 bytes of visible ASCII.

use axum::http::{HeaderMap, HeaderValue};
use sfv::{BareItem, Item, Parser};

use super::Flaw;

pub(super) const HEADER: &str = "idempotency-key";

/// What a request says of its key.
pub(super) enum Key {
    Missing,
    Invalid,
    Given(String),
}

pub(super) fn of(headers: &HeaderMap, flaw: Flaw) -> Key {
    let lines: Vec<_> = headers.get_all(HEADER).iter().collect();
    let line = match lines[..] {
        [] => return Key::Missing,
        [first, _, ..] if flaw == Flaw::TakesFirstLine => first,
        [line] => line,
        _ => return Key::Invalid,
    };
    if flaw == Flaw::EmptyKeyRuns && [&b""[..], b"\"\""].contains(&line.as_bytes()) {
        return Key::Missing;
    }
    let longest = match flaw {
        Flaw::KeysOf64Characters => 64,
        Flaw::LongKeysAreTaken => usize::MAX,
        _ => 255,
    };
    let is_text = |key: &String| flaw == Flaw::TakesAllBytes || key.bytes().all(|byte| byte.is_ascii_graphic());
    let key = text(line, flaw).filter(|key| (1..=longest).contains(&key.len()) && is_text(key));
    match (key, flaw) {
        (None, _) => Key::Invalid,
        (Some(key), Flaw::CutsKeys) => Key::Given(key.chars().take(35).collect()),
        (Some(key), Flaw::IgnoresCase) => Key::Given(key.to_lowercase()),
        (Some(key), _) => Key::Given(key),
    }
}

fn text(line: &HeaderValue, flaw: Flaw) -> Option<String> {
    let lossy = String::from_utf8_lossy(line.as_bytes()).into_owned();
    let is_quoted = lossy.starts_with('"');
    match flaw {
        Flaw::QuotesArePartOfTheKey => return Some(lossy),
        Flaw::RefusesEscapes if lossy.contains('\\') => return None,
        Flaw::EndIsOptional | Flaw::TakesAllBytes if !lossy.contains(['\\', ',', ';', ' ']) => {
            return Some(if flaw == Flaw::EndIsOptional || lossy.matches('"').count() == 2 {
                lossy.replace('"', "")
            } else {
                return None;
            });
        }
        Flaw::ParametersArePartOfTheKey if is_quoted && lossy.contains(';') => return Some(lossy.replace('"', "")),
        _ => {}
    }
    if !is_quoted {
        return (!lossy.contains('"')).then_some(lossy);
    }
    let BareItem::String(key) = Parser::new(line.as_bytes()).parse::<Item>().ok()?.bare_item else { return None };
    Some(key.as_str().to_owned())
}
