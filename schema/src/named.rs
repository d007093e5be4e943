//! Rows by name: values that are not here, asked of a partner.
//!
//! A value that went with its column, its row or its table is missing: its version is known everywhere, so no session
//! brings it. Whoever shows the column asks each partner for it, at the end of a session. Neither cursor nor knowledge
//! moves: what comes is what was known.

use crate::apply::{Applied, Sender};
use crate::entry::Entry;
use crate::error::Doing as _;
use crate::page::{AHEAD_MAX, Ask, Page};
use crate::standing;
use crate::store::Flush;
use crate::tx::Tx;
use crate::{Result, Store};
use rusqlite::OptionalExtension as _;
use uuid::Uuid;

/// A partner is asked for at most so many rows at a time.
pub const ROWS_NAMED_MAX: usize = 1_000;

/// A row of which a value is not here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Its place in the list of all of them.
    pub number: i64,
    /// The row.
    pub row: Uuid,
}

impl Store {
    /// Rows of which a value is not here that their table has a column for, after one of the list.
    pub fn missing(&mut self, after: i64) -> Result<Vec<Missing>> {
        if !self.write(Flush::Reads, |tx| tx.anything_asked_for(after))? {
            return Ok(Vec::new());
        }
        self.fold()?;
        self.write(Flush::Later, |tx| {
            let (mut missing, mut after) = (Vec::new(), after);
            while missing.is_empty() {
                let listed = tx.asked_for(after, ROWS_NAMED_MAX)?;
                let Some((last, _)) = listed.last() else { break };
                after = *last;
                for (number, row) in listed {
                    let lacks = match tx.entry(row)? {
                        Some(entry) => tx.lacks_values(&entry)?,
                        None => Some(false),
                    };
                    if lacks == Some(false) {
                        tx.no_longer_asked_for(row)?;
                    } else if lacks == Some(true) && !tx.has_gone(row)? {
                        missing.push(Missing { number, row });
                    }
                }
            }
            Ok(missing)
        })
    }

    /// The last in the list of what is to be asked for: another number when something came to it.
    pub fn wanted(&self) -> Result<i64> {
        self.conn
            .prepare_cached("SELECT coalesce(max(n), 0) FROM _dunlin_ask")
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
            .doing("read what is to be asked for")
    }

    /// What is known here of rows that a partner names. `ask`: his clock, and how much he wants.
    pub fn rows_named(&mut self, rows: &[Uuid], ask: &Ask) -> Result<Page> {
        self.fold()?;
        self.write(Flush::Reads, |tx| tx.rows_named(rows, ask))
    }

    /// Takes rows in that a partner was asked for by name.
    pub fn apply_named(&mut self, page: &Page, sender: Sender) -> Result<Applied> {
        self.fold()?;
        let mut applied = self.write(Flush::Later, |tx| tx.apply_named(page, sender))?;
        applied.took = self.pace.last();
        Ok(applied)
    }
}

impl Tx<'_> {
    pub(crate) fn anything_asked_for(&self, after: i64) -> Result<bool> {
        let found = self
            .conn
            .prepare_cached("SELECT 1 FROM _dunlin_ask WHERE n > ? LIMIT 1")
            .and_then(|mut statement| statement.query_row([after], |_| Ok(())).optional())
            .doing("read what is to be asked for")?;
        Ok(found.is_some())
    }

    /// Is a value of it not here that its table has a column for? None while its table is away.
    pub(crate) fn lacks_values(&mut self, entry: &Entry) -> Result<Option<bool>> {
        let catalogue = std::sync::Arc::clone(&self.catalogue);
        let Some(table) = catalogue.id(entry.table) else { return Ok(Some(false)) };
        if table.away {
            return Ok(None);
        }
        let state = self.state(entry)?;
        Ok(Some(state.is_some_and(|state| standing::lacks_values(table, &state))))
    }

    fn rows_named(&mut self, rows: &[Uuid], ask: &Ask) -> Result<Page> {
        let (mut draft, mut more) = (crate::page::Draft::from(ask.cursor), false);
        for row in rows.iter().take(ROWS_NAMED_MAX) {
            let Some(entry) = self.entry(*row)? else { continue };
            let is_ahead = entry.head.stamp.millis() > ask.now.saturating_add(AHEAD_MAX);
            if is_ahead || self.is_logged(&entry)? {
                continue;
            }
            if !self.add(&mut draft, &entry, ask)? {
                more = true;
                break;
            }
        }
        Ok(draft.named(more))
    }
}
