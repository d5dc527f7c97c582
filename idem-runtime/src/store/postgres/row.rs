//! What is in a row.

use bytes::Bytes;
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use crate::digest::{Fingerprint, RecordKey};
use crate::store::stored::{FORMAT, State, Stored, Time};
use crate::store::{Outcome, OwnerToken, StoreError};

/// What the functions return.
pub(super) enum Found {
    /// Nothing was there; the claim is now.
    Claimed,
    /// This is there.
    There {
        /// What.
        stored: Stored,
        /// For how long.
        time: Time,
    },
}

impl Found {
    /// # Errors
    /// [`StoreError::Corrupt`], when it is not what was written.
    pub(super) fn read(key: RecordKey, row: &PgRow) -> Result<Self, StoreError> {
        if get::<bool>(row, 0)? {
            return Ok(Self::Claimed);
        }
        if get::<i16>(row, 1)? != FORMAT {
            return Err(StoreError::corrupt("its format is unknown, of another release"));
        }
        let state = match get::<&str>(row, 2)? {
            "held" => State::Held,
            "done" => State::Done,
            _ => return Err(StoreError::corrupt("its state is unknown, of another release")),
        };
        let stored = Stored {
            state,
            owner: OwnerToken::from_bits(u128::from_be_bytes(exact(row, 3, "owner")?)),
            fingerprint: Fingerprint::from_bytes(exact(row, 4, "fingerprint")?),
            attempt: number(row, 5, "attempt")?,
            ttl: number(row, 6, "TTL")?,
            outcome: Outcome { head: Bytes::copy_from_slice(get(row, 8)?), body: Bytes::copy_from_slice(get(row, 9)?) },
        };
        if state == State::Held && !stored.outcome.is_empty() {
            return Err(StoreError::corrupt("a claim with an outcome"));
        }
        if stored.digest(key) != exact(row, 7, "digest")? {
            return Err(StoreError::corrupt("it was damaged, or written under another key"));
        }
        // The TTL is in the digest, and what is left of it is not: a time that was damaged never means "for ever".
        let left = get::<Option<i64>>(row, 11)?.and_then(|left| u64::try_from(left).ok()).unwrap_or(0);
        let time = Time { lease_ended: get(row, 10)?, expires_in: left.min(stored.ttl) };
        Ok(Self::There { stored, time })
    }
}

/// How many milliseconds a lease has left, where it was inspected. `None` of one that never ends, which nobody has made.
pub(super) fn lease_left(row: &PgRow) -> Result<Option<i64>, StoreError> {
    get(row, 12)
}

fn get<'r, T>(row: &'r PgRow, index: usize) -> Result<T, StoreError>
where
    T: sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    row.try_get(index).map_err(|_| StoreError::corrupt("a column is missing, or of another type"))
}

fn exact<const N: usize>(row: &PgRow, index: usize, what: &str) -> Result<[u8; N], StoreError> {
    let bytes: &[u8] = get(row, index)?;
    bytes.try_into().map_err(|_| StoreError::corrupt(format!("its {what} has the wrong length")))
}

fn number<N: TryFrom<i64>>(row: &PgRow, index: usize, what: &str) -> Result<N, StoreError> {
    N::try_from(get::<i64>(row, index)?).map_err(|_| StoreError::corrupt(format!("its {what} is out of range")))
}
