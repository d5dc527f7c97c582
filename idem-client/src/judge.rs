//! Whether another try can help: a function of what came back, and of nothing else.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode};

use crate::retry_after::retry_after;

/// What is known of an answer.
pub(crate) struct Answer<'a> {
    pub(crate) status: StatusCode,
    pub(crate) headers: &'a HeaderMap,
    /// The member `code` of its problem (RFC 9457), if it is one.
    pub(crate) code: Option<&'a str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// The same request again would get the same answer, or could do harm.
    Final,
    /// The same request again may be answered otherwise, not before `after`.
    Again { after: Option<Duration> },
}

/// Judges an answer; `hint` is what the caller's own function says of it, `now` the time that an HTTP-date is compared with if
/// the answer says none of its own.
pub(crate) fn judge(answer: &Answer<'_>, hint: Option<bool>, now: SystemTime) -> Judgement {
    let is_error = answer.status.is_client_error() || answer.status.is_server_error();
    match is_error && !is_about_the_key(answer.code) && hint.unwrap_or_else(|| invites_a_retry(answer)) {
        true => Judgement::Again { after: retry_after(answer.headers, now) },
        false => Judgement::Final,
    }
}

/// What the server has to say of this key for good. No hint is asked: the server says the same as long as it keeps the record.
fn is_about_the_key(code: Option<&str>) -> bool {
    matches!(code, Some("key_reused" | "outcome_unknown" | "response_not_kept"))
}

fn invites_a_retry(answer: &Answer<'_>) -> bool {
    match answer.status {
        StatusCode::CONFLICT => answer.code == Some("in_progress"),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => true,
        // What is asked for cannot be had here, today or tomorrow.
        StatusCode::NOT_IMPLEMENTED | StatusCode::HTTP_VERSION_NOT_SUPPORTED => false,
        // A failure that was recorded under the key is what every retry gets.
        status => status.is_server_error() && !is_replay(answer.headers),
    }
}

/// Whether the answer was recorded by an earlier try, or by another client: `idem-runtime` and Stripe say so.
pub(crate) fn is_replay(headers: &HeaderMap) -> bool {
    let marks = ["idempotency-replayed", "idempotent-replayed"];
    marks.iter().filter_map(|mark| headers.get(*mark)).any(|value| value.as_bytes().eq_ignore_ascii_case(b"true"))
}

/// Whether a try without an answer may be followed by another one. The request itself is wrong, or a redirect leads nowhere:
/// that stays so.
pub(crate) fn may_help_after(error: &reqwest::Error) -> bool {
    !(error.is_builder() || error.is_redirect() || error.is_upgrade())
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGAIN: Judgement = Judgement::Again { after: None };

    fn judged(
        status: u16,
        code: Option<&str>,
        headers: &[(&'static str, &'static str)],
        hint: Option<bool>,
    ) -> Judgement {
        let headers: HeaderMap =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        let status = StatusCode::from_u16(status).unwrap();
        judge(&Answer { status, headers: &headers, code }, hint, SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn every_status_is_judged() {
        let again: Vec<u16> = (100..=599).filter(|status| judged(*status, None, &[], None) == AGAIN).collect();
        let mut expected = vec![408, 425, 429];
        expected.extend((500..=599).filter(|status| ![501, 505].contains(status)));
        assert_eq!(again, expected);
    }

    #[test]
    fn a_conflict_is_judged_by_its_code() {
        assert_eq!(judged(409, Some("in_progress"), &[], None), AGAIN);
        for code in ["outcome_unknown", "response_not_kept", "key_reused", "draining", ""] {
            assert_eq!(judged(409, Some(code), &[], None), Judgement::Final, "{code}");
        }
        // Of a handler of its own, which has nothing to do with a claim.
        assert_eq!(judged(404, Some("in_progress"), &[], None), Judgement::Final);
    }

    #[test]
    fn what_is_said_of_the_key_is_final_whatever_the_status() {
        for code in ["key_reused", "outcome_unknown", "response_not_kept"] {
            for status in [409, 422, 429, 500, 503] {
                assert_eq!(judged(status, Some(code), &[], None), Judgement::Final, "{status} {code}");
                assert_eq!(judged(status, Some(code), &[], Some(true)), Judgement::Final, "{status} {code}");
            }
        }
        assert_eq!(judged(503, Some("store_unavailable"), &[], None), AGAIN);
        assert_eq!(judged(503, Some("draining"), &[], None), AGAIN);
    }

    #[test]
    fn a_recorded_failure_is_final() {
        for mark in ["idempotency-replayed", "idempotent-replayed"] {
            for value in ["true", "True"] {
                assert_eq!(judged(500, None, &[(mark, value)], None), Judgement::Final);
            }
            assert_eq!(judged(500, None, &[(mark, "false")], None), AGAIN);
            // Nobody records these.
            assert_eq!(judged(429, None, &[(mark, "true")], None), AGAIN);
        }
    }

    #[test]
    fn a_hint_decides_about_errors_alone() {
        for status in [400, 404, 409, 500, 501] {
            assert_eq!(judged(status, None, &[], Some(true)), AGAIN, "{status}");
            assert_eq!(judged(status, None, &[], Some(false)), Judgement::Final, "{status}");
        }
        for status in [100, 200, 201, 303, 307] {
            assert_eq!(judged(status, None, &[], Some(true)), Judgement::Final, "{status}");
        }
    }

    #[test]
    fn retry_after_is_heard() {
        let after = |seconds| Judgement::Again { after: Some(Duration::from_secs(seconds)) };
        assert_eq!(judged(503, None, &[("retry-after", "7")], None), after(7));
        assert_eq!(judged(409, Some("in_progress"), &[("retry-after", "1")], None), after(1));
        assert_eq!(judged(404, None, &[("retry-after", "7")], None), Judgement::Final);
    }
}
