//! Leases and TTLs as the numbers that a store calculates with.

use std::time::Duration;

/// The longest lease or TTL that a store keeps to, in milliseconds: 317 years. Longer ones are cut to it, so that adding
/// two of them to any clock cannot overflow, and a deadline that came out of an overflow can never mean "for ever".
pub(crate) const MAX_MILLIS: u64 = 9_999_999_999_999;

/// `span` in whole milliseconds, from 1 to [`MAX_MILLIS`].
///
/// Rounded up, because a lease that holds a little longer than its owner believes is safe and one that ends earlier is
/// not; never zero, because a lease of zero would make every owner look dead.
pub(crate) fn millis(span: Duration) -> u64 {
    let up = span.as_nanos().div_ceil(1_000_000).clamp(1, u128::from(MAX_MILLIS));
    u64::try_from(up).unwrap_or(MAX_MILLIS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i11_no_span_is_zero_and_none_overflows() {
        assert_eq!(millis(Duration::ZERO), 1);
        assert_eq!(millis(Duration::from_nanos(1)), 1);
        assert_eq!(millis(Duration::from_millis(30)), 30);
        assert_eq!(millis(Duration::from_micros(30_001)), 31);
        assert_eq!(millis(Duration::MAX), MAX_MILLIS);
    }
}
