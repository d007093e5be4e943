//! The log: its latest lines.

use askama::Template;
use chrono::NaiveDateTime;
use dunlin_rpc::wire::admin::Status;
use dunlin_rpc::wire::overview::LogLine;

use crate::page::frame::{Choice, Frame};
use crate::page::words;

/// The page.
#[derive(Debug, Template)]
#[template(path = "log.html")]
pub(in crate::page) struct Log {
    frame: Frame,
    levels: Vec<Choice>,
    lines: Vec<Line>,
}

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    time: String,
    level: String,
    class: &'static str,
    message: String,
    fields: String,
}

/// The levels that can be chosen, as the log calls them.
pub(in crate::page) const LEVELS: [&str; 4] = ["error", "warn", "info", "debug"];

/// A level of the query, or what is shown at first.
pub(in crate::page) fn level(asked: &str) -> &'static str {
    LEVELS.into_iter().find(|level| *level == asked).unwrap_or("info")
}

/// The page; the newest line first.
pub(in crate::page) fn page(
    frame: Frame,
    status: &Status,
    (level, lines): (&str, &[LogLine]),
    now: NaiveDateTime,
) -> Log {
    let t = frame.t;
    let choice = |value: &str| Choice {
        value: value.to_owned(),
        word: match value {
            "error" => t.of("log.error"),
            "warn" => t.of("log.warn"),
            "debug" => t.of("log.debug"),
            _ => t.of("log.info"),
        }
        .to_owned(),
        current: value == level,
    };
    let line = |line: &LogLine| Line {
        time: words::moment(t, &line.time, now),
        class: match line.level.as_str() {
            "ERROR" => "bad",
            "WARN" => "warn",
            _ => "still",
        },
        level: line.level.clone(),
        message: dunlin_logs::strip(&line.message, 400),
        fields: line
            .fields
            .iter()
            .map(|(name, value)| field(status, name, value))
            .collect::<Vec<_>>()
            .join("  "),
    };
    Log {
        levels: LEVELS.iter().map(|level| choice(level)).collect(),
        lines: lines.iter().rev().map(line).collect(),
        frame,
    }
}

/// A field; a partner's id with the name that people know it by.
fn field(status: &Status, name: &str, value: &str) -> String {
    let told = dunlin_logs::strip(value, 256);
    let partner = status.partners.iter().find(|partner| partner.id.to_string() == value);
    match partner.filter(|_| name == "partner") {
        Some(partner) => format!("{name}={told} “{}”", words::foreign(&partner.name)),
        None => format!("{name}={told}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dunlin_rpc::wire::admin::PartnerStatus;

    #[test]
    fn a_partner_is_told_by_its_name_too() {
        let id = uuid::Uuid::from_u128(7);
        let partner = PartnerStatus { id, name: "till 2".to_owned(), ..PartnerStatus::default() };
        let status = Status { partners: vec![partner], ..Status::default() };
        assert_eq!(field(&status, "partner", &id.to_string()), format!("partner={id} “till 2”"));
        assert_eq!(field(&status, "partner", "10.0.0.9:7474"), "partner=10.0.0.9:7474");
        assert_eq!(field(&status, "rows", "7"), "rows=7");
    }
}
