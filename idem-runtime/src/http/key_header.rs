//! The value of a key header: an RFC 9651 String, or the bare value that most clients send.

use http::HeaderValue;
use sfv::{BareItem, Parser};

use super::key_text::KeyText;

/// The longest key, in bytes (Stripe's limit, which clients are written against).
pub(super) const LONGEST_KEY: usize = 255;
/// Nothing longer is even parsed: twice the longest key for its escapes, and room for parameters.
const LONGEST_FIELD: usize = 1024;

/// Reads one field value.
///
/// The draft (section 2.1) asks for a String, `"8e03"`; parameters behind it are ignored, as RFC 9651 section 2 asks of
/// recipients. A bare `8e03` is the same key.
pub(super) fn read(value: HeaderValue) -> Result<KeyText, String> {
    let bytes = value.as_bytes();
    // As most of them are. No short-cut within: bytes are looked at many at a time.
    let plain = |bytes: &[u8]| bytes.iter().fold(true, |all, byte| all & byte.is_ascii_graphic() & (*byte != b'"'));
    if (1..=LONGEST_KEY).contains(&bytes.len()) && plain(bytes) {
        return Ok(KeyText::Value(value));
    }
    if bytes.len() > LONGEST_FIELD {
        return Err(too_long(bytes.len()));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "it has bytes that are not visible ASCII".to_owned())?;
    let text = text.trim_matches([' ', '\t']);
    if text.starts_with('"') {
        let item = Parser::new(text)
            .parse::<sfv::Item>()
            .map_err(|error| format!("it starts with a quote but is no RFC 9651 String: {error}"))?;
        let BareItem::String(key) = item.bare_item else {
            return Err("it is no RFC 9651 String".to_owned());
        };
        return check(key.as_str());
    }
    if text.contains('"') {
        return Err("a quote stands within it; quote the whole key, or nothing".to_owned());
    }
    check(text)
}

/// What any key has to be that a client chooses, wherever it comes from.
pub(super) fn check(key: &str) -> Result<KeyText, String> {
    if key.is_empty() {
        return Err("it is empty".to_owned());
    }
    if key.len() > LONGEST_KEY {
        return Err(too_long(key.len()));
    }
    if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("only visible ASCII without spaces is allowed".to_owned());
    }
    Ok(key.to_owned().into())
}

fn too_long(length: usize) -> String {
    format!("it has {length} bytes; {LONGEST_KEY} are allowed")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read_bytes(bytes: &[u8]) -> Result<String, String> {
        read(HeaderValue::from_bytes(bytes).unwrap()).map(|key| key.as_str().to_owned())
    }

    #[test]
    fn b6_bare_and_quoted_are_the_same_key() {
        for text in ["8e03978e-40d5-43dd-bc93-6894a57f9324", "a:b;c,d", "x"] {
            assert_eq!(read_bytes(text.as_bytes()).as_deref(), Ok(text));
            assert_eq!(read_bytes(format!("\"{text}\"").as_bytes()).as_deref(), Ok(text));
        }
        assert_eq!(read_bytes(br#""a\"b\\c""#).as_deref(), Ok(r#"a"b\c"#));
    }

    #[test]
    fn b11_parameters_are_ignored() {
        assert_eq!(read_bytes(br#""a";x=1;y"#).as_deref(), Ok("a"));
    }

    #[test]
    fn b3_b7_b8_b9_b10_what_is_malformed_is_refused() {
        for bytes in [
            &b""[..],
            b"\"\"",
            b"  ",
            b"\"a",
            b"a\"",
            b"\"",
            br#""a\x""#,
            br#""a","b""#,
            b"a b",
            b"\"a b\"",
            "k\u{e9}".as_bytes(),
            b"\"k\xff\"",
            b"\"a\"b",
            b"a\tb",
            b"\"a\";",
        ] {
            assert!(read_bytes(bytes).is_err(), "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn b4_b5_length_is_bounded() {
        assert!(read_bytes(&[b'k'; 255]).is_ok());
        assert!(read_bytes(&[b'k'; 256]).is_err());
        assert!(read_bytes(&[b'k'; 8192]).is_err());
        let quoted = |n: usize| format!("\"{}\"", "k".repeat(n));
        assert!(read_bytes(quoted(255).as_bytes()).is_ok());
        assert!(read_bytes(quoted(256).as_bytes()).is_err());
        let escaped = format!("\"{}\"", r"\\".repeat(255));
        assert_eq!(read_bytes(escaped.as_bytes()).map(|key| key.len()), Ok(255));
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_a_key(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes)
                && let Ok(key) = read_bytes(value.as_bytes())
            {
                prop_assert!((1..=LONGEST_KEY).contains(&key.len()));
                prop_assert!(key.bytes().all(|byte| byte.is_ascii_graphic()));
            }
        }

        #[test]
        fn every_key_can_be_sent_quoted(key in "[!-~]{1,255}") {
            let quoted = format!("\"{}\"", key.replace('\\', r"\\").replace('"', "\\\""));
            prop_assert_eq!(read_bytes(quoted.as_bytes()), Ok(key));
        }
    }
}
