//! What went wrong at Redis: what to do about it, and what to call it.
//!
//! A server's message can quote the command that it refuses, and with it keys and values. So of what a server says only
//! the code is passed on (`READONLY`, `NOPERM`), never the text.

use std::error::Error;
use std::time::Duration;

use ::redis::{ErrorKind, RedisError, ServerErrorKind, Value as Reply};

use super::error::RedisConnectError;
use super::tls;
use super::url::Place;
use crate::store::StoreError;

/// The codes with which a server refuses to write for now, but answers reads of what it has.
const WRITES_REFUSED: [&str; 3] = ["OOM", "MISCONF", "NOREPLICAS"];

/// Why a server was not asked, or gave no answer.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    Redis(RedisError),
    TimedOut,
    /// The server that was found is a replica.
    Replica,
    /// The sentinels were asked, and none knows the service.
    UnknownService,
    /// What was reached is something else than what the URL promises: one line that names the remedy.
    Misplaced(&'static str),
    /// No node of the cluster serves this key.
    Unserved,
    /// Written, but too few replicas confirmed it.
    Unconfirmed,
}

/// What to do after a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    /// None: it is the answer.
    None,
    /// The connection is lost: ask again, over another one.
    Reconnect,
    /// The connection may be to the wrong server by now, or to one that is gone: look for another one meanwhile.
    Suspect,
    /// This server does not write any more: look for the one that does, and ask it a little later.
    Elsewhere,
    /// Ask again a little later.
    Later,
    /// The key lives at another node of the cluster.
    Moved(Place),
    /// The key is being moved, and is at this node already.
    Ask(Place),
}

impl From<RedisError> for Fault {
    fn from(error: RedisError) -> Self {
        if error.is_timeout() { Self::TimedOut } else { Self::Redis(error) }
    }
}

impl Fault {
    /// The code, if it was an answer.
    pub(super) fn code(&self) -> Option<&str> {
        match self {
            Self::Redis(error) => error.code(),
            _ => None,
        }
    }

    /// Asking again is harmless, also if the first time had its effect: every value names its owner.
    pub(super) fn remedy(&self) -> Remedy {
        match self {
            Self::Redis(error) => remedy(error),
            Self::TimedOut => Remedy::Suspect,
            Self::Replica | Self::UnknownService | Self::Unserved => Remedy::Elsewhere,
            Self::Misplaced(_) | Self::Unconfirmed => Remedy::None,
        }
    }

    pub(super) fn writes_are_refused(&self) -> bool {
        self.code().is_some_and(|code| WRITES_REFUSED.contains(&code))
    }

    pub(super) fn into_store_error(self, timeout: Duration) -> StoreError {
        let error = match self {
            Self::TimedOut => return StoreError::TimedOut(timeout),
            Self::Redis(error) => error,
            Self::Replica => return unavailable("the Redis server that was found is a replica"),
            Self::UnknownService => return unavailable("the sentinels know no primary of this name"),
            Self::Misplaced(reason) => return unavailable(reason),
            Self::Unserved => return unavailable("no node of the Redis cluster serves this key"),
            Self::Unconfirmed => return unavailable("too few replicas confirmed the write in time"),
        };
        match error.code() {
            Some("OOM") => StoreError::Full,
            Some("WRONGTYPE") => StoreError::corrupt("it is no string"),
            Some(code @ ("MOVED" | "ASK" | "CROSSSLOT")) => unavailable(format!(
                "Redis answered {code}: it is a node of a cluster, use redis+cluster:// in its URL"
            )),
            Some(code) => unavailable(format!("Redis answered {code}")),
            None => StoreError::Unavailable { reason: reason(&error).to_owned(), source: io_error(&error) },
        }
    }

    pub(super) fn into_connect_error(self, address: String, within: Duration) -> RedisConnectError {
        let error = match self {
            Self::TimedOut => return RedisConnectError::TimedOut { address, within },
            Self::Redis(error) => error,
            Self::Replica => return RedisConnectError::Replica { address },
            Self::UnknownService => return RedisConnectError::UnknownService { address },
            Self::Misplaced(remedy) => return RedisConnectError::Misplaced { address, remedy },
            Self::Unserved | Self::Unconfirmed => return RedisConnectError::Unreachable { address, source: None },
        };
        match (error.kind(), error.code()) {
            (ErrorKind::AuthenticationFailed, _) | (_, Some("NOAUTH" | "WRONGPASS")) => {
                RedisConnectError::Authentication { address }
            }
            (ErrorKind::RESP3NotSupported, _) => RedisConnectError::TooOld { version: "before 6.0".to_owned() },
            (_, Some(code)) => RedisConnectError::Refused { address, code: code.to_owned() },
            _ => match tls::refusal(&error) {
                Some(reason) => RedisConnectError::Tls { reason },
                None => RedisConnectError::Unreachable { address, source: io_error(&error) },
            },
        }
    }
}

fn remedy(error: &RedisError) -> Remedy {
    let place = || error.redirect_node().and_then(|(address, _)| place_of(address));
    match error.kind() {
        ErrorKind::Io | ErrorKind::Parse => Remedy::Reconnect,
        ErrorKind::Server(ServerErrorKind::Moved) => place().map_or(Remedy::None, Remedy::Moved),
        ErrorKind::Server(ServerErrorKind::Ask) => place().map_or(Remedy::None, Remedy::Ask),
        ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::ClusterDown) => Remedy::Elsewhere,
        ErrorKind::Server(ServerErrorKind::BusyLoading | ServerErrorKind::TryAgain | ServerErrorKind::MasterDown) => {
            Remedy::Later
        }
        _ => match error.code() {
            // Somebody waited for replicas, and the server became one itself.
            Some("UNBLOCKED") => Remedy::Elsewhere,
            _ => Remedy::None,
        },
    }
}

/// The place in a redirection. A host that is empty means the one that answered, which whoever asked has to fill in.
fn place_of(address: &str) -> Option<Place> {
    let (host, port) = address.rsplit_once(':')?;
    Some(Place::Tcp { host: host.trim_matches(['[', ']']).to_owned(), port: port.parse().ok()? })
}

/// A reply that no server gives to what was asked.
pub(super) fn unexpected() -> StoreError {
    unavailable("Redis gave an answer of the wrong kind")
}

/// The error in one reply of a pipeline, which stands beside the others.
pub(super) fn of_reply(reply: &Reply) -> Option<Fault> {
    match reply {
        Reply::ServerError(error) => Some(Fault::Redis(RedisError::from(error.clone()))),
        _ => None,
    }
}

fn unavailable(reason: impl Into<String>) -> StoreError {
    StoreError::Unavailable { reason: reason.into(), source: None }
}

/// What is safe to pass on as it is: an error of the operating system says nothing of what was sent.
fn io_error(error: &RedisError) -> Option<Box<dyn Error + Send + Sync>> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(text: &str) -> Fault {
        let (code, detail) = text.split_once(' ').unwrap_or((text, ""));
        let reply = ::redis::parse_redis_value(format!("-{code} {detail}\r\n").as_bytes()).unwrap();
        of_reply(&reply).unwrap()
    }

    fn tcp(host: &str, port: u16) -> Place {
        Place::Tcp { host: host.to_owned(), port }
    }

    #[test]
    fn i50_what_a_cluster_says_is_understood() {
        assert_eq!(answered("MOVED 3999 127.0.0.1:6381").remedy(), Remedy::Moved(tcp("127.0.0.1", 6381)));
        assert_eq!(answered("MOVED 3999 :6381").remedy(), Remedy::Moved(tcp("", 6381)));
        assert_eq!(answered("ASK 3999 ::1:6381").remedy(), Remedy::Ask(tcp("::1", 6381)));
        assert_eq!(answered("MOVED nonsense").remedy(), Remedy::None);
        assert_eq!(answered("CLUSTERDOWN The cluster is down").remedy(), Remedy::Elsewhere);
        assert_eq!(answered("TRYAGAIN Multiple keys").remedy(), Remedy::Later);
    }

    #[test]
    fn what_passes_is_told_from_what_does_not() {
        assert_eq!(answered("READONLY You can't write").remedy(), Remedy::Elsewhere);
        assert_eq!(answered("LOADING Redis is loading").remedy(), Remedy::Later);
        assert_eq!(answered("MASTERDOWN Link with MASTER is down").remedy(), Remedy::Later);
        for final_answer in ["OOM x", "NOPERM x", "WRONGTYPE x", "NOREPLICAS x", "ERR x", "NOAUTH x"] {
            assert_eq!(answered(final_answer).remedy(), Remedy::None, "{final_answer}");
        }
    }

    #[test]
    fn b40_no_message_says_more_than_the_code() {
        for text in ["ERR canary", "NOPERM canary", "MOVED 1 canary:1", "CANARY canary"] {
            let fault = answered(text);
            let store = fault.clone().into_store_error(Duration::ZERO);
            let connect = fault.into_connect_error("here".to_owned(), Duration::ZERO);
            assert!(!format!("{store} {store:?} {connect} {connect:?}").contains("canary"), "{text}");
        }
    }
}
