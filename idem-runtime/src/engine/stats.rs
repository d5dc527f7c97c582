//! What happened so far, counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::telemetry::Meters;

macro_rules! stats {
    ($($(#[$doc:meta])* $event:ident => $field:ident,)*) => {
        /// What can happen to a request.
        #[derive(Clone, Copy, Debug)]
        pub(crate) enum Event { $($event,)* }

        #[derive(Debug)]
        pub(crate) struct Stats { $($field: AtomicU64,)* live: AtomicU64, meters: Meters }

        impl Stats {
            /// Of a store of this name.
            pub(crate) fn new(store: &'static str) -> Self {
                Self { $($field: AtomicU64::new(0),)* live: AtomicU64::new(0), meters: Meters::new(store) }
            }

            pub(crate) fn count(&self, event: Event) {
                match event { $(Event::$event => &self.$field,)* }.fetch_add(1, Ordering::Relaxed);
                self.meters.count(event);
            }

            pub(crate) fn snapshot(&self) -> Counts {
                Counts { $($field: self.$field.load(Ordering::Relaxed),)* live: self.live.load(Ordering::Relaxed) }
            }
        }

        /// How often each thing has happened since the [`Idempotency`](crate::Idempotency) was made, in this process.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Counts {
            $($(#[$doc])* pub $field: u64,)*
            /// Claims that are held now: `claimed` less `recorded`, `released` and `expired`, once nothing moves.
            pub live: u64,
        }
    };
}

stats! {
    /// Requests without a key that ran unprotected.
    Unprotected => unprotected,
    /// Requests and calls that ran unprotected because of [`bypass`](crate::Idempotency::bypass).
    Bypassed => bypassed,
    /// Claims granted, of which each ends in one way: `recorded`, `released` or `expired`.
    Claimed => claimed,
    /// Handlers started under a claim, first attempts and later ones.
    Executed => executed,
    /// Of those, the ones that took over from an owner that had died.
    TakenOver => taken_over,
    /// Retries answered from a record.
    Replayed => replayed,
    /// Duplicates refused because the first one was still running.
    InProgress => in_progress,
    /// Requests refused because their key belongs to another request.
    KeyReused => key_reused,
    /// Retries refused because nobody knows how the first one ended.
    OutcomeUnknown => outcome_unknown,
    /// Retries refused because the answer had not been kept.
    NotKept => response_not_kept,
    /// Requests refused because the store could not be asked, or could not be trusted.
    Unavailable => store_unavailable,
    /// Requests refused because the application was shutting down.
    Draining => draining,
    /// Outcomes recorded.
    Recorded => recorded,
    /// Claims released without a record.
    Released => released,
    /// Claims that this process neither recorded nor released: lost to another owner, or left to the end of their lease.
    Expired => expired,
    /// Answers given although the record could not be stored within the lease.
    Unrecorded => unrecorded,
    /// Store calls for a record or a release that failed and were made again.
    SettleRetried => settle_retried,
    /// Claims renewed.
    Renewed => renewed,
    /// Claims that their owner lost before it was done.
    Lost => lost,
    /// Handlers whose client had gone and that were carried on to their end.
    Adopted => adopted,
    /// Handlers that panicked.
    Panicked => panicked,
}

impl Stats {
    pub(crate) const fn meters(&self) -> &Meters {
        &self.meters
    }

    /// Counts a duplicate among those who wait, until this is dropped.
    pub(crate) fn waiting(&self) -> Waiting<'_> {
        self.meters.waits();
        Waiting(&self.meters)
    }
}

pub(crate) struct Waiting<'a>(&'a Meters);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waits_no_more();
    }
}

/// A claim that is held. However it comes to its end, it is counted as ended once: as expired, if nobody says otherwise.
#[derive(Debug)]
pub(crate) struct Tally(Option<Arc<Stats>>);

impl Tally {
    pub(crate) fn claimed(stats: &Arc<Stats>, attempt: u32) -> Self {
        stats.count(Event::Claimed);
        stats.live.fetch_add(1, Ordering::Relaxed);
        stats.meters.claimed(attempt > 1);
        Self(Some(Arc::clone(stats)))
    }

    /// A record of so many bytes has taken its place.
    pub(crate) fn recorded(&mut self, bytes: usize) {
        if let Some(stats) = self.0.take() {
            stats.meters.bytes_recorded(bytes);
            stats.claim_ended(Event::Recorded);
        }
    }

    /// It is gone, without a record.
    pub(crate) fn released(&mut self) {
        if let Some(stats) = self.0.take() {
            stats.claim_ended(Event::Released);
        }
    }

    /// What goes on to be held by somebody else in this process.
    pub(crate) const fn hand_over(&mut self) -> Self {
        Self(self.0.take())
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        if let Some(stats) = self.0.take() {
            stats.claim_ended(Event::Expired);
        }
    }
}

impl Stats {
    fn claim_ended(&self, how: Event) {
        self.count(how);
        self.live.fetch_sub(1, Ordering::Relaxed);
        self.meters.ended();
    }
}
