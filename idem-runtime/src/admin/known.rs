//! What an operator is told of a key.

use std::time::Duration;

use super::answer::Answer;
use crate::engine::settled::Settled;
use crate::store::{Age, Entry, Record, StoreError};

/// What is known of a key.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use idem_runtime::admin::{KeyState, Operation};
/// use idem_runtime::{Idempotency, Job, MemoryStore};
///
/// const SHIP: Job = Job::new("ship", Duration::from_secs(3600));
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let idempotency = Idempotency::new(MemoryStore::new());
/// idempotency.run(SHIP.key("order-7"), async { Ok::<_, ()>(1) }).await.unwrap();
///
/// let admin = idempotency.admin();
/// let known = admin.look_up(admin.key(&Operation::Job("ship".into()), None, "order-7")).await?.unwrap();
/// assert_eq!((known.state, known.attempt), (KeyState::Recorded, 1));
/// assert_eq!(known.answer.unwrap().body(), "1");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Known {
    /// How far it has come.
    pub state: KeyState,
    /// How many owners there were so far.
    pub attempt: u32,
    /// How many bytes are recorded, head and body.
    pub bytes: usize,
    /// How long the record lives at the least. `None` where the store cannot tell, and for a claim.
    pub expires_in: Option<Duration>,
    /// How old it is, by the store's clock. `None` where the store cannot tell, and a memory store cannot of a record.
    pub age: Option<Age>,
    /// What is replayed, if there is something.
    pub answer: Option<Answer>,
}

/// How far a key has come.
///
/// # Examples
///
/// ```
/// use idem_runtime::admin::KeyState;
///
/// /// Those that [`Admin::release`](idem_runtime::admin::Admin::release) and `settle` are for.
/// const fn waits_for_somebody(state: KeyState) -> bool {
///     matches!(state, KeyState::Abandoned | KeyState::OutcomeUnknown)
/// }
/// assert!(waits_for_somebody(KeyState::OutcomeUnknown));
/// assert_eq!(KeyState::OutcomeUnknown.as_str(), "outcome unknown");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyState {
    /// Somebody runs it, and shows signs of life.
    InFlight,
    /// Its owner has died: the lease has ended without a record. With `on_failure = "retry"` the next retry runs it; with
    /// `"keep"` a retry is refused with `outcome_unknown`.
    Abandoned,
    /// It is finished, and its answer is replayed.
    Recorded,
    /// It is finished, and its answer was not kept: a retry is refused with `response_not_kept`.
    NotKept,
    /// It failed without an answer, with `on_failure = "keep"`: a retry is refused with `outcome_unknown`.
    OutcomeUnknown,
}

impl KeyState {
    /// In a few words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InFlight => "in flight",
            Self::Abandoned => "abandoned",
            Self::Recorded => "recorded",
            Self::NotKept => "response not kept",
            Self::OutcomeUnknown => "outcome unknown",
        }
    }
}

impl Known {
    pub(super) fn read(entry: Entry) -> Result<Self, StoreError> {
        let claim = |state, attempt| Self { state, attempt, bytes: 0, expires_in: None, age: None, answer: None };
        let record = match entry {
            Entry::InFlight(holder) => return Ok(claim(KeyState::InFlight, holder.attempt)),
            Entry::Abandoned(holder) => return Ok(claim(KeyState::Abandoned, holder.attempt)),
            Entry::Completed(record) => record,
        };
        let Record { attempt, outcome, expires_in, .. } = record;
        let bytes = outcome.len();
        let (state, answer) = match Settled::decode(outcome)? {
            Settled::Kept { head, body } => (KeyState::Recorded, Some(Answer::read(&head, body)?)),
            Settled::NotKept => (KeyState::NotKept, None),
            Settled::Unknown => (KeyState::OutcomeUnknown, None),
        };
        let expires_in = Some(expires_in).filter(|left| !left.is_zero());
        Ok(Self { state, attempt, bytes, expires_in, age: None, answer })
    }
}
