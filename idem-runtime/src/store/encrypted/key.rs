//! A key, from bytes or from text, gone from memory when it is dropped.

use std::fmt;
use std::str::FromStr;

use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use zeroize::{Zeroize as _, Zeroizing};

/// How many bytes a key has.
pub(super) const KEY_BYTES: usize = 32;

/// A secret key for an [`EncryptedStore`](super::EncryptedStore): 32 bytes that nobody can guess.
///
/// Make one with `openssl rand -base64 32` (or `-hex`), and keep it where other secrets are. It is overwritten in memory
/// when it is dropped; `Debug` does not show it.
///
/// # Examples
///
/// ```
/// use idem_runtime::store::EncryptionKey;
///
/// # fn example() -> Result<EncryptionKey, Box<dyn std::error::Error>> {
/// let key: EncryptionKey = std::env::var("IDEM_ENCRYPTION_KEY")?.parse()?;
/// # Ok(key)
/// # }
/// let key: EncryptionKey = "u1dFqSDpRU0b3IYB4MiSbJ1hTIq7qa1vDZHUsZhbG2E=".parse()?;
/// assert_eq!(format!("{key:?}"), "EncryptionKey(..)");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct EncryptionKey(Box<Zeroizing<[u8; KEY_BYTES]>>);

impl EncryptionKey {
    /// The key with these bytes. They have to be random: a password is no key.
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::store::EncryptionKey;
    ///
    /// # fn from_your_secret_manager() -> [u8; 32] { [7; 32] }
    /// let key = EncryptionKey::from_bytes(from_your_secret_manager());
    /// ```
    #[must_use]
    pub fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(Box::new(Zeroizing::new(bytes)))
    }

    pub(super) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

/// Reads 64 hexadecimal digits, or the Base64 of 32 bytes (44 characters, the last one `=`). White space around it, such
/// as the line feed at the end of a file, is left out.
impl FromStr for EncryptionKey {
    type Err = KeyringError;

    fn from_str(text: &str) -> Result<Self, KeyringError> {
        let text = text.trim_ascii().as_bytes();
        let decoded = match text.len() {
            64 => HEXLOWER_PERMISSIVE.decode(text),
            44 => BASE64.decode(text),
            _ => return Err(KeyringError::NotAKey),
        };
        // What could not be read is not repeated: it is nearly a key.
        let mut bytes = decoded.map_err(|_| KeyringError::NotAKey)?;
        let key = <[u8; KEY_BYTES]>::try_from(bytes.as_slice()).map(Self::from_bytes);
        bytes.zeroize();
        key.map_err(|_| KeyringError::NotAKey)
    }
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EncryptionKey(..)")
    }
}

/// Why there is no [`Keyring`](super::Keyring). Never shows a key.
///
/// # Examples
///
/// ```
/// use idem_runtime::store::{EncryptionKey, KeyringError};
///
/// assert_eq!("password".parse::<EncryptionKey>().unwrap_err(), KeyringError::NotAKey);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyringError {
    /// A text that is no key.
    #[error(
        "an encryption key is 64 hexadecimal digits, or the Base64 of 32 bytes (44 characters): make one with \
         `openssl rand -base64 32`"
    )]
    NotAKey,
    /// An id that cannot be written into a record.
    #[error("`{0}` is no id of an encryption key: use 1 to 32 letters, digits, `.`, `_` and `-` of ASCII")]
    NotAnId(String),
    /// Two keys with one id: nobody could tell which of them a record needs.
    #[error("there are two encryption keys with the id `{0}`: give each an id of its own")]
    RepeatedId(String),
}
