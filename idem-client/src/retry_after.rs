//! `Retry-After` (RFC 9110, section 10.2.3).

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderValue, header};

/// How long the server asks to wait, in either of its forms; `None` if it does not say, or says what nobody can read.
///
/// An HTTP-date is compared with the answer's own `Date`, which is of the same clock, and with `now` if there is none. One that
/// has passed is no time at all. Of several, the longest counts.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let now = headers.get(header::DATE).and_then(date).unwrap_or(now);
    headers.get_all(header::RETRY_AFTER).iter().filter_map(|value| delay(value, now)).max()
}

fn delay(value: &HeaderValue, now: SystemTime) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are a number all the same: longer than anybody waits.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    Some(date(value)?.duration_since(now).unwrap_or_default())
}

fn date(value: &HeaderValue) -> Option<SystemTime> {
    httpdate::parse_http_date(value.to_str().ok()?.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: &str = "Tue, 24 Nov 2026 12:00:00 GMT";
    const HALF_A_MINUTE_LATER: &str = "Tue, 24 Nov 2026 12:00:30 GMT";

    fn heard(values: &[&str], own_date: Option<&str>) -> Option<u64> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::RETRY_AFTER, value.parse().unwrap());
        }
        own_date.map(|date| headers.insert(header::DATE, date.parse().unwrap()));
        let noon = httpdate::parse_http_date(NOON).unwrap();
        retry_after(&headers, noon).map(|delay| delay.as_secs())
    }

    #[test]
    fn both_forms_are_read() {
        assert_eq!(heard(&["120"], None), Some(120));
        assert_eq!(heard(&["0"], None), Some(0));
        assert_eq!(heard(&[HALF_A_MINUTE_LATER], None), Some(30));
        // The two obsolete forms of a date, which a recipient has to accept (RFC 9110, section 5.6.7).
        assert_eq!(heard(&["Tuesday, 24-Nov-26 12:00:30 GMT"], None), Some(30));
        assert_eq!(heard(&["Tue Nov 24 12:00:30 2026"], None), Some(30));
    }

    #[test]
    fn the_servers_clock_counts_if_it_is_shown() {
        assert_eq!(heard(&[HALF_A_MINUTE_LATER], Some("Tue, 24 Nov 2026 12:00:25 GMT")), Some(5));
        assert_eq!(heard(&[HALF_A_MINUTE_LATER], Some("yesterday")), Some(30));
    }

    #[test]
    fn the_past_is_no_time() {
        assert_eq!(heard(&["Tue, 24 Nov 2026 11:00:00 GMT"], None), Some(0));
    }

    #[test]
    fn too_much_is_very_long_and_not_nothing() {
        assert_eq!(heard(&["3153600000"], None), Some(3_153_600_000));
        assert_eq!(heard(&["99999999999999999999999999"], None), Some(u64::MAX));
        assert!(heard(&["Sun, 24 Nov 2126 12:00:00 GMT"], None) > Some(3_100_000_000));
    }

    #[test]
    fn what_cannot_be_read_says_nothing() {
        for text in ["", "soon", "-1", "1.5", "+3", "1 s", "Tue, 24 Nov"] {
            assert_eq!(heard(&[text], None), None, "{text:?}");
        }
        assert_eq!(heard(&["soon", "3", "2"], None), Some(3));
    }
}
