//! What can fail here, by the operation that failed.

use std::path::PathBuf;

/// The result of an operation of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can fail here.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is missing, locked away, or not a database.
    #[error("cannot open the database at {path}")]
    Open {
        /// Where it should be.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// There is a file, and it is no SQLite database.
    #[error("{path} is not a SQLite database")]
    NotADatabase {
        /// Which file.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("{path} cannot be read")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A program was stopped in the midst of its work on the file.
    #[error(
        "a program was stopped in the midst of its work on {path}; start the application once, so that it puts its file in order"
    )]
    Unfinished {
        /// Which file.
        path: PathBuf,
    },
    /// There is no such file.
    #[error("there is no file {path}; start the application once, so that it makes its database")]
    NoFile {
        /// Which file.
        path: PathBuf,
    },
    /// Somebody else holds the write lock, also after the busy timeout.
    #[error("the database is busy: another program has held its write lock for too long")]
    Busy,
    /// The disk is full, or SQLite says so in its other words.
    #[error("the disk is full")]
    Full,
    /// The database cannot be written to.
    #[error("the database cannot be written to; check who owns it and its folder")]
    ReadOnly,
    /// The file cannot work with a write-ahead log.
    #[error("the database cannot be switched to WAL (it says {mode}); is it on a network share?")]
    NoWal {
        /// The mode it stays in.
        mode: String,
    },
    /// A statement failed.
    #[error("cannot {doing}")]
    Sql {
        /// What we were doing.
        doing: &'static str,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The sidecar holds something that we did not write.
    #[error("the sidecar tables are damaged: {what}")]
    Sidecar {
        /// What we met.
        what: &'static str,
    },
    /// The sidecar was made by a newer Dunlin.
    #[error(
        "this database was used by a newer Dunlin (its sidecar has format {found}, this one knows {known}); install the newer version"
    )]
    Newer {
        /// Its format.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// The copy of the sidecar cannot be made.
    #[error("cannot copy the sidecar to {path}")]
    Spare {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There is no such table.
    #[error("there is no table {table} in this database")]
    NoSuchTable {
        /// What was asked for.
        table: String,
    },
    /// The table cannot be tracked.
    #[error("cannot track {table}: {why}")]
    Untrackable {
        /// Which table.
        table: String,
        /// The reason and its cure.
        why: String,
    },
    /// The table cannot be let go.
    #[error("cannot untrack {table}: {why}")]
    Bound {
        /// Which table.
        table: String,
        /// The reason and its cure.
        why: String,
    },
    /// The table was let go here.
    #[error("{table} is not kept in step on this machine; track it again first")]
    Untracked {
        /// Which table.
        table: String,
    },
    /// A reference in the configuration names what does not exist.
    #[error("the reference {text} cannot be used: {why}")]
    BadReference {
        /// As it was given.
        text: String,
        /// The reason.
        why: &'static str,
    },
    /// A column that a person named does not say when rows were written.
    #[error("{text} cannot say when rows were written: {why}")]
    BadStamp {
        /// As it was given.
        text: String,
        /// The reason.
        why: &'static str,
    },
    /// A page that does not start where the last one ended.
    #[error("the page starts at {found}, but the cursor stands at {cursor}")]
    PageGap {
        /// Where the page starts.
        found: u64,
        /// Where it should.
        cursor: u64,
    },
    /// A page that no honest partner makes.
    #[error("the page is not well formed: {what}")]
    BadPage {
        /// What is wrong with it.
        what: String,
    },
    /// A partner says that it has more of this machine's versions than were ever written here.
    #[error(
        "it says that it has {claimed} versions of this machine, which wrote {written}: either it lies, or this machine's database was put back from a backup"
    )]
    ClaimsOurs {
        /// How many it says.
        claimed: u64,
        /// How many there are.
        written: u64,
    },
    /// A held row would be held all the same.
    #[error("nothing was written, for the row would still be held: {why}")]
    StillHeld {
        /// Why.
        why: String,
    },
    /// A value that a held row cannot be given.
    #[error("nothing was written; column {column}: {why}")]
    CannotGive {
        /// Which column.
        column: String,
        /// What is wrong.
        why: String,
    },
    /// A row in `putdata` that cannot be taken.
    #[error("{table}, row {row}, column {column}: {why}")]
    BadValue {
        /// Which table.
        table: String,
        /// The row's uuid, or its place.
        row: String,
        /// Which column.
        column: String,
        /// What is wrong.
        why: String,
    },
    /// No conflict or held row of that number.
    #[error("there is no {what} number {number}")]
    NoSuchNumber {
        /// "conflict" or "held row".
        what: &'static str,
        /// What was asked for.
        number: i64,
    },
    /// More rows claim one value of a UNIQUE than a shop has machines.
    #[error(
        "{count} rows of {table} claim one value that only one may have, more than a shop has machines; see `dunlin held`"
    )]
    TooManyDoubles {
        /// Which table.
        table: String,
        /// How many.
        count: usize,
    },
    /// Rows here have cells of several versions, or columns that go by other names: the partner would lose them.
    #[error(
        "the applications in this shop have different columns, and the partner's Dunlin does not know how to keep those apart; update it"
    )]
    TooOld,
    /// A partner holds more than its share here.
    #[error(
        "this partner has {rows} rows ({mebibytes} MiB) held here, more than may be; see `dunlin held`"
    )]
    TooManyHeld {
        /// How many.
        rows: u64,
        /// How large.
        mebibytes: u64,
    },
}

/// Names the operation that a failing statement belonged to, and tells the three troubles that have their own cure.
pub(crate) trait Doing<T> {
    fn doing(self, doing: &'static str) -> Result<T>;
}

impl<T> Doing<T> for rusqlite::Result<T> {
    fn doing(self, doing: &'static str) -> Result<T> {
        self.map_err(|source| match source.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
                Error::Busy
            }
            Some(rusqlite::ErrorCode::DiskFull) => Error::Full,
            Some(rusqlite::ErrorCode::ReadOnly) => Error::ReadOnly,
            _ => Error::Sql { doing, source },
        })
    }
}
