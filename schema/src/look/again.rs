//! Settling again: after a table's declaration changed, rows that could not be shown, or were shown otherwise, are tried
//! again; so are those whose columns are new here, or show another value where nobody has an opinion.

use crate::error::Doing as _;
use crate::store::Flush;
use crate::tx::Tx;
use crate::{Result, Store};
use rusqlite::{OptionalExtension as _, params};
use std::collections::BTreeSet;
use uuid::Uuid;

/// Settled at a time: the application waits no longer for the lock.
const BATCH: i64 = 500;

impl Store {
    /// Settles what has to be settled again, batch by batch. The log is empty.
    pub(crate) fn settle_again(&mut self) -> Result<()> {
        while self.anything_again()? && self.write(Flush::Later, |tx| tx.settle_some_again())? {}
        Ok(())
    }

    fn anything_again(&self) -> Result<bool> {
        self.conn
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM _dunlin_table WHERE again IS NOT NULL AND tracked = 1)",
            )
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
            .doing("ask what has to be settled again")
    }
}

impl Tx<'_> {
    /// One batch; answers whether there may be more.
    fn settle_some_again(&mut self) -> Result<bool> {
        // A commit of the application may have come in between.
        self.fold(usize::MAX)?;
        let doing = "settle rows again";
        let next: Option<(i64, u64)> = self
            .conn
            .prepare_cached(
                "SELECT id, again FROM _dunlin_table WHERE again IS NOT NULL AND tracked = 1 LIMIT 1",
            )
            .and_then(|mut statement| {
                statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?))).optional()
            })
            .doing(doing)?;
        let Some((id, from)) = next else { return Ok(false) };
        let rows = match self.catalogue.id(id).cloned() {
            Some(table) => self.rows_again(&table, from)?,
            // It is away: its rows are settled when it is back.
            None => Vec::new(),
        };
        let upto = rows.last().map(|(pos, _)| *pos).filter(|_| BATCH <= rows.len() as i64);
        self.conn
            .prepare_cached("UPDATE _dunlin_table SET again = ?2 WHERE id = ?1")
            .and_then(|mut statement| statement.execute(params![id, upto]))
            .doing(doing)?;
        let rows: BTreeSet<Uuid> = rows.into_iter().map(|(_, uuid)| uuid).collect();
        for uuid in &rows {
            // What they claim may not have been known before.
            if let Some(entry) = self.entry(*uuid)?
                && self.kept(*uuid)?.is_some()
                && let Some(cells) = self.values_to_show(&entry)?
            {
                self.enlist(&entry, &cells)?;
            }
        }
        if !rows.is_empty() {
            self.settle(rows)?;
        }
        if upto.is_none() {
            self.conn
                .execute("UPDATE _dunlin_column SET fill = NULL WHERE tbl = ?", [id])
                .doing(doing)?;
            self.cache.columns.remove(&id);
            self.reload = true;
        }
        Ok(true)
    }

    /// Rows of a table, from a position of the journal on, that may have to be shown otherwise now.
    fn rows_again(&mut self, table: &crate::Table, from: u64) -> Result<Vec<(u64, Uuid)>> {
        let full = self.full_shape(table)?;
        let full = self.shape_number(table.id, &full)?;
        let is_refilled = table
            .columns
            .iter()
            .any(|column| column.fill.as_ref().is_some_and(|fill| *fill != column.blank));
        self.conn
            .prepare_cached(
                "SELECT pos, uuid FROM _dunlin_row WHERE pos > ?1 AND tbl = ?2 AND state <> 3
                 AND (state <> 0 OR own IS NOT NULL OR (?3 AND shape IS NOT ?4)) ORDER BY pos LIMIT ?5",
            )
            .and_then(|mut statement| {
                statement
                    .query_map(params![from, table.id, is_refilled, full, BATCH], |row| {
                        Ok((row.get(0)?, crate::cursor::uuid(row, 1)?))
                    })
                    .and_then(Iterator::collect)
            })
            .doing("find rows to be settled again")
    }
}
