//! The commands that are sent, each one atomic step on one entry.

use ::redis::{Cmd, RedisError, RedisWrite, ToRedisArgs, Value as Reply};
use bytes::{BufMut, Bytes};

use super::reading::Left;
use super::script::{self, Script};
use super::value::{self, Encoded, Value};
use super::{RedisStore, fault};
use crate::digest::RecordKey;
use crate::store::{Hold, StoreError};

/// A value, and the time it has left.
pub(super) type Found = Option<(Value, Left)>;

impl RedisStore {
    /// Puts `new` there if nothing is, else says what is: `None` when it was put.
    ///
    /// One round trip, but two commands: between them the entry may change. The time is asked for first, so that it never
    /// says of a record that it lives longer than it does.
    pub(super) async fn put(&self, key: RecordKey, new: &Encoded, lifetime: u64) -> Result<Found, StoreError> {
        let name = self.name_of(key);
        let mut set = ::redis::cmd("SET");
        set.arg(&name).arg(new).arg("NX").arg("GET").arg("PX").arg(lifetime);
        let mut pipeline = ::redis::Pipeline::with_capacity(2);
        pipeline.add_command(left_of(&name)).add_command(set).ignore_errors();
        let replies = pipeline.query_async(&mut self.connection()).await;
        let [left, found] = self.two(replies)?;
        match fault::of_reply(&found) {
            // The server takes nothing new, but what it has is an answer: a full server still replays.
            Some(error) if fault::writes_are_refused(&error) => {
                self.read(key).await?.map(Some).ok_or_else(|| self.failed(&error))
            }
            _ => self.found(key, found, &left),
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
        let mut pipeline = ::redis::Pipeline::with_capacity(2);
        pipeline.add_command(left_of(&name)).add_command(get).ignore_errors();
        let replies = pipeline.query_async(&mut self.connection()).await;
        let [left, found] = self.two(replies)?;
        self.found(key, found, &left)
    }

    /// What is there, in one step; what is over is removed. If it is still `seen`, and without an expiry, it gets that
    /// back.
    pub(super) async fn settle(&self, key: RecordKey, seen: Option<&Value>) -> Result<Found, StoreError> {
        let arguments = seen.map(|seen| (seen.encode(key).fixed, seen.lifetime())).unwrap_or_default();
        match self.run(&script::SETTLE, key, &arguments).await? {
            Reply::Nil => Ok(None),
            reply => {
                let [found, left] = self.two(Ok(reply))?;
                self.found(key, found, &left)
            }
        }
    }

    /// Puts `new` in the place of `old`, if that is still there and its lease has ended.
    pub(super) async fn replace(&self, key: RecordKey, old: &Value, new: &Value) -> Result<bool, StoreError> {
        let arguments = (old.encode(key), old.ttl, new.encode(key), new.lifetime());
        let reply = self.run(&script::TAKE_OVER, key, &arguments).await?;
        Ok(reply == Reply::Int(1))
    }

    /// Runs a script that changes an entry if it has the right owner.
    pub(super) async fn change(
        &self,
        script: &Script,
        key: RecordKey,
        arguments: &impl ToRedisArgs,
    ) -> Result<Hold, StoreError> {
        match self.run(script, key, arguments).await? {
            Reply::Int(1) => Ok(Hold::Held),
            Reply::Nil => Ok(Hold::Lost),
            Reply::BulkString(start) => value::recognise(&start).map(|()| Hold::Lost),
            _ => Err(fault::unexpected()),
        }
    }

    async fn run(&self, script: &Script, key: RecordKey, arguments: &impl ToRedisArgs) -> Result<Reply, StoreError> {
        let reply = script.run(&mut self.connection(), &self.name_of(key), arguments).await;
        reply.map_err(|error| self.failed(&error))
    }

    fn found(&self, key: RecordKey, found: Reply, left: &Reply) -> Result<Found, StoreError> {
        if let Some(error) = fault::of_reply(&found).or_else(|| fault::of_reply(left)) {
            return Err(self.failed(&error));
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

    fn two(&self, replies: Result<Reply, RedisError>) -> Result<[Reply; 2], StoreError> {
        match replies.map_err(|error| self.failed(&error))? {
            Reply::Array(replies) => replies.try_into().map_err(|_| fault::unexpected()),
            _ => Err(fault::unexpected()),
        }
    }
}

fn left_of(name: &str) -> Cmd {
    let mut left = ::redis::cmd("PTTL");
    left.arg(name);
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
