//! The log: its latest lines.

use askama::Template;
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
pub(in crate::page) fn page(frame: Frame, level: &str, lines: &[LogLine]) -> Log {
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
        time: words::clock(t, &line.time),
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
            .map(|(name, value)| format!("{name}={}", dunlin_logs::strip(value, 256)))
            .collect::<Vec<_>>()
            .join("  "),
    };
    Log {
        levels: LEVELS.iter().map(|level| choice(level)).collect(),
        lines: lines.iter().rev().map(line).collect(),
        frame,
    }
}
