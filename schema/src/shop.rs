//! A made-up parts shop: the application that the demo, the tests and the benches run.
//!
//! ```text
//!   suppliers ◄─ SET NULL ── parts ◄─ CASCADE ── bins          key (part, shelf)
//!                              ▲
//!                              └──── RESTRICT ── order_lines   key (order, line)
//!                                                    │ CASCADE
//!                                                    ▼
//!   customers ◄─ RESTRICT ──────────────────────── orders ◄─ NO ACTION ── payments
//!     ▲ │ SET NULL
//!     └─┘
//! ```
//!
//! It plays the *application*, not Dunlin: it opens the file like any program, leaves the journal mode
//! as it finds it, and neither knows nor reads what Dunlin keeps beside its tables.
//!
//! # Invariants
//!
//! * The same seed makes the same rows again: there is no clock and no other randomness.
//! * Each deed at a till is one transaction that keeps every reference and every CHECK.
//! * A CHECK looks at one row, and rows travel whole. So what two tills sell at the same time cannot
//!   make a row that is impossible; only the *count* on a shelf may then be that of the later of the
//!   two, as when two people write on one paper list. (A ledger of movements would add up; most shops
//!   have a number in a column, and that is what we are here to show.)

mod deed;
mod dice;
mod fill;
mod item;
mod names;
mod sales;
mod till;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

pub use deed::Deed;
pub use dice::Dice;
pub use fill::{Size, fill};
pub use item::rows_of_200_bytes;
pub use sales::Sales;
pub use till::Till;

/// The shop's tables, parents before children.
pub const TABLES: [&str; 7] =
    ["suppliers", "parts", "bins", "customers", "orders", "order_lines", "payments"];

/// The statements that make the shop's tables.
pub fn schema_sql() -> &'static str {
    include_str!("shop/schema.sql")
}

/// Makes the shop's tables, without rows, in a file that has none of them yet.
///
/// # Errors
///
/// [`Error::Open`] when the file cannot be opened or made, [`Error::Work`] when it has such
/// tables already.
pub fn create(path: &Path) -> Result<Connection> {
    let db = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
    db.execute_batch(&format!("BEGIN IMMEDIATE; {} COMMIT;", schema_sql()))
        .map_err(|source| Error::Work { what: "make the shop's tables", source })?;
    Ok(db)
}

/// Opens a shop's file as its application does: it must be there; references are kept; a writer
/// waits for another.
pub fn open(path: &Path) -> Result<Connection> {
    connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
}

/// Why the shop's application could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is missing, or not a database.
    #[error("cannot open the shop's file at {path}")]
    Open {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// A statement failed; nothing of the deed was written.
    #[error("cannot {what}")]
    Work {
        /// What the shop was doing.
        what: &'static str,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The shop has nothing to do it with; nothing was written.
    #[error("the shop has no {what}")]
    Nothing {
        /// What there is none of.
        what: &'static str,
    },
}

/// What the shop's application returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// How long a writer waits for another: what the documents advise to every application.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Monday, 2 March 2026, 08:00 UTC: the day on which the tills open, as seconds of the Unix era.
const DAY_ONE: i64 = 1_772_438_400;

/// How people pay, as the CHECK on payments has it.
const METHODS: [&str; 3] = ["card", "cash", "invoice"];

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection> {
    let failed = |source| Error::Open { path: path.to_owned(), source };
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).map_err(failed)?;
    db.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    db.pragma_update(None, "foreign_keys", true).map_err(failed)?;
    Ok(db)
}

#[cfg(test)]
mod tests;
