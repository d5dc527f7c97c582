//! How old what is under a key is.

use std::time::Duration;

/// How old an entry is, by the store's clock: what [`Store::inspect`](super::Store::inspect) says beside it.
///
/// For people. Nothing is decided by it: what holds and what has ended, the [`Entry`](super::Entry) says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// Of a record. How long it has left is its [`expires_in`](super::Record::expires_in).
    Recorded {
        /// How long ago it was recorded.
        ago: Duration,
    },
    /// Of a claim that is in flight.
    InFlight {
        /// How long its lease has left, unless it is renewed.
        lease_left: Duration,
        /// How long ago it was made or last renewed. `None` from a store that does not keep how long the lease was.
        last_sign: Option<Duration>,
    },
    /// Of a claim that was abandoned.
    Abandoned {
        /// How long ago its lease ended, at the least.
        lease_ended: Duration,
        /// As of a claim in flight.
        last_sign: Option<Duration>,
    },
}
