//! What happened so far, counted.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! stats {
    ($($(#[$doc:meta])* $event:ident => $field:ident,)*) => {
        /// What can happen to a request.
        #[derive(Clone, Copy, Debug)]
        pub(crate) enum Event { $($event,)* }

        #[derive(Debug, Default)]
        pub(crate) struct Stats { $($field: AtomicU64,)* }

        impl Stats {
            pub(crate) fn count(&self, event: Event) {
                match event { $(Event::$event => &self.$field,)* }.fetch_add(1, Ordering::Relaxed);
            }

            pub(crate) fn snapshot(&self) -> Counts {
                Counts { $($field: self.$field.load(Ordering::Relaxed),)* }
            }
        }

        /// How often each thing has happened since the [`Idempotency`](crate::Idempotency) was made, in this process.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Counts { $($(#[$doc])* pub $field: u64,)* }
    };
}

stats! {
    /// Requests without a key that ran unprotected.
    Unprotected => unprotected,
    /// Requests and calls that ran unprotected because of [`bypass`](crate::Idempotency::bypass).
    Bypassed => bypassed,
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
