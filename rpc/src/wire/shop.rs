//! What travels about the shop itself: who is let in and taken out, and who is paused.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What a machine let in: for whoever is about to forget it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LetIn {
    /// The machine's id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// `keeper` or `member`.
    pub role: String,
    /// Its pin, hex.
    pub pin: String,
    /// The machines it let in, the first one first.
    pub let_in: Vec<Guest>,
}

/// A machine that another let in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guest {
    /// Its id: what `partners_forget` takes.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// `keeper` or `member`: what it is now, or what it was let in as.
    pub role: String,
    /// When it was let in, by the clock of who did.
    pub since: String,
    /// The way: `invite …`, `digits`, `rotation`, `promotion`, `again`.
    pub how: String,
    /// Whether it is a member now.
    pub member: bool,
}

/// What a change of the shop came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// Whom it was about.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// The machines that are members now, or in another role.
    pub joined: Vec<Named>,
    /// The machines that were members and are not any more.
    pub gone: Vec<Named>,
    /// How many members the shop has now.
    pub members: u64,
}

/// A machine by id and name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
}

/// Who is paused after `partners_pause` or `partners_resume`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paused {
    /// Everybody, also who joins later.
    pub all: bool,
    /// The partners that are paused now.
    pub partners: Vec<Named>,
}

/// What `shop_leave` came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// The shop that was left, hex.
    pub shop: String,
    /// The members that heard of it already; the others do from them.
    pub told: Vec<Named>,
}

/// What `shop_renew` made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renewed {
    /// The new shop, hex.
    pub shop: String,
    /// The file in the state folder that keeps the old roster.
    pub old_roster: String,
}
