//! Quantities as the attribute writes them: numbers with units, such as `"1h30m"` or `"512KiB"`.
//!
//! Durations and sizes share one reader, so that both tell the same malformed forms apart.

use std::fmt;

use crate::near::near;

/// A kind of quantity: its units and its bounds, all counted in the smallest unit.
pub(crate) struct Measure {
    /// What the quantity is called in messages.
    pub(crate) noun: &'static str,
    /// From the largest to the smallest.
    pub(crate) units: &'static [Unit],
    /// The unit that a bare number probably meant.
    pub(crate) bare: &'static str,
    /// Whether several numbers add up, as in `"1h30m"`.
    pub(crate) compound: bool,
    /// Other spellings, each with the unit it means.
    pub(crate) spellings: &'static [(&'static str, &'static str)],
    /// Units that are refused with a reason of their own.
    pub(crate) refused: fn(&str) -> Option<&'static str>,
    pub(crate) least: u64,
    pub(crate) most: u64,
    /// A right form, for messages that have no better one.
    pub(crate) example: &'static str,
}

pub(crate) struct Unit {
    pub(crate) name: &'static str,
    pub(crate) size: u64,
    /// Whether messages write quantities in this unit.
    pub(crate) shown: bool,
}

/// What is wrong with a quantity, and a form that is right.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    pub(crate) problem: String,
    pub(crate) write: String,
}

/// A number with its unit, as far as it could be read.
struct Part<'a> {
    text: &'a str,
    number: u64,
    unit: usize,
}

impl Measure {
    /// Reads a quantity, in the smallest unit.
    pub(crate) fn read(&self, text: &str) -> Result<u64, Malformed> {
        let total = self.total(text)?;
        if total == 0 {
            return Err(self.malformed(format!("`{text}` is zero"), self.show(self.least)));
        }
        if total < self.least {
            let least = self.show(self.least);
            return Err(self.malformed(format!("`{text}` is too short: the least is `{least}`"), least));
        }
        if total > self.most {
            return Err(self.over(text));
        }
        Ok(total)
    }

    /// Writes a quantity in the form that [`Measure::read`] takes.
    pub(crate) fn show(&self, mut quantity: u64) -> String {
        let mut text = String::new();
        for unit in self.units.iter().filter(|unit| unit.shown) {
            let fits = if self.compound { quantity >= unit.size } else { quantity.is_multiple_of(unit.size) };
            if fits && quantity > 0 {
                text.push_str(&format!("{}{}", quantity / unit.size, unit.name));
                quantity %= unit.size;
            }
        }
        text
    }

    fn total(&self, text: &str) -> Result<u64, Malformed> {
        if text.is_empty() {
            return Err(self.malformed(format!("the {} is empty", self.noun), self.example));
        }
        if text.contains(char::is_whitespace) {
            let packed: String = text.split_whitespace().collect();
            return Err(self.malformed(format!("`{text}` has a space in it"), packed));
        }
        let mut total = Some(0u64);
        let mut rest = text;
        let mut unordered = None;
        let mut before: Option<Part<'_>> = None;
        while !rest.is_empty() {
            let part = self.part(text, &mut rest, before.as_ref())?;
            total = total.and_then(|sum| sum.checked_add(part.number.checked_mul(self.units[part.unit].size)?));
            if let Some(before) = &before {
                let name = self.units[part.unit].name;
                if !self.compound {
                    unordered = Some(format!("`{text}` has two numbers, a {} has one", self.noun));
                } else if before.unit == part.unit {
                    unordered = Some(format!("`{text}` has the unit `{name}` twice"));
                } else if before.unit > part.unit {
                    unordered = Some(format!(
                        "`{text}` has `{}` after `{}`: the larger unit comes first",
                        part.text, before.text
                    ));
                }
            }
            before = Some(part);
        }
        match (total, unordered) {
            (None, _) => Err(self.over(text)),
            (Some(total), Some(problem)) => Err(self.malformed(problem, self.show(total))),
            (Some(total), None) => Ok(total),
        }
    }

    /// Takes the next number with its unit off `rest`, which ends `text`.
    fn part<'a>(&self, text: &str, rest: &mut &'a str, before: Option<&Part<'_>>) -> Result<Part<'a>, Malformed> {
        // The text with the bad part, the first bytes of `rest`, made right.
        let (done, todo) = (&text[..text.len() - rest.len()], *rest);
        let mended = |bad: &str, right: String| format!("{done}{right}{}", &todo[bad.len()..]);
        let digits = prefix(rest, |letter| letter.is_ascii_digit());
        let after = &rest[digits.len()..];
        let next = after.chars().next();
        match next {
            Some(sign @ ('+' | '-')) if digits.is_empty() => {
                let unsigned: String = text.chars().filter(|letter| !matches!(letter, '+' | '-')).collect();
                return Err(self.malformed(format!("`{text}` has the sign `{sign}`"), unsigned));
            }
            Some('.' | ',') => {
                let (written, meant) = self.fraction(rest);
                let meant = meant.map_or(self.example.to_owned(), |total| mended(written, self.show(total)));
                return Err(self.malformed(format!("`{written}` has a fraction"), meant));
            }
            Some('_') => {
                return Err(self.malformed(format!("`{text}` has `_` in its number"), text.replace('_', "")));
            }
            _ => {}
        }
        let unit = prefix(after, char::is_alphabetic);
        if unit.is_empty() {
            return Err(match next {
                None => {
                    // After `1h`, a bare number counts minutes.
                    let next = before.and_then(|before| self.units.get(before.unit + 1));
                    let meant = format!("{digits}{}", next.map_or(self.bare, |unit| unit.name));
                    let meant = self.total(&meant).map_or(meant, |total| self.show(total));
                    self.malformed(format!("`{digits}` has no unit"), mended(digits, meant))
                }
                Some(letter) => self.malformed(format!("`{text}` has an unexpected `{letter}`"), self.example),
            });
        }
        if digits.is_empty() {
            return Err(self.malformed(format!("the unit `{unit}` has no number before it"), format!("1{unit}")));
        }
        let beyond = &after[unit.len()..];
        if unit.eq_ignore_ascii_case("e") && beyond.starts_with(|next: char| next.is_ascii_digit() || next == '-') {
            return Err(self.malformed(format!("`{text}` has an exponent"), self.example));
        }
        let index = self.units.iter().position(|known| known.name == unit);
        let written = &rest[..digits.len() + unit.len()];
        let Some(index) = index else {
            let (problem, meant) = self.unknown(unit);
            let meant = meant.map_or(self.example.to_owned(), |meant| mended(written, format!("{digits}{meant}")));
            return Err(self.malformed(problem, meant));
        };
        let Ok(number) = digits.parse() else { return Err(self.over(text)) };
        let part = Part { text: written, number, unit: index };
        *rest = beyond;
        Ok(part)
    }

    /// Why a unit is none, and the one that was meant.
    fn unknown(&self, unit: &str) -> (String, Option<&'static str>) {
        let spelt = self.spelt(unit);
        if let Some(reason) = (self.refused)(unit) {
            return (reason.to_owned(), spelt);
        }
        let names = self.units.iter().rev().map(|unit| unit.name);
        match spelt.or_else(|| near(unit, names.clone())) {
            Some(meant) => (format!("`{unit}` is no unit of a {}, did you mean `{meant}`?", self.noun), Some(meant)),
            None => {
                let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
                (format!("`{unit}` is no unit of a {}, which are {}", self.noun, names.join(", ")), None)
            }
        }
    }

    /// The unit that another spelling means.
    fn spelt(&self, unit: &str) -> Option<&'static str> {
        let lower = unit.to_lowercase();
        let spelling = self.spellings.iter().find(|(other, _)| *other == lower).map(|(_, meant)| *meant);
        spelling
            .or_else(|| self.units.iter().find(|known| known.name.eq_ignore_ascii_case(unit)).map(|known| known.name))
    }

    /// A number with a fraction as it is written, and the whole quantity that it says, if there is one.
    fn fraction<'a>(&self, rest: &'a str) -> (&'a str, Option<u64>) {
        let number = prefix(rest, |letter| letter.is_ascii_digit() || matches!(letter, '.' | ','));
        let unit = prefix(&rest[number.len()..], char::is_alphabetic);
        let whole = || {
            let unit = self.units.iter().find(|known| known.name == unit)?.size;
            let (whole, part) = number.split_once(['.', ','])?;
            let scale = 10u64.checked_pow(u32::try_from(part.len()).ok()?)?;
            let part = part.parse::<u64>().ok()?.checked_mul(unit)?;
            let whole = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok()? };
            whole.checked_mul(unit)?.checked_add(part.is_multiple_of(scale).then_some(part / scale)?)
        };
        (&rest[..number.len() + unit.len()], whole())
    }

    fn over(&self, text: &str) -> Malformed {
        let most = self.show(self.most);
        self.malformed(format!("`{text}` is too {}: the most is `{most}`", self.adjective()), most)
    }

    fn adjective(&self) -> &'static str {
        if self.compound { "long" } else { "large" }
    }

    /// The form in `write` is only offered if it is right itself.
    fn malformed(&self, problem: impl fmt::Display, write: impl Into<String>) -> Malformed {
        let write = write.into();
        let right = self.total(&write).is_ok_and(|total| (self.least..=self.most).contains(&total));
        Malformed { problem: problem.to_string(), write: if right { write } else { self.example.to_owned() } }
    }
}

fn prefix(text: &str, mut wanted: impl FnMut(char) -> bool) -> &str {
    let end = text.find(|letter| !wanted(letter)).unwrap_or(text.len());
    &text[..end]
}
