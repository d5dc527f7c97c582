//! The part of the fingerprint that a route chooses: the body, its JSON value, or an expression's value.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;

/// A JSON body's value, written with its members in order and without white space; a body that is no JSON, as it is.
///
/// Numbers keep the form in which `serde_json` holds them: `1` and `1.0` differ, `1.0` and `1.00` do not.
pub(crate) fn of_json(body: &[u8]) -> Cow<'_, [u8]> {
    match serde_json::from_slice::<Value>(body) {
        Ok(value) => {
            let mut text = Vec::with_capacity(body.len());
            write_sorted(&value, &mut text);
            Cow::Owned(text)
        }
        Err(_) => Cow::Borrowed(body),
    }
}

/// A value as JSON, with its members in order.
pub(crate) fn of_value<V: Serialize + ?Sized>(value: &V) -> Result<Vec<u8>, serde_json::Error> {
    let mut text = Vec::new();
    write_sorted(&serde_json::to_value(value)?, &mut text);
    Ok(text)
}

/// Sorts for itself: with `serde_json/preserve_order` anywhere in the build, a map is not sorted.
fn write_sorted(value: &Value, text: &mut Vec<u8>) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            text.push(b'{');
            for (index, (name, value)) in members.into_iter().enumerate() {
                if index > 0 {
                    text.push(b',');
                }
                write_scalar(name, text);
                text.push(b':');
                write_sorted(value, text);
            }
            text.push(b'}');
        }
        Value::Array(items) => {
            text.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(b',');
                }
                write_sorted(item, text);
            }
            text.push(b']');
        }
        scalar => write_scalar(scalar, text),
    }
}

fn write_scalar<V: Serialize + ?Sized>(scalar: &V, text: &mut Vec<u8>) {
    // Writing a scalar into memory cannot fail; if it did, the text would differ, which is the safe side.
    let _ = serde_json::to_writer(text, scalar);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b24_order_and_white_space_do_not_matter() {
        let one = of_json(br#"{"b": [1, {"y": null, "x": "\u0041"}], "a": 1.50}"#);
        let other = of_json(br#"{"a":1.5,"b":[1,{"x":"A","y":null}]}"#);
        assert_eq!(one, other);
        assert_eq!(&*other, br#"{"a":1.5,"b":[1,{"x":"A","y":null}]}"#);
    }

    #[test]
    fn other_values_differ() {
        for (one, other) in [
            (r#"{"a":1}"#, r#"{"a":"1"}"#),
            (r#"{"a":1}"#, r#"{"a":1.0}"#),
            ("[1,2]", "[2,1]"),
            (r#"{"a":{}}"#, r#"{"a":[]}"#),
            (r#"{"a":null}"#, "{}"),
            ("18446744073709551615", "18446744073709551614"),
        ] {
            assert_ne!(of_json(one.as_bytes()), of_json(other.as_bytes()), "{one} {other}");
        }
    }

    #[test]
    fn what_is_no_json_is_taken_as_it_is() {
        for body in ["", "{", "{} x", "\u{feff}{}"] {
            assert_eq!(&*of_json(body.as_bytes()), body.as_bytes());
        }
        let deep = "[".repeat(100_000);
        assert_eq!(&*of_json(deep.as_bytes()), deep.as_bytes());
    }
}
