//! Sizes: one number with a unit of bytes, such as `"512KiB"`.

use super::quantity::{Measure, Unit};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;

const fn unit(name: &'static str, size: u64) -> Unit {
    Unit { name, size, shown: true }
}

const SPELLINGS: &[(&str, &str)] = &[
    ("byte", "B"),
    ("bytes", "B"),
    ("k", "KiB"),
    ("kb", "KiB"),
    ("ki", "KiB"),
    ("m", "MiB"),
    ("mb", "MiB"),
    ("mi", "MiB"),
    ("g", "GiB"),
    ("gb", "GiB"),
    ("gi", "GiB"),
];

fn refused(unit: &str) -> Option<&'static str> {
    match unit.to_lowercase().as_str() {
        "k" | "kb" => Some("a kilobyte is 1000 bytes to some and 1024 to others, sizes use `KiB` (1024 bytes)"),
        "m" | "mb" => Some("a megabyte is 1000² bytes to some and 1024² to others, sizes use `MiB` (1024² bytes)"),
        "g" | "gb" => Some("a gigabyte is 1000³ bytes to some and 1024³ to others, sizes use `GiB` (1024³ bytes)"),
        "t" | "tb" | "tib" => Some("a response of that size cannot be recorded, the most is `1GiB`"),
        _ => None,
    }
}

/// The largest response body that is recorded.
pub(crate) const RESPONSE: Measure = Measure {
    noun: "size",
    units: &[unit("GiB", GIB), unit("MiB", MIB), unit("KiB", KIB), unit("B", 1)],
    bare: "B",
    compound: false,
    spellings: SPELLINGS,
    refused,
    least: 1,
    most: GIB,
    example: "1MiB",
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn wrong(text: &str, problem: &str, write: &str) {
        let malformed = RESPONSE.read(text).expect_err(text);
        assert_eq!((malformed.problem.as_str(), malformed.write.as_str()), (problem, write), "{text}");
    }

    #[test]
    fn reads_every_unit() {
        for (text, expected) in [("1B", 1), ("512KiB", 512 * KIB), ("1MiB", MIB), ("1GiB", GIB), ("1536B", 1536)] {
            assert_eq!(RESPONSE.read(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn tells_malformed_forms_apart() {
        wrong("", "the size is empty", "1MiB");
        wrong("1048576", "`1048576` has no unit", "1MiB");
        wrong("1000", "`1000` has no unit", "1000B");
        wrong("1 MiB", "`1 MiB` has a space in it", "1MiB");
        wrong("-1B", "`-1B` has the sign `-`", "1B");
        wrong("1.5MiB", "`1.5MiB` has a fraction", "1536KiB");
        wrong("1MiB512KiB", "`1MiB512KiB` has two numbers, a size has one", "1536KiB");
        wrong("1_024B", "`1_024B` has `_` in its number", "1024B");
        wrong("MiB", "the unit `MiB` has no number before it", "1MiB");
        wrong("0B", "`0B` is zero", "1B");
        wrong("2GiB", "`2GiB` is too large: the most is `1GiB`", "1GiB");
        wrong("99999999999999999999B", "`99999999999999999999B` is too large: the most is `1GiB`", "1GiB");
    }

    #[test]
    fn suggests_the_unit_that_was_meant() {
        wrong("1mib", "`mib` is no unit of a size, did you mean `MiB`?", "1MiB");
        wrong("10bytes", "`bytes` is no unit of a size, did you mean `B`?", "10B");
        wrong("1q", "`q` is no unit of a size, which are `B`, `KiB`, `MiB`, `GiB`", "1MiB");
        for unit in ["kB", "KB", "k", "K"] {
            let malformed = RESPONSE.read(&format!("64{unit}")).expect_err(unit);
            assert!(malformed.problem.starts_with("a kilobyte is"), "{}", malformed.problem);
            assert_eq!(malformed.write, "64KiB");
        }
        assert_eq!(RESPONSE.read("2MB").map_err(|wrong| wrong.write), Err("2MiB".into()));
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(quantity in RESPONSE.least..=RESPONSE.most) {
            prop_assert_eq!(RESPONSE.read(&RESPONSE.show(quantity)), Ok(quantity));
        }

        #[test]
        fn what_is_offered_is_right(text in "[-+]?[0-9]{0,22}[._ e]?[0-9]{0,3}[a-zA-Z]{0,4}([0-9]{0,4}[KMG]iB){0,1}") {
            if let Err(malformed) = RESPONSE.read(&text) {
                prop_assert!(RESPONSE.read(&malformed.write).is_ok(), "{} -> {}", text, malformed.write);
            }
        }
    }
}
