//! Text of others, made safe to show in one line of a log.
//!
//! A machine's name, a path or a message of a partner may hold line ends, terminal codes or marks
//! that turn the reading direction. Whoever can write those into a log can write lines that never
//! happened, so they are escaped before they reach any sink.

use std::fmt::Write as _;

/// The longest field in a log line, in characters; enough for a path, too short for a row.
pub(crate) const FIELD_MAX: usize = 256;

/// The longest message of a history record, in characters.
pub(crate) const MESSAGE_MAX: usize = 1_000;

/// `text` with control and direction marks escaped, cut at `max` characters with `…`.
pub fn clean(text: &str, max: usize) -> String {
    let mut out = Cleaner::new(max);
    // A `Cleaner` only refuses what is beyond its limit, and that is what we want dropped.
    out.write_str(text).unwrap_or_default();
    out.finish()
}

/// `text` without control and direction marks, cut at `max` characters: a name to be shown, where
/// an escape would only puzzle.
pub fn strip(text: &str, max: usize) -> String {
    let kept: String = text.chars().filter(|c| !is_unsafe(*c)).collect();
    kept.trim().chars().take(max).collect()
}

/// A writer that escapes as it goes and stops at its limit, so that a huge `Debug` costs nothing.
#[derive(Debug)]
pub(crate) struct Cleaner {
    text: String,
    left: usize,
    cut: bool,
}

impl Cleaner {
    pub(crate) fn new(max: usize) -> Self {
        Self { text: String::new(), left: max, cut: false }
    }

    pub(crate) fn finish(mut self) -> String {
        if self.cut {
            self.text.push('…');
        }
        self.text
    }
}

impl std::fmt::Write for Cleaner {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        for c in text.chars() {
            if self.left == 0 {
                self.cut = true;
                return Err(std::fmt::Error);
            }
            self.left -= 1;
            if is_unsafe(c) {
                self.text.extend(c.escape_default());
            } else {
                self.text.push(c);
            }
        }
        Ok(())
    }
}

/// Control characters, line and paragraph ends, and the marks that turn the reading direction.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200E}' | '\u{200F}' | '\u{061C}' | '\u{FEFF}')
        || ('\u{202A}'..='\u{202E}').contains(&c)
        || ('\u{2066}'..='\u{2069}').contains(&c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_forge_a_line_is_escaped() {
        for (text, shown) in [
            ("till 3", "till 3"),
            ("Kasse für Käse", "Kasse für Käse"),
            ("a\r\n2026 INFO admin logged in", "a\\r\\n2026 INFO admin logged in"),
            ("\u{1b}[31mred", "\\u{1b}[31mred"),
            ("abc\u{202e}gpj.exe", "abc\\u{202e}gpj.exe"),
        ] {
            assert_eq!(clean(text, 100), shown);
        }
    }

    #[test]
    fn a_stripped_name_holds_what_prints() {
        assert_eq!(strip(" till\u{202e}\r\n3\u{1b}[31m ", 64), "till3[31m");
        assert_eq!(strip("äöü", 2), "äö");
    }

    #[test]
    fn long_text_is_cut_and_says_so() {
        assert_eq!(clean("abcdef", 3), "abc…");
        assert_eq!(clean("abc", 3), "abc");
        assert_eq!(clean("äöü", 2), "äö…");
    }
}
