//! The value of `If-Match`: `*`, or a list of entity tags (RFC 9110, sections 13.1.1, 8.8.3 and 5.6.1).
//!
//! `headers::IfMatch` leaves out what it cannot read. Here that has to be told from a tag that matches nothing: the first is
//! the client's mistake, the second another state of the resource.

use headers::{ETag, Header as _};
use http::HeaderValue;

/// What a request says about the state of its resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// `*`: there is one.
    Any,
    /// It has one of these tags, of which there is at least one.
    OneOf(Vec<ETag>),
}

/// Reads all field lines; `None` if there are none.
pub(super) fn read<'a>(lines: impl IntoIterator<Item = &'a HeaderValue>) -> Result<Option<Wanted>, &'static str> {
    let mut tags = Vec::new();
    let (mut lines_read, mut any) = (0, false);
    for line in lines {
        lines_read += 1;
        if line.as_bytes().trim_ascii() == b"*" {
            any = true;
        } else {
            read_list(line.as_bytes(), &mut tags)?;
        }
    }
    match (lines_read, any) {
        (0, _) => Ok(None),
        (1, true) => Ok(Some(Wanted::Any)),
        (_, true) => Err("`*` does not stand alone"),
        (_, false) if tags.is_empty() => Err("it is empty"),
        (_, false) => Ok(Some(Wanted::OneOf(tags))),
    }
}

/// The members of one line; empty ones are skipped (RFC 9110, section 5.6.1.2).
fn read_list(mut rest: &[u8], tags: &mut Vec<ETag>) -> Result<(), &'static str> {
    loop {
        rest = rest.trim_ascii_start();
        match rest {
            [] => return Ok(()),
            [b',', more @ ..] => rest = more,
            _ => {
                let (tag, more) = split_tag(rest)?;
                tags.push(tag);
                rest = more.trim_ascii_start();
                if !matches!(rest, [] | [b',', ..]) {
                    return Err("something stands behind an entity tag that is no comma");
                }
            }
        }
    }
}

/// The entity tag that `text` begins with, and what follows it.
fn split_tag(text: &[u8]) -> Result<(ETag, &[u8]), &'static str> {
    let prefix = if text.starts_with(b"W/") { 2 } else { 0 };
    let [b'"', opaque @ ..] = &text[prefix..] else {
        return Err("an entity tag is not in quotes");
    };
    let length = opaque.iter().position(|byte| !is_etagc(*byte)).unwrap_or(opaque.len());
    match opaque.get(length) {
        Some(b'"') => {}
        Some(_) => return Err("an entity tag has a character that it must not have"),
        None => return Err("an entity tag has no closing quote"),
    }
    let (tag, more) = text.split_at(prefix + length + 2);
    let tag = HeaderValue::from_bytes(tag).ok().and_then(|tag| ETag::decode(&mut std::iter::once(&tag)).ok());
    tag.map(|tag| (tag, more)).ok_or("an entity tag cannot be read")
}

/// `%x21 / %x23-7E / obs-text`: a comma is a part of the tag, a backslash escapes nothing, and there are no spaces.
pub(super) fn is_etagc(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x7E | 0x80..=0xFF)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn read_lines(lines: &[&[u8]]) -> Result<Option<Wanted>, &'static str> {
        let lines: Vec<HeaderValue> = lines.iter().map(|line| HeaderValue::from_bytes(line).unwrap()).collect();
        read(&lines)
    }

    fn texts(wanted: Wanted) -> Vec<Vec<u8>> {
        let Wanted::OneOf(tags) = wanted else { panic!("no list") };
        let mut values: Vec<HeaderValue> = Vec::new();
        tags.iter().for_each(|tag| tag.encode(&mut values));
        values.iter().map(|value| value.as_bytes().to_vec()).collect()
    }

    #[test]
    fn lists_are_read_over_all_lines() {
        for (lines, tags) in [
            (&[&b"\"a\""[..]][..], &["\"a\""][..]),
            (&[b"  \"a\" , W/\"b\"\t,\"\""], &["\"a\"", "W/\"b\"", "\"\""]),
            (&[b"\"a\"", b"", b"\"b\",\"c\""], &["\"a\"", "\"b\"", "\"c\""]),
            (&[b",, \"a,b\", ,\"c\\\","], &["\"a,b\"", "\"c\\\""]),
            (&[b"\"*\""], &["\"*\""]),
        ] {
            let tags: Vec<Vec<u8>> = tags.iter().map(|tag| tag.as_bytes().to_vec()).collect();
            assert_eq!(texts(read_lines(lines).unwrap().unwrap()), tags);
        }
        assert_eq!(texts(read_lines(&[b"\"\xe9\""]).unwrap().unwrap()), [b"\"\xe9\""]);
        assert_eq!(read_lines(&[]), Ok(None));
        assert_eq!(read_lines(&[b" * "]), Ok(Some(Wanted::Any)));
    }

    #[test]
    fn what_the_grammar_has_not_is_refused() {
        for lines in [
            &[&b""[..]][..],
            &[b" , ,"],
            &[b"rev1"],
            &[b"\"rev1"],
            &[b"rev1\""],
            &[b"w/\"rev1\""],
            &[b"W/rev1"],
            &[b"W/ \"rev1\""],
            &[b"W/"],
            &[b"\"a b\""],
            &[b"\"a\tb\""],
            &[b"\"a\"\"b\""],
            &[b"\"a\";q=1"],
            &[b"\"a\" \"b\""],
            &[b"\"a\", b"],
            &[b"*, \"a\""],
            &[b"\"a\", *"],
            &[b"**"],
            &[b"*", b"*"],
            &[b"*", b"\"a\""],
            &[b"*", b""],
            // One tag cannot go on in another line.
            &[b"\"a", b"b\""],
        ] {
            assert!(read_lines(lines).is_err(), "{lines:?}");
        }
    }

    proptest! {
        #[test]
        fn any_list_is_read_as_it_was_written(
            lines in vec(vec((any::<bool>(), "[!#-~\u{80}-\u{ff}]{0,8}", "[ \t]{0,2}(,[ \t]?){1,3}"), 1..5), 1..4)
        ) {
            let mut expected = Vec::new();
            let written: Vec<HeaderValue> = lines.iter().map(|members| {
                let mut line = Vec::new();
                for (weak, opaque, behind) in members {
                    let prefix = if *weak { "W/" } else { "" };
                    let tag = format!("{prefix}\"{opaque}\"");
                    expected.push(tag.clone().into_bytes());
                    line.extend_from_slice(tag.as_bytes());
                    line.extend_from_slice(behind.as_bytes());
                }
                HeaderValue::from_bytes(&line).unwrap()
            }).collect();
            prop_assert_eq!(texts(read(&written).unwrap().unwrap()), expected);
        }

        /// Without commas and white space, a line is accepted if and only if it is one tag or `*`.
        #[test]
        fn one_member_follows_the_grammar(line in "[W/\"*a\\\\]{0,6}") {
            let opaque = line.strip_prefix("W/").unwrap_or(&line);
            let inner = opaque.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            let is_tag = inner.is_some_and(|inner| !inner.contains('"'));
            prop_assert_eq!(read_lines(&[line.as_bytes()]).is_ok(), is_tag || line == "*");
        }
    }
}
