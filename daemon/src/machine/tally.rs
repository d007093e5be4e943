//! What was moved since the daemon started, for whoever draws graphs of it.

use std::sync::atomic::{AtomicU64, Ordering};

use dunlin_logs::{Outcome, Session};

/// Counters that only grow.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) sent: AtomicU64,
    pub(crate) received: AtomicU64,
    pub(crate) applied: AtomicU64,
    pub(crate) conflicts: AtomicU64,
    pub(crate) bytes_sent: AtomicU64,
    pub(crate) bytes_received: AtomicU64,
    pub(crate) sessions: AtomicU64,
    pub(crate) failed: AtomicU64,
    /// Conflicts that a person here settled, either way.
    pub(crate) restored: AtomicU64,
    pub(crate) kept: AtomicU64,
    /// What did not let its caller in.
    pub(crate) wrong_passwords: AtomicU64,
    pub(crate) wrong_tokens: AtomicU64,
}

/// One more.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Tally {
    /// Takes a session in.
    pub(super) fn count(&self, session: &Session) {
        let failed = matches!(session.result, Outcome::Error | Outcome::Fatal);
        for (counter, by) in [
            (&self.sent, session.rows_sent),
            (&self.received, session.rows_received),
            (&self.applied, session.applied),
            (&self.conflicts, session.conflicts),
            (&self.bytes_sent, session.bytes_sent),
            (&self.bytes_received, session.bytes_received),
            (&self.sessions, 1),
            (&self.failed, u64::from(failed)),
        ] {
            counter.fetch_add(by, Ordering::Relaxed);
        }
    }
}
