//! What went wrong at Redis, as a [`StoreError`].
//!
//! A server's message can quote the command that it refuses, and with it keys and values. So of what a server says only
//! the code is passed on (`READONLY`, `NOPERM`), never the text.

use std::error::Error;
use std::time::Duration;

use ::redis::{ErrorKind, RedisError, Value as Reply};

use crate::store::StoreError;

/// The codes with which a server refuses to write for now, but answers reads of what it has.
const WRITES_REFUSED: [&str; 3] = ["OOM", "MISCONF", "NOREPLICAS"];

pub(super) fn store_error(error: &RedisError, timeout: Duration) -> StoreError {
    match error.code() {
        Some("OOM") => StoreError::Full,
        Some("WRONGTYPE") => StoreError::corrupt("it is no string"),
        Some(code) => StoreError::Unavailable { reason: format!("Redis answered {code}"), source: None },
        None if error.is_timeout() => StoreError::TimedOut(timeout),
        None => StoreError::Unavailable { reason: reason(error).to_owned(), source: io_error(error) },
    }
}

/// A reply that no server gives to what was asked.
pub(super) fn unexpected() -> StoreError {
    StoreError::Unavailable { reason: "Redis gave an answer of the wrong kind".to_owned(), source: None }
}

pub(super) fn writes_are_refused(error: &RedisError) -> bool {
    error.code().is_some_and(|code| WRITES_REFUSED.contains(&code))
}

/// The error in one reply of a pipeline, which stands beside the others.
pub(super) fn of_reply(reply: &Reply) -> Option<RedisError> {
    match reply {
        Reply::ServerError(error) => Some(RedisError::from(error.clone())),
        _ => None,
    }
}

/// What is safe to pass on as it is: an error of the operating system says nothing of what was sent.
pub(super) fn io_error(error: &RedisError) -> Option<Box<dyn Error + Send + Sync>> {
    (error.kind() == ErrorKind::Io).then(|| error.clone().into())
}

fn reason(error: &RedisError) -> &'static str {
    match error.kind() {
        ErrorKind::Io if error.is_connection_refusal() => "Redis cannot be reached",
        ErrorKind::Io => "the connection to Redis failed",
        ErrorKind::AuthenticationFailed => "Redis refused the password",
        ErrorKind::Parse | ErrorKind::UnexpectedReturnType => "Redis gave an answer that cannot be read",
        _ => "the Redis client failed",
    }
}
