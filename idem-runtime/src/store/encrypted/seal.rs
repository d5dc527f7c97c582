//! What an encrypted record looks like.
//!
//! ```text
//! head: enc1 2026-11\n <24 bytes nonce> <16 bytes tag> <the head, encrypted>
//! body: <the body, encrypted>
//! ```
//!
//! Head and body are encrypted in one go, with XChaCha20-Poly1305: its nonce is long enough to be drawn at random for as
//! many records as there will ever be, by any number of processes that know nothing of each other. AES-256-GCM with its 96
//! bits would have to be given a new key after 2^32 records; and a nonce that two records share gives both away.
//!
//! What must not be changed though it is not secret goes into the tag as associated data: the id of the key, which record
//! it is, what request it answers, how many owners it took, and where the head ends.

use bytes::Bytes;
use chacha20poly1305::aead::AeadInOut as _;
use chacha20poly1305::{KeyInit as _, Tag, XChaCha20Poly1305, XNonce};
use rand::TryRng as _;
use rand::rngs::SysRng;

use super::keyring::{self, Keyring, LONGEST_ID, Named};
use crate::digest::{Fingerprint, RecordKey};
use crate::store::{Outcome, StoreError};

const MARKER: &[u8] = b"enc";
const FORMAT: &[u8] = b"enc1 ";
const NONCE: usize = 24;
const TAG: usize = 16;

/// How many bytes a head grows by, at the most.
pub(super) const OVERHEAD: usize = FORMAT.len() + LONGEST_ID + 1 + NONCE + TAG;

/// Whose outcome it is. It is readable for nobody else's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Binding {
    pub(super) key: RecordKey,
    pub(super) fingerprint: Fingerprint,
    pub(super) attempt: u32,
}

impl Binding {
    /// Every part has a fixed length, or its length in front.
    fn associated_data(&self, id: &str, head: usize) -> Vec<u8> {
        let mut data = Vec::with_capacity(32 + LONGEST_ID + 64 + 12);
        data.extend_from_slice(b"idem encrypted record 1 ");
        data.push(u8::try_from(id.len()).unwrap_or(u8::MAX));
        data.extend_from_slice(id.as_bytes());
        data.extend_from_slice(self.key.as_bytes());
        data.extend_from_slice(self.fingerprint.as_bytes());
        data.extend_from_slice(&self.attempt.to_le_bytes());
        data.extend_from_slice(&(head as u64).to_le_bytes());
        data
    }
}

/// Encrypts an outcome under the newest key.
///
/// # Errors
/// When the operating system gives no random bytes.
pub(super) fn seal(keyring: &Keyring, binding: &Binding, outcome: &Outcome) -> Result<Outcome, StoreError> {
    // From the operating system, each time: a generator of the process's own would draw the same ones again in the copy
    // of a virtual machine that was resumed twice.
    let mut nonce = [0; NONCE];
    SysRng
        .try_fill_bytes(&mut nonce)
        .map_err(|error| StoreError::unavailable("the operating system gives no random bytes", error))?;
    seal_with(keyring.newest(), nonce, binding, outcome)
}

fn seal_with(
    Named { id, key }: &Named,
    nonce: [u8; NONCE],
    binding: &Binding,
    outcome: &Outcome,
) -> Result<Outcome, StoreError> {
    let mut text = [&outcome.head[..], &outcome.body[..]].concat();
    let data = binding.associated_data(id, outcome.head.len());
    let tag = XChaCha20Poly1305::new(key.bytes().into())
        .encrypt_inout_detached(&XNonce::from(nonce), &data, text.as_mut_slice().into())
        // More than 256 GiB.
        .map_err(|_| StoreError::Full)?;
    let mut head = Vec::with_capacity(OVERHEAD + outcome.head.len());
    for part in [FORMAT, id.as_bytes(), b"\n", &nonce, &tag, &text[..outcome.head.len()]] {
        head.extend_from_slice(part);
    }
    Ok(Outcome { head: head.into(), body: Bytes::from(text).split_off(outcome.head.len()) })
}

/// Decrypts an outcome, under whichever key it says.
///
/// # Errors
/// [`StoreError::Corrupt`] unless it is, to the bit, what was [sealed](seal) for this very record.
pub(super) fn open(keyring: &Keyring, binding: &Binding, outcome: &Outcome) -> Result<Outcome, StoreError> {
    let Sealed { id, nonce, tag, head } = Sealed::read(&outcome.head)?;
    let Some(Named { id, key }) = keyring.find(id) else {
        let id = String::from_utf8_lossy(id);
        return Err(StoreError::corrupt(format!(
            "it is encrypted under the key `{id}`, which this process does not have: add it with Keyring::also_reads"
        )));
    };
    let mut text = [head, &outcome.body[..]].concat();
    let data = binding.associated_data(id, head.len());
    XChaCha20Poly1305::new(key.bytes().into())
        .decrypt_inout_detached(&XNonce::from(nonce), &data, text.as_mut_slice().into(), &Tag::from(tag))
        .map_err(|_| {
            StoreError::corrupt(format!(
                "it was not encrypted for this request under the key `{id}`: it was altered or copied, or this process \
                 has another key of that name"
            ))
        })?;
    let mut start = Bytes::from(text);
    let body = start.split_off(head.len());
    Ok(Outcome { head: start, body })
}

/// The head of an encrypted record, taken apart.
#[derive(Debug, PartialEq, Eq)]
struct Sealed<'a> {
    id: &'a [u8],
    nonce: [u8; NONCE],
    tag: [u8; TAG],
    head: &'a [u8],
}

impl<'a> Sealed<'a> {
    fn read(head: &'a [u8]) -> Result<Self, StoreError> {
        let damaged = || StoreError::corrupt("it is encrypted, but cut off or damaged");
        let Some(rest) = head.strip_prefix(FORMAT) else {
            return Err(StoreError::corrupt(if head.starts_with(MARKER) {
                "it is encrypted in a format that is unknown, of another release"
            } else {
                "it is not encrypted: it was written before encryption was turned on, or by somebody without the key"
            }));
        };
        // Not looked for any further than where it can be.
        let end = rest.iter().take(LONGEST_ID + 1).position(|byte| *byte == b'\n').ok_or_else(damaged)?;
        let (id, rest) = (&rest[..end], &rest[end + 1..]);
        let (nonce, rest) = rest.split_first_chunk().ok_or_else(damaged)?;
        let (tag, head) = rest.split_first_chunk().ok_or_else(damaged)?;
        if !keyring::is_id(id) {
            return Err(damaged());
        }
        Ok(Self { id, nonce: *nonce, tag: *tag, head })
    }
}

#[cfg(test)]
#[path = "seal_tests.rs"]
mod tests;
