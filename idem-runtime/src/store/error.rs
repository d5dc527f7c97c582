use std::error::Error;
use std::time::Duration;

/// Why a store could not do what it was asked.
///
/// No message carries a key, a body, or a connection string.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// It cannot be reached, or answered with a failure of its own. Trying again may help.
    #[error("the idempotency store is unavailable: {reason}")]
    Unavailable {
        /// What happened, in a few words.
        reason: String,
        /// The error below.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// No answer within the deadline of one store call. Whether it was applied is not known.
    #[error("the idempotency store did not answer within {0:?}")]
    TimedOut(Duration),
    /// No room for this entry. Nothing was dropped to make room.
    #[error("the idempotency store is full")]
    Full,
    /// The store has no such operation.
    #[error("the idempotency store has no way {0}")]
    Unsupported(&'static str),
    /// The entry cannot be read: damaged, or written by a newer release. It is left as it is.
    #[error("a record in the idempotency store cannot be read: {0}")]
    Corrupt(String),
}

impl StoreError {
    /// An [`Unavailable`](StoreError::Unavailable) with the error below it.
    pub fn unavailable(reason: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unavailable { reason: reason.into(), source: Some(source.into()) }
    }

    /// A [`Corrupt`](StoreError::Corrupt).
    pub fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt(what.into())
    }

    /// Whether the same call may succeed if it is made again.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::TimedOut(_))
    }
}
