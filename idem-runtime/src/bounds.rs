//! What the options can be, wherever they are said as values. `#[idempotent]` holds what it reads to the same.

use std::time::Duration;

/// The least and the most that a time can be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) least: Duration,
    pub(crate) most: Duration,
}

impl Bounds {
    const fn new(least: Duration, most: Duration) -> Self {
        Self { least, most }
    }

    /// Whether this many milliseconds are within them.
    pub(crate) const fn hold(self, milliseconds: u128) -> bool {
        self.least.as_millis() <= milliseconds && milliseconds <= self.most.as_millis()
    }
}

pub(crate) const TTL: Bounds = Bounds::new(Duration::from_secs(1), Duration::from_secs(366 * 24 * 3600));
pub(crate) const LEASE: Bounds = Bounds::new(Duration::from_millis(100), Duration::from_secs(3600));
/// No longer than clients and proxies keep a request open.
pub(crate) const WAIT: Bounds = Bounds::new(Duration::from_millis(1), Duration::from_secs(300));
/// Of what is recorded, in bytes.
pub(crate) const LARGEST_RESPONSE: usize = 1024 * 1024 * 1024;
