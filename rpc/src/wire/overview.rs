//! What the Sync partners page shows beyond the status, and `--json` with it.
//!
//! Times are `YYYY-MM-DD HH:MM:SS` UTC.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::settings::Trying;
use super::shop::Named;

/// Something that needs a person: what it is, and the facts. The words are whoever shows it's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Attention {
    /// Two machines have this machine's key.
    Copied {
        /// How it was noticed, in a sentence.
        reason: String,
    },
    /// A partner's identity does not hold, or its sessions stopped.
    Partner {
        /// The partner.
        id: Uuid,
        /// Its name.
        name: String,
        /// Its state, in a word.
        state: String,
        /// Why, in a sentence.
        reason: String,
    },
    /// A partner said what no honest one says; its sessions go on.
    Odd {
        /// The partner.
        id: Uuid,
        /// Its name.
        name: String,
        /// What, in a sentence.
        reason: String,
    },
    /// Two clocks are far apart.
    Clock {
        /// The partner.
        id: Uuid,
        /// Its name.
        name: String,
        /// By how many seconds its clock is ahead of ours; negative: behind.
        seconds: i64,
        /// Most partners contradict this machine's clock: it is this one that is wrong.
        #[serde(default)]
        ours: bool,
    },
    /// Rows of a table are known and not shown.
    Held {
        /// The table.
        table: String,
        /// How many rows.
        rows: u64,
    },
    /// So many rows of a table were deleted in a day that a person has to decide; they are still shown.
    Deletes {
        /// The table.
        table: String,
        /// The partner over whose link the deletes came: its name or id.
        partner: String,
        /// How many rows.
        rows: u64,
    },
    /// Rows wait until this machine's application is of one version with others: they are held, or stand as they were.
    Schema {
        /// How many rows.
        rows: u64,
    },
    /// Rows went from a table when another was made anew; other machines still have them.
    Went {
        /// The table.
        table: String,
        /// What happened, in a sentence.
        what: String,
        /// How many rows.
        rows: u64,
    },
    /// Rows have NULL in their key: nothing names them, and they stay on this machine.
    Nameless {
        /// The table.
        table: String,
        /// The columns of its key that may be NULL.
        columns: Vec<String>,
        /// How many rows.
        rows: u64,
    },
    /// A column looks like a reference that the application's schema does not declare, and nobody said whether it is.
    Undeclared {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// The table whose rows it seems to mean.
        parent: String,
        /// Other machines have the rows: it can be declared no more.
        #[serde(default)]
        late: bool,
    },
    /// A tracked table is gone, or cannot be written to.
    Away {
        /// The table.
        table: String,
        /// Why, in a sentence.
        reason: String,
    },
    /// Versions of a table's rows lost, and nobody has looked.
    Conflicts {
        /// The table.
        table: String,
        /// How many.
        count: u64,
    },
    /// Sessions could not be written into the history.
    HistoryLost {
        /// How many.
        sessions: u64,
    },
    /// The disk is nearly full.
    Disk {
        /// MiB that are left.
        free_mb: u64,
    },
    /// Partners are linked, and not one machine is seen by mDNS: something keeps multicast back.
    Multicast,
    /// Passwords of a user were wrong again and again within the hour: forgotten, or tried by somebody else.
    Password {
        /// The user, who exists.
        user: String,
        /// How many were wrong since the last right one.
        wrong: u32,
        /// From where.
        from: Vec<String>,
    },
    /// The shop forgot this machine.
    Forgotten {
        /// Who did.
        by: String,
        /// When.
        at: String,
    },
    /// Whoever let this machine in was forgotten, and this one with it.
    Lost,
    /// On a keeper: machines that are out because whoever let them in was forgotten.
    Strays {
        /// They.
        machines: Vec<Named>,
    },
    /// The shop has one keeper only.
    OneKeeper {
        /// It.
        id: Uuid,
        /// Its name.
        name: String,
    },
    /// Somebody changed settings, and they go back by themselves unless somebody keeps them.
    Trying(Trying),
    /// The page is to be open to the network, and is not.
    PageShut {
        /// Why, in a sentence.
        reason: String,
    },
    /// Anything else, in a sentence.
    Other {
        /// The sentence.
        text: String,
    },
}

/// `tables_compare`: a table, and how it stands against each partner.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableCompared {
    /// The database.
    pub database: String,
    /// The table.
    pub name: String,
    /// Tracked here; else only rows of partners are known.
    pub tracked: bool,
    /// Rows that it shows or holds.
    pub rows: u64,
    /// Rows that changed here since the day began, by this machine's clock and time zone.
    pub changed_today: u64,
    /// Rows that are held.
    pub held: u64,
    /// Conflicts that nobody looked at.
    pub conflicts: u64,
    /// Hex.
    pub digest: String,
    /// Other tracked tables that refer to it.
    #[serde(default)]
    pub needed_by: Vec<String>,
    /// Rows that stand as they were, or with an empty value, until the application here is of one version with others.
    #[serde(default)]
    pub standing: u64,
    /// Why nothing is written to the table, in a sentence; null where it is as it should be.
    #[serde(default)]
    pub away: Option<String>,
    /// One entry for each partner, in the order of `partners_list`.
    pub partners: Vec<TableThere>,
}

/// A table on a partner, as of the last time the two compared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableThere {
    /// The partner.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// `equal`, `catching up`, `differs`, `waiting` (the versions are equal, and rows of one side are not shown as they
    /// say), `not here` (the partner does not keep it in step), or `unknown` before the first comparison.
    pub state: String,
    /// Columns that are there and not here.
    #[serde(default)]
    pub has: Vec<String>,
    /// Columns that are here and not there.
    #[serde(default)]
    pub lacks: Vec<String>,
}

/// `tables_candidates`: a table of the file that is not tracked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// The database.
    pub database: String,
    /// The table.
    pub name: String,
    /// Why it cannot be tracked, and what helps; null when it can.
    pub reason: Option<String>,
    /// Why it is left out unless a person names it; null when it is not.
    #[serde(default)]
    pub left_out: Option<String>,
    /// A person let it go: no partner's greeting tracks it.
    #[serde(default)]
    pub untracked: bool,
}

/// `history_hours`: rows that moved with a partner in one hour.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryHour {
    /// The partner.
    pub partner: Uuid,
    /// Its name.
    pub name: String,
    /// When the hour began.
    pub hour: String,
    /// Rows sent.
    pub sent: u64,
    /// Rows received.
    pub received: u64,
}

/// `log_list`: a line of the daemon's log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Counts up for the life of the daemon.
    pub number: u64,
    /// When.
    pub time: String,
    /// `ERROR`, `WARN`, `INFO`, `DEBUG` or `TRACE`.
    pub level: String,
    /// What happened; the same words every time.
    pub message: String,
    /// The facts: name and value.
    pub fields: Vec<(String, String)>,
}
