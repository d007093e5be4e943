//! What scripts and the CLI ask of this machine, and what they are told.
//!
//! Times are `YYYY-MM-DD HH:MM:SS` UTC, or seconds where the name says so.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::access::SignInEntry;

/// `machine_status`: everything that the status command shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// This machine.
    pub machine: MachineStatus,
    /// Its databases.
    pub databases: Vec<DatabaseStatus>,
    /// The partners, by name.
    pub partners: Vec<PartnerStatus>,
    /// Machines seen and not trusted.
    pub sightings: Vec<SightingStatus>,
    /// When the daemon started.
    pub started: String,
    /// For how many seconds it has been running.
    pub uptime: u64,
    /// On a keeper: machines that lost their way into the shop, and that it can let in again.
    #[serde(default)]
    pub lost: Vec<crate::wire::shop::Named>,
    /// What needs a person. Empty when nothing does.
    pub attention: Vec<crate::wire::overview::Attention>,
    /// Wrong passwords of the last day, the most stubborn first.
    #[serde(default)]
    pub sign_ins: Vec<SignInEntry>,
    /// What is open to the network beside the partners' port: one sentence each.
    #[serde(default)]
    pub doors: Vec<String>,
    /// What other programs did to the databases since the daemon started.
    #[serde(default)]
    pub happened: Vec<HappenedEntry>,
}

/// What another program did to a database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HappenedEntry {
    /// The database.
    pub database: String,
    /// When it was seen.
    pub time: String,
    /// What, in a sentence.
    pub what: String,
}

/// This machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineStatus {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// The daemon's version.
    pub version: String,
    /// Its pin, hex.
    #[serde(default)]
    pub pin: String,
    /// The shop's id, hex.
    #[serde(default)]
    pub shop: String,
    /// How many members the shop has; 0 when this machine is in none.
    #[serde(default)]
    pub members: u64,
    /// How it stands in the shop: `keeper`, `member`, `left`, `forgotten`, or `lost` when whoever
    /// let it in does not count any more.
    #[serde(default)]
    pub role: String,
    /// Whether all partners are paused, also who joins later.
    #[serde(default)]
    pub paused: bool,
    /// The key rotation that is under way; null when none is.
    #[serde(default)]
    pub rotation: Option<super::key::Rotation>,
}

/// A database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseStatus {
    /// Its name.
    pub name: String,
    /// Its epoch, 16 hex digits.
    pub epoch: String,
    /// The end of its journal.
    #[serde(default)]
    pub position: u64,
    /// Its tracked tables.
    pub tables: Vec<TableStatus>,
}

/// A tracked table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableStatus {
    /// Its name.
    pub name: String,
    /// Rows that it shows.
    pub rows: u64,
    /// Equal tables have equal digests on all machines. Hex.
    pub digest: String,
    /// Rows that are known and not shown.
    pub held: u64,
    /// Conflicts that nobody looked at.
    pub conflicts: u64,
    /// How its rows are named.
    #[serde(default)]
    pub naming: String,
    /// Rows that stand as they were, or with an empty value, until the application here is of one version with others.
    #[serde(default)]
    pub standing: u64,
    /// Why nothing is written to the table, in a sentence; null where it is as it should be.
    #[serde(default)]
    pub away: Option<String>,
    /// How it stands against the partners, in words; null before the first comparison.
    #[serde(default)]
    pub compared: Option<String>,
}

/// A partner.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartnerStatus {
    /// Its machine id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// In a word: `Identity problem`, `Paused`, `Stopped`, `Retrying`, `Catching up`, `Waiting`, `Up to date`,
    /// `Offline`.
    pub state: String,
    /// `keeper` or `member`.
    #[serde(default)]
    pub role: String,
    /// Whether a person paused it here.
    #[serde(default)]
    pub paused: bool,
    /// Where it is, or was last.
    pub address: Option<String>,
    /// When a link to it was last alive.
    pub last_seen: Option<String>,
    /// Rows that it has for us; null before the two have compared, and while there is no link.
    pub waiting_in: Option<u64>,
    /// Rows that we have for it; without a link, so many at most; null before the two have compared.
    pub waiting_out: Option<u64>,
    /// Seconds until it is dialled again.
    #[serde(default)]
    pub next_try_seconds: Option<u64>,
    /// How many tries have failed since the last that succeeded.
    #[serde(default)]
    pub attempt: u32,
    /// Why there is no link, in a sentence.
    #[serde(default)]
    pub reason: Option<String>,
    /// Since when it is linked; null when it is not.
    #[serde(default)]
    pub linked_since: Option<String>,
    /// How its address is known: `mdns`, `calls` (it called us), `configured` or `remembered`; null
    /// when it is not.
    #[serde(default)]
    pub found: Option<String>,
    /// By how many milliseconds its clock is ahead of ours; null before the two have compared.
    #[serde(default)]
    pub clock_ms: Option<i64>,
    /// When the two last found out that they are equal, or how they differ.
    #[serde(default)]
    pub compared: Option<String>,
    /// Rows that went over the link since both were last level, while more are to follow.
    #[serde(default)]
    pub moved: u64,
    /// About how many are to follow; null when none is on its way.
    #[serde(default)]
    pub left: Option<u64>,
    /// About how many seconds that takes.
    #[serde(default)]
    pub left_seconds: Option<u64>,
    /// The quickest answer over the link that stands now, in milliseconds; null where this machine was called, and
    /// where there is no link.
    #[serde(default)]
    pub round_trip_ms: Option<u64>,
    /// Rows that it wrote and that are held here.
    #[serde(default)]
    pub held: Option<u64>,
    /// Conflicts that nobody settled and in which one of the two versions is its.
    #[serde(default)]
    pub conflicts: Option<u64>,
    /// Tables that have other columns there: one of the applications is of another version.
    #[serde(default)]
    pub unlike: Vec<UnlikeTable>,
}

/// A table that has other columns on a partner.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnlikeTable {
    /// The database.
    pub database: String,
    /// What the table is called here.
    pub table: String,
    /// The application there is the newer one; false: the older; null where nobody can tell.
    pub newer: Option<bool>,
    /// Columns that are there and not here.
    pub has: Vec<String>,
    /// Columns that are here and not there.
    pub lacks: Vec<String>,
}

/// A machine seen over mDNS, not trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SightingStatus {
    /// The id that it claims.
    pub id: String,
    /// The name that it claims.
    pub name: String,
    /// Where it says it is.
    pub address: String,
    /// How many seconds ago it was first seen.
    #[serde(default)]
    pub first_seen: u64,
    /// The first 8 hex digits of the shop that it claims to be of; null when it says none.
    #[serde(default)]
    pub shop: Option<String>,
    /// Whether a person chose not to see it.
    #[serde(default)]
    pub ignored: bool,
    /// A daemon of 2009: it can be seen, and not be paired.
    #[serde(default)]
    pub old: bool,
}

/// `tables_track`: what to track, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Track {
    /// The database; by default the only one, or `main`.
    pub database: Option<String>,
    /// The tables.
    pub tables: Vec<String>,
    /// All tables that can be tracked, instead.
    pub all: bool,
    /// Of all, these are left out.
    pub except: Vec<String>,
    /// References that the file does not declare: `child.column=parent`.
    pub references: Vec<String>,
    /// Columns that look like references and are none: `table.column`.
    pub no_references: Vec<String>,
    /// Tables whose integer key is the name: an EAN, a product code.
    pub natural: Vec<String>,
    /// Columns that say when the rows were written that are there: `table=column`; `table=`: none does.
    pub stamps: Vec<String>,
    /// The files are copies of one: name rows by table and key.
    pub copies: bool,
}

/// What `tables_track` did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tracked {
    /// The tables that are tracked now and were not before.
    pub tables: Vec<String>,
    /// Tables that were left out, each with a sentence.
    pub refused: Vec<RefusedTable>,
    /// What the person should know: WAL was switched on, references are loose, or look as if they were not declared,
    /// which columns say when rows were written.
    pub notes: Vec<String>,
}

/// What `tables_untrack` did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Untracked {
    /// The tables that were tracked and are not any more.
    pub tables: Vec<String>,
}

/// A table that cannot be tracked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedTable {
    /// The table.
    pub name: String,
    /// Why, and what helps.
    pub reason: String,
}

/// `history_list`: which sessions; what is left out lets all through.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HistoryFilter {
    /// Only those that ended so: `success`, `warning`, `error` or `fatal`.
    pub result: Option<String>,
    /// Only those older than the session with this number.
    pub before: Option<i64>,
}

/// A session in the history.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// Counts up; as `before` it goes on where a list ended.
    #[serde(default)]
    pub number: i64,
    /// Sessions with this partner that moved no row, between its line before and this one.
    #[serde(default)]
    pub idle: u64,
    /// The partner's machine id.
    pub partner: Option<Uuid>,
    /// Its name at the time.
    pub name: String,
    /// `in`, `out` or `both`; `getdata` and `putdata` for scripts.
    pub direction: String,
    /// When it started.
    pub started: String,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Rows sent.
    pub sent: u64,
    /// Rows received.
    pub received: u64,
    /// Rows that stand here now.
    pub applied: u64,
    /// Rows known and not shown.
    pub held: u64,
    /// Versions that lost.
    pub conflicts: u64,
    /// Bytes, both ways.
    pub bytes: u64,
    /// `success`, `warning`, `error` or `fatal`.
    pub result: String,
    /// What happened, in a sentence.
    pub message: String,
}

/// A version that lost.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ConflictEntry {
    /// Its number, for `conflicts_restore`.
    pub number: i64,
    /// The database.
    pub database: String,
    /// The table.
    pub table: String,
    /// The row's uuid.
    pub row: Uuid,
    /// What happened, in a word: `edit`, `delete`, `parent`, …
    pub kind: String,
    /// Whose version lost: a machine's name or id.
    pub loser: String,
    /// Whose version stands.
    pub winner: String,
    /// The machine ids of both, the loser's first, where they are known.
    #[serde(default)]
    pub machines: Vec<Uuid>,
    /// When the losing version was written; empty for a row that was there before it was tracked.
    pub written: String,
    /// When the version that stands was written.
    #[serde(default)]
    pub winner_written: Option<String>,
    /// Columns and values of the losing version; empty for a delete.
    pub values: serde_json::Map<String, serde_json::Value>,
    /// Columns and values of the version that stands; empty for a delete.
    #[serde(default)]
    pub winner_values: serde_json::Map<String, serde_json::Value>,
    /// Of two rows with one name: the key under which the losing one stands now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stands_as: Option<String>,
    /// Whether it was put back.
    pub restored: bool,
}

/// A row that is known and not shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldEntry {
    /// Its number, for `held_retry`, `held_accept` and `held_keep`.
    pub number: i64,
    /// The database.
    pub database: String,
    /// The table.
    pub table: String,
    /// The row's uuid.
    pub row: Uuid,
    /// `parent`, `constraint`, `schema`, `size` or `many deletes`.
    pub reason: String,
    /// What it waits for, in a sentence.
    pub message: String,
    /// Since when.
    pub since: String,
    /// Who wrote it: a machine's name or id.
    pub origin: String,
    /// Who wrote it: the machine's id.
    #[serde(default)]
    pub machine: Uuid,
    /// Its place in the table is empty; else it is shown with other values.
    #[serde(default)]
    pub held: bool,
    /// Its columns and values; empty where they were left out.
    #[serde(default)]
    pub values: serde_json::Map<String, serde_json::Value>,
    /// The rows that it refers to and that are not shown.
    #[serde(default)]
    pub waits_for: Vec<Uuid>,
}

/// What `held_retry` did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retried {
    /// Rows tried.
    pub tried: u64,
    /// Rows shown now.
    pub shown: u64,
}

/// What `held_accept` or `held_keep` did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// Rows that are deleted, or kept, now.
    pub rows: u64,
    /// Deletes that still wait for a person.
    pub waiting: u64,
}

/// What `sync_now` did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Synced {
    /// Whether all partners that were asked are equal to this machine.
    pub equal: bool,
    /// One entry for each partner.
    pub partners: Vec<SyncedPartner>,
}

/// How a partner stands after `sync_now`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncedPartner {
    /// Its machine id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// Whether it is equal to this machine.
    pub equal: bool,
    /// Why not, in a sentence.
    pub message: String,
}

/// What `pairing_invite` made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invited {
    /// The token to carry to the joiner. Whoever has it may join.
    pub token: crate::identity::Secret<String>,
    /// How many machines may join with it.
    pub uses: u32,
    /// When it ends.
    pub expires: String,
}

/// What `pairing_join` came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    /// The shop's id, hex.
    pub shop: String,
    /// The machine that let us in.
    pub by: String,
    /// How many members the shop has.
    pub members: u64,
    /// The shop had forgotten this machine's key: it has a new one, and this id from its next start on. A daemon
    /// starts again by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_id: Option<Uuid>,
}
