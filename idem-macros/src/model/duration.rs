//! Durations: one or more numbers with units, the larger unit first, such as `"1h30m"`.

use super::quantity::{Measure, Unit};

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

const fn unit(name: &'static str, size: u64) -> Unit {
    Unit { name, size, shown: true }
}

const UNITS: &[Unit] = &[
    // Weeks are read but not shown: `366d` says more than `52w2d`.
    Unit { name: "w", size: 7 * DAY, shown: false },
    unit("d", DAY),
    unit("h", HOUR),
    unit("m", MINUTE),
    unit("s", SECOND),
    unit("ms", 1),
];

const SPELLINGS: &[(&str, &str)] = &[
    ("msec", "ms"),
    ("msecs", "ms"),
    ("millis", "ms"),
    ("millisecond", "ms"),
    ("milliseconds", "ms"),
    ("sec", "s"),
    ("secs", "s"),
    ("second", "s"),
    ("seconds", "s"),
    ("min", "m"),
    ("mins", "m"),
    ("minute", "m"),
    ("minutes", "m"),
    ("hr", "h"),
    ("hrs", "h"),
    ("hour", "h"),
    ("hours", "h"),
    ("day", "d"),
    ("days", "d"),
    ("wk", "w"),
    ("week", "w"),
    ("weeks", "w"),
];

fn refused(unit: &str) -> Option<&'static str> {
    match unit.to_lowercase().as_str() {
        "us" | "µs" | "μs" | "ns" | "micros" | "nanos" => Some("durations count in milliseconds or longer"),
        "y" | "yr" | "year" | "years" | "mo" | "mon" | "month" | "months" => {
            Some("months and years differ in length, durations count in days or weeks")
        }
        _ => None,
    }
}

const fn duration(least: u64, most: u64, example: &'static str) -> Measure {
    Measure {
        noun: "duration",
        units: UNITS,
        bare: "s",
        compound: true,
        spellings: SPELLINGS,
        refused,
        least,
        most,
        example,
    }
}

/// How long a recorded response is replayed.
pub(crate) const TTL: Measure = duration(SECOND, 366 * DAY, "1h");

/// How long a claim outlives the last sign of life of its owner.
pub(crate) const LEASE: Measure = duration(100, HOUR, "30s");

/// How long a duplicate waits for the first request: no longer than clients and proxies keep a request open.
pub(crate) const WAIT: Measure = duration(1, 5 * MINUTE, "5s");

/// The lease of a route that names none.
pub(crate) const DEFAULT_LEASE: u64 = 30 * SECOND;

/// A lease that leaves time for two more owners before the record expires: a third, in whole seconds if it can be.
pub(crate) fn lease_for(ttl: u64) -> u64 {
    let third = ttl / 3;
    let round = if third < SECOND { LEASE.least } else { SECOND };
    third - third % round
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn wrong(text: &str, problem: &str, write: &str) {
        let malformed = TTL.read(text).expect_err(text);
        assert_eq!((malformed.problem.as_str(), malformed.write.as_str()), (problem, write), "{text}");
    }

    #[test]
    fn reads_every_unit() {
        for (text, expected) in [
            ("1s", SECOND),
            ("1000ms", SECOND),
            ("90m", 90 * MINUTE),
            ("1h30m", 90 * MINUTE),
            ("1w", 7 * DAY),
            ("1w2d3h4m5s6ms", 9 * DAY + 3 * HOUR + 4 * MINUTE + 5 * SECOND + 6),
            ("366d", 366 * DAY),
            ("007s", 7 * SECOND),
        ] {
            assert_eq!(TTL.read(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn tells_malformed_forms_apart() {
        wrong("", "the duration is empty", "1h");
        wrong("10", "`10` has no unit", "10s");
        wrong("3600", "`3600` has no unit", "1h");
        wrong("1h30", "`30` has no unit", "1h30m");
        wrong("1 h", "`1 h` has a space in it", "1h");
        wrong("1h 30m", "`1h 30m` has a space in it", "1h30m");
        wrong(" ", "` ` has a space in it", "1h");
        wrong("-1s", "`-1s` has the sign `-`", "1s");
        wrong("+1h", "`+1h` has the sign `+`", "1h");
        wrong("1h-30m", "`1h-30m` has the sign `-`", "1h30m");
        wrong("1.5h", "`1.5h` has a fraction", "1h30m");
        wrong("1,5h", "`1,5h` has a fraction", "1h30m");
        wrong(".5h", "`.5h` has a fraction", "30m");
        wrong("1.0001s", "`1.0001s` has a fraction", "1h");
        wrong("1e99d", "`1e99d` has an exponent", "1h");
        wrong("1_000s", "`1_000s` has `_` in its number", "1000s");
        wrong("h", "the unit `h` has no number before it", "1h");
        wrong("1h!", "`1h!` has an unexpected `!`", "1h");
        wrong("1/2h", "`1/2h` has an unexpected `/`", "1h");
        wrong("１h", "`１h` has an unexpected `１`", "1h");
    }

    #[test]
    fn suggests_the_unit_that_was_meant() {
        wrong("1H", "`H` is no unit of a duration, did you mean `h`?", "1h");
        wrong("5min", "`min` is no unit of a duration, did you mean `m`?", "5m");
        wrong("1h30min", "`min` is no unit of a duration, did you mean `m`?", "1h30m");
        wrong("1hour", "`hour` is no unit of a duration, did you mean `h`?", "1h");
        wrong("1500mss", "`mss` is no unit of a duration, did you mean `ms`?", "1500ms");
        wrong("1q", "`q` is no unit of a duration, which are `ms`, `s`, `m`, `h`, `d`, `w`", "1h");
        wrong("5us", "durations count in milliseconds or longer", "1h");
        wrong("1y", "months and years differ in length, durations count in days or weeks", "1h");
    }

    #[test]
    fn asks_for_one_order_of_units() {
        wrong("30m1h", "`30m1h` has `1h` after `30m`: the larger unit comes first", "1h30m");
        wrong("1h1h", "`1h1h` has the unit `h` twice", "2h");
    }

    #[test]
    fn keeps_to_its_bounds() {
        wrong("0s", "`0s` is zero", "1s");
        wrong("0h0m", "`0h0m` is zero", "1s");
        wrong("999ms", "`999ms` is too short: the least is `1s`", "1s");
        wrong("367d", "`367d` is too long: the most is `366d`", "366d");
        wrong("99999999999999999999d", "`99999999999999999999d` is too long: the most is `366d`", "366d");
        wrong("18446744073709551615w", "`18446744073709551615w` is too long: the most is `366d`", "366d");
        assert_eq!(LEASE.read("100ms"), Ok(100));
        assert_eq!(LEASE.read("99ms").map_err(|wrong| wrong.write), Err("100ms".into()));
        assert_eq!(LEASE.read("1h"), Ok(HOUR));
        assert_eq!(LEASE.read("1h1ms").map_err(|wrong| wrong.write), Err("1h".into()));
    }

    #[test]
    fn offers_round_leases() {
        for (ttl, lease) in [("1s", "300ms"), ("2s500ms", "800ms"), ("10s", "3s"), ("30s", "10s"), ("50m", "16m40s")] {
            assert_eq!(TTL.read(ttl).map(|ttl| LEASE.show(lease_for(ttl))).as_deref(), Ok(lease), "{ttl}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(quantity in TTL.least..=TTL.most) {
            prop_assert_eq!(TTL.read(&TTL.show(quantity)), Ok(quantity));
        }

        #[test]
        fn what_is_offered_is_right(text in "[-+]?[0-9]{0,22}[.,_ e]?[0-9]{0,3}[a-zA-Z]{0,3}([0-9]{0,4}[smhdw]{0,2}){0,2}") {
            for measure in [&TTL, &LEASE, &WAIT] {
                if let Err(malformed) = measure.read(&text) {
                    prop_assert!(measure.read(&malformed.write).is_ok(), "{} -> {}", text, malformed.write);
                }
            }
        }

        #[test]
        fn any_text_gets_an_answer(text in any::<String>()) {
            let _ = TTL.read(&text);
        }
    }
}
