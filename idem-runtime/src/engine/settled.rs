//! How a request ended, and how that is written into a record.
//!
//! The head of an [`Outcome`] starts with one line that names the version and the kind. Anything else fails closed.

use bytes::Bytes;

use super::{Ending, OnFailure};
use crate::store::{Outcome, StoreError};

const KEPT: &[u8] = b"v1 kept\n";
const NOT_KEPT: &[u8] = b"v1 not-kept\n";
const UNKNOWN: &[u8] = b"v1 unknown\n";

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    /// With an answer that can be given again. What the parts mean is the caller's affair.
    Kept { head: Bytes, body: Bytes },
    /// With an answer that could not be recorded.
    NotKept,
    /// Without an answer.
    Unknown,
}

impl Settled {
    /// The start of a head that the caller goes on to write.
    pub(crate) fn begin_kept(capacity: usize) -> Vec<u8> {
        let mut head = Vec::with_capacity(KEPT.len() + capacity);
        head.extend_from_slice(KEPT);
        head
    }

    /// An outcome from a head that was begun with [`begin_kept`](Self::begin_kept).
    pub(crate) fn kept(head: Vec<u8>, body: Bytes) -> Outcome {
        debug_assert!(head.starts_with(KEPT));
        Outcome { head: head.into(), body }
    }

    pub(crate) const fn not_kept() -> Outcome {
        Outcome { head: Bytes::from_static(NOT_KEPT), body: Bytes::new() }
    }

    pub(crate) const fn unknown() -> Outcome {
        Outcome { head: Bytes::from_static(UNKNOWN), body: Bytes::new() }
    }

    /// What is recorded of an ending, if anything is.
    pub(super) fn of(ending: Ending, on_failure: OnFailure) -> Option<Outcome> {
        match (ending, on_failure) {
            (Ending::Keep(outcome), _) => Some(outcome),
            (Ending::NotKept, _) => Some(Self::not_kept()),
            (Ending::Failed, OnFailure::Keep) => Some(Self::unknown()),
            (Ending::Failed, OnFailure::Retry) | (Ending::Release, _) => None,
        }
    }

    pub(super) fn is_kept(outcome: &Outcome) -> bool {
        outcome.head.starts_with(KEPT)
    }

    /// Head and body of an outcome that [is kept](Self::is_kept).
    pub(super) fn parts_of_kept(outcome: Outcome) -> (Bytes, Bytes) {
        (outcome.head.slice(KEPT.len()..), outcome.body)
    }

    pub(crate) fn decode(outcome: Outcome) -> Result<Self, StoreError> {
        if Self::is_kept(&outcome) {
            let (head, body) = Self::parts_of_kept(outcome);
            return Ok(Self::Kept { head, body });
        }
        let Outcome { head, body } = outcome;
        if head == NOT_KEPT && body.is_empty() {
            Ok(Self::NotKept)
        } else if head == UNKNOWN && body.is_empty() {
            Ok(Self::Unknown)
        } else {
            Err(StoreError::corrupt("the outcome is of no kind that this release knows"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::LEAST_RESERVED_HEAD;

    #[test]
    fn i22_a_tombstone_fits_into_what_its_claim_reserved() {
        for tombstone in [Settled::not_kept(), Settled::unknown()] {
            assert!(tombstone.head.len() <= LEAST_RESERVED_HEAD && tombstone.body.is_empty());
        }
    }

    #[test]
    fn i25_an_unknown_kind_or_version_fails_closed() {
        for head in ["", "v1 kept", "v2 kept\n", "v1 unknown\nx", "kept\n"] {
            let outcome = Outcome { head: Bytes::from_static(head.as_bytes()), body: Bytes::new() };
            assert!(matches!(Settled::decode(outcome), Err(StoreError::Corrupt(_))), "{head:?}");
        }
        let with_body = Outcome { body: Bytes::from_static(b"x"), ..Settled::not_kept() };
        assert!(Settled::decode(with_body).is_err());
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        let mut head = Settled::begin_kept(4);
        head.extend_from_slice(b"head");
        let kept = Settled::kept(head, Bytes::from_static(b"body"));
        assert_eq!(
            Settled::decode(kept).unwrap(),
            Settled::Kept { head: Bytes::from_static(b"head"), body: Bytes::from_static(b"body") }
        );
        assert_eq!(Settled::decode(Settled::not_kept()).unwrap(), Settled::NotKept);
        assert_eq!(Settled::decode(Settled::unknown()).unwrap(), Settled::Unknown);
    }
}
