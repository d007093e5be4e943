//! What this process has in memory stays there: no core dump, and no look from outside.
//!
//! The key, passwords and tokens are in it. A dump would lie on the disk for years, readable to
//! whoever reads backups.

/// Switches core dumps off, and keeps other processes of the same user from reading our memory.
///
/// What the system refuses is no reason to stop: it only refuses what it does not have.
#[cfg(unix)]
pub(crate) fn keep_in() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }).unwrap_or_default();
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        set_dumpable_behavior(DumpableBehavior::NotDumpable).unwrap_or_default();
    }
}

/// Elsewhere the system writes none unless it is told to.
#[cfg(not(unix))]
pub(crate) fn keep_in() {}
