//! The text of a key, wherever it comes from.

use std::fmt;

use http::HeaderValue;

/// Borrowed from the request where it is a header's value as it stands, so that it need not be copied.
#[derive(Clone)]
pub(crate) enum KeyText {
    Text(String),
    /// Visible ASCII, as it was checked to be.
    Value(HeaderValue),
}

impl KeyText {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Value(value) => std::str::from_utf8(value.as_bytes()).unwrap_or_default(),
        }
    }
}

impl From<String> for KeyText {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// Shows nothing of it.
impl fmt::Debug for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyText(..)")
    }
}
