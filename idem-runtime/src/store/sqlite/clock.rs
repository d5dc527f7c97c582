//! The machine's clocks, and what they say of a row.
//!
//! Leases are judged by the time since the machine was started, which nobody can set: a wall clock that is put forward by an
//! hour would end every lease at once, with its owner alive. Records live for hours and days and have to end also after the
//! machine was restarted, so those are judged by the wall clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::store::span;
use crate::store::stored::State;

/// Which start of the machine it is. All zeros where the system does not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Boot(pub(super) [u8; 16]);

impl Boot {
    const UNKNOWN: Self = Self([0; 16]);

    /// Two starts that are known to be different: whoever held a claim then is gone.
    fn is_surely_not(self, other: Self) -> bool {
        self != other && self != Self::UNKNOWN && other != Self::UNKNOWN
    }
}

/// One moment, by both clocks, in whole milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    pub(super) boot: Boot,
    /// Since the machine was started; the wall clock's where the system does not tell.
    pub(super) up: i64,
    /// Since 1970.
    pub(super) wall: i64,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    boot: Boot,
}

impl Clock {
    pub(super) fn of_this_machine() -> Self {
        Self { boot: boot_id().unwrap_or(Boot::UNKNOWN) }
    }

    pub(super) fn now(self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall = i64::try_from(wall.as_millis()).unwrap_or(i64::MAX);
        let up = if self.boot == Boot::UNKNOWN { wall } else { since_boot() };
        Now { boot: self.boot, up, wall }
    }
}

#[cfg(target_os = "linux")]
fn boot_id() -> Option<Boot> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    u128::from_str_radix(&digits, 16).ok().filter(|id| *id != 0).map(|id| Boot(id.to_be_bytes()))
}

#[cfg(target_os = "linux")]
fn since_boot() -> i64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    time.tv_sec.saturating_mul(1_000).saturating_add(time.tv_nsec / 1_000_000)
}

#[cfg(not(target_os = "linux"))]
fn boot_id() -> Option<Boot> {
    None
}

#[cfg(not(target_os = "linux"))]
fn since_boot() -> i64 {
    0
}

/// The times in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) boot: Boot,
    pub(super) lease_until: i64,
    pub(super) expires: i64,
}

impl Times {
    /// Of a claim that begins to hold now. A millisecond longer than asked for, because `now` was cut to whole ones: a
    /// lease must not end earlier than its owner believes.
    pub(super) fn of_claim(now: Now, lease: Duration, ttl: u64) -> Self {
        let lease = millis(span::millis(lease)).saturating_add(1);
        Self {
            boot: now.boot,
            lease_until: now.up.saturating_add(lease),
            expires: now.wall.saturating_add(lease).saturating_add(millis(ttl)),
        }
    }

    /// Of a record that is stored now.
    pub(super) fn of_record(now: Now, ttl: u64) -> Self {
        Self { boot: now.boot, lease_until: now.up, expires: now.wall.saturating_add(millis(ttl)) }
    }

    /// Whether the lease of a claim has ended. At its very end it has.
    pub(super) fn lease_ended(self, ttl: u64, now: Now) -> bool {
        if self.boot == now.boot {
            self.lease_until <= now.up
        } else {
            self.boot.is_surely_not(now.boot) || self.expires.saturating_sub(millis(ttl)) <= now.wall
        }
    }

    /// How many milliseconds a lease has left; not above zero once it has ended, and then since when at the least.
    pub(super) fn lease_left(self, ttl: u64, now: Now) -> i64 {
        let by_wall = self.expires.saturating_sub(millis(ttl)).saturating_sub(now.wall);
        if self.boot == now.boot {
            self.lease_until.saturating_sub(now.up)
        } else if self.boot.is_surely_not(now.boot) {
            // Before this start of the machine, whatever the wall clock says.
            by_wall.min(now.up.saturating_neg())
        } else {
            by_wall
        }
    }

    /// Whether there is nothing left to be told of: a record that has ended, a claim that was abandoned so long ago.
    pub(super) fn is_over(self, state: State, ttl: u64, now: Now) -> bool {
        match state {
            State::Done => self.expires <= now.wall,
            State::Held if self.boot == now.boot => self.lease_until.saturating_add(millis(ttl)) <= now.up,
            State::Held => self.lease_ended(ttl, now) && self.expires <= now.wall,
        }
    }

    /// How many milliseconds a record lives at the least. One less than it looks, because `now` was cut to whole ones.
    pub(super) fn left(self, ttl: u64, now: Now) -> u64 {
        let left = self.expires.saturating_sub(now.wall).saturating_sub(1);
        u64::try_from(left).unwrap_or(0).min(ttl)
    }
}

/// Leases and TTLs are cut far below where this could matter.
fn millis(span: u64) -> i64 {
    i64::try_from(span).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: u64 = 5_000;

    fn now(up: i64, wall: i64) -> Now {
        Now { boot: Boot([1; 16]), up, wall }
    }

    fn claimed_at(now: Now) -> Times {
        Times::of_claim(now, Duration::from_millis(99), TTL)
    }

    #[test]
    fn i10_a_lease_holds_until_its_last_millisecond() {
        let times = claimed_at(now(1_000, 7_000));
        assert!(!times.lease_ended(TTL, now(1_099, 7_099)));
        assert!(times.lease_ended(TTL, now(1_100, 7_100)));
        assert!(!times.is_over(State::Held, TTL, now(6_099, 12_099)));
        assert!(times.is_over(State::Held, TTL, now(6_100, 12_100)));
    }

    #[test]
    fn i8_a_wall_clock_that_is_put_forward_or_back_ends_no_lease_and_prolongs_none() {
        let times = claimed_at(now(1_000, 7_000));
        for wall in [0, 7_000, 7_000 + 3_600_000, i64::MAX] {
            assert!(!times.lease_ended(TTL, now(1_099, wall)) && !times.is_over(State::Held, TTL, now(1_099, wall)));
            assert!(times.lease_ended(TTL, now(1_100, wall)));
        }
    }

    #[test]
    fn i31_whoever_held_a_claim_when_the_machine_went_down_is_gone() {
        let times = claimed_at(now(1_000, 7_000));
        // Started again at once: the time since then is less than it was.
        let restarted = Now { boot: Boot([2; 16]), up: 5, wall: 7_001 };
        assert!(times.lease_ended(TTL, restarted));
        assert!(!times.is_over(State::Held, TTL, restarted), "who it was can still be told");
        assert!(times.is_over(State::Held, TTL, Now { wall: 12_100, ..restarted }));
    }

    #[test]
    fn where_the_system_does_not_tell_the_wall_clock_decides() {
        let times = claimed_at(now(1_000, 7_000));
        let unknown = |wall| Now { boot: Boot::UNKNOWN, up: wall, wall };
        assert!(!times.lease_ended(TTL, unknown(7_099)) && times.lease_ended(TTL, unknown(7_100)));
        let times = claimed_at(unknown(7_000));
        assert!(!times.lease_ended(TTL, unknown(7_099)) && times.lease_ended(TTL, unknown(7_100)));
        assert!(!times.lease_ended(TTL, now(1, 7_099)) && times.lease_ended(TTL, now(1, 7_100)));
    }

    #[test]
    fn how_long_ago_a_lease_ended_is_by_the_clock_that_ended_it() {
        let times = claimed_at(now(1_000, 7_000));
        // The wall clock was put back, and matters as little as when it decides.
        assert_eq!(times.lease_left(TTL, now(1_000, 5)), 100);
        assert_eq!(times.lease_left(TTL, now(1_107, 5)), -7);
        // Started again: by the wall clock, but before that start in any case.
        let restarted = |up, wall| Now { boot: Boot([2; 16]), up, wall };
        assert_eq!(times.lease_left(TTL, restarted(50, 7_900)), -800);
        assert_eq!(times.lease_left(TTL, restarted(50, 7_001)), -50);
        let unknown = |wall| Now { boot: Boot::UNKNOWN, up: wall, wall };
        assert_eq!(times.lease_left(TTL, unknown(7_040)), 60);
        let moments =
            [now(1_099, 0), now(1_100, 0), restarted(0, 0), restarted(9, 9_000), unknown(7_099), unknown(7_100)];
        for now in moments {
            assert_eq!(times.lease_ended(TTL, now), times.lease_left(TTL, now) <= 0, "{now:?}");
        }
    }

    #[test]
    fn i51_a_record_ends_with_its_ttl_and_not_with_the_machine() {
        let times = Times::of_record(now(1_000, 7_000), TTL);
        assert!(!times.is_over(State::Done, TTL, now(2, 11_999)));
        assert!(times.is_over(State::Done, TTL, now(2, 12_000)));
        assert_eq!(times.left(TTL, now(1_000, 7_000)), TTL - 1);
        assert_eq!(times.left(TTL, now(1_000, 11_999)), 0);
        assert_eq!(times.left(TTL, now(1_000, i64::MAX)), 0);
        assert_eq!(times.left(TTL, now(1_000, 0)), TTL, "a clock that was put back");
    }

    #[test]
    fn i11_the_longest_spans_overflow_nothing() {
        let ttl = span::MAX_MILLIS;
        let times = Times::of_claim(now(i64::MAX - 1, i64::MAX - 1), Duration::MAX, ttl);
        assert!(!times.lease_ended(ttl, now(0, 0)));
        assert!(!Times::of_claim(now(0, 0), Duration::ZERO, 1).lease_ended(1, now(1, 1)));
    }

    #[test]
    fn both_clocks_go_on() {
        let clock = Clock::of_this_machine();
        let (one, two) = (clock.now(), clock.now());
        assert!(one.boot == two.boot && one.up <= two.up && one.wall > 1_700_000_000_000);
        #[cfg(target_os = "linux")]
        assert!(one.boot != Boot::UNKNOWN && one.up < one.wall);
    }
}
