//! Untracking: a person lets a table go on this machine, and may track it again.
//!
//! ```text
//!   tracked   the table shows the versions             triggers log what the application writes
//!   let go    the table is the application's alone     versions come, are kept beside it, and are passed on
//!   again     what was written on either side meanwhile is brought together; see `back`
//! ```
//!
//! An entry of a table that was let go keeps its key, which says where its row stands, and never loses it to what
//! comes; beside it stand the version's values, how the table shows its references, and, once a newer version came,
//! what the table showed last.
//!
//! # Invariants
//!
//! * The log is folded in the transaction that takes the triggers away: what was written before is in versions.
//! * Every version of such a table can be passed on, whatever the application does to the table.
//! * Nothing of ours reads or writes the table, and none of its rows is held, listed or counted against a partner.
//! * Only a person lets a table go or takes it back: a partner's greeting does neither.

mod back;

use crate::apply::Incoming;
use crate::catalogue::{self, Table};
use crate::entry::{Entry, State};
use crate::error::Doing as _;
use crate::held::{Keep, Why};
use crate::standing::Place;
use crate::store::Flush;
use crate::tx::Tx;
use crate::{Cells, Error, Result, Store, trigger};
use rusqlite::{OptionalExtension as _, params};
use std::collections::BTreeSet;
use std::sync::Arc;
use uuid::Uuid;

/// Values of so many rows are copied at a time: the application waits no longer for the lock.
const BATCH: usize = 500;

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Untracked {
    /// Tables that are kept in step no longer: name, and how many rows of the shop's they show.
    pub tables: Vec<(String, u64)>,
}

impl Store {
    /// Stops keeping tables in step here, and remembers that a person said so. All of them, or none.
    pub fn untrack(&mut self, tables: &[String]) -> Result<Untracked> {
        self.fold()?;
        // Most of the values are copied before, in short transactions; what changes meanwhile is copied again.
        let ids = self.write(Flush::Reads, |tx| tx.numbers_of(tables))?;
        for id in ids {
            let mut from = Some(0);
            while let Some(pos) = from {
                from = self.write(Flush::Now, |tx| {
                    tx.fold(usize::MAX)?;
                    tx.copy_values(id, pos, BATCH)
                })?;
            }
        }
        let done = self.write(Flush::Now, |tx| tx.untrack(tables));
        self.looked.forget();
        done
    }

    /// The tables that a person let go here, in the order of their names.
    pub fn untracked(&mut self) -> Result<Vec<String>> {
        self.write(Flush::Reads, |tx| tx.tables_let_go())
    }
}

impl Tx<'_> {
    /// The tables that a person let go here, in the order of their names.
    pub(crate) fn tables_let_go(&self) -> Result<Vec<String>> {
        self.conn
            .prepare_cached("SELECT name FROM _dunlin_table WHERE tracked >= 2 ORDER BY name")
            .and_then(|mut statement| {
                statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<_>>>()
            })
            .doing("list the tables that were let go")
    }

    fn untrack(&mut self, names: &[String]) -> Result<Untracked> {
        // A commit of the application may have come in between.
        self.fold(usize::MAX)?;
        let mut done = Untracked::default();
        for id in self.numbers_of(names)? {
            let tracked = self.catalogue.id(id).is_some();
            if self.catalogue.untracked.contains_key(&id) {
                continue;
            }
            let mut from = Some(0);
            while let Some(pos) = from {
                from = self.copy_values(id, pos, usize::MAX)?;
            }
            self.put_out_of_sight(id)?;
            for statement in trigger::remove(id) {
                self.conn.execute_batch(&statement).doing("take the triggers away")?;
            }
            self.conn
                .execute(
                    "UPDATE _dunlin_table SET tracked = ?2 WHERE id = ?1",
                    [id, if tracked { catalogue::LET_GO } else { catalogue::KEPT_OUT }],
                )
                .doing("let a table go")?;
            if tracked {
                done.tables.push((self.table_name(id)?, self.live_rows(id)?));
            }
        }
        self.reload = true;
        self.write_format()?;
        Ok(done)
    }

    /// The numbers of the tables to be let go; refused where one is not here, or another needs it.
    fn numbers_of(&self, names: &[String]) -> Result<BTreeSet<i64>> {
        let mut ids = BTreeSet::new();
        for name in names {
            ids.insert(self.table_id(&self.name_in_file(name)?)?);
        }
        let catalogue = Arc::clone(&self.catalogue);
        for id in &ids {
            let going = |name: &String| catalogue.named(name).is_some_and(|t| ids.contains(&t.id));
            let needs = catalogue.needing(*id).into_iter().find(|child| !going(child));
            if let Some(child) = needs {
                return Err(Error::Bound {
                    table: self.table_name(*id)?,
                    why: format!("{child} refers to it and stays tracked; untrack both at once"),
                });
            }
        }
        Ok(ids)
    }

    /// A table of the application's, as it is declared.
    fn name_in_file(&self, name: &str) -> Result<String> {
        let no_such = || Error::NoSuchTable { table: name.to_owned() };
        match catalogue::read(self.conn, &self.listing, &catalogue::Listed::unknown(name)) {
            Ok(table) if !table.internal() => Ok(table.name),
            Ok(_) | Err(Error::Untrackable { .. }) => Err(no_such()),
            Err(error) => Err(error),
        }
    }

    /// Keeps the values of up to so many rows beside their table, from a position of the journal on. Answers where to
    /// go on. The log is empty: what the table holds is what its versions say.
    fn copy_values(&mut self, table: i64, from: u64, limit: usize) -> Result<Option<u64>> {
        let catalogue = Arc::clone(&self.catalogue);
        let Some(table) = catalogue.id(table) else { return Ok(None) };
        let rows: Vec<(u64, Uuid)> = self
            .conn
            .prepare_cached(
                "SELECT r.pos, r.uuid FROM _dunlin_row AS r WHERE r.pos > ?1 AND +r.tbl = ?2 AND (r.state = 0 OR (r.state = 1
                 AND NOT EXISTS (SELECT 1 FROM _dunlin_kept AS k WHERE k.uuid = r.uuid AND k.n < 0))) ORDER BY r.pos LIMIT ?3",
            )
            .and_then(|mut statement| {
                let limit = i64::try_from(limit).unwrap_or(i64::MAX);
                statement
                    .query_map(params![from, table.id, limit], |row| {
                        Ok((row.get(0)?, crate::cursor::uuid(row, 1)?))
                    })?
                    .collect()
            })
            .doing("copy a table's values")?;
        for (_, uuid) in &rows {
            let Some(entry) = self.entry(*uuid)? else { continue };
            self.keep_what_is_shown(table, &entry)?;
        }
        Ok(rows.last().filter(|_| rows.len() == limit).map(|(pos, _)| *pos))
    }

    /// Keeps a version's values beside a row that shows it, and how its references stand there: the numbers may mean
    /// other rows when the table is tracked again.
    fn keep_what_is_shown(&mut self, table: &Table, entry: &Entry) -> Result<()> {
        let Some(key) = &entry.key else { return Ok(()) };
        let Some(row) = self.read_row(table, key)? else { return Ok(()) };
        let kept = self.kept(entry.uuid)?;
        let mut shown = kept.as_ref().map_or_else(Cells::default, |kept| kept.shown.clone());
        for (column, cell) in table.columns.iter().zip(row) {
            if column.target.is_some() && shown.get(&column.id).is_none() {
                shown.set(&column.id, cell);
            }
        }
        let (cells, size) = match self.values(entry)? {
            Some(cells) => match cells.oversize() {
                Some(size) => (None, Some(size)),
                None => (Some(cells), None),
            },
            None => (None, self.kept_size(entry.uuid)?),
        };
        let why = if cells.is_some() { Why::Schema } else { Why::Size };
        let keep = Keep { cells: cells.as_ref(), shown: &shown, why, text: None, size };
        self.keep_out_of_sight(entry.uuid, &keep)?;
        self.place(&Entry { state: State::Otherwise, ..entry.clone() })
    }

    /// As [`Tx::keep`], for a row of a table that was let go: nobody's to look at or to try again.
    fn keep_out_of_sight(&self, uuid: Uuid, keep: &Keep<'_>) -> Result<()> {
        self.conn
            .prepare_cached(
                "INSERT INTO _dunlin_kept (n, uuid, cells, shown, why, text, size, since, via)
                 VALUES ((SELECT min(0, coalesce(min(n), 0)) - 1 FROM _dunlin_kept), ?1, ?2, ?3, ?4, NULL, ?5, ?6, ?7)
                 ON CONFLICT (uuid) DO UPDATE SET n = excluded.n, cells = ?2, shown = ?3, why = ?4, text = NULL, size = ?5",
            )
            .and_then(|mut statement| {
                statement.execute(params![
                    uuid.as_bytes(),
                    keep.cells.map(Cells::encode),
                    Some(keep.shown).filter(|shown| !shown.is_empty()).map(Cells::encode),
                    keep.why.code(),
                    keep.size,
                    self.clock.now(),
                    self.via,
                ])
            })
            .doing("keep a row's values")?;
        Ok(())
    }

    /// Rows of a table that are held, or wait: nobody asks for them while it is let go.
    fn put_out_of_sight(&mut self, table: i64) -> Result<()> {
        let doing = "put held rows out of sight";
        self.conn
            .execute(
                "DELETE FROM _dunlin_waits WHERE uuid IN (SELECT uuid FROM _dunlin_row WHERE tbl = ?)",
                [table],
            )
            .doing(doing)?;
        let held: Vec<Uuid> = self
            .conn
            .prepare_cached(
                "SELECT k.uuid FROM _dunlin_kept AS k JOIN _dunlin_row AS r ON r.uuid = k.uuid
                 WHERE k.n > 0 AND r.tbl = ?",
            )
            .and_then(|mut statement| {
                statement.query_map([table], |row| crate::cursor::uuid(row, 0))?.collect()
            })
            .doing(doing)?;
        for uuid in held {
            self.conn
                .prepare_cached(
                    "UPDATE _dunlin_kept SET n = (SELECT min(0, coalesce(min(n), 0)) - 1 FROM _dunlin_kept) WHERE uuid = ?",
                )
                .and_then(|mut statement| statement.execute([uuid.as_bytes()]))
                .doing(doing)?;
        }
        Ok(())
    }

    /// A version stands that came for a table which was let go: it is kept beside, and its row stays as it is.
    pub(crate) fn stand_beside(
        &mut self,
        table: i64,
        new: &Incoming,
        old: Option<&Entry>,
        conflict: bool,
    ) -> Result<()> {
        let values = match old {
            Some(old) => self.values(old)?,
            None => None,
        };
        if let (true, Some(old)) = (conflict, old) {
            self.conflict((table, new.uuid), &old.head, values.as_ref())?;
        }
        self.no_longer_withheld(new.uuid, &new.head)?;
        let key = old.and_then(|old| old.key.clone());
        match (&key, old.filter(|old| !old.head.dead)) {
            // What the table shows is what it showed when it was let go, whatever came since. Where that is not known,
            // it is no version's, and nothing that is found there later is taken for untouched.
            (Some(_), Some(_)) if self.old_values(new.uuid)?.is_none() => {
                self.keep_old(new.uuid, &values.unwrap_or_default())?;
            }
            (None, Some(_)) if new.head.dead => {
                if let Some(values) = &values {
                    self.keep_old(new.uuid, values)?;
                }
            }
            (None, _) if !new.head.dead => self.forget_old(new.uuid)?,
            _ => {}
        }
        let state = match (new.head.dead, &key) {
            (true, _) => State::Dead,
            (false, Some(_)) => State::Otherwise,
            (false, None) => State::Held,
        };
        let mut entry = Entry {
            pos: self.next_pos(),
            uuid: new.uuid,
            table,
            key,
            digest: new.head.digest,
            shape: new.shape,
            parts: false,
            state,
            head: new.head.clone(),
            number: new.number.or_else(|| old.and_then(|old| old.number)),
            together: self.together,
            via: self.via,
        };
        self.record(&mut entry, (old, new), Place::Kept)?;
        self.put(&entry, old)?;
        let shown = self.kept(new.uuid)?.map_or_else(Cells::default, |kept| kept.shown);
        if new.head.dead && shown.is_empty() {
            return self.forget_kept(new.uuid);
        }
        let why = if new.cells.is_some() { Why::Schema } else { Why::Size };
        let keep =
            Keep { cells: new.cells.as_ref(), shown: &shown, why, text: None, size: new.size };
        self.keep_out_of_sight(new.uuid, &keep)
    }

    /// Refuses what would have to be shown in a table that was let go.
    pub(crate) fn refuse_untracked(&self, name: &str) -> Result<()> {
        let let_go: Option<i64> = self
            .conn
            .query_row(
                "SELECT id FROM _dunlin_table WHERE coalesce(first, name) = ? AND tracked >= 2",
                [name],
                |row| row.get(0),
            )
            .optional()
            .doing("list the tables that were let go")?;
        match let_go {
            Some(_) => Err(Error::Untracked { table: name.to_owned() }),
            None => Ok(()),
        }
    }
}
