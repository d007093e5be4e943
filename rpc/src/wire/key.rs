//! The machine's key, as it may be shown: its pin, and never the key.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// `key_show`: which key this machine has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyStatus {
    /// The machine's id, which no rotation changes.
    pub id: Uuid,
    /// The pin of its key, hex.
    pub pin: String,
    /// Since when it has this key; null where that is not known.
    pub since: Option<String>,
    /// How many keys it has had before in this shop.
    pub rotations: u64,
    /// The rotation that is under way; null when none is.
    pub rotation: Option<Rotation>,
}

/// A key rotation of which not every member has heard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// When the key was rotated.
    pub since: Option<String>,
    /// The names of the members that have not heard; the old key is kept for them.
    pub waiting: Vec<String>,
}

/// `key_rotate`: what came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRotated {
    /// The pin of the new key, hex.
    pub pin: String,
    /// How many machines open invites would still have let in; they ended with the old key.
    pub uninvited: u64,
    /// The names of the members that have not heard yet.
    pub waiting: Vec<String>,
}
