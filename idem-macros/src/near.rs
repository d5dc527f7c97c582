//! "Did you mean": the candidate that is closest to a misspelt word.

/// The candidate that `word` was probably meant to be, if one is close enough.
pub(crate) fn near<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = folded(word);
    // A third of the letters may be wrong, and always one: `tll` is near `ttl`, `lease` is not near `key`.
    let allowed = (word.len() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(&word, &folded(candidate)), candidate))
        // A word that shares no letter with the candidate is no misspelling of it.
        .filter(|(steps, candidate)| *steps <= allowed && *steps < candidate.chars().count())
        .min_by_key(|(steps, _)| *steps)
        .map(|(_, candidate)| candidate)
}

/// ` did you mean ..?` for a message, or nothing.
pub(crate) fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    near(word, candidates).map(|meant| format!("did you mean `{meant}`?"))
}

/// Upper case and dashes are not what tells two names apart.
fn folded(word: &str) -> Vec<char> {
    word.chars().flat_map(char::to_lowercase).map(|letter| if letter == '-' { '_' } else { letter }).collect()
}

/// Steps between two words: insert, remove or replace one letter, or swap two neighbours.
fn distance(from: &[char], to: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (row, letter) in from.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, other) in to.iter().enumerate() {
            let replaced = last[column] + usize::from(letter != other);
            let mut best = replaced.min(last[column + 1] + 1).min(current[column] + 1);
            if row > 0 && column > 0 && *letter == to[column - 1] && from[row - 1] == *other {
                best = best.min(before[column - 1] + 1);
            }
            current.push(best);
        }
        before = std::mem::replace(&mut last, current);
    }
    last[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 4] = ["ttl", "key", "replay_status", "lease"];

    #[test]
    fn finds_the_misspelt_name() {
        for (word, meant) in [
            ("tll", "ttl"),
            ("TTL", "ttl"),
            ("tt", "ttl"),
            ("kye", "key"),
            ("replay-status", "replay_status"),
            ("replaystatus", "replay_status"),
            ("reply_status", "replay_status"),
            ("laese", "lease"),
        ] {
            assert_eq!(near(word, NAMES), Some(meant), "{word}");
        }
    }

    #[test]
    fn leaves_other_words_alone() {
        for word in ["store", "x", "", "timeout", "retry"] {
            assert_eq!(near(word, NAMES), None, "{word}");
        }
    }
}
