//! Words and numbers as people read them, and text of others made harmless.
//!
//! All of it is pure: the time now is an argument.

use chrono::{NaiveDateTime, TimeDelta};

/// The longest text of another machine or of a row that is shown, in characters.
const SHOWN_MAX: usize = 64;

/// How much of a sentence of the daemon is shown: it may carry names, and lines to paste.
const SENTENCE_MAX: usize = 800;

/// A number or a time that is not known. Never 0: that would be a claim.
pub const UNKNOWN: &str = "—";

/// How times are written in answers; they are UTC.
const TIME: &str = "%Y-%m-%d %H:%M:%S";

/// Text of another machine or of a row: one line, escaped, cut at 64 characters.
pub fn foreign(text: &str) -> String {
    dunlin_logs::clean(text, SHOWN_MAX)
}

/// A sentence that may quote text of others: one line, escaped.
pub fn sentence(text: &str) -> String {
    dunlin_logs::clean(text, SENTENCE_MAX)
}

/// Names of other machines, one after the other; of many, the first few.
pub fn name_list(names: &[String]) -> String {
    /// More than fit on a line are counted.
    const SHOWN: usize = 5;
    let mut list: Vec<String> = names.iter().take(SHOWN).map(|name| foreign(name)).collect();
    if names.len() > SHOWN {
        list.push(format!("and {} more", names.len() - SHOWN));
    }
    list.join(", ")
}

/// A whole number in groups of three: `1 204`; a dash when it is not known.
pub fn number(number: impl Into<Option<u64>>) -> String {
    let Some(number) = number.into() else { return UNKNOWN.to_owned() };
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// A number with its noun: `1 row`, `1 204 rows`.
pub fn count(number_of: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(number_of), if number_of == 1 { one } else { many })
}

/// What nobody counts.
const A_MOMENT: TimeDelta = TimeDelta::seconds(5);

/// A time of an answer, told from now: `3 minutes ago`, `in 2 days`; as it is when it is no time.
pub fn from_now(time: &str, now: NaiveDateTime) -> String {
    let Ok(then) = NaiveDateTime::parse_from_str(time, TIME) else { return foreign(time) };
    let passed = now - then;
    if passed.abs() < A_MOMENT {
        "just now".to_owned()
    } else if passed > TimeDelta::zero() {
        format!("{} ago", span(passed.num_seconds().unsigned_abs()))
    } else {
        // The answer is a moment old when it is read: of 15 minutes, 14 whole ones are left.
        format!("in {}", span((A_MOMENT - passed).num_seconds().unsigned_abs()))
    }
}

/// [`from_now`], or a dash when there is no time.
pub fn maybe_from_now(time: Option<&str>, now: NaiveDateTime) -> String {
    time.map_or_else(|| UNKNOWN.to_owned(), |time| from_now(time, now))
}

/// Seconds in the largest unit that fits: `40 seconds`, `3 hours`.
pub fn span(seconds: u64) -> String {
    const UNITS: [(u64, &str, &str); 4] = [
        (86_400, "day", "days"),
        (3_600, "hour", "hours"),
        (60, "minute", "minutes"),
        (1, "second", "seconds"),
    ];
    UNITS.into_iter().find(|(size, ..)| seconds >= *size).map_or_else(
        || "0 seconds".to_owned(),
        |(size, one, many)| count(seconds / size, one, many),
    )
}

/// Milliseconds as one looks at a clock: `9 ms`, `1.3 s`, `2 minutes`.
pub fn took(milliseconds: u64) -> String {
    match milliseconds {
        0..1_000 => format!("{milliseconds} ms"),
        1_000..60_000 => format!("{}.{} s", milliseconds / 1_000, milliseconds % 1_000 / 100),
        _ => span(milliseconds / 1_000),
    }
}

/// The beginning of a hex digest: enough to compare two screens by eye.
pub fn digest(hex: &str) -> String {
    const SHOWN: usize = 12;
    let start: String = hex.chars().filter(char::is_ascii_alphanumeric).take(SHOWN).collect();
    if start.is_empty() { UNKNOWN.to_owned() } else { start }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_unknown_ones_are_a_dash() {
        for (value, shown) in [
            (Some(0), "0"),
            (Some(999), "999"),
            (Some(1_204), "1 204"),
            (Some(1_234_567), "1 234 567"),
            (None, "—"),
        ] {
            assert_eq!(number(value), shown);
        }
        assert_eq!(count(1, "row", "rows"), "1 row");
        assert_eq!(count(9_000, "row", "rows"), "9 000 rows");
    }

    #[test]
    fn times_are_told_from_now() {
        let now = NaiveDateTime::parse_from_str("2026-03-02 12:00:00", TIME).unwrap();
        for (time, told) in [
            ("2026-03-02 11:59:58", "just now"),
            ("2026-03-02 11:59:20", "40 seconds ago"),
            ("2026-03-02 11:57:00", "3 minutes ago"),
            ("2026-03-02 10:59:00", "1 hour ago"),
            ("2026-02-27 12:00:00", "3 days ago"),
            ("2026-03-02 12:15:00", "in 15 minutes"),
            ("2026-03-02 12:14:59", "in 15 minutes"),
            ("2026-03-02 12:14:30", "in 14 minutes"),
            ("soon\u{1b}[2J", "soon\\u{1b}[2J"),
        ] {
            assert_eq!(from_now(time, now), told);
        }
        assert_eq!(maybe_from_now(None, now), "—");
    }

    #[test]
    fn lengths_are_told_in_one_unit() {
        assert_eq!(took(9), "9 ms");
        assert_eq!(took(1_349), "1.3 s");
        assert_eq!(took(125_000), "2 minutes");
        assert_eq!(span(0), "0 seconds");
    }

    #[test]
    fn text_of_others_is_one_line_of_64_characters() {
        assert_eq!(foreign("till\n2\u{202e}"), "till\\n2\\u{202e}");
        assert_eq!(foreign(&"x".repeat(100)).chars().count(), 65);
        assert!(foreign(&"x".repeat(100)).ends_with('…'));
    }
}
