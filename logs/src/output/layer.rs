//! The layer: from an event to a [`Line`], and from a line to the sinks.

use super::{FLOOD_MAX, FLOOD_WINDOW};
use crate::clean::{Cleaner, FIELD_MAX};
use crate::ring::{Line, Recent};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_appender::non_blocking::NonBlocking;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// The most fields of one line or span; tracing itself allows 32.
const FIELDS_MAX: usize = 32;

/// Where lines go.
pub(super) struct Sinks {
    pub(super) terminal: bool,
    pub(super) colour: bool,
    pub(super) file: Option<NonBlocking>,
    pub(super) recent: Recent,
    pub(super) lost: Arc<AtomicU64>,
}

pub(super) struct LogLayer {
    sinks: Sinks,
    now: fn() -> DateTime<Utc>,
    /// One entry a place in the code, so its size is the program's, not the input's.
    flood: Mutex<HashMap<Identifier, Window>>,
}

/// What one place in the code wrote lately.
struct Window {
    began: DateTime<Utc>,
    written: u32,
    suppressed: u64,
}

/// The fields of a span, as they were when it was made or recorded since.
struct SpanFields(Vec<(String, String)>);

impl LogLayer {
    pub(super) fn new(sinks: Sinks, now: fn() -> DateTime<Utc>) -> Self {
        Self { sinks, now, flood: Mutex::new(HashMap::new()) }
    }

    /// Whether this event may be written; `Some(n)` says that `n` before it were not.
    fn admit(&self, event: &Event<'_>, now: DateTime<Utc>) -> Option<u64> {
        if *event.metadata().level() > Level::INFO {
            return Some(0);
        }
        let mut flood = self.flood.lock().unwrap_or_else(PoisonError::into_inner);
        let window = flood.entry(event.metadata().callsite()).or_insert(Window {
            began: now,
            written: 0,
            suppressed: 0,
        });
        // A clock that was set back also begins a new window; else it would close one for hours.
        let age = (now - window.began).to_std();
        let suppressed = window.suppressed;
        if age.is_err() || age.is_ok_and(|age| FLOOD_WINDOW <= age) {
            *window = Window { began: now, written: 0, suppressed: 0 };
        }
        if window.written >= FLOOD_MAX {
            window.suppressed += 1;
            return None;
        }
        window.written += 1;
        if window.written == 1 { Some(suppressed) } else { Some(0) }
    }
}

impl<S> Layer<S> for LogLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(SpanFields(fields.fields));
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        values.record(&mut fields);
        let mut extensions = span.extensions_mut();
        let Some(SpanFields(known)) = extensions.get_mut::<SpanFields>() else { return };
        for (name, value) in fields.fields {
            if let Some(slot) = known.iter_mut().find(|(known, _)| *known == name) {
                slot.1 = value;
            } else if known.len() < FIELDS_MAX {
                known.push((name, value));
            }
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let now = (self.now)();
        let Some(suppressed) = self.admit(event, now) else { return };
        let mut fields = Fields::default();
        event.record(&mut fields);
        if suppressed > 0 {
            fields.fields.push(("suppressed".to_owned(), suppressed.to_string()));
        }
        let spans = context.event_scope(event).map_or_else(Vec::new, |scope| {
            scope.from_root().map(|span| show_span(span.name(), span.extensions().get())).collect()
        });
        let line = Line {
            number: 0,
            time: now.timestamp_millis(),
            level: *event.metadata().level(),
            target: event.metadata().target().to_owned(),
            spans,
            message: fields.message,
            fields: fields.fields,
        };
        self.sinks.write(line, now);
    }
}

fn show_span(name: &str, fields: Option<&SpanFields>) -> String {
    let mut text = name.to_owned();
    if let Some(SpanFields(fields)) = fields.filter(|fields| !fields.0.is_empty()) {
        let pairs: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        text.push('{');
        text.push_str(&pairs.join(" "));
        text.push('}');
    }
    text
}

/// Collects the fields of an event or a span, cleaned and cut.
#[derive(Default)]
struct Fields {
    message: String,
    fields: Vec<(String, String)>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        let mut text = Cleaner::new(FIELD_MAX);
        // It only refuses what is beyond the limit.
        text.write_fmt(value).unwrap_or_default();
        let text = text.finish();
        if field.name() == "message" {
            self.message = text;
        } else if self.fields.len() < FIELDS_MAX {
            self.fields.push((field.name().to_owned(), text));
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, format_args!("{value}"));
    }
}

/// A line as it stands in the daily file.
#[derive(Serialize)]
struct Filed<'a> {
    time: String,
    level: &'a str,
    target: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    spans: &'a [String],
    #[serde(serialize_with = "as_map")]
    fields: &'a [(String, String)],
}

fn as_map<S: serde::Serializer>(
    fields: &&[(String, String)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(fields.iter().map(|(name, value)| (name, value)))
}

impl Sinks {
    fn write(&self, line: Line, now: DateTime<Utc>) {
        if self.terminal {
            self.count(&std::io::stderr().lock().write_all(self.for_person(&line, now).as_bytes()));
        }
        if let Some(mut file) = self.file.clone() {
            self.count(&file.write_all(&filed(&line, now)));
        }
        self.recent.push(line);
    }

    fn count(&self, written: &std::io::Result<()>) {
        if written.is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// `2026-11-20 12:00:01 WARN  link lost partner=till-3 cause=… (session{…})`
    fn for_person(&self, line: &Line, now: DateTime<Utc>) -> String {
        let (on, off) = if self.colour { (colour(line.level), "\u{1b}[0m") } else { ("", "") };
        let time = now.format("%Y-%m-%d %H:%M:%S");
        let mut text = format!("{time} {on}{:<5}{off} {}", line.level.as_str(), line.message);
        for (name, value) in &line.fields {
            text.extend([" ", name, "=", value]);
        }
        if !line.spans.is_empty() {
            text.extend([" (", &line.spans.join(":"), ")"]);
        }
        text.push('\n');
        text
    }
}

fn filed(line: &Line, now: DateTime<Utc>) -> Vec<u8> {
    let filed = Filed {
        time: now.to_rfc3339_opts(SecondsFormat::Millis, true),
        level: line.level.as_str(),
        target: &line.target,
        message: &line.message,
        spans: &line.spans,
        fields: &line.fields,
    };
    let mut bytes = serde_json::to_vec(&filed).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

fn colour(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\u{1b}[31m",
        Level::WARN => "\u{1b}[33m",
        Level::INFO => "\u{1b}[32m",
        Level::DEBUG => "\u{1b}[34m",
        Level::TRACE => "\u{1b}[2m",
    }
}
