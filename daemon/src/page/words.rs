//! Numbers, times and other people's text, as the page shows them in a language.
//!
//! All of it is pure: the time now is an argument.

use chrono::{DateTime, Local, NaiveDateTime, TimeDelta, Utc};

use super::texts::{Language, Texts};

/// Text of other machines and of rows is cut here: it must not look like our own words.
const FOREIGN_MAX: usize = 64;

/// A sentence of the daemon may quote a name or two.
const SENTENCE_MAX: usize = 400;

/// Not known. Never 0: that would be a claim.
pub(super) const UNKNOWN: &str = "–";

/// How times are written in answers; they are UTC.
const TIME: &str = "%Y-%m-%d %H:%M:%S";

/// What nobody counts.
const A_MOMENT: TimeDelta = TimeDelta::seconds(5);

/// Text of another machine or of a row: what prints, cut.
pub(super) fn foreign(text: &str) -> String {
    let kept = dunlin_logs::strip(text, FOREIGN_MAX + 1);
    if kept.chars().count() <= FOREIGN_MAX {
        return kept;
    }
    kept.chars().take(FOREIGN_MAX).chain(['…']).collect()
}

/// A sentence of the daemon, begun as one.
pub(super) fn sentence(text: &str) -> String {
    let text = dunlin_logs::strip(text, SENTENCE_MAX);
    let mut letters = text.chars();
    let Some(first) = letters.next() else { return text };
    let mut text: String = first.to_uppercase().chain(letters).collect();
    if !text.ends_with(['.', '!', '?', '…']) {
        text.push('.');
    }
    text
}

/// A whole number in groups of three, as the language groups them.
pub(super) fn number(t: Texts, number: u64) -> String {
    let separator = match t.language {
        Language::English => ',',
        Language::German => '.',
    };
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(separator);
        }
        text.push(digit);
    }
    text
}

/// Seconds in the largest unit that fits.
pub(super) fn span(t: Texts, seconds: u64) -> String {
    match seconds {
        86_400.. => t.count("span.days", seconds / 86_400),
        3_600.. => t.count("span.hours", seconds / 3_600),
        60.. => t.count("span.minutes", seconds / 60),
        _ => t.count("span.seconds", seconds),
    }
}

/// Milliseconds as one looks at a clock.
pub(super) fn took(t: Texts, milliseconds: u64) -> String {
    let point = match t.language {
        Language::English => '.',
        Language::German => ',',
    };
    match milliseconds {
        0..1_000 => format!("{milliseconds} ms"),
        1_000..60_000 => format!("{}{point}{} s", milliseconds / 1_000, milliseconds % 1_000 / 100),
        _ => span(t, milliseconds / 1_000),
    }
}

fn parse(time: &str) -> Option<NaiveDateTime> {
    NaiveDateTime::parse_from_str(time, TIME).ok()
}

/// The time now, as answers tell times.
pub(super) fn now() -> NaiveDateTime {
    Utc::now().naive_utc()
}

/// A time of an answer, told from now: `3 minutes ago`, `in 2 days`.
pub(super) fn ago(t: Texts, time: &str, now: NaiveDateTime) -> String {
    let Some(then) = parse(time) else { return UNKNOWN.to_owned() };
    let passed = now - then;
    let seconds = passed.num_seconds().unsigned_abs();
    if passed.abs() < A_MOMENT {
        t.of("span.now").to_owned()
    } else if passed > TimeDelta::zero() {
        t.with("span.ago", &[("span", &span(t, seconds))])
    } else {
        t.with("span.in", &[("span", &span(t, seconds + 1))])
    }
}

/// A time of an answer by the clock on this machine's wall.
pub(super) fn clock(t: Texts, time: &str) -> String {
    let Some(then) = parse(time) else { return UNKNOWN.to_owned() };
    let then: DateTime<Local> = then.and_utc().into();
    let form = match t.language {
        Language::English => "%-d %b %Y, %H:%M:%S",
        Language::German => "%d.%m.%Y, %H:%M:%S",
    };
    then.format(form).to_string()
}

/// A time of an answer by the clock on the wall; without the date where it is today's.
pub(super) fn moment(t: Texts, time: &str, now: NaiveDateTime) -> String {
    let Some(then) = parse(time) else { return UNKNOWN.to_owned() };
    let (then, now): (DateTime<Local>, DateTime<Local>) =
        (then.and_utc().into(), now.and_utc().into());
    if then.date_naive() == now.date_naive() {
        then.format("%H:%M:%S").to_string()
    } else {
        clock(t, time)
    }
}

/// The hour in which a time of an answer lies, by the clock on the wall: `17:00`.
pub(super) fn hour(time: NaiveDateTime) -> String {
    let then: DateTime<Local> = time.and_utc().into();
    then.format("%H:00").to_string()
}

/// So long before now, as answers tell times.
pub(super) fn before(now: NaiveDateTime, hours: i64) -> String {
    (now - TimeDelta::hours(hours)).format(TIME).to_string()
}

/// A time of an answer.
pub(super) fn time(text: &str) -> Option<NaiveDateTime> {
    parse(text)
}

/// A machine's id as people compare it: its first four groups of four.
pub(super) fn short(id: &str) -> String {
    let hex: Vec<char> = id.chars().filter(char::is_ascii_hexdigit).take(16).collect();
    hex.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

/// A value of a row: text as it is, the rest as JSON has it.
pub(super) fn value(value: Option<&serde_json::Value>) -> String {
    match value {
        None => String::new(),
        Some(serde_json::Value::Null) => "NULL".to_owned(),
        // The words of two lines stay apart.
        Some(serde_json::Value::String(text)) => foreign(&text.replace(['\r', '\n'], " ")),
        Some(other) => foreign(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EN: Texts = Texts { language: Language::English };
    const DE: Texts = Texts { language: Language::German };

    #[test]
    fn numbers_and_times_are_told_in_the_language() {
        assert_eq!(
            (number(EN, 1_204), number(DE, 1_234_567)),
            ("1,204".into(), "1.234.567".into())
        );
        let now = parse("2026-11-20 12:00:00").unwrap();
        assert_eq!(ago(EN, "2026-11-20 11:57:00", now), "3 minutes ago");
        assert_eq!(ago(DE, "2026-11-20 11:57:00", now), "vor 3 Minuten");
        assert_eq!(ago(DE, "2026-11-19 11:57:00", now), "vor 1 Tag");
        assert_eq!(ago(EN, "2026-11-20 12:00:59", now), "in 1 minute");
        assert_eq!(ago(EN, "2026-11-20 11:59:58", now), "just now");
        assert_eq!(ago(EN, "never", now), "–");
        assert_eq!((took(EN, 9), took(DE, 1_300)), ("9 ms".into(), "1,3 s".into()));
    }

    #[test]
    fn a_moment_of_today_has_no_date() {
        let now = now();
        let told = |time: NaiveDateTime| moment(EN, &time.format(TIME).to_string(), now);
        assert_eq!(told(now).len(), "12:34:56".len());
        assert!(told(now - TimeDelta::days(3)).contains(','));
        assert_eq!(moment(EN, "never", now), UNKNOWN);
    }

    #[test]
    fn text_of_others_is_cut_and_holds_what_prints() {
        assert_eq!(foreign(&"x".repeat(64)), "x".repeat(64));
        assert_eq!(foreign(&"x".repeat(9_999)), format!("{}…", "x".repeat(64)));
        assert_eq!(foreign("till\u{202e}\r\n3"), "till3");
        assert_eq!(sentence("the disk is full"), "The disk is full.");
        assert_eq!(sentence(""), "");
    }

    #[test]
    fn an_id_is_shown_in_groups() {
        assert_eq!(short("4775d8c1-2b11-87dd-a45c-61cf59158ecd"), "4775 d8c1 2b11 87dd");
    }
}
