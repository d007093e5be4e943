//! Time, handed in: wall time for stamps, monotonic time for how long we hold a lock.

use std::time::Duration;

/// Milliseconds since 1970, UTC.
pub type Millis = i64;

/// What a machine knows of time. The daemon reads the system's; the lab makes its own.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Wall time, which may be wrong and may jump.
    fn now(&self) -> Millis;
    /// Time since some fixed moment; never goes back.
    fn elapsed(&self) -> Duration;
    /// Lets so much time go by, while the application has its turn at the file.
    fn rest(&self, time: Duration);
}
