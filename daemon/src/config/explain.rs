//! What a person reads when the file is wrong: the line, what is wrong, what was meant.

use super::Error;
use std::path::Path;

/// A key that differs in more letters than this is not a misspelling but something else.
const LETTERS_OFF_MAX: usize = 3;

/// Turns a parser's error into one with a line and, for an unknown key, a suggestion.
pub(super) fn syntax(error: &toml::de::Error, text: &str, path: &Path) -> Error {
    let offset = error.span().map_or(0, |span| span.start);
    let line = 1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count();
    let message = error.message().trim().replace('\n', ", ");
    let what = match suggestion(&message) {
        Some(meant) => format!("{message}; did you mean `{meant}`?"),
        None => message,
    };
    Error::Syntax { path: path.to_owned(), line, what }
}

/// serde says ``unknown field `lisen`, expected one of `listen`, `local_trust` ``, and the like
/// for unknown words; the expected one nearest to what was written is what was probably meant.
fn suggestion(message: &str) -> Option<&str> {
    let rest = message.strip_prefix("unknown ")?;
    let mut words = rest.split('`').skip(1).step_by(2);
    let written = words.next()?;
    words
        .map(|word| (distance(written, word), word))
        .filter(|(off, word)| *off <= LETTERS_OFF_MAX && *off < word.len())
        .min()
        .map(|(_, word)| word)
}

/// How many letters must be put in, taken out or changed to make `a` into `b` (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    // Both are lines of our own file, which is limited; the row is as long as one of our keys.
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (slot, to) in row.iter_mut().skip(1).zip(&b) {
            let above = *slot;
            let here = (diagonal + usize::from(from != *to)).min(above + 1).min(left + 1);
            diagonal = above;
            left = here;
            *slot = here;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_letters() {
        for (a, b, off) in [
            ("listen", "listen", 0),
            ("lisen", "listen", 1),
            ("listne", "listen", 2),
            ("", "abc", 3),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(a, b), off, "{a} {b}");
        }
    }
}
