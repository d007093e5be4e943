//! The system's clocks, for the parts that are handed one.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use dunlin_schema::{Clock, Millis};

/// The wall clock of the system, and a monotonic one that began with the daemon.
#[derive(Debug)]
pub struct SystemClock {
    began: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { began: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Millis {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
    }

    fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the database's own thread rests, so that the application writes"
    )]
    fn rest(&self, time: Duration) {
        std::thread::sleep(time);
    }
}

/// A time as people and scripts read it: `YYYY-MM-DD HH:MM:SS`, UTC.
pub(crate) fn text(time: Millis) -> String {
    chrono::DateTime::from_timestamp_millis(time)
        .map_or_else(String::new, |time| time.format("%Y-%m-%d %H:%M:%S").to_string())
}
