//! Names of header fields, and which fields can hold an idempotency key or a scope.

use super::fields;

/// The longest name, in bytes: as much as the type of a handler's argument can hold.
pub(crate) const LONGEST: usize = 64;

/// Why a text is no field name by the HTTP grammar, if it is none, or why none is that long.
pub(crate) fn fault(name: &str) -> Option<String> {
    if name.len() > LONGEST {
        return Some(format!("the header name `{name}` has {} bytes, which are at most {LONGEST}", name.len()));
    }
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(letter);
    name.chars().find(|letter| !allowed(*letter)).map(|letter| match letter {
        ' ' => format!("the header name `{name}` has a space in it"),
        letter if letter.is_ascii_graphic() => format!("the header name `{name}` cannot have `{letter}` in it"),
        letter => format!("the header name `{name}` cannot have {letter:?} in it"),
    })
}

/// A name near to `name` that the HTTP grammar allows.
pub(crate) fn mended(name: &str) -> Option<String> {
    // What a letter of another alphabet should be, nobody can say.
    if !name.is_ascii() {
        return None;
    }
    let words: Vec<_> =
        name.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    (!words.is_empty()).then(|| words.join("-"))
}

/// Why a field cannot hold the idempotency key, if it cannot.
pub(crate) fn unfit_for_key(name: &str) -> Option<&'static str> {
    fields::unfit_for_key(&name.to_ascii_lowercase())
}

/// Why a field cannot hold the scope, if it cannot.
pub(crate) fn unfit_for_scope(name: &str) -> Option<&'static str> {
    fields::unfit_for_scope(&name.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_http_grammar() {
        assert_eq!(fault("Idempotency-Key"), None);
        assert_eq!(fault("x!#$%&'*+.^_`|~9"), None);
        assert_eq!(fault("My Key").as_deref(), Some("the header name `My Key` has a space in it"));
        assert_eq!(fault("a:b").as_deref(), Some("the header name `a:b` cannot have `:` in it"));
        assert_eq!(fault("Schlüssel").as_deref(), Some("the header name `Schlüssel` cannot have 'ü' in it"));
        assert_eq!(fault("a\r\nb").as_deref(), Some("the header name `a\r\nb` cannot have '\\r' in it"));
        assert_eq!(mended("My Key:").as_deref(), Some("My-Key"));
        assert_eq!(mended("::"), None);
        assert_eq!(mended("Schlüssel"), None);
    }

    #[test]
    fn knows_which_fields_are_no_keys() {
        for name in ["Content-Length", "HOST", "authorization", "Cookie", "Connection", "Date", "Content-Type"] {
            assert!(unfit_for_key(name).is_some(), "{name}");
        }
        for name in ["Idempotency-Key", "X-Request-Id", "Location"] {
            assert!(unfit_for_key(name).is_none(), "{name}");
        }
        for name in ["Authorization", "Host", "X-Tenant"] {
            assert!(unfit_for_scope(name).is_none(), "{name}");
        }
        assert!(unfit_for_scope("Date").is_some());
        assert!(unfit_for_scope("Transfer-Encoding").is_some());
    }
}
