//! What becomes of a message: one table, for every broker.
//!
//! | a try gives | what it means | the message |
//! |---|---|---|
//! | a receipt, executed | it was booked, and the record is stored | [acknowledged](Decision::Acknowledge) |
//! | a receipt, replayed | it was seen before | [acknowledged](Decision::Acknowledge) |
//! | `in_progress` | another delivery of it is being booked, or its consumer died a moment ago | [waits](Decision::Wait) |
//! | `store_unavailable`, a file that cannot be written | nobody can tell whether it was booked | [waits, and nothing new is taken in](Decision::Pause) |
//! | `draining` | this process ends | [left for its next delivery](Decision::Leave) |
//! | an error of the work, or a panic | nothing was booked | [tried again, so many times](Decision::Retry) |
//! | no payment in it | nothing was run, and nothing would be | [put aside](Decision::PutAside) |
//! | `missing_key`, `invalid_key`, `missing_scope` | it has no id, so nobody could tell its repeat: never run | [put aside](Decision::PutAside) |
//! | `key_reused` | its id belongs to another content: one of both has the wrong id | [put aside](Decision::PutAside) |
//! | it is among the bookings, and its record has ended | it was booked, more than a year ago | [acknowledged](Decision::Acknowledge) |
//! | the same, of another content | as `key_reused` | [put aside](Decision::PutAside) |
//! | `unreadable_record` | it was booked, and this release cannot read what it came to: never run again | [put aside](Decision::PutAside), loudly |
//! | `response_not_kept` | it was booked | [acknowledged](Decision::Acknowledge) |
//! | `outcome_unknown` and what is not known yet | a person has to look | [put aside](Decision::PutAside) |
//!
//! Waiting is done with the message in hand, neither acknowledged nor given back. A broker would deliver again at once what
//! it is given back, behind later messages of the same account, and counts it as one more delivery: a store that is away for
//! an hour would make dead letters of good messages.

use std::borrow::Cow;

use idem_runtime::{Done, JobRefusal};

use crate::books::{NotBooked, Receipt};

/// What to do with a message after a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is done, now or before.
    Acknowledge,
    /// Keep it, and try again in a while. This is not counted.
    Wait,
    /// As [`Wait`](Self::Wait); meanwhile, take in nothing new.
    Pause,
    /// Keep it, and try again in a while. This is counted.
    Retry(Reason),
    /// It cannot be done, or must not: put it aside, for a person.
    PutAside(Reason),
    /// Keep your hands off it: it will be delivered again.
    Leave,
}

/// Why a message was put aside, for those who find it there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// A stable word: `malformed`, `failed`, `delivered_too_often`, or the [code](JobRefusal::code) of a refusal.
    pub code: &'static str,
    /// The same for people. Without the message's content.
    pub detail: Cow<'static, str>,
}

impl Reason {
    /// A message that was delivered again and again, and never came to an end: it may be what kills its consumers.
    pub const DELIVERED_TOO_OFTEN: Self = Self {
        code: "delivered_too_often",
        detail: Cow::Borrowed("it was delivered many times, and no consumer came to an end with it"),
    };

    fn of(code: &'static str, why: &dyn std::error::Error) -> Self {
        Self { code, detail: why.to_string().into() }
    }
}

impl Decision {
    /// After this try.
    ///
    /// # Examples
    ///
    /// ```
    /// use consumer::{Decision, NotBooked};
    /// use idem_runtime::JobRefusal;
    ///
    /// assert_eq!(Decision::after(&Err(JobRefusal::InProgress.into())), Decision::Wait);
    /// assert!(matches!(Decision::after(&Err(JobRefusal::MissingKey.into())), Decision::PutAside(_)));
    /// assert!(matches!(Decision::after(&Err(NotBooked::Uncovered)), Decision::Retry(_)));
    /// ```
    #[must_use]
    pub fn after(try_: &Result<Done<Receipt>, NotBooked>) -> Self {
        match try_ {
            Ok(_) => Self::Acknowledge,
            Err(why @ NotBooked::Malformed(_)) => Self::PutAside(Reason::of("malformed", why)),
            Err(why @ (NotBooked::Uncovered | NotBooked::Panicked)) => Self::Retry(Reason::of("failed", why)),
            Err(NotBooked::Ledger(_)) => Self::Pause,
            Err(NotBooked::BookedBefore(_)) => Self::Acknowledge,
            Err(why @ NotBooked::IdTaken(_)) => Self::PutAside(Reason::of("key_reused", why)),
            Err(NotBooked::Refused(refusal)) => match refusal {
                JobRefusal::InProgress => Self::Wait,
                JobRefusal::Unavailable(_) => Self::Pause,
                JobRefusal::Draining => Self::Leave,
                JobRefusal::NotKept => Self::Acknowledge,
                other => Self::PutAside(Reason::of(other.code(), other)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use idem_runtime::store::SqliteError;

    use super::*;

    /// That of a store that is away is made by no test of this kind: see `tests/tests/consumer`.
    #[test]
    fn the_table() {
        let no_json = || serde_json::from_str::<u8>("no").unwrap_err();
        let aside = |code| Decision::PutAside(Reason { code, detail: Cow::Borrowed("") });
        let failed = || Decision::Retry(Reason { code: "failed", detail: Cow::Borrowed("") });
        let table: [(NotBooked, Decision); 16] = [
            (crate::Malformed("-".into()).into(), aside("malformed")),
            (NotBooked::Uncovered, failed()),
            (NotBooked::Panicked, failed()),
            (SqliteError::Ended.into(), Decision::Pause),
            (NotBooked::BookedBefore(1), Decision::Acknowledge),
            (NotBooked::IdTaken(1), aside("key_reused")),
            (JobRefusal::MissingKey.into(), aside("missing_key")),
            (JobRefusal::InvalidKey.into(), aside("invalid_key")),
            (JobRefusal::MissingScope.into(), aside("missing_scope")),
            (JobRefusal::Misconfigured(no_json()).into(), aside("misconfigured")),
            (JobRefusal::KeyReused.into(), aside("key_reused")),
            (JobRefusal::InProgress.into(), Decision::Wait),
            (JobRefusal::OutcomeUnknown.into(), aside("outcome_unknown")),
            (JobRefusal::NotKept.into(), Decision::Acknowledge),
            (JobRefusal::Unreadable(no_json()).into(), aside("unreadable_record")),
            (JobRefusal::Draining.into(), Decision::Leave),
        ];
        for (why, expected) in table {
            let said = format!("{why:?}");
            let decision = match Decision::after(&Err(why)) {
                Decision::PutAside(reason) => Decision::PutAside(Reason { detail: Cow::Borrowed(""), ..reason }),
                Decision::Retry(reason) => Decision::Retry(Reason { detail: Cow::Borrowed(""), ..reason }),
                other => other,
            };
            assert_eq!(decision, expected, "{said}");
        }
        let receipt = || Receipt { booking: 1, balance: 1 };
        assert_eq!(Decision::after(&Ok(Done::executed(receipt()))), Decision::Acknowledge);
    }
}
