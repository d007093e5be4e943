//! Users, tokens, and wrong passwords, as scripts and the CLI are told of them.

use serde::{Deserialize, Serialize};

use crate::identity::Secret;

/// A user of the JSON-RPC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserEntry {
    /// The user's name.
    pub name: String,
    /// `read`, `write` or `admin`.
    pub role: String,
    /// Whether it is a program of 2009 on another machine: `getdata` and `putdata` alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub old_caller: bool,
}

/// A token that was just made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenMade {
    /// The token itself: here, and never again.
    pub token: Secret<String>,
    /// What is told of it from now on.
    #[serde(flatten)]
    pub entry: TokenEntry,
}

/// A token, without itself. Times are `YYYY-MM-DD HH:MM:SS` UTC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenEntry {
    /// Names it also when another got its name.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// `read`, `write` or `admin`.
    pub role: String,
    /// When it was made.
    pub made: String,
    /// When it ends; null: when it is revoked.
    pub expires: Option<String>,
    /// Whether it ended already.
    pub expired: bool,
    /// From where it is good; null: from anywhere.
    pub from: Option<String>,
    /// When it was last good for a call.
    pub last_used: Option<String>,
}

/// Wrong passwords from one address, for one user or for names that are nobody's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInEntry {
    /// From where; `this computer` for loopback and the socket.
    pub address: String,
    /// The user whose name was given; null for names that are nobody's, which are not told: people
    /// type passwords where names belong.
    pub user: Option<String>,
    /// How many were wrong since the last right one.
    pub wrong: u32,
    /// How many of them within the last hour, as far as they are counted: five for each name that was given.
    #[serde(default)]
    pub lately: u32,
    /// Seconds until the next is looked at.
    pub wait_seconds: u64,
}
