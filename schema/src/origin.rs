//! Origins: the machine and epoch that made a version.

use std::fmt;
use uuid::Uuid;

/// The machine *and epoch* that made a version. A copy or a restore of a database begins a new epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// The machine.
    pub machine: Uuid,
    /// One unbroken life of one database on that machine; drawn at random, never counted.
    pub epoch: u64,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{:016x}", self.machine, self.epoch)
    }
}
