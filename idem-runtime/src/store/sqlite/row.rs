//! One row: found, judged, written.

use bytes::Bytes;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::clock::{Boot, Now, Times};
use super::fault::store_error;
use crate::digest::{Fingerprint, RecordKey};
use crate::store::stored::{FORMAT, State, Stored, Time};
use crate::store::{Age, Claim, Entry, Outcome, OwnerToken, Record, StoreError};

/// A whole row, as it was written.
pub(super) struct Found {
    key: RecordKey,
    id: i64,
    stored: Stored,
    times: Times,
}

impl Found {
    /// What there is under `key`, also if it is over.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], when it is not what was written.
    pub(super) fn find(db: &Connection, key: RecordKey) -> Result<Option<Self>, StoreError> {
        let mut select = db
            .prepare_cached(
                "SELECT rowid, format, state, owner, fingerprint, attempt, ttl, digest, head, body, boot, lease_until, \
                 expires FROM idem_records WHERE key = ?1",
            )
            .map_err(store_error)?;
        let mut rows = select.query([key.as_bytes()]).map_err(store_error)?;
        rows.next().map_err(store_error)?.map(|row| Self::read(key, row)).transpose()
    }

    fn read(key: RecordKey, row: &Row<'_>) -> Result<Self, StoreError> {
        if integer(row, 1)? != i64::from(FORMAT) {
            return Err(StoreError::corrupt("its format is unknown, of another release"));
        }
        let stored = Stored {
            state: state(row, 2)?,
            owner: owner(row, 3)?,
            fingerprint: Fingerprint::from_bytes(exact(row, 4)?),
            attempt: number(row, 5)?,
            ttl: number(row, 6)?,
            outcome: Outcome {
                head: Bytes::copy_from_slice(blob(row, 8)?),
                body: Bytes::copy_from_slice(blob(row, 9)?),
            },
        };
        if stored.state == State::Held && !stored.outcome.is_empty() {
            return Err(StoreError::corrupt("a claim with an outcome"));
        }
        if stored.digest(key) != exact(row, 7)? {
            return Err(StoreError::corrupt("it was damaged, or written under another key"));
        }
        Ok(Self { key, id: integer(row, 0)?, stored, times: times(row, 10)? })
    }

    pub(super) fn is_over(&self, now: Now) -> bool {
        self.times.is_over(self.stored.state, self.stored.ttl, now)
    }

    pub(super) fn is_claim_of(&self, owner: OwnerToken) -> bool {
        self.stored.state == State::Held && self.stored.owner == owner
    }

    pub(super) fn is_record(&self, record: &Record) -> bool {
        self.stored.is_record(record)
    }

    pub(super) fn is_abandoned(&self, now: Now) -> bool {
        self.stored.state == State::Held && self.times.lease_ended(self.stored.ttl, now)
    }

    pub(super) fn attempt(&self) -> u32 {
        self.stored.attempt
    }

    pub(super) fn into_entry(self, now: Now) -> Entry {
        let time = self.time(now);
        self.stored.into_entry(time)
    }

    pub(super) fn into_entry_with_age(self, now: Now) -> (Entry, Option<Age>) {
        let (time, lease_left) = (self.time(now), self.times.lease_left(self.stored.ttl, now));
        let age = self.stored.age(time, Some(lease_left));
        (self.stored.into_entry(time), age)
    }

    fn time(&self, now: Now) -> Time {
        Time {
            lease_ended: self.times.lease_ended(self.stored.ttl, now),
            expires_in: self.times.left(self.stored.ttl, now),
        }
    }

    /// Writes it again as it was found.
    pub(super) fn put_back(&self, db: &Connection) -> Result<(), StoreError> {
        Prepared::of(self.key, self.stored.clone()).put(db, self.id, self.times)
    }

    /// Writes a claim in this one's place.
    pub(super) fn replace(&self, db: &Connection, claim: &Claim, attempt: u32, now: Now) -> Result<(), StoreError> {
        let held = Prepared::of(claim.key, Stored::held(claim, attempt));
        held.put(db, self.id, Times::of_claim(now, claim.lease, held.stored.ttl))
    }
}

/// What is looked at of a row by whoever has to be its owner.
pub(super) struct Owned {
    pub(super) id: i64,
    pub(super) state: State,
    ttl: u64,
}

impl Owned {
    /// The row of `key`, if it is `owner`'s and not over.
    pub(super) fn find(
        db: &Connection,
        key: RecordKey,
        owner: OwnerToken,
        now: Now,
    ) -> Result<Option<Self>, StoreError> {
        let sql = "SELECT rowid, state, ttl, boot, lease_until, expires FROM idem_records \
                   WHERE key = ?1 AND owner = ?2";
        let mut select = db.prepare_cached(sql).map_err(store_error)?;
        let mut rows = select.query(params![key.as_bytes(), owner.bits().to_be_bytes()]).map_err(store_error)?;
        let Some(row) = rows.next().map_err(store_error)? else { return Ok(None) };
        let (owned, times) =
            (Self { id: integer(row, 0)?, state: state(row, 1)?, ttl: number(row, 2)? }, times(row, 3)?);
        Ok((!times.is_over(owned.state, owned.ttl, now)).then_some(owned))
    }

    /// The same, if it is a claim still.
    pub(super) fn held(
        db: &Connection,
        key: RecordKey,
        owner: OwnerToken,
        now: Now,
    ) -> Result<Option<Self>, StoreError> {
        Ok(Self::find(db, key, owner, now)?.filter(|owned| owned.state == State::Held))
    }

    pub(super) fn remove(&self, db: &Connection) -> Result<(), StoreError> {
        let mut delete = db.prepare_cached("DELETE FROM idem_records WHERE rowid = ?1").map_err(store_error)?;
        delete.execute([self.id]).map(drop).map_err(store_error)
    }

    /// Lets the claim hold for another lease.
    pub(super) fn renew(&self, db: &Connection, claim: &Claim, now: Now) -> Result<(), StoreError> {
        let Times { boot, lease_until, expires } = Times::of_claim(now, claim.lease, self.ttl);
        let sql = "UPDATE idem_records SET boot = ?2, lease_until = ?3, expires = ?4 WHERE rowid = ?1";
        let mut update = db.prepare_cached(sql).map_err(store_error)?;
        update.execute(params![self.id, boot.0, lease_until, expires]).map(drop).map_err(store_error)
    }
}

/// What is to be written, with its digest: calculated by whoever asks, and not by the one thread that writes.
pub(super) struct Prepared {
    key: RecordKey,
    stored: Stored,
    digest: [u8; 8],
}

impl Prepared {
    pub(super) fn of(key: RecordKey, stored: Stored) -> Self {
        let digest = stored.digest(key);
        Self { key, stored, digest }
    }

    /// Writes it as a claim that begins to hold now, in the place of what is over, if there is any.
    pub(super) fn claim(
        &self,
        db: &Connection,
        over: Option<&Found>,
        claim: &Claim,
        now: Now,
    ) -> Result<(), StoreError> {
        let times = Times::of_claim(now, claim.lease, self.stored.ttl);
        match over {
            Some(found) => self.put(db, found.id, times),
            None => self.insert(db, times),
        }
    }

    /// Writes it as the record that replaces a claim.
    pub(super) fn record(&self, db: &Connection, owned: &Owned, now: Now) -> Result<(), StoreError> {
        self.put(db, owned.id, Times::of_record(now, self.stored.ttl))
    }

    fn insert(&self, db: &Connection, times: Times) -> Result<(), StoreError> {
        let sql = "INSERT INTO idem_records (format, state, owner, fingerprint, attempt, ttl, digest, head, body, boot, \
                   lease_until, expires, key) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
        self.write(db, sql, times, &self.key.as_bytes().as_slice())
    }

    fn put(&self, db: &Connection, id: i64, times: Times) -> Result<(), StoreError> {
        let sql = "UPDATE idem_records SET format = ?1, state = ?2, owner = ?3, fingerprint = ?4, attempt = ?5, ttl = ?6, \
                   digest = ?7, head = ?8, body = ?9, boot = ?10, lease_until = ?11, expires = ?12 WHERE rowid = ?13";
        self.write(db, sql, times, &id)
    }

    fn write(&self, db: &Connection, sql: &str, times: Times, row: &dyn rusqlite::ToSql) -> Result<(), StoreError> {
        let Stored { state, owner, fingerprint, attempt, ttl, outcome } = &self.stored;
        let state = match state {
            State::Held => "held",
            State::Done => "done",
        };
        let mut write = db.prepare_cached(sql).map_err(store_error)?;
        let written = write.execute(params![
            FORMAT,
            state,
            owner.bits().to_be_bytes(),
            fingerprint.as_bytes(),
            attempt,
            i64::try_from(*ttl).unwrap_or(i64::MAX),
            self.digest,
            &*outcome.head,
            &*outcome.body,
            times.boot.0,
            times.lease_until,
            times.expires,
            row,
        ]);
        written.map(drop).map_err(store_error)
    }
}

/// Removes rows that are over, at most `most`, and says how many they were.
pub(super) fn sweep(db: &Connection, most: usize, now: Now) -> Result<usize, StoreError> {
    // A claim of this start of the machine is judged by the time since then, whatever the wall clock says.
    let sql = "DELETE FROM idem_records WHERE rowid IN (SELECT rowid FROM idem_records WHERE expires <= ?1 \
               AND (state = 'done' OR boot <> ?2 OR lease_until + ttl <= ?3) LIMIT ?4)";
    let mut delete = db.prepare_cached(sql).map_err(store_error)?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    delete.execute(params![now.wall, now.boot.0, now.up, most]).map_err(store_error)
}

/// The version of the tables, if they are there.
pub(super) fn version(db: &Connection) -> rusqlite::Result<Option<i64>> {
    let is_there = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'idem_version'";
    match db.query_row(is_there, [], |_| Ok(())).optional()? {
        None => Ok(None),
        Some(()) => db.query_row("SELECT max(version) FROM idem_version", [], |row| row.get(0)),
    }
}

fn wrong<E>(_: E) -> StoreError {
    StoreError::corrupt("a column is missing, or of another type")
}

fn integer(row: &Row<'_>, index: usize) -> Result<i64, StoreError> {
    row.get_ref(index).map_err(wrong)?.as_i64().map_err(wrong)
}

fn number<N: TryFrom<i64>>(row: &Row<'_>, index: usize) -> Result<N, StoreError> {
    N::try_from(integer(row, index)?).map_err(|_| StoreError::corrupt("a number is out of range"))
}

fn blob<'r>(row: &'r Row<'_>, index: usize) -> Result<&'r [u8], StoreError> {
    row.get_ref(index).map_err(wrong)?.as_blob().map_err(wrong)
}

fn exact<const N: usize>(row: &Row<'_>, index: usize) -> Result<[u8; N], StoreError> {
    blob(row, index)?.try_into().map_err(|_| StoreError::corrupt("a column has the wrong length"))
}

fn owner(row: &Row<'_>, index: usize) -> Result<OwnerToken, StoreError> {
    Ok(OwnerToken::from_bits(u128::from_be_bytes(exact(row, index)?)))
}

fn state(row: &Row<'_>, index: usize) -> Result<State, StoreError> {
    match row.get_ref(index).map_err(wrong)? {
        ValueRef::Text(b"held") => Ok(State::Held),
        ValueRef::Text(b"done") => Ok(State::Done),
        _ => Err(StoreError::corrupt("its state is unknown, of another release")),
    }
}

fn times(row: &Row<'_>, first: usize) -> Result<Times, StoreError> {
    Ok(Times {
        boot: Boot(exact(row, first)?),
        lease_until: integer(row, first + 1)?,
        expires: integer(row, first + 2)?,
    })
}
