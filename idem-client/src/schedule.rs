//! When the next try is made, and whether there is one: a function of numbers.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};

use crate::outcome::Stopped;

/// The limits of one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Of tries, the first one counted.
    pub(crate) attempts: u32,
    pub(crate) base: Duration,
    pub(crate) longest: Duration,
    pub(crate) longest_retry_after: Duration,
    pub(crate) one_try: Duration,
    pub(crate) total: Duration,
}

/// The delays of one request.
#[derive(Debug)]
pub(crate) struct Schedule {
    limits: Limits,
    ceilings: ExponentialBackoff,
}

impl Schedule {
    pub(crate) fn new(limits: Limits) -> Self {
        let ceilings = ExponentialBuilder::new()
            .with_factor(2.0)
            .with_min_delay(limits.base.min(limits.longest))
            .with_max_delay(limits.longest)
            .without_max_times()
            .build();
        Self { limits, ceilings }
    }

    /// How long the next try may take, when `elapsed` has passed since the first one began.
    pub(crate) fn time_for_a_try(&self, elapsed: Duration) -> Duration {
        self.limits.one_try.min(self.limits.total.saturating_sub(elapsed))
    }

    /// How long to wait after `attempts` tries, or why there is no other one.
    ///
    /// Full jitter: `drawn`, in 0 up to 1, of a ceiling that doubles. A server that says when to come is not asked sooner; one
    /// that says a time past what the caller is willing to wait is not asked again, because to come earlier would be to ignore it.
    pub(crate) fn next(
        &mut self,
        attempts: u32,
        elapsed: Duration,
        after: Option<Duration>,
        drawn: f64,
    ) -> Result<Duration, Stopped> {
        if attempts >= self.limits.attempts {
            return Err(Stopped::AttemptsSpent);
        }
        let after = after.unwrap_or_default();
        if after > self.limits.longest_retry_after {
            return Err(Stopped::ToldToWaitTooLong);
        }
        let ceiling = self.ceilings.next().unwrap_or(self.limits.longest);
        let delay = ceiling.mul_f64(drawn.clamp(0.0, 1.0)).max(after);
        // A try that could only be made when the time is over is not waited for.
        if elapsed.saturating_add(delay) >= self.limits.total { Err(Stopped::TimeSpent) } else { Ok(delay) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const S: Duration = Duration::from_secs(1);
    const LIMITS: Limits = Limits {
        attempts: 8,
        base: S,
        longest: Duration::from_secs(10),
        longest_retry_after: Duration::from_secs(60),
        one_try: Duration::from_secs(30),
        total: Duration::from_secs(100),
    };

    fn delays(limits: Limits, drawn: f64) -> Vec<Duration> {
        let mut schedule = Schedule::new(limits);
        (1..limits.attempts).map(|made| schedule.next(made, Duration::ZERO, None, drawn).unwrap()).collect()
    }

    #[test]
    fn the_ceiling_doubles_up_to_its_bound() {
        assert_eq!(delays(LIMITS, 1.0), [1, 2, 4, 8, 10, 10, 10].map(Duration::from_secs));
        assert_eq!(delays(LIMITS, 0.5), [500, 1000, 2000, 4000, 5000, 5000, 5000].map(Duration::from_millis));
        assert_eq!(delays(LIMITS, 0.0), [Duration::ZERO; 7]);
        // A base above the bound is the bound.
        assert_eq!(delays(Limits { base: 20 * S, ..LIMITS }, 1.0), [10 * S; 7]);
    }

    #[test]
    fn attempts_are_counted_with_the_first() {
        let mut schedule = Schedule::new(Limits { attempts: 2, ..LIMITS });
        assert_eq!(schedule.next(1, S, None, 1.0), Ok(S));
        assert_eq!(schedule.next(2, S, None, 1.0), Err(Stopped::AttemptsSpent));
    }

    #[test]
    fn the_server_is_not_asked_before_it_says() {
        let mut schedule = Schedule::new(LIMITS);
        assert_eq!(schedule.next(1, S, Some(7 * S), 1.0), Ok(7 * S));
        // The ceiling is 2 s by now, and longer than what the server says.
        assert_eq!(schedule.next(2, S, Some(S), 1.0), Ok(2 * S));
        assert_eq!(schedule.next(3, S, Some(60 * S), 0.0), Ok(60 * S));
        let too_long = 60 * S + Duration::from_nanos(1);
        assert_eq!(schedule.next(4, S, Some(too_long), 0.0), Err(Stopped::ToldToWaitTooLong));
        assert_eq!(schedule.next(4, S, Some(Duration::MAX), 0.0), Err(Stopped::ToldToWaitTooLong));
    }

    #[test]
    fn nothing_is_waited_for_past_the_total_time() {
        let next = |elapsed, drawn| Schedule::new(LIMITS).next(1, elapsed, None, drawn);
        assert_eq!(next(98 * S, 1.0), Ok(S));
        assert_eq!(next(99 * S, 1.0), Err(Stopped::TimeSpent));
        assert_eq!(next(100 * S, 0.0), Err(Stopped::TimeSpent));
        assert_eq!(next(Duration::MAX, 1.0), Err(Stopped::TimeSpent));
        let schedule = Schedule::new(LIMITS);
        assert_eq!(schedule.time_for_a_try(S), 30 * S);
        assert_eq!(schedule.time_for_a_try(95 * S), 5 * S);
        assert_eq!(schedule.time_for_a_try(101 * S), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn no_numbers_break_it(
            attempts in 1..5_u32, base: Duration, longest: Duration, total: Duration, elapsed: Duration,
            after: Option<Duration>, drawn in 0.0..1.0_f64,
        ) {
            let limits = Limits { attempts, base, longest, longest_retry_after: longest, one_try: base, total };
            let mut schedule = Schedule::new(limits);
            for made in 1..=attempts {
                if let Ok(delay) = schedule.next(made, elapsed, after, drawn) {
                    prop_assert!(delay <= longest && Some(delay) >= after && elapsed + delay < total);
                }
            }
        }
    }
}
