use std::error::Error;
use std::time::Duration;

/// Why a [`RedisStore`](super::RedisStore) could not be connected.
///
/// No message carries the URL or its password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedisConnectError {
    /// The URL cannot be used.
    #[error("the Redis URL cannot be used: {reason}")]
    Url {
        /// What is wrong with it.
        reason: String,
    },
    /// No connection to the server, or it was lost while the server was looked at.
    #[error("Redis at {address} cannot be reached")]
    Unreachable {
        /// Host and port, or the path of the socket.
        address: String,
        /// The error below.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// The server did not answer in time.
    #[error("Redis at {address} did not answer within {within:?}")]
    TimedOut {
        /// Host and port, or the path of the socket.
        address: String,
        /// How long it was waited for.
        within: Duration,
    },
    /// The user or the password is wrong, or missing.
    #[error("Redis at {address} refuses the user name or the password, or wants one")]
    Authentication {
        /// Host and port, or the path of the socket.
        address: String,
    },
    /// The server answered with an error.
    #[error("Redis at {address} answered {code}")]
    Refused {
        /// Host and port, or the path of the socket.
        address: String,
        /// The code of the error, such as `LOADING`.
        code: String,
    },
    /// The server lacks what this store needs.
    #[error("the server is too old: it is Redis {version}; needed is Redis 7.0 or Valkey 7.2, or a later one")]
    TooOld {
        /// What the server says it is.
        version: String,
    },
    /// What was reached is not what the URL says: a node of a cluster at `redis://`, a server at `redis+sentinel://`.
    #[error("Redis at {address} {remedy}")]
    Misplaced {
        /// Host and port, or the path of the socket.
        address: String,
        /// What it is, and the URL to use.
        remedy: &'static str,
    },
    /// No sentinel knows a primary of the name in the URL.
    #[error("the sentinels at {address} know no service of the name in the URL (sentinel monitor NAME ..)")]
    UnknownService {
        /// Their hosts and ports.
        address: String,
    },
    /// No encrypted connection can be made.
    #[error("no TLS connection to Redis can be made: {reason}")]
    Tls {
        /// Why.
        reason: String,
    },
    /// The server is a replica. Claims are made and read on the primary only.
    #[error("Redis at {address} is a replica; connect to its primary")]
    Replica {
        /// Host and port, or the path of the socket.
        address: String,
    },
    /// The server throws entries away when its memory is full, claims that are held among them: a request would run
    /// twice.
    #[error(
        "the Redis server evicts entries when its memory is full (maxmemory-policy is {policy}), and so would forget \
         running requests; set it with CONFIG SET maxmemory-policy noeviction, or insist with allow_eviction(true)"
    )]
    Evicts {
        /// The server's `maxmemory-policy`.
        policy: String,
    },
}
