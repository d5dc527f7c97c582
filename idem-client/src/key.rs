//! A key: made, given, or derived; and how it stands in a header.

use std::fmt;

use http::HeaderValue;
use sfv::{BareItem, ItemSerializer, Parser, StringRef};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// The longest key, in bytes: what Stripe documents, and what `idem-runtime` accepts.
const LONGEST: usize = 255;

/// What names one operation, over all of its tries: 1 to 255 bytes of visible ASCII.
///
/// A request that has none gets one of its own ([`Key::random`]). Give it one, as an extension of the request, when it has to
/// outlive this process, or when two processes may send the same operation:
///
/// ```
/// # async fn example(client: idem_client::reqwest_middleware::ClientWithMiddleware) -> Result<(), Box<dyn std::error::Error>> {
/// use idem_client::Key;
///
/// let key = Key::random();
/// // Kept where it survives a crash, together with what is sent, before anything is sent.
/// std::fs::write("pending-payment", key.as_str())?;
/// client.post("https://shop.example/v1/payments").with_extension(key).body("12.50").send().await?;
/// std::fs::remove_file("pending-payment")?;
///
/// // After a restart: the same key, and the same bytes. What was done already is not done again.
/// let key: Key = std::fs::read_to_string("pending-payment")?.parse()?;
/// # Ok(())
/// # }
/// ```
///
/// A header that the caller sets itself counts as well. `Debug` does not show the key: whoever knows it might be given the answer.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Key(String);

/// Why a text is no key.
///
/// ```
/// use idem_client::Key;
///
/// assert_eq!("".parse::<Key>().unwrap_err().to_string(), "the idempotency key is empty");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IllegalKey {
    /// There is nothing in it.
    #[error("the idempotency key is empty")]
    Empty,
    /// It has more than 255 bytes.
    #[error("the idempotency key has {0} bytes; 255 are allowed")]
    TooLong(usize),
    /// Something in it is no visible ASCII (0x21 to 0x7E).
    #[error("the idempotency key has bytes other than visible ASCII")]
    NotVisibleAscii,
    /// The header begins with a quote and is no String of RFC 9651, or a bare value has a quote in it, which a server would misread.
    #[error(
        "the quotes of the idempotency key are wrong: an RFC 9651 String is quoted as a whole, a bare key has no quotes"
    )]
    Quotes,
}

/// How a key stands in its header.
///
/// ```
/// use idem_client::{KeyFormat, Retry};
///
/// let strict = Retry::builder().key_format(KeyFormat::Quoted).build();
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyFormat {
    /// `Idempotency-Key: 8e03978e`, as Stripe, Adyen and PayPal document it.
    ///
    /// The default, because of what a mistake costs. A server that wants the quotes refuses a bare key with 400, before it does
    /// anything. A server that does not know them takes them as a part of the key: `"k"` and `k` are then two operations, and
    /// one that another client began with the bare key is done twice.
    #[default]
    Bare,
    /// `Idempotency-Key: "8e03978e"`, the String of RFC 9651 that the IETF draft asks for (section 2.1).
    Quoted,
}

impl Key {
    /// A new key: a UUID, version 4, of the system's random numbers. Version 4 and not 7, which tells everybody who sees it when
    /// it was made.
    ///
    /// ```
    /// assert_eq!(idem_client::Key::random().as_str().len(), 36);
    /// ```
    #[must_use]
    pub fn random() -> Self {
        Self(Uuid::new_v4().to_string())
    }

    /// A key that is always the same for the same business data: whoever asks for the operation, whenever, asks for one.
    ///
    /// 64 lower-case hexadecimal digits: SHA-256 over each part in its order, `purpose` first, each with its length in bytes in
    /// front of it (64 bits, big-endian). Two different lists have different inputs, wherever one part ends and the next begins,
    /// and any language can make the same key. Who can guess the parts can guess the key: where the server does not keep
    /// its users' keys apart, make a secret one of the parts.
    ///
    /// ```
    /// use idem_client::Key;
    ///
    /// let key = Key::derive("monthly invoice", ["customer 17", "2026-11"]);
    /// assert_eq!(key, Key::derive("monthly invoice", ["customer 17", "2026-11"]));
    /// assert_ne!(key, Key::derive("monthly invoice", ["customer 1", "72026-11"]));
    /// ```
    #[must_use]
    pub fn derive<P: AsRef<[u8]>>(purpose: &str, parts: impl IntoIterator<Item = P>) -> Self {
        let mut digest = Sha256::new();
        let mut add = |part: &[u8]| {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        };
        add(purpose.as_bytes());
        parts.into_iter().for_each(|part| add(part.as_ref()));
        Self(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The key itself, for whoever keeps it. It does not belong into a log.
    ///
    /// ```
    /// # use idem_client::Key;
    /// let key: Key = "order-17".parse()?;
    /// assert_eq!(key.as_str(), "order-17");
    /// # Ok::<(), idem_client::IllegalKey>(())
    /// ```
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The value of its header, marked as sensitive: it is not shown by `Debug`, nor kept by HTTP/2's compression.
    pub(crate) fn field(&self, format: KeyFormat) -> Result<HeaderValue, IllegalKey> {
        let text = match format {
            KeyFormat::Bare if self.0.contains('"') => return Err(IllegalKey::Quotes),
            KeyFormat::Bare => self.0.clone(),
            KeyFormat::Quoted => {
                let text = StringRef::from_str(&self.0).map_err(|_| IllegalKey::NotVisibleAscii)?;
                ItemSerializer::new().bare_item(text).finish()
            }
        };
        let mut value = HeaderValue::from_str(&text).map_err(|_| IllegalKey::NotVisibleAscii)?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// The key that a header of the caller's own has, read as the server reads it: a String of RFC 9651, or the bare value.
    pub(crate) fn of_field(value: &HeaderValue) -> Result<Self, IllegalKey> {
        let text = value.to_str().map_err(|_| IllegalKey::NotVisibleAscii)?.trim_matches([' ', '\t']);
        if !text.starts_with('"') {
            return if text.contains('"') { Err(IllegalKey::Quotes) } else { text.parse() };
        }
        let item = Parser::new(text).parse::<sfv::Item>().map_err(|_| IllegalKey::Quotes)?;
        match item.bare_item {
            BareItem::String(key) => key.as_str().parse(),
            _ => Err(IllegalKey::Quotes),
        }
    }
}

impl std::str::FromStr for Key {
    type Err = IllegalKey;

    fn from_str(text: &str) -> Result<Self, IllegalKey> {
        match text.len() {
            0 => Err(IllegalKey::Empty),
            1..=LONGEST if text.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(Self(text.to_owned())),
            1..=LONGEST => Err(IllegalKey::NotVisibleAscii),
            length => Err(IllegalKey::TooLong(length)),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &[u8]) -> Result<String, IllegalKey> {
        Key::of_field(&HeaderValue::from_bytes(text).unwrap()).map(|key| key.0)
    }

    /// Made once with another program: `printf '\0\0\0\0\0\0\0\1p\0\0\0\0\0\0\0\2ab\0\0\0\0\0\0\0\1c' | sha256sum`.
    #[test]
    fn a_derived_key_is_the_same_in_any_language() {
        let expected = "b826d642da4339804a2447b9d9f1ecd12e84cc6ed1d1810b88a8d91c580ddf01";
        assert_eq!(Key::derive("p", ["ab", "c"]).as_str(), expected);
    }

    #[test]
    fn a_key_has_1_to_255_bytes_of_visible_ascii() {
        let of = |length: usize| "k".repeat(length).parse::<Key>();
        assert_eq!(of(0), Err(IllegalKey::Empty));
        assert!(of(1).is_ok() && of(255).is_ok());
        assert_eq!(of(256), Err(IllegalKey::TooLong(256)));
        for text in ["a b", "a\tb", "a\n", "\u{e9}", "\u{7f}", "\0"] {
            assert_eq!(text.parse::<Key>(), Err(IllegalKey::NotVisibleAscii), "{text:?}");
        }
        assert!("!~".parse::<Key>().is_ok());
    }

    #[test]
    fn a_header_of_the_callers_is_read_as_the_server_reads_it() {
        assert_eq!(read(b"\"a\\\"b\"").as_deref(), Ok("a\"b"));
        assert_eq!(read(b"\"a\";x=1").as_deref(), Ok("a"));
        assert_eq!(read(b" a ").as_deref(), Ok("a"));
        assert_eq!(read(b""), Err(IllegalKey::Empty));
        assert_eq!(read(b"\"\""), Err(IllegalKey::Empty));
        assert_eq!(read(b"k\xe9"), Err(IllegalKey::NotVisibleAscii));
        for text in [&b"\"a"[..], b"a\"", b"\"a\",\"b\"", b"\""] {
            assert_eq!(read(text), Err(IllegalKey::Quotes));
        }
    }

    #[test]
    fn a_bare_key_with_a_quote_is_refused() {
        let key: Key = "a\"b".parse().unwrap();
        assert_eq!(key.field(KeyFormat::Bare), Err(IllegalKey::Quotes));
        assert!(key.field(KeyFormat::Quoted).unwrap().is_sensitive());
    }

    #[test]
    fn no_key_is_shown() {
        assert_eq!(format!("{:?}", Key("secret".into())), "Key(..)");
        assert!(!format!("{:?}", Key("secret".into()).field(KeyFormat::Bare)).contains("secret"));
    }

    proptest! {
        #[test]
        fn the_server_reads_the_key_that_was_meant(text in "[!-~]{1,255}", quoted in any::<bool>()) {
            let key: Key = text.parse().unwrap();
            let format = if quoted { KeyFormat::Quoted } else { KeyFormat::Bare };
            match key.field(format) {
                Ok(field) => prop_assert_eq!(Key::of_field(&field), Ok(key)),
                Err(why) => prop_assert!(why == IllegalKey::Quotes && !quoted && text.contains('"')),
            }
        }

        #[test]
        fn other_parts_are_another_key(one in parts(), other in parts()) {
            prop_assert_eq!(one == other, Key::derive("", &one) == Key::derive("", &other));
        }
    }

    /// Few and short, so that many lists are the same bytes in a row.
    fn parts() -> impl Strategy<Value = Vec<String>> {
        proptest::collection::vec("[ab]{0,2}", 0..3)
    }
}
