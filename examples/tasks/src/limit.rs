//! How many requests a client may send. It is asked before the guard: a request that is refused here touches no key.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::problem::Problem;

/// A limit for each address that requests come from. The user is no measure as long as nobody has to prove who he is: one
/// client could be everybody. With a login before it, or behind a proxy, it would be another one.
#[derive(Clone, Debug)]
pub(crate) struct Limit {
    limiter: Arc<DefaultKeyedRateLimiter<IpAddr>>,
}

impl Limit {
    /// One request each `period`, and this many at once.
    ///
    /// # Errors
    /// When the period is zero.
    pub(crate) fn new(period: Duration, burst: NonZeroU32) -> Result<Self, String> {
        let quota =
            Quota::with_period(period).ok_or("the limit lets everything pass: choose less --requests-per-second")?;
        Ok(Self { limiter: Arc::new(RateLimiter::keyed(quota.allow_burst(burst))) })
    }

    /// Forgets who has been away for so long that nothing is counted against him, again and again.
    pub(crate) async fn forget(self) {
        let mut minutes = tokio::time::interval(Duration::from_secs(60));
        loop {
            minutes.tick().await;
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        }
    }

    /// How long this client has to wait, if it has to: in whole seconds, rounded up, or it would come too early.
    fn wait(&self, client: IpAddr) -> Option<u64> {
        let too_early = self.limiter.check_key(&client).err()?;
        let wait = too_early.wait_time_from(DefaultClock::default().now());
        Some((wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1))
    }
}

/// 429 with `Retry-After` for a client that sends too many.
pub(crate) async fn limited(
    State(limit): State<Limit>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    match limit.wait(client.ip()) {
        None => next.run(request).await,
        Some(seconds) => Problem::too_many_requests(seconds).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_whole_seconds_and_never_none() {
        let client = |last| IpAddr::from([127, 0, 0, last]);
        let limit = Limit::new(Duration::from_secs(3_600), NonZeroU32::MIN).unwrap();
        assert_eq!(limit.wait(client(1)), None);
        assert!(limit.wait(client(1)).is_some_and(|seconds| (1..=3_600).contains(&seconds)));
        assert_eq!(limit.wait(client(2)), None, "each has his own");
        assert!(Limit::new(Duration::ZERO, NonZeroU32::MIN).is_err());
    }
}
