//! Origins: the machine and epoch that made a version.

use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// The machine *and epoch* that made a version. A copy or a restore of a database begins a new epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// The machine.
    pub machine: Uuid,
    /// One unbroken life of one database on that machine; drawn at random, never counted.
    pub epoch: u64,
}

/// What is no origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoOrigin;

impl FromStr for Origin {
    type Err = NoOrigin;

    fn from_str(text: &str) -> Result<Self, NoOrigin> {
        let (machine, epoch) = text.split_once('/').ok_or(NoOrigin)?;
        let machine = Uuid::try_parse(machine).map_err(|_error| NoOrigin)?;
        let epoch = u64::from_str_radix(epoch, 16).map_err(|_error| NoOrigin)?;
        Ok(Self { machine, epoch })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{:016x}", self.machine, self.epoch)
    }
}
