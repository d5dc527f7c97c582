//! The calls of a store, and what comes of them, in words.

use crate::store::{AnyTransaction, Begun, ClaimOutcome, Committed, Entry, Hold, StoreError};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StoreCall {
    Claim,
    TakeOver,
    Renew,
    Complete,
    Release,
    LookUp,
    Begin,
    BeginUnguarded,
    Commit,
    RollBack,
    WasCommitted,
}

#[cfg_attr(not(feature = "metrics"), allow(dead_code, reason = "for metrics"))]
impl StoreCall {
    pub(super) const COUNT: usize = Self::WasCommitted as usize + 1;

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Claim => "claim",
            Self::TakeOver => "take_over",
            Self::Renew => "renew",
            Self::Complete => "complete",
            Self::Release => "release",
            Self::LookUp => "look_up",
            Self::Begin => "begin",
            Self::BeginUnguarded => "begin_unguarded",
            Self::Commit => "commit",
            Self::RollBack => "roll_back",
            Self::WasCommitted => "was_committed",
        }
    }

    /// The field of a call's span that says how long it took.
    pub(super) const fn field(self) -> Option<&'static str> {
        match self {
            Self::Claim | Self::TakeOver | Self::Begin | Self::BeginUnguarded => Some("claim_ms"),
            Self::Complete | Self::Release | Self::Commit | Self::RollBack | Self::WasCommitted => Some("settle_ms"),
            Self::Renew | Self::LookUp => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallResult {
    Done,
    Claimed,
    InFlight,
    Abandoned,
    Completed,
    Nothing,
    Lost,
    Unavailable,
    TimedOut,
    Full,
    Corrupt,
}

#[cfg_attr(not(feature = "metrics"), allow(dead_code, reason = "for metrics"))]
impl CallResult {
    pub(super) const COUNT: usize = Self::Corrupt as usize + 1;

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Claimed => "claimed",
            Self::InFlight => "in_flight",
            Self::Abandoned => "abandoned",
            Self::Completed => "completed",
            Self::Nothing => "nothing",
            Self::Lost => "lost",
            Self::Unavailable => "unavailable",
            Self::TimedOut => "timed_out",
            Self::Full => "full",
            Self::Corrupt => "corrupt",
        }
    }
}

/// What a store's answer is called.
pub(super) trait Told {
    fn told(&self) -> CallResult;
}

impl<T: Told> Told for Result<T, StoreError> {
    fn told(&self) -> CallResult {
        match self {
            Ok(answer) => answer.told(),
            Err(StoreError::Unavailable { .. }) => CallResult::Unavailable,
            Err(StoreError::TimedOut(_)) => CallResult::TimedOut,
            Err(StoreError::Full) => CallResult::Full,
            Err(StoreError::Corrupt(_)) => CallResult::Corrupt,
        }
    }
}

impl Told for ClaimOutcome {
    fn told(&self) -> CallResult {
        match self {
            Self::Claimed { .. } => CallResult::Claimed,
            Self::InFlight(_) => CallResult::InFlight,
            Self::Abandoned(_) => CallResult::Abandoned,
            Self::Completed(_) => CallResult::Completed,
        }
    }
}

impl Told for Begun<AnyTransaction> {
    fn told(&self) -> CallResult {
        match self {
            Self::Open { .. } => CallResult::Claimed,
            Self::InFlight { .. } => CallResult::InFlight,
            Self::Abandoned(_) => CallResult::Abandoned,
            Self::Completed(_) => CallResult::Completed,
        }
    }
}

impl Told for Option<Entry> {
    fn told(&self) -> CallResult {
        match self {
            None => CallResult::Nothing,
            Some(Entry::InFlight(_)) => CallResult::InFlight,
            Some(Entry::Abandoned(_)) => CallResult::Abandoned,
            Some(Entry::Completed(_)) => CallResult::Completed,
        }
    }
}

impl Told for Hold {
    fn told(&self) -> CallResult {
        match self {
            Self::Held => CallResult::Done,
            Self::Lost => CallResult::Lost,
        }
    }
}

impl Told for Committed {
    fn told(&self) -> CallResult {
        match self {
            Self::Yes => CallResult::Done,
            Self::No => CallResult::Lost,
        }
    }
}

/// Whether it was committed.
impl Told for bool {
    fn told(&self) -> CallResult {
        if *self { CallResult::Done } else { CallResult::Lost }
    }
}

impl Told for AnyTransaction {
    fn told(&self) -> CallResult {
        CallResult::Done
    }
}

impl Told for () {
    fn told(&self) -> CallResult {
        CallResult::Done
    }
}
