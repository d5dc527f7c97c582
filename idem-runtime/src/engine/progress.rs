//! How far one guarded request has come: shared between the engine, whoever adopts the request, and the handler.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::digest::RecordKey;

/// What dropping the request now would mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    /// Nothing was asked of the store, or nothing is held any more: dropping is harmless.
    Idle = 0,
    /// A claim may be held: the request has to be carried to its end.
    Live = 1,
}

/// The claim that the handler runs under.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) record: RecordKey,
    pub(crate) attempt: u32,
}

/// With something of the caller's own behind it, so that what is shared is one allocation. The engine does not look at that.
pub(crate) struct Progress<B: ?Sized = dyn Send + Sync> {
    phase: AtomicU8,
    adopted: AtomicBool,
    lost: AtomicBool,
    on_lost: Notify,
    claim: Mutex<ClaimState>,
    beside: B,
}

#[derive(Debug, Default)]
struct ClaimState {
    held: Option<Held>,
    /// Until when the claim holds for sure, by a clock that started before the store's.
    valid_until: Option<Instant>,
}

impl<B> Progress<B> {
    pub(crate) fn new(beside: B) -> Self {
        Self {
            phase: AtomicU8::new(Phase::Idle as u8),
            adopted: AtomicBool::new(false),
            lost: AtomicBool::new(false),
            on_lost: Notify::new(),
            claim: Mutex::default(),
            beside,
        }
    }

    pub(crate) const fn beside(&self) -> &B {
        &self.beside
    }
}

impl<B: ?Sized> Progress<B> {
    pub(crate) fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Release);
    }

    pub(crate) fn is_live(&self) -> bool {
        self.phase.load(Ordering::Acquire) == Phase::Live as u8
    }

    pub(crate) fn adopt(&self) {
        self.adopted.store(true, Ordering::Release);
    }

    /// Whether nobody waits for the answer any more.
    pub(crate) fn is_adopted(&self) -> bool {
        self.adopted.load(Ordering::Acquire)
    }

    pub(crate) fn hold(&self, held: Held, valid_until: Instant) {
        *self.claim.lock() = ClaimState { held: Some(held), valid_until: Some(valid_until) };
    }

    /// There is no claim, as before the first one.
    pub(crate) fn give_back(&self) {
        *self.claim.lock() = ClaimState::default();
    }

    pub(crate) fn held(&self) -> Option<Held> {
        self.claim.lock().held.clone()
    }

    pub(crate) fn renewed(&self, valid_until: Instant) {
        self.claim.lock().valid_until = Some(valid_until);
    }

    /// `None` before there was a claim.
    pub(crate) fn valid_until(&self) -> Option<Instant> {
        self.claim.lock().valid_until
    }

    pub(crate) fn signal_lost(&self) {
        self.lost.store(true, Ordering::Release);
        self.on_lost.notify_waiters();
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }

    pub(crate) async fn lost(&self) {
        let notified = self.on_lost.notified();
        tokio::pin!(notified);
        notified.as_mut().enable();
        if !self.is_lost() {
            notified.await;
        }
    }
}
