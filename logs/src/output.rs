//! The daemon's own log: one layer that hands every line to up to three sinks.
//!
//! ```text
//!   event ─► level ─► flood limit ─► Line, cleaned and cut ─┬─► stderr    2026-11-20 12:00:01 INFO  …
//!                                                           ├─► DIR/logs  {"time":…,"level":…}
//!                                                           └─► Recent
//! ```
//!
//! # Invariants
//!
//! * A line is one line: control characters are escaped before any sink sees them.
//! * A sink that cannot keep up or cannot write loses lines and counts them; nobody waits for it.
//! * One place in the code writes at most [`FLOOD_MAX`] lines a [`FLOOD_WINDOW`]; what it would have
//!   written more is counted, and the count stands in its next line as `suppressed`.

mod layer;
#[cfg(test)]
mod tests;

use crate::ring::Recent;
use chrono::{DateTime, Utc};
use layer::{LogLayer, Sinks};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tracing::Subscriber;
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::reload;
use tracing_subscriber::{Layer as _, Registry};

/// How many lines one place in the code may write in one [`FLOOD_WINDOW`]; `debug` and `trace` are
/// not limited, since only a developer turns them on.
const FLOOD_MAX: u32 = 100;

/// The window of the flood limit.
const FLOOD_WINDOW: Duration = Duration::from_mins(1);

/// How many lines may wait for the disk before further ones are dropped and counted.
const LINES_WAITING_MAX: usize = 8_192;

/// How much is written to the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Level {
    /// What an operator must see now.
    Error,
    /// And what an operator should see tomorrow.
    Warn,
    /// And what happened.
    #[default]
    Info,
    /// And every call.
    Debug,
    /// And every row, without its values.
    Trace,
}

/// The word is not a level.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a log level is error, warn, info, debug or trace, not `{0}`")]
pub struct UnknownLevel(String);

impl FromStr for Level {
    type Err = UnknownLevel;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "error" => Ok(Self::Error),
            "warn" => Ok(Self::Warn),
            "info" => Ok(Self::Info),
            "debug" => Ok(Self::Debug),
            "trace" => Ok(Self::Trace),
            _ => Err(UnknownLevel(crate::clean(word, 32))),
        }
    }
}

impl Level {
    /// The word in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }

    fn filter(self) -> LevelFilter {
        match self {
            Self::Error => LevelFilter::ERROR,
            Self::Warn => LevelFilter::WARN,
            Self::Info => LevelFilter::INFO,
            Self::Debug => LevelFilter::DEBUG,
            Self::Trace => LevelFilter::TRACE,
        }
    }
}

impl From<Level> for tracing::Level {
    fn from(level: Level) -> Self {
        match level {
            Level::Error => Self::ERROR,
            Level::Warn => Self::WARN,
            Level::Info => Self::INFO,
            Level::Debug => Self::DEBUG,
            Level::Trace => Self::TRACE,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where the log goes.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How much is written.
    pub level: Level,
    /// The folder of the daily files; `None` for a command that only talks to a person.
    pub folder: Option<PathBuf>,
    /// How many daily files are kept.
    pub keep_files: usize,
    /// Whether a person reads along on stderr.
    pub terminal: bool,
    /// Whether that terminal shows colours.
    pub colour: bool,
    /// What time it is.
    pub now: fn() -> DateTime<Utc>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            level: Level::Info,
            folder: None,
            keep_files: 14,
            terminal: true,
            colour: false,
            now: Utc::now,
        }
    }
}

/// The running log. Keep it until the process ends: dropping it writes what still waits.
pub struct Output {
    recent: Recent,
    lost: Arc<AtomicU64>,
    dropped: Option<ErrorCounter>,
    /// Why there is no daily file, if one was asked for.
    trouble: Option<String>,
    filter: reload::Handle<Targets, Registry>,
    level: Mutex<Level>,
    _worker: Option<WorkerGuard>,
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").field("trouble", &self.trouble).finish_non_exhaustive()
    }
}

impl Output {
    /// The latest lines, for the page.
    pub fn recent(&self) -> Recent {
        self.recent.clone()
    }

    /// How many lines a sink did not take, because it was slow or could not write.
    pub fn lost(&self) -> u64 {
        let dropped = self.dropped.as_ref().map_or(0, ErrorCounter::dropped_lines);
        self.lost.load(Ordering::Relaxed) + u64::try_from(dropped).unwrap_or(u64::MAX)
    }

    /// How much is written now.
    pub fn level(&self) -> Level {
        *self.level.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How much is written from now on.
    pub fn set_level(&self, level: Level) {
        let mut now = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        // It fails only when the subscriber is gone, and then nothing is written at all.
        if self.filter.reload(targets(level)).is_ok() {
            *now = level;
        }
    }

    /// Why there is no daily file although one was asked for.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }
}

/// Starts the log of this process. A second call changes nothing but its own [`Output`].
pub fn start(settings: &Settings) -> Output {
    let (subscriber, mut output) = build(settings);
    if tracing::subscriber::set_global_default(subscriber).is_err() {
        output.trouble = Some("the log of this process was started before".to_owned());
    }
    if let Some(cause) = output.trouble() {
        tracing::warn!(cause, "log goes to no file");
    }
    output
}

/// The subscriber and its handle, not yet in use; tests use it for one thread.
pub(crate) fn build(settings: &Settings) -> (impl Subscriber + Send + Sync + use<>, Output) {
    let recent = Recent::default();
    let lost = Arc::new(AtomicU64::new(0));
    let (file, worker, dropped, trouble) = match open_file(settings) {
        None => (None, None, None, None),
        Some(Ok(appender)) => {
            let (writer, guard) = NonBlockingBuilder::default()
                .buffered_lines_limit(LINES_WAITING_MAX)
                .lossy(true)
                .thread_name("dunlin-log")
                .finish(appender);
            let counter = writer.error_counter();
            (Some(writer), Some(guard), Some(counter), None)
        }
        Some(Err(cause)) => (None, None, None, Some(cause)),
    };
    let sinks = Sinks {
        terminal: settings.terminal,
        colour: settings.colour,
        file,
        recent: recent.clone(),
        lost: Arc::clone(&lost),
    };
    let (filter, handle) = reload::Layer::new(targets(settings.level));
    let layer = LogLayer::new(sinks, settings.now).with_filter(filter);
    let level = Mutex::new(settings.level);
    let output = Output { recent, lost, dropped, trouble, filter: handle, level, _worker: worker };
    (Registry::default().with(layer), output)
}

/// Our own modules at the configured level, everybody else's from `warn` on: what a library calls
/// information is a developer's matter, and may hold a partner's bytes.
fn targets(level: Level) -> Targets {
    Targets::new()
        .with_default(level.filter().min(LevelFilter::WARN))
        .with_target("dunlin", level.filter())
}

fn open_file(settings: &Settings) -> Option<Result<RollingFileAppender, String>> {
    let folder = settings.folder.as_ref()?;
    Some(
        RollingFileAppender::builder()
            .rotation(Rotation::DAILY)
            .filename_prefix("dunlin")
            .filename_suffix("jsonl")
            .max_log_files(settings.keep_files.max(1))
            .build(folder)
            .map_err(|error| {
                format!("cannot write in {}: {}", folder.display(), crate::Chain(&error))
            }),
    )
}
