//! Why a call has no value: its work failed, or it was refused.

use std::fmt;

use crate::engine::{Refused, UnavailableBecause};

/// Why [`Idempotency::run`](crate::Idempotency::run) gives no value.
#[derive(Debug, thiserror::Error)]
pub enum JobError<E> {
    /// The work ran, here and now, and this is its own error. By default nothing is recorded of it, and the next call
    /// runs the work again; with [`OnFailure::Keep`](crate::OnFailure::Keep) the next call is told that the outcome is
    /// unknown.
    #[error(transparent)]
    Failed(E),
    /// The call was refused.
    #[error(transparent)]
    Refused(JobRefusal),
}

impl<E> From<JobRefusal> for JobError<E> {
    fn from(refusal: JobRefusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Why a call was refused. No message holds a key, a scope or a value; the *source* of
/// [`Unreadable`](Self::Unreadable), serde's own error, can quote the value.
///
/// What a consumer does with its message is said by two questions: [`is_transient`](Self::is_transient), deliver it
/// again; [`was_done`](Self::was_done), it is done, acknowledge it. Anything else is for a person: put it aside.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JobRefusal {
    /// `missing_key`: the key is `None`, as of a message without an id. Nothing was run.
    #[error("the call has no key")]
    MissingKey,
    /// `invalid_key`: the key is empty. Nothing was run.
    #[error("the key of the call is empty")]
    InvalidKey,
    /// `missing_scope`: a scope is asked for, and it is `None` or empty. Nothing was run.
    #[error("nothing says whose key it is")]
    MissingScope,
    /// `misconfigured`: what has to be the same cannot be serialised, so nobody could tell another call from this one.
    /// Nothing was run.
    #[error("the fingerprint of the call cannot be serialised")]
    Misconfigured(#[source] serde_json::Error),
    /// `key_reused`: the key belongs to a call with another fingerprint. Nothing was run.
    #[error("the key belongs to another call")]
    KeyReused,
    /// `in_progress`: the first call with this key is still running.
    #[error("the first call with this key is still running")]
    InProgress,
    /// `outcome_unknown`: the first call with this key began, and did not end with a value. It may have had its effect,
    /// and is not run again. Only with [`OnFailure::Keep`](crate::OnFailure::Keep).
    #[error("the first call with this key did not end with a value, and is not run again")]
    OutcomeUnknown,
    /// `response_not_kept`: it was done, but its value was too large to be kept, or could not be serialised.
    #[error("it was done, but its value was not kept")]
    NotKept,
    /// `unreadable_record`: it was done, but its value can no longer be read as the type that is asked for: the type has
    /// changed since. The work is not run again, and the record stays as it is, for a release that can read it.
    #[error("it was done, but the recorded value cannot be read as this type")]
    Unreadable(#[source] serde_json::Error),
    /// `store_unavailable`: the store cannot be asked, or cannot be trusted, or the claim was lost while the work ran.
    #[error("idempotency cannot be ensured at the moment")]
    Unavailable(#[source] Unavailable),
    /// `draining`: the process is shutting down, see [`Idempotency::drain`](crate::Idempotency::drain). Nothing was run.
    #[error("the process is shutting down")]
    Draining,
}

impl JobRefusal {
    /// The stable text of this refusal; where a handler is refused for the same reason, the same one.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::MissingKey => "missing_key",
            Self::InvalidKey => "invalid_key",
            Self::MissingScope => "missing_scope",
            Self::Misconfigured(_) => "misconfigured",
            Self::KeyReused => "key_reused",
            Self::InProgress => "in_progress",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::NotKept => "response_not_kept",
            Self::Unreadable(_) => "unreadable_record",
            Self::Unavailable(_) => "store_unavailable",
            Self::Draining => "draining",
        }
    }

    /// Whether the same call may get its value later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::InProgress | Self::Unavailable(_) | Self::Draining)
    }

    /// Whether it is known that the work was done, although its value cannot be had.
    #[must_use]
    pub const fn was_done(&self) -> bool {
        matches!(self, Self::NotKept | Self::Unreadable(_))
    }
}

impl JobRefusal {
    // No `From`: the compiler would offer it to users, who have no such value.
    pub(super) fn of(refused: Refused) -> Self {
        match refused {
            Refused::KeyReused => Self::KeyReused,
            Refused::InProgress => Self::InProgress,
            Refused::OutcomeUnknown => Self::OutcomeUnknown,
            Refused::ResponseNotKept => Self::NotKept,
            Refused::Unavailable(because) => Self::Unavailable(Unavailable(because)),
            Refused::Draining => Self::Draining,
        }
    }
}

/// What is in the way: a store that does not answer, say.
pub struct Unavailable(UnavailableBecause);

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            UnavailableBecause::Store(error) => error.fmt(f),
            other => other.fmt(f),
        }
    }
}

impl fmt::Debug for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Unavailable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0 {
            UnavailableBecause::Store(error) => error.source(),
            UnavailableBecause::LateClaim | UnavailableBecause::Contended | UnavailableBecause::ClaimLost => None,
        }
    }
}
