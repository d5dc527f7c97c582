//! What became of a guarded call.

use crate::engine::Answer;
use crate::http::refusal::RefusalCode;
use crate::job::JobRefusal;

macro_rules! outcomes {
    ($($(#[$doc:meta])* $outcome:ident => $text:literal,)*) => {
        /// What became of a guarded call: the field `outcome` of its span, and the label of `idem_requests_total`.
        ///
        /// A refused call has the code that its client was told, see [`guide::problems`](crate::guide::problems).
        ///
        /// # Examples
        ///
        /// ```
        /// use idem_runtime::telemetry::Outcome;
        ///
        /// assert_eq!(Outcome::KeyReused.as_str(), "key_reused");
        /// assert!(Outcome::ALL.iter().any(|outcome| outcome.as_str() == "executed"));
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum Outcome { $($(#[$doc])* #[doc = concat!(" `", $text, "`")] $outcome,)* }

        impl Outcome {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$outcome,)*];

            /// The text of this outcome.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$outcome => $text,)* }
            }
        }
    };
}

outcomes! {
    /// It ran, here and now, and its own answer was given.
    Executed => "executed",
    /// It was answered from a record.
    Replayed => "replayed",
    /// It had no key, and ran unprotected, as the route allows.
    Unprotected => "unprotected",
    /// A layer made way for what guards the request nearer to its handler, which has an outcome of its own.
    StoodAside => "stood_aside",
    /// Its key was not looked at, because idempotency is [bypassed](crate::Idempotency::bypass).
    Bypassed => "bypassed",
    /// It ran and panicked.
    Panicked => "panicked",
    /// Its caller went away before there was an answer, and nothing was claimed for it, or what ran could not outlive its
    /// caller.
    Abandoned => "abandoned",
    /// It had no key.
    MissingKey => "missing_key",
    /// Its key is none.
    InvalidKey => "invalid_key",
    /// Nothing said whose key it is.
    MissingScope => "missing_scope",
    /// What says whose key it is, is wrong.
    InvalidScope => "invalid_scope",
    /// Its key belongs to another request.
    KeyReused => "key_reused",
    /// The first one with this key was still running.
    InProgress => "in_progress",
    /// The first one with this key ended without an answer, and must not run again.
    OutcomeUnknown => "outcome_unknown",
    /// The first one was done, and its answer was not kept.
    NotKept => "response_not_kept",
    /// The store could not be asked, or could not be trusted, or the claim was lost on the way.
    Unavailable => "store_unavailable",
    /// The process was shutting down.
    Draining => "draining",
    /// The route asks for something that cannot be had.
    Misconfigured => "misconfigured",
}

impl Outcome {
    pub(crate) const fn of_job<T>(result: &Result<Answer<T>, JobRefusal>) -> Self {
        match result {
            Ok(Answer::Executed(_)) => Self::Executed,
            Ok(Answer::Replay { .. }) => Self::Replayed,
            Err(refusal) => Self::of_job_refusal(refusal),
        }
    }

    pub(crate) const fn of_refusal(code: RefusalCode) -> Self {
        match code {
            RefusalCode::MissingKey => Self::MissingKey,
            RefusalCode::InvalidKey => Self::InvalidKey,
            RefusalCode::MissingScope => Self::MissingScope,
            RefusalCode::InvalidScope => Self::InvalidScope,
            RefusalCode::KeyReused => Self::KeyReused,
            RefusalCode::InProgress => Self::InProgress,
            RefusalCode::OutcomeUnknown => Self::OutcomeUnknown,
            RefusalCode::ResponseNotKept => Self::NotKept,
            RefusalCode::StoreUnavailable => Self::Unavailable,
            RefusalCode::Draining => Self::Draining,
            RefusalCode::Misconfigured => Self::Misconfigured,
            // What a handler says itself, while it runs.
            RefusalCode::InvalidPrecondition | RefusalCode::PreconditionRequired | RefusalCode::PreconditionFailed => {
                Self::Executed
            }
        }
    }

    pub(crate) const fn of_job_refusal(refusal: &JobRefusal) -> Self {
        match refusal {
            JobRefusal::MissingKey => Self::MissingKey,
            JobRefusal::InvalidKey => Self::InvalidKey,
            JobRefusal::MissingScope => Self::MissingScope,
            JobRefusal::Misconfigured(_) => Self::Misconfigured,
            JobRefusal::KeyReused => Self::KeyReused,
            JobRefusal::InProgress => Self::InProgress,
            JobRefusal::OutcomeUnknown => Self::OutcomeUnknown,
            JobRefusal::NotKept => Self::NotKept,
            // Its record was found, and given; that it is of another type is the caller's affair.
            JobRefusal::Unreadable(_) => Self::Replayed,
            JobRefusal::Unavailable(_) => Self::Unavailable,
            JobRefusal::Draining => Self::Draining,
        }
    }

    pub(super) fn from_index(index: u8) -> Option<Self> {
        Self::ALL.get(usize::from(index)).copied()
    }
}
