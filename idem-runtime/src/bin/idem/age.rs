//! How old an entry is and how long it is kept, for people and for programs.

use std::time::Duration;

use idem_runtime::store::Age;

/// `None` where the store can tell neither.
pub(crate) fn text(age: Option<Age>, expires_in: Option<Duration>) -> Option<String> {
    let kept = expires_in.map(|left| format!("kept for {} more", words(left)));
    let sign =
        |last_sign: Option<Duration>| last_sign.map(|ago| format!("its last sign of life was {} ago", words(ago)));
    let (first, second) = match age {
        Some(Age::Recorded { ago }) => (Some(format!("recorded {} ago", words(ago))), kept),
        Some(Age::InFlight { lease_left, last_sign }) => {
            (Some(format!("its lease ends in {} unless it is renewed", words(lease_left))), sign(last_sign))
        }
        Some(Age::Abandoned { lease_ended, last_sign }) => {
            (Some(format!("its lease ended {} ago", words(lease_ended))), sign(last_sign))
        }
        None => (None, kept),
    };
    match (first, second) {
        (Some(first), Some(second)) => Some(format!("{first}, {second}")),
        (first, second) => first.or(second),
    }
}

/// What is known of it, each with a name for programs, in milliseconds.
pub(crate) fn times(age: Option<Age>, expires_in: Option<Duration>) -> impl Iterator<Item = (&'static str, Duration)> {
    let of_age = match age {
        Some(Age::Recorded { ago }) => [("recorded_ago_ms", Some(ago)), NO_SIGN],
        Some(Age::InFlight { lease_left, last_sign }) => [("lease_left_ms", Some(lease_left)), (SIGN, last_sign)],
        Some(Age::Abandoned { lease_ended, last_sign }) => {
            [("lease_ended_ago_ms", Some(lease_ended)), (SIGN, last_sign)]
        }
        None => [NO_SIGN; 2],
    };
    let all = of_age.into_iter().chain([("expires_in_ms", expires_in)]);
    all.filter_map(|(name, time)| Some((name, time?)))
}

const SIGN: &str = "last_sign_ago_ms";
const NO_SIGN: (&str, Option<Duration>) = (SIGN, None);

/// In whole seconds: less than one is `0s`.
fn words(time: Duration) -> String {
    humantime::format_duration(Duration::from_secs(time.as_secs())).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_said_and_nothing_else() {
        let millis = Duration::from_millis;
        let (lease_left, lease_ended) = (millis(26_000), millis(41_999));
        let say = |age, left: Option<u64>| text(age, left.map(millis));
        let recorded = Some(Age::Recorded { ago: millis(192_000) });
        let cases = [
            (say(recorded, Some(86_208_000)), "recorded 3m 12s ago, kept for 23h 56m 48s more"),
            (say(recorded, None), "recorded 3m 12s ago"),
            (say(None, Some(999)), "kept for 0s more"),
            (
                say(Some(Age::InFlight { lease_left, last_sign: Some(millis(4_000)) }), None),
                "its lease ends in 26s unless it is renewed, its last sign of life was 4s ago",
            ),
            (
                say(Some(Age::InFlight { lease_left, last_sign: None }), None),
                "its lease ends in 26s unless it is renewed",
            ),
            (
                say(Some(Age::Abandoned { lease_ended, last_sign: Some(millis(71_999)) }), None),
                "its lease ended 41s ago, its last sign of life was 1m 11s ago",
            ),
            (say(Some(Age::Abandoned { lease_ended, last_sign: None }), None), "its lease ended 41s ago"),
        ];
        for (said, expected) in cases {
            assert_eq!(said.as_deref(), Some(expected));
        }
        assert_eq!((say(None, None), times(None, None).count()), (None, 0));
        let abandoned = times(Some(Age::Abandoned { lease_ended, last_sign: None }), None);
        assert_eq!(abandoned.collect::<Vec<_>>(), [("lease_ended_ago_ms", lease_ended)]);
    }
}
