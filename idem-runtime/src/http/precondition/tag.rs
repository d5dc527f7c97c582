//! Entity tags that the application makes.

use axum::response::{IntoResponse, Response};
use headers::ETag;
use thiserror::Error;

use super::field::is_etagc;
use crate::http::created::our_mistake;

/// A strong entity tag of this opaque text, which is without its quotes: `rev1` gives `"rev1"`.
///
/// # Errors
/// When the text has a quote, white space or a control character (RFC 9110, section 8.8.3).
///
/// # Examples
///
/// ```
/// use idem_runtime::strong_etag;
///
/// assert_eq!(strong_etag("rev1")?, "\"rev1\"".parse()?);
/// assert!(strong_etag("rev 1").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn strong_etag(opaque: impl AsRef<str>) -> Result<ETag, BadTag> {
    let opaque = opaque.as_ref();
    if !opaque.bytes().all(is_etagc) {
        return Err(BadTag(()));
    }
    format!("\"{opaque}\"").parse().map_err(|_| BadTag(()))
}

/// A text that no entity tag can have. As a response it is a 500: the mistake is the server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("an entity tag has no quotes, white space or control characters in it")]
pub struct BadTag(());

impl IntoResponse for BadTag {
    fn into_response(self) -> Response {
        our_mistake(&self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_gives_a_tag_or_an_error() {
        for text in ["", "rev1", "a,b", "a\\b", "\u{e9}", "W/"] {
            let tag = strong_etag(text).unwrap();
            assert!(!tag.is_weak(), "{text}");
        }
        for text in ["a b", "a\"b", "a\nb", "a\tb", "\0", "\u{7f}"] {
            assert_eq!(strong_etag(text), Err(BadTag(())), "{text:?}");
        }
    }
}
