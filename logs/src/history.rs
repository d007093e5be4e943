//! The partner history: what every session did, kept in `DIR/history.db`.
//!
//! ```text
//!   session that moved a row or failed ──► one record
//!   session that moved nothing         ──► +1 in `idle`, which the partner's next record takes over
//! ```
//!
//! # Invariants
//!
//! * Appending never fails its caller: what could not be written is counted, and logged once until
//!   writing works again.
//! * A damaged file is set aside as `history.db.damaged` and begun anew; nothing else stops for it.
//! * The file keeps within [`Limits`], by age, by records and by bytes.
//! * Time is handed in: a record's age is measured against the end of the session just appended.

mod record;
#[cfg(test)]
mod tests;

use crate::chain::Chain;
use crate::clean::{MESSAGE_MAX, clean};
pub use record::{Direction, Hour, Idle, Limits, Outcome, Query, Record, Session};
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, params};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tracing::{error, warn};
use uuid::Uuid;

/// The tables as we make them; `user_version` says which of these a file was made by.
const SCHEMA: &str = include_str!("history/schema.sql");

/// The number of [`SCHEMA`]. A file of another number is set aside, not guessed at.
const SCHEMA_VERSION: i64 = 1;

/// How many appends pass between two prunings: often enough to hold the limits within a percent,
/// rarely enough not to be noticed.
const APPENDS_PER_PRUNE: u32 = 64;

/// How many records go at a time when the file is too big. Bounds one pruning, and the next one
/// goes on where this one ended.
const PRUNE_STEP: i64 = 1_000;

/// How long a query waits for a writer of another process, which should not exist.
const BUSY: Duration = Duration::from_secs(1);

/// The most records one query answers with.
const ANSWER_MAX: u32 = 10_000;

/// The longest partner name kept, as everywhere else.
const NAME_MAX: usize = 64;

/// The history could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is locked or damaged; the next append looks into it.
    #[error("cannot read the history at {path}")]
    Read {
        /// The file asked.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
}

/// The partner history. Share it by `Arc`; calls block for a disk write, so not from async code.
#[derive(Debug)]
pub struct History {
    path: PathBuf,
    limits: Limits,
    book: Mutex<Book>,
}

/// The open file, and how writing to it goes.
#[derive(Debug)]
struct Book {
    connection: Connection,
    on_disk: bool,
    since_prune: u32,
    /// Sessions that could not be written since the start.
    lost: u64,
    /// Whether the trouble was logged already.
    told: bool,
}

impl History {
    /// Opens the history at `path`, making it when it is missing, and prunes it.
    ///
    /// When the file cannot be used at all (a read-only folder, a full disk) the history goes to
    /// memory, within the same limits, and [`History::on_disk`] says so. `now` is in milliseconds
    /// since 1970.
    pub fn open(path: &Path, limits: Limits, now: i64) -> Self {
        let (connection, on_disk) = match open_or_renew(path) {
            Ok(connection) => (connection, true),
            Err(error) => {
                error!(cause = %Chain(&error), path = %path.display(), "history is kept in memory only");
                (in_memory(), false)
            }
        };
        let book = Book { connection, on_disk, since_prune: 0, lost: 0, told: false };
        let history = Self { path: path.to_owned(), limits, book: Mutex::new(book) };
        {
            let mut book = history.lock();
            if let Err(error) = book.prune(&history.limits, now) {
                warn!(cause = %Chain(&error), "history not pruned");
            }
        }
        history
    }

    /// Keeps what a session did, or counts it when it moved no row and did not fail.
    pub fn append(&self, session: &Session) {
        let mut book = self.lock();
        let result = match book.append(session, &self.limits) {
            Err(error) if is_damaged(&error) => self.renew(&mut book, &error, session),
            other => other,
        };
        match result {
            Ok(()) => book.told = false,
            Err(error) => {
                book.lost += 1;
                if !book.told {
                    book.told = true;
                    error!(cause = %Chain(&error), path = %self.path.display(), "history not written");
                }
            }
        }
    }

    /// The records that match, newest first.
    pub fn query(&self, query: &Query) -> Result<Vec<Record>, Error> {
        let book = self.lock();
        record::select(&book.connection, query, ANSWER_MAX)
            .map_err(|source| Error::Read { path: self.path.clone(), source })
    }

    /// The sessions with a partner that moved no row since its newest record.
    pub fn idle(&self, partner: Uuid) -> Result<Idle, Error> {
        let book = self.lock();
        book.connection
            .query_row(
                "SELECT count, last FROM idle WHERE partner = ?1",
                [partner.to_string()],
                |row| Ok(Idle { count: record::count(row, "count")?, last: row.get("last")? }),
            )
            .optional()
            .map(Option::unwrap_or_default)
            .map_err(|source| Error::Read { path: self.path.clone(), source })
    }

    /// Rows that moved, by partner and hour, in sessions that began at `since` or later; oldest first.
    pub fn hours(&self, since: i64) -> Result<Vec<Hour>, Error> {
        let book = self.lock();
        record::hours(&book.connection, since)
            .map_err(|source| Error::Read { path: self.path.clone(), source })
    }

    /// How many sessions could not be written since the start.
    pub fn lost(&self) -> u64 {
        self.lock().lost
    }

    /// Whether what is appended outlives this process.
    pub fn on_disk(&self) -> bool {
        self.lock().on_disk
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets a damaged file aside and appends to a fresh one.
    fn renew(
        &self,
        book: &mut Book,
        damage: &rusqlite::Error,
        session: &Session,
    ) -> rusqlite::Result<()> {
        warn!(cause = %Chain(damage), path = %self.path.display(), "damaged history set aside");
        // The old connection is closed before its file is moved: Windows moves no open file.
        book.connection = in_memory();
        book.on_disk = false;
        set_aside(&self.path);
        book.connection = open_file(&self.path)?;
        book.on_disk = true;
        book.append(session, &self.limits)
    }
}

impl Book {
    fn append(&mut self, session: &Session, limits: &Limits) -> rusqlite::Result<()> {
        let ended = session.ended();
        if session.is_idle() {
            self.connection.execute(
                "INSERT INTO idle (partner, count, last) VALUES (?1, 1, ?2)
                 ON CONFLICT (partner) DO UPDATE SET count = count + 1, last = excluded.last",
                params![session.partner.to_string(), ended],
            )?;
        } else {
            self.insert(session)?;
        }
        self.since_prune += 1;
        if self.since_prune >= APPENDS_PER_PRUNE { self.prune(limits, ended) } else { Ok(()) }
    }

    fn insert(&mut self, session: &Session) -> rusqlite::Result<()> {
        let partner = session.partner.to_string();
        let transaction = self.connection.transaction()?;
        let idle: u64 = transaction
            .query_row("DELETE FROM idle WHERE partner = ?1 RETURNING count", [&partner], |row| {
                record::count(row, "count")
            })
            .optional()?
            .unwrap_or_default();
        transaction.execute(
            "INSERT INTO record (partner, partner_name, direction, started, took_ms, rows_sent,
                 rows_received, applied, held, conflicts, bytes_sent, bytes_received, result,
                 message, idle)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
            params![
                partner,
                clean(&session.partner_name, NAME_MAX),
                session.direction.as_str(),
                session.started,
                stored(session.took_ms),
                stored(session.rows_sent),
                stored(session.rows_received),
                stored(session.applied),
                stored(session.held),
                stored(session.conflicts),
                stored(session.bytes_sent),
                stored(session.bytes_received),
                session.result.as_str(),
                clean(&session.message, MESSAGE_MAX),
                stored(idle),
            ],
        )?;
        transaction.commit()
    }

    /// Drops what is too old, too many or too big.
    fn prune(&mut self, limits: &Limits, now: i64) -> rusqlite::Result<()> {
        self.since_prune = 0;
        let max_age = i64::try_from(limits.max_age.as_millis()).unwrap_or(i64::MAX);
        let oldest = now.saturating_sub(max_age);
        self.connection.execute("DELETE FROM record WHERE started < ?1", [oldest])?;
        self.connection.execute("DELETE FROM idle WHERE last < ?1", [oldest])?;
        self.connection.execute(
            "DELETE FROM record WHERE id IN
                 (SELECT id FROM record ORDER BY id DESC LIMIT -1 OFFSET ?1)",
            [stored(limits.max_records)],
        )?;
        if limits.max_bytes < self.used_bytes()? {
            self.connection.execute(
                "DELETE FROM record WHERE id IN (SELECT id FROM record ORDER BY id LIMIT ?1)",
                [PRUNE_STEP],
            )?;
        }
        // Gives the freed pages back to the disk; without it the file only ever grows.
        self.connection.execute_batch("PRAGMA incremental_vacuum;")
    }

    /// The bytes that hold records, without the pages that are free for use again.
    fn used_bytes(&self) -> rusqlite::Result<u64> {
        let number =
            |pragma| self.connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
        let pages = number("page_count")? - number("freelist_count")?;
        Ok(u64::try_from(pages * number("page_size")?).unwrap_or_default())
    }
}

fn open_or_renew(path: &Path) -> rusqlite::Result<Connection> {
    match open_file(path) {
        Err(error) if is_damaged(&error) => {
            warn!(cause = %Chain(&error), path = %path.display(), "damaged history set aside");
            set_aside(path);
            open_file(path)
        }
        other => other,
    }
}

fn open_file(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    // Takes effect on a fresh file only, and must come before its first table.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // A record lost to a power cut is no loss of a row; a sync per session would wear out the card.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    match connection.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))? {
        SCHEMA_VERSION => {
            let word: String =
                connection.pragma_query_value(None, "quick_check", |row| row.get(0))?;
            if word != "ok" {
                return Err(damaged(&word));
            }
        }
        0 => make(&connection)?,
        _ => return Err(damaged("made by another version")),
    }
    Ok(connection)
}

fn make(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(&format!(
        "BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
    ))
}

#[expect(clippy::expect_used, reason = "without memory for an empty database nothing goes on")]
fn in_memory() -> Connection {
    let connection = Connection::open_in_memory().expect("an empty database fits in memory");
    make(&connection).expect("our own schema is valid");
    connection
}

/// A counter as SQLite stores it.
fn stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn damaged(what: &str) -> rusqlite::Error {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    rusqlite::Error::SqliteFailure(code, Some(what.to_owned()))
}

fn is_damaged(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// Moves the damaged file to `history.db.damaged`, over an older one: one is enough to look at.
fn set_aside(path: &Path) {
    let with = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    if let Err(error) = std::fs::rename(path, with(".damaged")) {
        warn!(cause = %error, "damaged history not set aside");
    }
    // The write-ahead log belongs to the damaged file; SQLite would replay it into the fresh one.
    for suffix in ["-wal", "-shm"] {
        match std::fs::remove_file(with(suffix)) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => warn!(cause = %error, "damaged history not set aside"),
        }
    }
}
