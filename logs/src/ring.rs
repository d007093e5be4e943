//! The latest log lines, in memory, for the page.

use crate::output::Level;
use serde::Serialize;
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// How many lines are kept: a busy day's worth of what a person would scroll through.
const LINES_MAX: usize = 1_000;

/// How many bytes of text all of them together may hold.
const BYTES_MAX: usize = 1 << 20;

/// One line of the log, cleaned and cut: safe to show.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct Line {
    /// Counts up from 1 for the life of the process; ask for what came after the last one seen.
    pub number: u64,
    /// When, in milliseconds since 1970, UTC.
    pub time: i64,
    /// `ERROR`, `WARN`, `INFO`, `DEBUG` or `TRACE`.
    #[serde(serialize_with = "level_name")]
    pub level: tracing::Level,
    /// The module that spoke.
    pub target: String,
    /// The spans around it, outermost first: `session{session=7 partner=till-3}`.
    pub spans: Vec<String>,
    /// What happened; the same words every time.
    pub message: String,
    /// The facts, in the order in which they were given.
    pub fields: Vec<(String, String)>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands the field by reference")]
fn level_name<S: serde::Serializer>(level: &tracing::Level, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(level.as_str())
}

impl Line {
    fn bytes(&self) -> usize {
        let fields: usize = self.fields.iter().map(|(name, value)| name.len() + value.len()).sum();
        let spans: usize = self.spans.iter().map(String::len).sum();
        self.target.len() + self.message.len() + fields + spans
    }
}

/// The latest lines of the log. Clones share the same lines.
#[derive(Clone, Default)]
pub struct Recent(Arc<Mutex<Ring>>);

#[derive(Default)]
struct Ring {
    lines: VecDeque<Line>,
    bytes: usize,
    last: u64,
}

impl fmt::Debug for Recent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recent").finish_non_exhaustive()
    }
}

impl Recent {
    /// Adds a line, numbers it, and drops the oldest until both limits hold.
    pub(crate) fn push(&self, mut line: Line) {
        let mut ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ring.last += 1;
        line.number = ring.last;
        ring.bytes += line.bytes();
        ring.lines.push_back(line);
        while ring.lines.len() > LINES_MAX || (ring.bytes > BYTES_MAX && ring.lines.len() > 1) {
            let Some(oldest) = ring.lines.pop_front() else { break };
            ring.bytes -= oldest.bytes();
        }
    }

    /// The newest `limit` lines after number `after` that are at least as severe as `level`,
    /// oldest first.
    pub fn lines(&self, after: u64, level: Level, limit: usize) -> Vec<Line> {
        let level: tracing::Level = level.into();
        let ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lines: Vec<Line> = ring
            .lines
            .iter()
            .rev()
            .take_while(|line| line.number > after)
            .filter(|line| line.level <= level)
            .take(limit)
            .cloned()
            .collect();
        lines.reverse();
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(message: &str, level: Level) -> Line {
        Line {
            number: 0,
            time: 0,
            level: level.into(),
            target: String::new(),
            spans: vec![],
            message: message.to_owned(),
            fields: vec![],
        }
    }

    #[test]
    fn the_oldest_lines_make_room() {
        let recent = Recent::default();
        for n in 0..LINES_MAX + 5 {
            recent.push(line(&n.to_string(), Level::Info));
        }
        let lines = recent.lines(0, Level::Trace, usize::MAX);
        assert_eq!(lines.len(), LINES_MAX);
        assert_eq!(lines[0].message, "5");
    }

    #[test]
    fn big_lines_are_limited_by_bytes() {
        let recent = Recent::default();
        for _ in 0..100 {
            recent.push(line(&"x".repeat(BYTES_MAX / 10), Level::Info));
        }
        assert_eq!(recent.lines(0, Level::Trace, usize::MAX).len(), 10);
    }

    #[test]
    fn lines_are_asked_for_by_number_and_level() {
        let recent = Recent::default();
        recent.push(line("one", Level::Info));
        recent.push(line("two", Level::Debug));
        recent.push(line("three", Level::Warn));
        let told = |after, level, limit| -> Vec<String> {
            recent.lines(after, level, limit).into_iter().map(|line| line.message).collect()
        };
        assert_eq!(told(0, Level::Info, 10), ["one", "three"]);
        assert_eq!(told(1, Level::Trace, 10), ["two", "three"]);
        assert_eq!(told(0, Level::Trace, 1), ["three"]);
    }
}
