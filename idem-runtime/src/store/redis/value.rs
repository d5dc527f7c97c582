//! What is in Redis under one key: a head of fixed length, then what the engine recorded.
//!
//! ```text
//! idem1 C 5f0a..e1 93bc..07 0000000001 0000000030000 0000003600000 0000000042 0000000200 8d1c44a09be27f13
//! {"status":201, ...}<the response body, raw>
//! ```
//!
//! The fields: format, marker (`P` pending, `C` completed), owner, fingerprint, attempt, lease and TTL in milliseconds,
//! the lengths of the engine's head and of the body, a check; then a line feed. All of it is text, so that an operator
//! can read it with `redis-cli`, and each field has its fixed place, so that scripts compare prefixes.
//!
//! The check is a digest of the record's key and of everything else in the value. It is what makes a damaged record, one
//! that was cut off, and one that was copied to another key unreadable, instead of an answer to a request that nobody
//! made. It is no protection against somebody who can write to Redis.

use std::ops::Range;
use std::time::Duration;

use ::redis::{RedisWrite, ToRedisArgs};
use bytes::{Buf, BufMut, Bytes};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::digest::{Fingerprint, RecordKey};
use crate::store::{Claim, Holder, Outcome, OwnerToken, Record, StoreError, span};

const FORMAT: &str = "idem1 ";
const MARKER: Range<usize> = 6..7;
const OWNER: Range<usize> = 8..40;
const FINGERPRINT: Range<usize> = 41..105;
const ATTEMPT: Range<usize> = 106..116;
const LEASE: Range<usize> = 117..130;
const TTL: Range<usize> = 131..144;
const HEAD_LENGTH: Range<usize> = 145..155;
const BODY_LENGTH: Range<usize> = 156..166;
const CHECK: Range<usize> = 167..183;

/// How many bytes the fixed part has, its line feed included.
pub(super) const FIXED: usize = 184;

/// Redis refuses strings of more than 512 MiB.
const MAX_PAYLOAD: usize = 512 * 1024 * 1024 - FIXED;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marker {
    Pending,
    Completed,
}

impl Marker {
    fn text(self) -> &'static str {
        match self {
            Self::Pending => "P",
            Self::Completed => "C",
        }
    }
}

/// A value, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) marker: Marker,
    pub(super) owner: OwnerToken,
    pub(super) fingerprint: Fingerprint,
    pub(super) attempt: u32,
    pub(super) lease: u64,
    pub(super) ttl: u64,
    pub(super) outcome: Outcome,
}

/// A value as it is written under a key: the fixed part, the head and the body, one after the other.
#[derive(Clone, Copy)]
pub(super) struct Written<'a>(pub(super) RecordKey, pub(super) &'a Value);

impl Value {
    pub(super) fn pending(claim: &Claim, attempt: u32) -> Self {
        Self {
            marker: Marker::Pending,
            owner: claim.owner,
            fingerprint: claim.fingerprint,
            attempt,
            lease: span::millis(claim.lease),
            ttl: span::millis(claim.ttl),
            outcome: Outcome { head: Bytes::new(), body: Bytes::new() },
        }
    }

    /// # Errors
    /// [`StoreError::Full`] when Redis could not hold it.
    pub(super) fn completed(claim: &Claim, attempt: u32, outcome: &Outcome) -> Result<Self, StoreError> {
        if outcome.len() > MAX_PAYLOAD {
            return Err(StoreError::Full);
        }
        Ok(Self { marker: Marker::Completed, outcome: outcome.clone(), ..Self::pending(claim, attempt) })
    }

    /// How long the entry lives from the moment at which it is written, in milliseconds.
    pub(super) fn lifetime(&self) -> u64 {
        match self.marker {
            Marker::Pending => self.lease + self.ttl,
            Marker::Completed => self.ttl,
        }
    }

    pub(super) fn holder(&self) -> Holder {
        Holder { owner: self.owner, fingerprint: self.fingerprint, attempt: self.attempt }
    }

    /// A record which has `left` milliseconds to live, by a time that was read no later than this value was.
    ///
    /// That time may be another entry's, which was there before. Then this record is younger than the reading, and its
    /// own TTL had not begun: hence the lesser of the two is never too much.
    pub(super) fn into_record(self, left: u64) -> Record {
        let expires_in = Duration::from_millis(left.min(self.ttl));
        Record { fingerprint: self.fingerprint, attempt: self.attempt, outcome: self.outcome, expires_in }
    }

    /// The fixed part of what is written under `key`.
    pub(super) fn fixed(&self, key: RecordKey) -> [u8; FIXED] {
        let Self { marker, owner, fingerprint, attempt, lease, ttl, outcome } = self;
        let mut text = [b' '; FIXED];
        text[..MARKER.start].copy_from_slice(FORMAT.as_bytes());
        text[MARKER].copy_from_slice(marker.text().as_bytes());
        write_hex(&mut text[OWNER], &owner.bits().to_be_bytes());
        write_hex(&mut text[FINGERPRINT], fingerprint.as_bytes());
        write_number(&mut text[ATTEMPT], u64::from(*attempt));
        write_number(&mut text[LEASE], *lease);
        write_number(&mut text[TTL], *ttl);
        write_number(&mut text[HEAD_LENGTH], outcome.head.len() as u64);
        write_number(&mut text[BODY_LENGTH], outcome.body.len() as u64);
        let check = check(key, &text[..CHECK.start], outcome);
        write_hex(&mut text[CHECK], &check.to_be_bytes());
        text[CHECK.end] = b'\n';
        text
    }

    /// Reads a value back.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] unless it is, to the byte, what was written under `key`.
    pub(super) fn decode(key: RecordKey, mut value: Bytes) -> Result<Self, StoreError> {
        // A copy, so that the rest can be cut in two without another look at the whole.
        let fixed = &Fixed::read(&value)?.0.to_owned();
        let fixed = Fixed(fixed);
        value.advance(FIXED);
        let head = number::<usize>(fixed.field(HEAD_LENGTH), "length")?;
        let body = number::<usize>(fixed.field(BODY_LENGTH), "length")?;
        if head.checked_add(body) != Some(value.len()) {
            return Err(StoreError::corrupt("its length is not what it says"));
        }
        let outcome = Outcome { head: value.split_to(head), body: value };
        let written = u64::from_be_bytes(hex(fixed.field(CHECK), "check")?);
        if written != check(key, fixed.field(0..CHECK.start), &outcome) {
            return Err(StoreError::corrupt("it was damaged, or written under another key"));
        }
        Self::from_fields(&fixed, outcome)
    }

    fn from_fields(fixed: &Fixed<'_>, outcome: Outcome) -> Result<Self, StoreError> {
        let marker = fixed.marker()?;
        if marker == Marker::Pending && !outcome.is_empty() {
            return Err(StoreError::corrupt("a claim with an outcome"));
        }
        Ok(Self {
            marker,
            owner: OwnerToken::from_bits(u128::from_be_bytes(hex(fixed.field(OWNER), "owner")?)),
            fingerprint: Fingerprint::from_bytes(hex(fixed.field(FINGERPRINT), "fingerprint")?),
            attempt: number(fixed.field(ATTEMPT), "attempt")?,
            lease: millis(fixed.field(LEASE))?,
            ttl: millis(fixed.field(TTL))?,
            outcome,
        })
    }
}

impl ToRedisArgs for Written<'_> {
    /// One argument, put together in the command's own buffer.
    fn write_redis_args<W: ?Sized + RedisWrite>(&self, out: &mut W) {
        let Self(key, value) = *self;
        let mut argument = out.bufmut_for_next_arg(FIXED + value.outcome.len());
        argument.put_slice(&value.fixed(key));
        argument.put_slice(&value.outcome.head);
        argument.put_slice(&value.outcome.body);
    }
}

/// A number in as many digits as its field has, leading zeros with them. By hand: formatting cost as much as everything else
/// of a claim.
fn write_number(field: &mut [u8], mut number: u64) {
    field.fill(b'0');
    for digit in field.iter_mut().rev() {
        if number == 0 {
            break;
        }
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
    debug_assert_eq!(number, 0, "it has more digits than its field");
}

/// In lower case, two digits for each byte.
fn write_hex(field: &mut [u8], bytes: &[u8]) {
    let written = const_hex::encode_to_slice(bytes, field);
    debug_assert!(written.is_ok(), "two digits for each byte");
}

/// The start of every value that `owner` writes in this state, and of no other.
pub(super) fn prefix(marker: Marker, owner: OwnerToken) -> [u8; OWNER.end] {
    let mut text = [b' '; OWNER.end];
    text[..MARKER.start].copy_from_slice(FORMAT.as_bytes());
    text[MARKER].copy_from_slice(marker.text().as_bytes());
    write_hex(&mut text[OWNER], &owner.bits().to_be_bytes());
    text
}

/// Whether what a script found, the start of a value, could have been written by us at all.
///
/// # Errors
/// [`StoreError::Corrupt`] if not.
pub(super) fn recognise(start: &[u8]) -> Result<(), StoreError> {
    Fixed::read(start)?.marker().map(drop)
}

/// The fixed part of a value whose format is known.
struct Fixed<'a>(&'a [u8; FIXED]);

impl<'a> Fixed<'a> {
    fn read(value: &'a [u8]) -> Result<Self, StoreError> {
        let known = value.starts_with(FORMAT.as_bytes());
        if !known && value.starts_with(b"idem") {
            return Err(StoreError::corrupt("its format is unknown, of another release"));
        }
        match value.first_chunk() {
            Some(fixed) if known => {
                let fixed = Self(fixed);
                let gaps = [MARKER, OWNER, FINGERPRINT, ATTEMPT, LEASE, TTL, HEAD_LENGTH, BODY_LENGTH];
                let apart = gaps.iter().all(|field| fixed.0[field.end] == b' ') && fixed.0[CHECK.end] == b'\n';
                apart.then_some(fixed).ok_or_else(|| StoreError::corrupt("its fields are not where they belong"))
            }
            Some(_) => Err(StoreError::corrupt("it is not one of ours")),
            None => Err(StoreError::corrupt("it is cut off, or not one of ours")),
        }
    }

    fn field(&self, field: Range<usize>) -> &'a [u8] {
        &self.0[field]
    }

    fn marker(&self) -> Result<Marker, StoreError> {
        match self.field(MARKER) {
            b"P" => Ok(Marker::Pending),
            b"C" => Ok(Marker::Completed),
            _ => Err(StoreError::corrupt("its state is unknown, of another release")),
        }
    }
}

/// 64 bits over the key, the fields and the outcome, each part hashed with the hash of what came before it as the seed, so that
/// nothing is copied.
///
/// XXH3, because this guards against accidents only, and a cryptographic hash was a tenth of all that a replay costs.
fn check(key: RecordKey, fields: &[u8], outcome: &Outcome) -> u64 {
    let parts: [&[u8]; 4] = [key.as_bytes(), fields, &outcome.head, &outcome.body];
    parts.into_iter().fold(0, |before, part| xxh3_64_with_seed(part, before))
}

/// A number in digits. All of the field's width, so that there is one way only to write each.
fn number<N: TryFrom<u64>>(digits: &[u8], what: &str) -> Result<N, StoreError> {
    let (mut sum, mut wrong) = (0_u64, false);
    // At most 13 digits: no overflow, whatever they are. To the end in any case, which is faster than to look each time.
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        wrong |= digit > 9;
        sum = sum * 10 + u64::from(digit);
    }
    let number = if wrong { None } else { N::try_from(sum).ok() };
    number.ok_or_else(|| StoreError::corrupt(format!("its {what} is no number")))
}

fn millis(digits: &[u8]) -> Result<u64, StoreError> {
    match number(digits, "lease or TTL")? {
        0 => Err(StoreError::corrupt("its lease or TTL is zero")),
        millis => Ok(millis),
    }
}

/// Lower-case hexadecimal digits. All of the field's width, as with [`number`].
fn hex<const N: usize>(digits: &[u8], what: &str) -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    let is_lower = !digits.iter().any(u8::is_ascii_uppercase);
    let is_whole = is_lower && digits.len() == 2 * N && const_hex::decode_to_slice(digits, &mut bytes).is_ok();
    is_whole.then_some(bytes).ok_or_else(|| StoreError::corrupt(format!("its {what} is no number")))
}

#[cfg(test)]
#[path = "value_tests.rs"]
mod tests;
