//! What an operator has told the whole layer to do, in one word that each request reads once.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

const DRAINING: u8 = 1;
const BYPASSED: u8 = 2;

/// How often it is said that requests run unprotected: a store that is down must not fill the logs as well.
const EVERY: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Mode {
    bits: AtomicU8,
    unsaid: Mutex<Unsaid>,
}

/// Requests that ran unprotected since that was last said.
#[derive(Debug, Default)]
struct Unsaid {
    requests: u64,
    said: Option<Instant>,
}

impl Mode {
    /// From here on, whoever has taken a token before it looked is waited for: see `seize`.
    pub(super) fn drain(&self) {
        self.bits.fetch_or(DRAINING, Ordering::SeqCst);
    }

    pub(super) fn is_draining(&self) -> bool {
        self.bits.load(Ordering::SeqCst) & DRAINING != 0
    }

    /// Whether that was a change.
    pub(super) fn bypass(&self, on: bool) -> bool {
        let before = match on {
            true => self.bits.fetch_or(BYPASSED, Ordering::Relaxed),
            false => self.bits.fetch_and(!BYPASSED, Ordering::Relaxed),
        };
        (before & BYPASSED != 0) != on
    }

    pub(super) fn is_bypassed(&self) -> bool {
        self.bits.load(Ordering::Relaxed) & BYPASSED != 0
    }

    /// Counts a request that ran unprotected: how many did since this was last said, if it is time to say it again.
    pub(super) fn to_be_said(&self) -> Option<u64> {
        let mut unsaid = self.unsaid.lock();
        unsaid.requests += 1;
        if unsaid.said.is_some_and(|said| said.elapsed() < EVERY) {
            return None;
        }
        unsaid.said = Some(Instant::now());
        Some(std::mem::take(&mut unsaid.requests))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_bypass_is_said_once_per_second_with_all_it_stands_for() {
        let mode = Mode::default();
        assert_eq!(mode.to_be_said(), Some(1), "the first at once");
        assert_eq!((mode.to_be_said(), mode.to_be_said()), (None, None));
        tokio::time::advance(EVERY - Duration::from_millis(1)).await;
        assert_eq!(mode.to_be_said(), None);
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(mode.to_be_said(), Some(4));
    }

    #[test]
    fn the_two_switches_do_not_touch_each_other() {
        let mode = Mode::default();
        assert!(!mode.bypass(false) && mode.bypass(true) && !mode.bypass(true));
        mode.drain();
        assert!(mode.is_bypassed() && mode.is_draining());
        assert!(mode.bypass(false));
        assert!(!mode.is_bypassed() && mode.is_draining());
    }
}
