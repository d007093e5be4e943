//! Drift: entries whose row is not in its table, and rows that have no entry.
//!
//! ```text
//!   the row is gone because              what becomes of it
//!   its table was made anew without it   it is held, its values are asked of the partners, and it comes back
//!   something else took it away that     it is deleted, everywhere: REPLACE through a bare UNIQUE index fires no
//!   fires no trigger                     trigger, nor does a program that has them off
//! ```
//!
//! Both are counted after each fold of a table with such an index, and of every table once an hour. Only where the
//! counts differ is each row looked for.
//!
//! # Invariants
//!
//! * Counting takes no lock that a writer waits for, and never more than a twentieth of the time.

use crate::catalogue::Table;
use crate::entry::{Entry, State};
use crate::error::Doing as _;
use crate::held::{Keep, Why};
use crate::key::Key;
use crate::standing::{self, Place};
use crate::store::Flush;
use crate::tx::Tx;
use crate::{Cell, Millis, Result, Stamp, Store, trigger};
use rusqlite::{OptionalExtension as _, params};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// Looked at in one transaction: the application waits no longer for the lock.
const BATCH: i64 = 500;
/// Every table is counted so often.
const ROUND: Duration = Duration::from_hours(1);
/// Counting may take one of so many parts of the time.
const SHARE: u32 = 20;

/// Which tables are to be counted, and when.
#[derive(Debug, Default)]
pub(crate) struct Drift {
    due: BTreeSet<i64>,
    /// Not before.
    next: Duration,
    /// When all of them were last.
    round: Duration,
    /// Tables that were counted: a test's.
    pub(crate) counted: u64,
}

impl Drift {
    /// Rows of these tables were written.
    pub(crate) fn wrote(&mut self, tables: &BTreeSet<i64>) {
        self.due.extend(tables);
    }
}

impl Store {
    /// Counts tables, where that is due, and looks for rows that went without a trigger. The log is empty.
    pub(crate) fn look_for_drift(&mut self) -> Result<()> {
        let now = self.options.clock.elapsed();
        if now < self.drift.next {
            return Ok(());
        }
        if self.drift.round + ROUND <= now {
            self.drift.round = now;
            self.drift.due.extend(self.catalogue.tables.iter().map(|table| table.id));
        }
        while let Some(table) = self.drift.due.pop_first() {
            self.drift.counted += 1;
            if self.write(Flush::Reads, |tx| tx.has_drifted(table))? {
                self.mend(table)?;
            }
            let took = self.options.clock.elapsed().saturating_sub(now);
            if !took.is_zero() {
                self.drift.next = now + took * SHARE;
                break;
            }
        }
        Ok(())
    }

    /// Looks for each row of a table and each of its entries.
    fn mend(&mut self, table: i64) -> Result<()> {
        let mut from = None;
        loop {
            let seen = self.write(Flush::Reads, |tx| tx.see_ghosts(table, from.as_ref()))?;
            if !seen.found.is_empty() {
                self.write(Flush::Now, |tx| tx.delete_ghosts(table, &seen.found))?;
            }
            from = seen.next;
            if from.is_none() {
                break;
            }
        }
        let mut from = None;
        loop {
            let seen = self.write(Flush::Reads, |tx| tx.see_strays(table, from.as_ref()))?;
            if !seen.found.is_empty() {
                let now = self.now_sql().to_owned();
                self.write(Flush::Now, |tx| tx.list_strays(table, &seen.found, &now))?;
            }
            from = seen.next;
            if from.is_none() {
                return Ok(());
            }
        }
    }

    /// Finds the rows that went when tables were made anew, batch by batch. The log is empty.
    pub(crate) fn find_ghosts(&mut self) -> Result<()> {
        while let Some(table) = self.made_anew()? {
            self.settling = true;
            let mut from = None;
            loop {
                from = self.write(Flush::Now, |tx| tx.find_some_ghosts(table, from.as_ref()))?;
                if from.is_none() {
                    break;
                }
            }
        }
        Ok(())
    }

    fn made_anew(&self) -> Result<Option<i64>> {
        self.conn
            .prepare_cached(
                "SELECT id FROM _dunlin_table WHERE ghosts = 1 AND away = 0 AND tracked = 1 LIMIT 1",
            )
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)).optional())
            .doing("ask where rows went")
    }
}

/// One batch of a table that was looked through.
struct Looked {
    found: Vec<Key>,
    next: Option<Key>,
}

impl Tx<'_> {
    /// Does a table hold another number of rows than have a place in it? Not asked while there are lines in the log.
    fn has_drifted(&mut self, id: i64) -> Result<bool> {
        let doing = "count the rows of a table";
        let catalogue = Arc::clone(&self.catalogue);
        let Some(table) = catalogue.id(id).filter(|table| !table.away) else { return Ok(false) };
        if self.logged()? || self.waits_to_hear()? {
            return Ok(false);
        }
        let rows: u64 = self
            .conn
            .prepare_cached(&table.sql.count)
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
            .doing(doing)?;
        let placed: u64 = self
            .conn
            .prepare_cached("SELECT count(*) FROM _dunlin_row WHERE tbl = ? AND key IS NOT NULL")
            .and_then(|mut statement| statement.query_row([id], |row| row.get(0)))
            .doing(doing)?;
        Ok(rows != placed)
    }

    /// Entries of one batch whose row is not there.
    fn see_ghosts(&self, id: i64, from: Option<&Key>) -> Result<Looked> {
        let catalogue = Arc::clone(&self.catalogue);
        let mut seen = Looked { found: Vec::new(), next: None };
        let Some(table) = catalogue.id(id).filter(|table| !table.away) else { return Ok(seen) };
        let standing = self.standing(id, from)?;
        seen.next = standing.last().map(|(key, _)| key.clone());
        for (key, _) in standing {
            if !self.stands(table, &key)? {
                seen.found.push(key);
            }
        }
        Ok(seen)
    }

    /// Deletes what is gone.
    fn delete_ghosts(&mut self, id: i64, ghosts: &[Key]) -> Result<()> {
        // A commit of the application may have come in between.
        self.fold(usize::MAX)?;
        let catalogue = Arc::clone(&self.catalogue);
        let Some(table) = catalogue.id(id).filter(|table| !table.away) else { return Ok(()) };
        let mut dirty = BTreeSet::new();
        for key in ghosts {
            let Some(uuid) = self.at_key(id, key)? else { continue };
            let Some(old) = self.entry(uuid)?.filter(|_| !self.stands(table, key).unwrap_or(true))
            else {
                continue;
            };
            dirty.extend(self.children_at(table, key)?);
            if old.head.dead && !old.lingers() {
                self.place(&Entry { key: None, ..old })?;
                continue;
            }
            let stamp = Stamp::after(Some(old.head.stamp), self.clock.now());
            self.make((table, uuid), Some(&old), None, stamp, None)?;
            self.forget_kept(uuid)?;
            dirty.insert(uuid);
        }
        self.settle(dirty)
    }

    /// Rows of one batch that have no entry.
    fn see_strays(&self, id: i64, from: Option<&Key>) -> Result<Looked> {
        let doing = "list the rows of a table";
        let catalogue = Arc::clone(&self.catalogue);
        let mut seen = Looked { found: Vec::new(), next: None };
        let Some(table) = catalogue.id(id).filter(|table| !table.away) else { return Ok(seen) };
        let sql = table.sql.keys_after(from.is_some());
        let mut statement = self.conn.prepare_cached(&sql).doing(doing)?;
        let after = from.map(Key::cells).transpose()?.unwrap_or_default();
        let at = after.into_iter().chain([Cell::Integer(BATCH)]);
        let mut rows = statement.query(rusqlite::params_from_iter(at)).doing(doing)?;
        while let Some(row) = rows.next().doing(doing)? {
            let cells = (0..table.key.len())
                .map(|index| row.get_ref(index).map(Cell::from))
                .collect::<rusqlite::Result<Vec<_>>>()
                .doing(doing)?;
            let Some(key) = Key::of(&cells, &table.key_collations) else { continue };
            if self.at_key(id, &key)?.is_none() {
                seen.found.push(key.clone());
            }
            seen.next = Some(key);
        }
        Ok(seen)
    }

    /// Lists rows that nobody is known to have written.
    fn list_strays(&mut self, id: i64, strays: &[Key], now: &str) -> Result<()> {
        let catalogue = Arc::clone(&self.catalogue);
        let Some(table) = catalogue.id(id).filter(|table| !table.away) else { return Ok(()) };
        for key in strays {
            self.log_key(table, trigger::LISTED, now, &key.cells()?)?;
        }
        self.fold(usize::MAX)?;
        Ok(())
    }

    /// One batch; answers from where to go on.
    fn find_some_ghosts(&mut self, id: i64, from: Option<&Key>) -> Result<Option<Key>> {
        // A commit of the application may have come in between.
        self.fold(usize::MAX)?;
        let catalogue = Arc::clone(&self.catalogue);
        let mut next = None;
        if let Some(table) = catalogue.id(id).filter(|table| !table.away) {
            let standing = self.standing(id, from)?;
            next = standing.last().map(|(key, _)| key.clone());
            let mut dirty = BTreeSet::new();
            for (key, uuid) in standing {
                if !self.stands(table, &key)? {
                    self.went(table, uuid, Why::Asked, None, &mut dirty)?;
                }
            }
            self.settle(dirty)?;
        }
        if next.is_none() {
            self.conn
                .execute("UPDATE _dunlin_table SET ghosts = 0 WHERE id = ?", [id])
                .doing("ask where rows went")?;
        }
        Ok(next)
    }

    /// Entries that have a place, in the order of their keys.
    fn standing(&self, table: i64, from: Option<&Key>) -> Result<Vec<(Key, Uuid)>> {
        let doing = "list the rows that stand";
        let sql = if from.is_some() {
            "SELECT key, uuid FROM _dunlin_row WHERE tbl = ?1 AND key > ?2 ORDER BY key LIMIT ?3"
        } else {
            "SELECT key, uuid FROM _dunlin_row WHERE tbl = ?1 AND ?2 IS NULL AND key IS NOT NULL ORDER BY key LIMIT ?3"
        };
        let mut statement = self.conn.prepare_cached(sql).doing(doing)?;
        let mut rows = statement.query(params![table, from, BATCH]).doing(doing)?;
        let mut standing = Vec::new();
        while let Some(row) = rows.next().doing(doing)? {
            let key = Key::from_sql(row.get_ref(0).doing(doing)?)?;
            let uuid = crate::cursor::uuid(row, 1).doing(doing)?;
            standing.extend(key.map(|key| (key, uuid)));
        }
        Ok(standing)
    }

    /// Is there a row at a key?
    fn stands(&self, table: &Table, key: &Key) -> Result<bool> {
        let found = self
            .conn
            .prepare_cached(&table.sql.there)
            .and_then(|mut statement| {
                let at = rusqlite::params_from_iter(key.cells().unwrap_or_default());
                statement.query_row(at, |_| Ok(())).optional()
            })
            .doing("look for a row")?;
        Ok(found.is_some())
    }

    /// A row went with its table, and nobody deleted it: its version lives on, its values that stood in the table alone
    /// are not here. Rows that refer to it are settled.
    pub(crate) fn went(
        &mut self,
        table: &Table,
        uuid: Uuid,
        why: Why,
        text: Option<&str>,
        dirty: &mut BTreeSet<Uuid>,
    ) -> Result<()> {
        let Some(old) = self.entry(uuid)? else { return Ok(()) };
        if let Some(key) = &old.key {
            dirty.extend(self.children_at(table, key)?);
            // Rows that refer to it by its number mean it still, and it gets it again.
            if let (Some(_), Some(number), false) = (table.number, key.number(), old.head.dead) {
                self.reserve_number(table.id, number, uuid)?;
            }
        }
        if old.head.dead {
            self.place(&Entry { key: None, state: State::Dead, ..old })?;
            return self.forget_kept(uuid);
        }
        let Some(state) = self.state(&old)? else {
            self.place(&Entry { key: None, state: State::Held, ..old })?;
            dirty.insert(uuid);
            return Ok(());
        };
        let mut entry = Entry { key: None, state: State::Held, ..old.clone() };
        self.take_apart(&mut entry, &state, Place::Kept)?;
        self.put(&entry, Some(&old))?;
        let own = standing::own_cells(&state);
        let keep =
            Keep { cells: Some(&own), shown: &crate::Cells::default(), why, text, size: None };
        self.keep(uuid, &keep)?;
        self.enlist(&entry, &standing::shown_cells(&state))?;
        dirty.insert(uuid);
        Ok(())
    }

    /// Rows that refer to one which stood at this key.
    fn children_at(&mut self, table: &Table, key: &Key) -> Result<Vec<Uuid>> {
        let mut row = vec![Cell::Null; table.columns.len()];
        for (index, cell) in table.key.iter().zip(key.cells()?) {
            if let Some(place) = row.get_mut(*index) {
                *place = cell;
            }
        }
        self.children_of(table, &row)
    }
}

/// Rows of one table that went when another was made anew, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Went {
    /// The table.
    pub table: String,
    /// What happened.
    pub what: String,
    /// When it was seen.
    pub since: Millis,
    /// How many rows.
    pub rows: u64,
}

impl Tx<'_> {
    /// Rows that wait for a person, by table and by what happened.
    pub(crate) fn rows_that_went(&self) -> Result<Vec<Went>> {
        self.conn
            .prepare_cached(&format!(
                "SELECT t.name, coalesce(k.text, ''), min(k.since), count(*) FROM _dunlin_kept AS k
                 JOIN _dunlin_row AS r ON r.uuid = k.uuid JOIN _dunlin_table AS t ON t.id = r.tbl
                 WHERE k.why = ? AND k.n > 0{} GROUP BY r.tbl, k.text ORDER BY t.name, k.text",
                self.catalogue.with_parents()
            ))
            .and_then(|mut statement| {
                statement
                    .query_map([Why::Went.code()], |row| {
                        Ok(Went {
                            table: row.get(0)?,
                            what: row.get(1)?,
                            since: row.get(2)?,
                            rows: row.get(3)?,
                        })
                    })
                    .and_then(Iterator::collect)
            })
            .doing("count the rows that went")
    }

    /// Does a row wait for a person because it went, or has no name here?
    pub(crate) fn has_gone(&self, uuid: Uuid) -> Result<bool> {
        Ok(self.kept(uuid)?.is_some_and(|kept| matches!(kept.why, Why::Went | Why::Nameless)))
    }

    /// A person wants a row back that went: partners are asked for its values.
    pub(crate) fn want_back(&mut self, uuid: Uuid) -> Result<()> {
        self.conn
            .prepare_cached("UPDATE _dunlin_kept SET why = ?2, text = NULL WHERE uuid = ?1")
            .and_then(|mut statement| {
                statement.execute(params![uuid.as_bytes(), Why::Asked.code()])
            })
            .doing("bring a row back")?;
        self.ask_for(uuid)
    }

    /// A person lets a row go that went: on every machine. Answers the rows to be settled.
    pub(crate) fn delete_gone(&mut self, uuid: Uuid) -> Result<BTreeSet<Uuid>> {
        let catalogue = Arc::clone(&self.catalogue);
        let Some(entry) = self.entry(uuid)? else { return Ok(BTreeSet::new()) };
        let Some(table) = catalogue.id(entry.table) else { return Ok(BTreeSet::new()) };
        let stamp = Stamp::after(Some(entry.head.stamp), self.clock.now());
        let dirty = self.write_version((table, uuid), Some(&entry), None, stamp)?;
        self.forget_kept(uuid)?;
        Ok(dirty)
    }
}
