//! What partners say to each other over a link.
//!
//! ```text
//! greet ─▶ roster (only if the hashes differ) ─▶ databases ─▶ facts (only if they differ) ─▶ pages … ─▶ digest
//! ```
//!
//! Unknown members are ignored, so that a newer partner may add some; equal keys are refused.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::join::Statement;
use super::page::{Known, Origin, Page};
use crate::identity::Sum;

/// `partner_greet`, and its answer: who is speaking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greeting {
    /// The lowest and highest protocol that this side speaks.
    pub protocol: (u32, u32),
    /// What this side can do beyond the protocol; used when both name it.
    #[serde(default)]
    pub features: Vec<String>,
    /// The machine's id; must be that of the key that was shown.
    pub id: Uuid,
    /// Its name; a label.
    pub name: String,
    /// 16 random bytes drawn when the daemon started, hex.
    pub boot: String,
    /// The shop: the id of its first statement.
    pub shop: Sum,
    /// The wall clock, in milliseconds since 1970.
    pub clock: u64,
    /// Hash of the sorted ids of all statements held.
    pub roster: Sum,
}

/// `partner_roster`: what the asker holds, and what it already knows the other to lack.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RosterAsk {
    /// The ids of all statements that the asker holds.
    pub held: Vec<Sum>,
    /// Statements for the other side: in the second call, those it said to want.
    #[serde(default)]
    pub statements: Vec<Statement>,
}

/// The answer of `partner_roster`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RosterAnswer {
    /// The ids that the asker holds and the answering side lacks.
    pub wanted: Vec<Sum>,
    /// The statements that the asker lacks.
    #[serde(default)]
    pub statements: Vec<Statement>,
}

/// `partner_databases`, and its answer: one entry for each database of the speaker.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Databases {
    /// The speaker's databases.
    pub databases: Vec<Database>,
}

/// What a machine says of one of its databases.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Database {
    /// The name by which partners match it.
    pub name: String,
    /// The epoch that this side writes under, 16 hex digits.
    pub epoch: Epoch,
    /// All epochs this machine had here, with the highest seq of each.
    pub epochs: Vec<EpochEnd>,
    /// The end of this side's journal.
    pub end: u64,
    /// The cursors that this side holds in the other's journal, by the other's epoch.
    #[serde(default)]
    pub cursors: Vec<Cursor>,
    /// What this side has taken in, with marks.
    #[serde(default)]
    pub knowledge: Vec<Known>,
    /// What this side remembers of the other's knowledge.
    #[serde(default)]
    pub remembered: Vec<Known>,
    /// Forks of origins that this side heard of.
    #[serde(default)]
    pub forks: Vec<Fork>,
    /// The shapes of the tracked tables.
    #[serde(default)]
    pub tables: Vec<TableShape>,
    /// One figure for all facts that this side knows, 16 hex digits: where it differs, `partner_facts` follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<Epoch>,
    /// The wall clock, in milliseconds since 1970.
    pub clock: u64,
}

impl Database {
    /// The cursor this side holds in the journal that the other writes under `epoch`; 0 for none.
    pub fn cursor_in(&self, epoch: Epoch) -> u64 {
        let held = self.cursors.iter().find(|cursor| cursor.epoch == epoch);
        held.map_or(0, |cursor| cursor.position)
    }
}

/// One unbroken life of a database. 16 hex digits on the wire: JSON has no safe 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

impl Serialize for Epoch {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:016x}", self.0))
    }
}

impl<'de> Deserialize<'de> for Epoch {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let whole = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let read = if whole { u64::from_str_radix(&text, 16).ok() } else { None };
        read.map(Self).ok_or_else(|| serde::de::Error::custom("an epoch is 16 hex digits"))
    }
}

/// An epoch of one's own and where it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochEnd {
    /// The epoch.
    pub epoch: Epoch,
    /// The highest seq written in it.
    pub end: u64,
}

/// How far this side has read the other's journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The other's epoch, whose journal it is.
    pub epoch: Epoch,
    /// The position behind the last row taken.
    pub position: u64,
}

/// Where an origin was found to have been rewound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fork {
    /// Whose chain.
    pub origin: Origin,
    /// The last seq that still is the origin's.
    pub seq: u64,
}

/// The shape of a tracked table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableShape {
    /// What the shop calls it: the name by which it was first known.
    pub name: String,
    /// What it is called on this side, where that is another name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub here: Option<String>,
    /// Its columns, in the table's order; generated ones are left out.
    pub columns: Vec<ColumnShape>,
    /// Its references, declared in the file or in the configuration.
    #[serde(default)]
    pub references: Vec<ReferenceShape>,
    /// How its rows are named (engine.md 2), in the engine's words.
    pub naming: String,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnShape {
    /// What the shop calls it: the name by which it was first known.
    pub name: String,
    /// What it is called on this side, where that is another name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub here: Option<String>,
    /// Its declared type, as the schema has it.
    pub declared: String,
    /// Whether it is NOT NULL.
    #[serde(default)]
    pub not_null: bool,
    /// Its place in the primary key, from 1; 0 when it is not part of it.
    #[serde(default)]
    pub key: u32,
}

/// A reference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReferenceShape {
    /// The columns that refer.
    pub columns: Vec<String>,
    /// The table referred to.
    pub parent: String,
    /// The application does not keep it: nothing is held for it.
    #[serde(default)]
    pub loose: bool,
}

/// `partner_getdata`: ask for a page. The answer is a [`Page`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetPage {
    /// The database's name.
    pub database: String,
    /// Where the last page ended.
    pub cursor: u64,
    /// What the asker has taken in; the other leaves that out.
    #[serde(default)]
    pub knowledge: Vec<Known>,
    /// The asker's wall clock, in milliseconds since 1970: decides what is withheld as future.
    pub now: u64,
    /// The page's size in bytes; at least one row comes.
    pub limit: u64,
    /// These rows, whatever the asker knows: a value of them is not with it. Neither cursor nor knowledge moves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<Uuid>,
}

/// `partner_putdata`: a page, pushed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PutPage {
    /// The database's name.
    pub database: String,
    /// The page, with its own clock question answered by the pusher.
    pub page: Page,
    /// Its rows were asked for by name: neither cursor nor knowledge moves.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub named: bool,
}

/// What became of a pushed page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutAnswer {
    /// Rows that stand now.
    pub applied: u64,
    /// Rows that are known and not shown.
    pub held: u64,
    /// Rows of which a version lost to one that its writer had not seen.
    pub conflicts: u64,
    /// The cursor that the taker now has in the pusher's journal.
    pub cursor: u64,
    /// For how many milliseconds the taker's file was held for it: the next page is made as large as fits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<u64>,
}

/// `partner_digest`: are we equal?
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestAsk {
    /// The database's name.
    pub database: String,
    /// Where the asker stands in the other's journal now that it has taken the pages.
    #[serde(default)]
    pub cursor: u64,
    /// The asker's wall clock, in milliseconds since 1970: clocks are mended while a link lives.
    #[serde(default)]
    pub clock: u64,
    /// The asker's own figures, so that both sides know whether they are equal.
    #[serde(default)]
    pub tables: Vec<TableDigest>,
}

/// The answer of `partner_digest`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestAnswer {
    /// The answering side's figures.
    pub tables: Vec<TableDigest>,
    /// Rows that the answering side still has for the asker.
    pub waiting: u64,
    /// Where the answering side stands in the asker's journal. It goes back when versions that were ahead of its
    /// clock may be taken now.
    #[serde(default)]
    pub cursor: u64,
    /// The answering side's wall clock, in milliseconds since 1970.
    #[serde(default)]
    pub clock: u64,
    /// Rows of which a value is not with the answering side: it is to be given them by name, as far as they are known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Uuid>,
}

/// A table in one figure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableDigest {
    /// The table.
    pub name: String,
    /// Its rows.
    pub rows: u64,
    /// Equal tables have equal digests. Hex.
    pub digest: String,
    /// A person there let the table go: its versions are known and passed on, and nobody compares it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub untracked: bool,
    /// Hex, of the rows that do not show what their versions say, for reasons that are this machine's own: the schema here
    /// is another one, a value is not here, a person is to decide. Tables with equal digests show the same where this is
    /// equal too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unshown: Option<String>,
}

/// What `partner_events` tells, as it happens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum PartnerEvent {
    /// The journal moved. Coalesced: the last one counts.
    Moved {
        /// The database's name.
        database: String,
        /// The journal's end now.
        position: u64,
        /// About how many rows wait for the listener.
        waiting: u64,
    },
    /// The roster grew: ask for it.
    Roster,
    /// Other tables are tracked, or something became loose: tell of the databases again.
    Databases,
    /// The listener is out of the shop: the statements that say so, which he lacks.
    Forgotten {
        /// The statements.
        statements: Vec<Statement>,
    },
    /// This side is about to close the link.
    Leaving {
        /// Why, in a sentence.
        reason: String,
    },
}
