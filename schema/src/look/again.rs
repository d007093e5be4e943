//! Settling again: after a table's declaration changed, rows that could not be shown, or were shown otherwise, are tried
//! again; so are those whose columns are new here, or show another value where nobody has an opinion.

use crate::entry::{COLUMNS, Entry, State as Shown};
use crate::error::Doing as _;
use crate::sidecar::part::Part;
use crate::standing::{self, Place};
use crate::state::Value;
use crate::store::Flush;
use crate::tx::Tx;
use crate::{Cell, Result, Store, ground};
use rusqlite::{OptionalExtension as _, params, params_from_iter};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Settled at a time,
const BATCH: usize = 500;
/// and for no longer than this: the application waits for the lock.
const BATCH_TIME: Duration = Duration::from_millis(20);

impl Store {
    /// Settles a batch of what has to be settled again; answers whether there may be more. The log is empty.
    pub(crate) fn settle_some_again(&mut self) -> Result<bool> {
        if !self.anything_again()? {
            self.settled += u64::from(std::mem::take(&mut self.settling));
            return Ok(false);
        }
        self.settling = true;
        self.write(Flush::Later, |tx| {
            // A commit of the application may have come in between.
            tx.fold(usize::MAX)?;
            tx.settle_some_again()
        })
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
        let mut upto = rows.last().map(|entry| entry.pos).filter(|_| BATCH <= rows.len());
        let (begun, table) = (self.clock.elapsed(), self.catalogue.id(id).cloned());
        let anything_asked = self.anything_asked_for(0)?;
        let mut settle = BTreeSet::new();
        for entry in rows {
            let (pos, uuid) = (entry.pos, entry.uuid);
            if BATCH_TIME < self.clock.elapsed().saturating_sub(begun) {
                // The others come with the next batch.
                upto = Some(pos - 1);
                break;
            }
            if let Some(table) = &table
                && self.show_again(table, &entry)?
            {
                continue;
            }
            if anything_asked && self.lacks_values(&entry)? == Some(false) {
                self.no_longer_asked_for(uuid)?;
            }
            // What they claim may not have been known before.
            if self.kept(uuid)?.is_some()
                && let Some(cells) = self.values_to_show(&entry)?
            {
                self.enlist(&entry, &cells)?;
            }
            settle.insert(uuid);
        }
        self.conn
            .prepare_cached("UPDATE _dunlin_table SET again = ?2 WHERE id = ?1")
            .and_then(|mut statement| statement.execute(params![id, upto]))
            .doing(doing)?;
        if !settle.is_empty() {
            self.settle(settle)?;
        }
        if upto.is_none() {
            self.no_longer_asked_for_whole(id)?;
            self.conn
                .execute("UPDATE _dunlin_column SET fill = NULL WHERE tbl = ?", [id])
                .doing(doing)?;
            self.cache.columns.remove(&id);
            self.reload = true;
        }
        Ok(true)
    }

    /// Shows a row's cells in the columns that its table has now, where nothing else has to be asked. Answers whether it
    /// does.
    fn show_again(&mut self, table: &Arc<crate::Table>, entry: &Entry) -> Result<bool> {
        let is_simple = entry.state == Shown::Shown && entry.key.is_some() && !table.away;
        if !is_simple || (self.anybody_waits()? && !self.nobody_waits_for(table, entry.uuid)?) {
            return Ok(false);
        }
        let part = if entry.parts { self.part(table.id, entry.uuid)? } else { Part::default() };
        let Some(state) = self.state_with(entry, &part)? else { return Ok(false) };
        let mut now = entry.clone();
        if !self.write_beside(table, entry, &part)? {
            let cells = standing::shown_cells(&state);
            if cells.is_empty() || !self.fast_path(table, &mut now, Some(entry), Some(&cells))? {
                return Ok(false);
            }
        }
        if entry.parts {
            self.take_apart(&mut now, &state, Place::In(table))?;
        }
        self.put(&now, Some(entry))?;
        self.placed.borrow_mut().push(entry.uuid);
        Ok(true)
    }

    /// Writes the cells that stood beside a row into the columns that its table has now, where that is all that has to be
    /// written. Answers whether it did.
    fn write_beside(&self, table: &crate::Table, entry: &Entry, part: &Part) -> Result<bool> {
        // A column that an upgrade filled shows something else where nobody has an opinion.
        let is_all = part.beside.is_empty() && !is_refilled(table);
        let Some(key) = entry.key.as_ref().filter(|_| is_all) else {
            return Ok(false);
        };
        let others = self.catalogue.showing(table.id);
        let mut names = Vec::new();
        let mut values = key.cells()?;
        for (id, value) in &part.own {
            let Some((index, column)) = table.column_of(id) else { continue };
            let Value::Here(cell) = value else { return Ok(false) };
            let is_shown = |shows: &String| shows.eq_ignore_ascii_case(&column.name);
            if others.iter().any(|(_, _, shows)| is_shown(shows))
                || !table.stands_alone(index)
                || (column.not_null && *cell == Cell::Null)
            {
                return Ok(false);
            }
            names.push(column.name.as_str());
            values.push(cell.clone());
        }
        if names.is_empty() {
            return Ok(false);
        }
        let done = self
            .conn
            .prepare_cached(&table.sql.update_of(&names))
            .and_then(|mut statement| statement.execute(params_from_iter(values)));
        match done {
            Ok(changed) => Ok(changed == 1),
            Err(error) if ground::refusal(&error).is_some() => Ok(false),
            Err(error) => Err(error).doing("write a row"),
        }
    }

    /// Rows of a table, from a position of the journal on, that may have to be shown otherwise now.
    fn rows_again(&mut self, table: &crate::Table, from: u64) -> Result<Vec<Entry>> {
        let full = self.full_shape(table)?;
        let full = self.shape_number(table.id, &full)?;
        let is_refilled = is_refilled(table);
        let doing = "find rows to be settled again";
        let conn = self.conn;
        let rows: u64 = conn
            .prepare_cached("SELECT rows FROM _dunlin_table WHERE id = ?")
            .and_then(|mut statement| statement.query_row([table.id], |row| row.get(0)))
            .doing(doing)?;
        // By its index a table is sorted anew for each batch; a large one is met along the journal.
        let tbl = if rows > BATCH as u64 { "+tbl" } else { "tbl" };
        let mut statement = conn
            .prepare_cached(&format!(
                "SELECT {COLUMNS} FROM _dunlin_row WHERE pos > ?1 AND {tbl} = ?2 AND state <> 3
                 AND (state <> 0 OR own IS NOT NULL OR (?3 AND shape IS NOT ?4)) ORDER BY pos LIMIT ?5",
            ))
            .doing(doing)?;
        let mut found = statement
            .query(params![from, table.id, is_refilled, full, BATCH as u64])
            .doing(doing)?;
        let mut entries = Vec::new();
        while let Some(row) = found.next().doing(doing)? {
            entries.push(self.entry_of(row)?);
        }
        Ok(entries)
    }
}

/// Did an upgrade put something else into a column than what stands where nobody has an opinion?
fn is_refilled(table: &crate::Table) -> bool {
    table
        .columns
        .iter()
        .any(|column| column.fill.as_ref().is_some_and(|fill| *fill != column.blank))
}

#[cfg(test)]
mod tests {
    use crate::still::{NOW, shop, steps, untracked_by};
    use crate::{Ask, Sender, Track};

    /// What it costs to fill a column that is new here and was written elsewhere before.
    fn filling(rows: u32) -> u64 {
        let (_there, app, mut there) =
            shop("CREATE TABLE part (id INTEGER PRIMARY KEY, name TEXT, colour TEXT)");
        let (_here, tool, mut here) =
            untracked_by(2, "CREATE TABLE part (id INTEGER PRIMARY KEY, name TEXT)");
        here.track(&Track::default()).unwrap();
        app.execute_batch(&format!(
            "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {rows})
             INSERT INTO part (name, colour) SELECT 'part ' || n, 'red' FROM c"
        ))
        .unwrap();
        let sender = Sender { origin: there.origin(), skew: 0 };
        let mut ask = Ask { now: NOW, limit: 1 << 20, ..Ask::default() };
        loop {
            let page = there.page(&ask).unwrap();
            here.apply(&page, sender).unwrap();
            ask.cursor = page.next;
            if page.last.is_some() {
                break;
            }
        }
        tool.execute_batch("ALTER TABLE part ADD COLUMN colour TEXT").unwrap();
        let cost = steps(&mut here, |here| assert!(!here.fold().unwrap()));
        let red = "SELECT count(*) FROM part WHERE colour = 'red'";
        assert_eq!(tool.query_row(red, [], |row| row.get::<_, u32>(0)).unwrap(), rows);
        cost
    }

    #[test]
    fn filling_a_new_column_costs_the_same_for_each_row_however_many_there_are() {
        let (few, many) = (filling(2_000), filling(8_000));
        assert!(many * 10 < few * 43, "{many} steps for 8 000 rows, {few} for 2 000");
    }

    #[test]
    fn partners_compare_once_a_table_shows_again_what_its_versions_say() {
        let (_folder, app, mut store) =
            shop("CREATE TABLE part (id INTEGER PRIMARY KEY, name TEXT)");
        app.execute_batch("INSERT INTO part (name) VALUES ('a'), ('b')").unwrap();
        store.fold().unwrap();
        let (mark, end) = (store.declarations_mark(), store.end().unwrap());
        store.fold().unwrap();
        assert_eq!(store.declarations_mark(), mark, "nothing was settled");
        store.conn.execute("UPDATE _dunlin_table SET again = 0", []).unwrap();
        store.fold().unwrap();
        assert_eq!(store.end().unwrap(), end);
        assert_ne!(store.declarations_mark(), mark);
    }
}
