//! How a machine stands on its network: the facts from which one sees why another is not seen.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What a machine knows of its network. The words are whoever shows it's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkCheck {
    /// Whether it announces itself and looks for others by mDNS.
    pub discovery: bool,
    /// Where partners on other machines can call it: `address:port` each. Empty when it is on no
    /// network, or listens on loopback alone.
    pub addresses: Vec<String>,
    /// Whether it listens for partners on loopback alone.
    pub loopback_only: bool,
    /// The port partners call; 0 without a daemon.
    pub port: u16,
    /// How many other machines were heard by mDNS lately, partners and strangers.
    pub heard: u64,
    /// The partners that are not linked, paused ones left out.
    pub absent: Vec<Absent>,
}

/// A partner that is not linked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absent {
    /// Its machine id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// Whether it was heard by mDNS lately.
    pub heard: bool,
    /// Where it was last, or is said to be.
    pub address: Option<String>,
    /// Whether that lies in a subnet of this machine; null when no address is known.
    pub near: Option<bool>,
}
