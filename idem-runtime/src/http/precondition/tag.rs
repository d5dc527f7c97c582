//! Entity tags that the application makes.

use std::fmt;

use axum::response::{IntoResponse, Response};
use headers::ETag;
use http::StatusCode;

use super::field::is_etagc;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadTag(());

impl fmt::Display for BadTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an entity tag has no quotes, white space or control characters in it")
    }
}

impl std::error::Error for BadTag {}

impl IntoResponse for BadTag {
    fn into_response(self) -> Response {
        tracing::error!("{self}");
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
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
