//! Which keys there are, and which of them is written with.

use std::fmt;

use super::key::{EncryptionKey, KeyringError};

/// The longest id of a key, in bytes. It stands in each record, in the place that a claim reserves.
pub(super) const LONGEST_ID: usize = 32;

/// The keys of an [`EncryptedStore`](super::EncryptedStore): one that new records are encrypted with, and any number of
/// older ones that are still read.
///
/// Each key has an id, which stands in the record in plain text. Give a new key a new id, such as the month: what was
/// recorded under an id that nobody has, cannot be read.
///
/// # Changing the key
///
/// Old processes have to be able to read what new ones write, so it takes three steps, each of them deployed everywhere
/// before the next one begins:
///
/// 1. `Keyring::new("2026-05", may)?.also_reads("2026-11", november)?`: all can read the new key.
/// 2. `Keyring::new("2026-11", november)?.also_reads("2026-05", may)?`: all write with it.
/// 3. After the longest `ttl` of any route, `Keyring::new("2026-11", november)?`: nothing is left under the old one.
///
/// # Examples
///
/// ```
/// use idem_runtime::store::{EncryptionKey, Keyring};
///
/// let (may, november) = (EncryptionKey::from_bytes([5; 32]), EncryptionKey::from_bytes([11; 32]));
/// let keyring = Keyring::new("2026-11", november)?.also_reads("2026-05", may)?;
/// assert_eq!(format!("{keyring:?}"), r#"Keyring { writes: "2026-11", also_reads: ["2026-05"] }"#);
/// # Ok::<(), idem_runtime::store::KeyringError>(())
/// ```
#[derive(Clone)]
pub struct Keyring {
    newest: Named,
    older: Vec<Named>,
}

/// A key and its id.
#[derive(Clone)]
pub(super) struct Named {
    pub(super) id: String,
    pub(super) key: EncryptionKey,
}

impl Keyring {
    /// One key, to write and to read with.
    ///
    /// # Errors
    /// When `id` is not 1 to 32 letters, digits, `.`, `_` and `-` of ASCII.
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::store::{EncryptionKey, Keyring, KeyringError};
    ///
    /// let key = EncryptionKey::from_bytes([11; 32]);
    /// let keyring = Keyring::new("2026-11", key.clone())?;
    /// assert!(matches!(Keyring::new("November 2026", key), Err(KeyringError::NotAnId(_))));
    /// # Ok::<(), KeyringError>(())
    /// ```
    pub fn new(id: impl Into<String>, key: EncryptionKey) -> Result<Self, KeyringError> {
        Ok(Self { newest: Named::new(id.into(), key)?, older: Vec::new() })
    }

    /// One more key, to read with.
    ///
    /// # Errors
    /// As [`new`](Self::new); also when there is a key with this id.
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::store::{EncryptionKey, Keyring, KeyringError};
    ///
    /// let (may, november) = (EncryptionKey::from_bytes([5; 32]), EncryptionKey::from_bytes([11; 32]));
    /// let keyring = Keyring::new("2026-11", november)?.also_reads("2026-05", may.clone())?;
    /// assert!(matches!(keyring.also_reads("2026-05", may), Err(KeyringError::RepeatedId(_))));
    /// # Ok::<(), KeyringError>(())
    /// ```
    pub fn also_reads(mut self, id: impl Into<String>, key: EncryptionKey) -> Result<Self, KeyringError> {
        let named = Named::new(id.into(), key)?;
        if self.find(named.id.as_bytes()).is_some() {
            return Err(KeyringError::RepeatedId(named.id));
        }
        self.older.push(named);
        Ok(self)
    }

    pub(super) fn newest(&self) -> &Named {
        &self.newest
    }

    pub(super) fn find(&self, id: &[u8]) -> Option<&Named> {
        std::iter::once(&self.newest).chain(&self.older).find(|named| named.id.as_bytes() == id)
    }
}

impl Named {
    fn new(id: String, key: EncryptionKey) -> Result<Self, KeyringError> {
        if is_id(id.as_bytes()) { Ok(Self { id, key }) } else { Err(KeyringError::NotAnId(id)) }
    }
}

/// Whether this could be the id of a key.
pub(super) fn is_id(id: &[u8]) -> bool {
    let usable = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    (1..=LONGEST_ID).contains(&id.len()) && id.iter().all(usable)
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let older: Vec<_> = self.older.iter().map(|named| &named.id).collect();
        f.debug_struct("Keyring").field("writes", &self.newest.id).field("also_reads", &older).finish()
    }
}
