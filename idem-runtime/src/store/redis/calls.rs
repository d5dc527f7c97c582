//! The commands that are sent, each one atomic step on one entry.

use ::redis::{Cmd, ToRedisArgs, Value as Reply};
use bytes::Bytes;
use tokio::time::Instant;

use super::Inner;
use super::fault::{self, Fault};
use super::reading::Left;
use super::request::{Replies, Request, Wait};
use super::script::{self, Script};
use super::value::{self, FIXED, Value, Written};
use crate::digest::RecordKey;
use crate::store::{Hold, StoreError};

/// One operation of a store, in as many requests as it takes.
pub(super) struct Errand<'a> {
    pub(super) inner: &'a Inner,
    pub(super) key: RecordKey,
    /// What the entry is called at the server.
    pub(super) name: String,
    /// When it has ended, whatever it came to by then.
    pub(super) until: Instant,
}

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

impl Errand<'_> {
    /// Puts `new` there if nothing is, else says what is: `None` when it was put, and confirmed.
    ///
    /// One round trip, but two commands: between them the entry may change. The time is asked for first, so that it never
    /// says of a record that it lives longer than it does.
    pub(super) async fn put(&self, new: &Value, wait: Option<Wait>) -> Result<Found, StoreError> {
        let mut set = Cmd::with_capacity(7, self.name.len() + FIXED + 32);
        set.arg("SET").arg(&self.name).arg(Written(self.key, new));
        set.arg("NX").arg("GET").arg("PX").arg(new.lifetime());
        let replies = self.ask(&Request::two(self.left(), set), wait).await?;
        match &replies.values[1] {
            Reply::BulkString(_) => self.found(replies.values),
            Reply::Nil => self.confirmed(&replies, wait).map(|()| None),
            found => match fault::of_reply(found) {
                // The server takes nothing new, but what it has is an answer: a full server still replays.
                Some(fault) if fault.writes_are_refused() => {
                    Box::pin(self.read()).await?.map(Some).ok_or_else(|| self.failed(fault))
                }
                Some(fault) => Err(self.failed(fault)),
                None => Err(fault::unexpected()),
            },
        }
    }

    /// What is there.
    ///
    /// One round trip, but two commands, as with [`put`](Self::put). Not a transaction: a server that is out of memory
    /// refuses even those that only read.
    pub(super) async fn read(&self) -> Result<Found, StoreError> {
        let mut get = ::redis::cmd("GET");
        get.arg(&self.name);
        self.found(self.ask(&Request::two(self.left(), get), None).await?.values)
    }

    /// What is there, and the time that this very value had left.
    ///
    /// By reading twice: if the value is the same, the second time was asked for while it was there, for no two owners write
    /// the same. Not by a script: one that may write is refused where nothing can be written.
    pub(super) async fn read_as_of_one_moment(&self) -> Result<Found, StoreError> {
        let mut before = None;
        for _ in 0..super::TRIES {
            let Some((value, left)) = self.read().await? else { return Ok(None) };
            if before.as_ref() == Some(&value) {
                return Ok((left != Left::Over).then_some((value, left)));
            }
            before = Some(value);
        }
        Err(StoreError::Unavailable { reason: "the entry changes all the time".to_owned(), source: None })
    }

    /// What is there, in one step; what is over is removed. If it is still `seen`, and without an expiry, it gets that
    /// back.
    pub(super) async fn settle(&self, seen: Option<&Value>) -> Result<Found, StoreError> {
        let arguments = seen.map(|seen| (seen.fixed(self.key).to_vec(), seen.lifetime())).unwrap_or_default();
        match self.run(&script::SETTLE, &arguments, None).await?.values {
            [Reply::Nil, _] => Ok(None),
            [Reply::Array(both), _] => {
                let [found, left]: [Reply; 2] = both.try_into().map_err(|_| fault::unexpected())?;
                self.found([left, found])
            }
            _ => Err(fault::unexpected()),
        }
    }

    /// Puts `new` in the place of `old`, if that is still there and its lease has ended.
    pub(super) async fn replace(&self, old: &Value, new: &Value) -> Result<bool, StoreError> {
        let arguments = (Written(self.key, old), old.ttl, Written(self.key, new), new.lifetime());
        let wait = self.inner.wait;
        let replies = self.run(&script::TAKE_OVER, &arguments, wait).await?;
        match replies.values[0] {
            Reply::Int(1) => self.confirmed(&replies, wait).map(|()| true),
            _ => Ok(false),
        }
    }

    /// Runs a script that changes an entry if it has the right owner.
    pub(super) async fn change(
        &self,
        script: &Script,
        arguments: &impl ToRedisArgs,
        wait: Option<Wait>,
    ) -> Result<Changed, StoreError> {
        let replies = self.run(script, arguments, wait).await?;
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
    pub(super) async fn confirm(&self, start: &[u8]) -> Result<(), StoreError> {
        let Some(wait) = self.inner.wait else { return Ok(()) };
        let changed = Box::pin(self.change(&script::CONFIRM, &start, Some(wait))).await?;
        (changed == Changed::Now).then_some(()).ok_or_else(|| self.failed(Fault::Unconfirmed))
    }

    /// Asks for one command that may stand in for a script.
    pub(super) async fn try_native(&self, command: Cmd, wait: Option<Wait>) -> Result<Tried, StoreError> {
        let replies = self.ask(&Request::One(command), wait).await?;
        match self.inner.native.has_done(&replies.values[0]) {
            true => self.confirmed(&replies, wait).map(|()| Tried::Done),
            false => Ok(Tried::InVain { sent_before: replies.sent_before }),
        }
    }

    async fn run(
        &self,
        script: &Script,
        arguments: &impl ToRedisArgs,
        wait: Option<Wait>,
    ) -> Result<Replies, StoreError> {
        let mut replies = self.ask(&Request::One(script.by_digest(&self.name, arguments)), wait).await?;
        if fault::of_reply(&replies.values[0]).is_some_and(|fault| fault.code() == Some("NOSCRIPT")) {
            let by_code = Request::One(script.by_code(&self.name, arguments));
            replies = Box::pin(self.ask(&by_code, wait)).await?;
        }
        match fault::of_reply(&replies.values[0]) {
            Some(fault) => Err(self.failed(fault)),
            None => Ok(replies),
        }
    }

    async fn ask(&self, request: &Request, wait: Option<Wait>) -> Result<Replies, StoreError> {
        let answer = self.inner.topology.ask(&self.name, request, wait, self.inner.patience, self.until).await;
        answer.map_err(|fault| self.failed(fault))
    }

    /// What a fault means to the caller.
    fn failed(&self, fault: Fault) -> StoreError {
        fault.into_store_error(self.inner.response_timeout)
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

    fn found(&self, [left, found]: [Reply; 2]) -> Result<Found, StoreError> {
        match found {
            Reply::BulkString(value) => {
                let left = Left::read(&left).ok_or_else(|| self.other_than_expected(&left))?;
                // No copy: the reply's buffer is the record's from here on.
                Ok(Some((Value::decode(self.key, Bytes::from(value))?, left)))
            }
            Reply::Nil => fault::of_reply(&left).map_or(Ok(None), |fault| Err(self.failed(fault))),
            other => Err(self.other_than_expected(&other)),
        }
    }

    fn other_than_expected(&self, reply: &Reply) -> StoreError {
        fault::of_reply(reply).map_or_else(fault::unexpected, |fault| self.failed(fault))
    }

    /// Asks for the time that the entry has left.
    fn left(&self) -> Cmd {
        let mut left = Cmd::with_capacity(2, self.name.len() + 4);
        left.arg("PTTL").arg(&self.name);
        left
    }
}
