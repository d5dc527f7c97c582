//! The commands that are sent, each one atomic step on one entry.

use ::redis::{Cmd, RedisWrite, ToRedisArgs, Value as Reply};
use bytes::{BufMut, Bytes};

use super::RedisStore;
use super::fault::{self, Fault};
use super::reading::Left;
use super::request::{Replies, Request, Wait};
use super::script::{self, Script};
use super::value::{self, Encoded, Value};
use crate::digest::RecordKey;
use crate::store::{Hold, StoreError};

/// A value, and the time it has left.
pub(super) type Found = Option<(Value, Left)>;

/// What a script that changes an entry says it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Changed {
    Now,
    /// The owner had done so before.
    Before,
    /// Nothing: the entry is another's.
    Nothing,
    /// Nothing: the entry is gone; perhaps by this very request, whose first answer was lost.
    Gone {
        perhaps_by_us: bool,
    },
}

/// What came of a command that stands in for a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tried {
    Done,
    /// As far as the last answer tells; one before it may have been lost.
    InVain {
        sent_before: bool,
    },
}

impl From<Changed> for Hold {
    fn from(changed: Changed) -> Self {
        match changed {
            Changed::Now | Changed::Before => Self::Held,
            Changed::Nothing | Changed::Gone { .. } => Self::Lost,
        }
    }
}

impl RedisStore {
    /// Puts `new` there if nothing is, else says what is: `None` when it was put, and confirmed.
    ///
    /// One round trip, but two commands: between them the entry may change. The time is asked for first, so that it never
    /// says of a record that it lives longer than it does.
    pub(super) async fn put(
        &self,
        key: RecordKey,
        new: &Encoded,
        lifetime: u64,
        wait: Option<Wait>,
    ) -> Result<Found, StoreError> {
        let name = self.name_of(key);
        let mut set = Cmd::with_capacity(7, name.len() + new.fixed.len() + 32);
        set.arg("SET").arg(&name).arg(new).arg("NX").arg("GET").arg("PX").arg(lifetime);
        let replies = self.ask(&name, &Request::two(left_of(&name), set), wait).await?;
        let [left, found] = &replies.values;
        match fault::of_reply(found) {
            // The server takes nothing new, but what it has is an answer: a full server still replays.
            Some(fault) if fault.writes_are_refused() => {
                self.read(key).await?.map(Some).ok_or_else(|| self.failed(fault))
            }
            Some(fault) => Err(self.failed(fault)),
            None if *found == Reply::Nil => self.confirmed(&replies, wait).map(|()| None),
            None => {
                let left = left.clone();
                let [_, found] = replies.values;
                self.found(key, found, &left)
            }
        }
    }

    /// What is there.
    ///
    /// One round trip, but two commands, as with [`put`](Self::put). Not a transaction: a server that is out of memory
    /// refuses even those that only read.
    pub(super) async fn read(&self, key: RecordKey) -> Result<Found, StoreError> {
        let name = self.name_of(key);
        let mut get = ::redis::cmd("GET");
        get.arg(&name);
        let [left, found] = self.ask(&name, &Request::two(left_of(&name), get), None).await?.values;
        self.found(key, found, &left)
    }

    /// What is there, in one step; what is over is removed. If it is still `seen`, and without an expiry, it gets that
    /// back.
    pub(super) async fn settle(&self, key: RecordKey, seen: Option<&Value>) -> Result<Found, StoreError> {
        let arguments = seen.map(|seen| (seen.encode(key).fixed, seen.lifetime())).unwrap_or_default();
        match self.run(&script::SETTLE, key, &arguments, None).await?.values {
            [Reply::Nil, _] => Ok(None),
            [Reply::Array(both), _] => {
                let [found, left]: [Reply; 2] = both.try_into().map_err(|_| fault::unexpected())?;
                self.found(key, found, &left)
            }
            _ => Err(fault::unexpected()),
        }
    }

    /// Puts `new` in the place of `old`, if that is still there and its lease has ended.
    pub(super) async fn replace(&self, key: RecordKey, old: &Value, new: &Value) -> Result<bool, StoreError> {
        let arguments = (old.encode(key), old.ttl, new.encode(key), new.lifetime());
        let wait = self.inner.wait;
        let replies = self.run(&script::TAKE_OVER, key, &arguments, wait).await?;
        match replies.values[0] {
            Reply::Int(1) => self.confirmed(&replies, wait).map(|()| true),
            _ => Ok(false),
        }
    }

    /// Runs a script that changes an entry if it has the right owner.
    pub(super) async fn change(
        &self,
        script: &Script,
        key: RecordKey,
        arguments: &impl ToRedisArgs,
        wait: Option<Wait>,
    ) -> Result<Changed, StoreError> {
        let replies = self.run(script, key, arguments, wait).await?;
        match &replies.values[0] {
            Reply::Int(1) => self.confirmed(&replies, wait).map(|()| Changed::Now),
            Reply::Int(2) => Ok(Changed::Before),
            Reply::Nil => Ok(Changed::Gone { perhaps_by_us: replies.sent_before }),
            Reply::BulkString(start) => value::recognise(start).map(|()| Changed::Nothing),
            _ => Err(fault::unexpected()),
        }
    }

    /// Makes sure that the replicas have what was there before this began, if that is asked for.
    ///
    /// # Errors
    /// Also when it is not there any more.
    pub(super) async fn confirm(&self, key: RecordKey, start: &str) -> Result<(), StoreError> {
        let Some(wait) = self.inner.wait else { return Ok(()) };
        let changed = self.change(&script::CONFIRM, key, &(start,), Some(wait)).await?;
        (changed == Changed::Now).then_some(()).ok_or_else(|| self.failed(Fault::Unconfirmed))
    }

    /// Asks for one command that may stand in for a script.
    pub(super) async fn try_native(
        &self,
        key: RecordKey,
        command: Cmd,
        wait: Option<Wait>,
    ) -> Result<Tried, StoreError> {
        let replies = self.ask(&self.name_of(key), &Request::One(command), wait).await?;
        match self.inner.native.has_done(&replies.values[0]) {
            true => self.confirmed(&replies, wait).map(|()| Tried::Done),
            false => Ok(Tried::InVain { sent_before: replies.sent_before }),
        }
    }

    async fn run(
        &self,
        script: &Script,
        key: RecordKey,
        arguments: &impl ToRedisArgs,
        wait: Option<Wait>,
    ) -> Result<Replies, StoreError> {
        let name = self.name_of(key);
        let mut replies = self.ask(&name, &Request::One(script.by_digest(&name, arguments)), wait).await?;
        if fault::of_reply(&replies.values[0]).is_some_and(|fault| fault.code() == Some("NOSCRIPT")) {
            replies = self.ask(&name, &Request::One(script.by_code(&name, arguments)), wait).await?;
        }
        match fault::of_reply(&replies.values[0]) {
            Some(fault) => Err(self.failed(fault)),
            None => Ok(replies),
        }
    }

    async fn ask(&self, name: &str, request: &Request, wait: Option<Wait>) -> Result<Replies, StoreError> {
        let wait_timeout = wait.map(|wait| wait.timeout).unwrap_or_default();
        let patience = self.inner.response_timeout.saturating_mul(2).saturating_add(wait_timeout);
        self.inner.topology.ask(name, request, wait, patience).await.map_err(|fault| self.failed(fault))
    }

    /// Whether enough replicas have what was written, if that is asked for.
    fn confirmed(&self, replies: &Replies, wait: Option<Wait>) -> Result<(), StoreError> {
        let Some(wait) = wait else { return Ok(()) };
        match (&replies.confirmed, fault::of_reply(&replies.confirmed)) {
            (_, Some(fault)) => Err(self.failed(fault)),
            (Reply::Int(replicas), None) if usize::try_from(*replicas).is_ok_and(|number| number >= wait.replicas) => {
                Ok(())
            }
            _ => Err(self.failed(Fault::Unconfirmed)),
        }
    }

    fn found(&self, key: RecordKey, found: Reply, left: &Reply) -> Result<Found, StoreError> {
        if let Some(fault) = fault::of_reply(&found).or_else(|| fault::of_reply(left)) {
            return Err(self.failed(fault));
        }
        match found {
            Reply::Nil => Ok(None),
            Reply::BulkString(value) => {
                let left = Left::read(left).ok_or_else(fault::unexpected)?;
                // No copy: the reply's buffer is the record's from here on.
                Ok(Some((Value::decode(key, Bytes::from(value))?, left)))
            }
            _ => Err(fault::unexpected()),
        }
    }
}

fn left_of(name: &str) -> Cmd {
    let mut left = Cmd::with_capacity(2, name.len() + 4);
    left.arg("PTTL").arg(name);
    left
}

impl ToRedisArgs for Encoded {
    /// One argument, put together in the command's own buffer.
    fn write_redis_args<W: ?Sized + RedisWrite>(&self, out: &mut W) {
        let mut argument = out.bufmut_for_next_arg(self.fixed.len() + self.outcome.len());
        argument.put_slice(self.fixed.as_bytes());
        argument.put_slice(&self.outcome.head);
        argument.put_slice(&self.outcome.body);
    }
}
