//! The conflict journal: what lost, kept in the shop's own tables.
//!
//! An entry's uuid is derived from the row and the loser's (origin, seq), and it says nothing that depends on who
//! found it: so it is one entry in the shop, survives the machine that found it, and is settled once.

use crate::cell::in_lower_case;
use crate::entry::{Entry, State};
use crate::error::Doing as _;
use crate::held::{Keep, Why};
use crate::key::Key;
use crate::store::Flush;
use crate::tx::Tx;
use crate::version::Head;
use crate::{Cell, Cells, Error, Origin, Result, Stamp, Store, name};
use rusqlite::{OptionalExtension as _, params};
use std::collections::BTreeSet;
use std::sync::Arc;
use uuid::Uuid;

pub(crate) const TABLE: &str = "_dunlin_conflict";

/// A version that lost to another that had not seen it, for people.
#[derive(Clone, Debug, PartialEq)]
pub struct Conflict {
    /// Its number here; what `conflicts restore N` names.
    pub number: i64,
    /// The row.
    pub row: Uuid,
    /// Its table.
    pub table: String,
    /// Who wrote the version that lost: machine and epoch, as text.
    pub loser: String,
    /// When it was written.
    pub stamp: Stamp,
    /// Its values; none: a delete lost.
    pub cells: Option<Cells>,
    /// Who wrote the version that stands.
    pub winner: Option<Origin>,
    /// When.
    pub winner_stamp: Option<Stamp>,
    /// The values that stand; none: the row is deleted.
    pub winner_cells: Option<Cells>,
    /// It is a row of its own, made apart under one name: what its key is now.
    pub stands_as: Option<String>,
    /// What a person did about it.
    pub settled: Option<String>,
}

/// One line of the journal, as stored.
struct Line {
    number: i64,
    uuid: Uuid,
    table: String,
    row: String,
    loser: String,
    seq: i64,
    stamp: i64,
    cells: Option<Vec<u8>>,
    settled: Option<String>,
}

const LINES: &str =
    "SELECT n, uuid, tbl, row, origin, seq, stamp, cells, settled FROM _dunlin_conflict";

fn line(row: &rusqlite::Row<'_>) -> rusqlite::Result<Line> {
    Ok(Line {
        number: row.get(0)?,
        uuid: Uuid::try_parse(&row.get::<_, String>(1)?).unwrap_or_default(),
        table: row.get(2)?,
        row: row.get(3)?,
        loser: row.get(4)?,
        seq: row.get(5)?,
        stamp: row.get(6)?,
        cells: row.get(7)?,
        settled: row.get(8)?,
    })
}

impl Tx<'_> {
    /// Keeps a version that lost, once in the shop. `cells`: none for a tombstone.
    pub(crate) fn conflict(
        &mut self,
        (table, row): (i64, Uuid),
        loser: &Head,
        cells: Option<&Cells>,
    ) -> Result<()> {
        let uuid = name::of_conflict(row, loser.origin, loser.seq);
        let table_name = self.table_first(table)?;
        if table_name.eq_ignore_ascii_case(TABLE) || self.entry(uuid)?.is_some() {
            return Ok(());
        }
        let catalogue = Arc::clone(&self.catalogue);
        let Some(journal) = catalogue.named(TABLE) else {
            return Err(Error::Sidecar { what: "no conflict journal" });
        };
        self.conn
            .prepare_cached(
                "INSERT INTO _dunlin_conflict (uuid, tbl, row, origin, seq, stamp, cells) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )
            .and_then(|mut statement| {
                statement.execute(params![
                    uuid.to_string(),
                    table_name,
                    row.to_string(),
                    loser.origin.to_string(),
                    loser.seq,
                    loser.stamp.to_i64(),
                    cells.map(|cells| cells.sorted().encode()),
                ])
            })
            .doing("keep a version that lost")?;
        self.conflicts += 1;
        let key = Key::Integer(self.conn.last_insert_rowid());
        let via = self.via.take();
        let made = self.conflict_version(journal, uuid, key, loser.stamp);
        self.via = via;
        made.map(|_| ())
    }

    fn conflict_version(
        &mut self,
        journal: &crate::Table,
        uuid: Uuid,
        key: Key,
        stamp: Stamp,
    ) -> Result<Entry> {
        let old = self.entry(uuid)?;
        let row = self
            .read_row(journal, &key)?
            .ok_or(Error::Sidecar { what: "a conflict without its line" })?;
        let cells = self.translate(journal, row, &crate::rows::Names::new())?;
        self.make((journal, uuid), old.as_ref(), Some(&cells), stamp, Some(key))
    }

    /// Writes a version here that no trigger told of. Answers the rows to be settled for it. `cells`: none for a
    /// tombstone.
    pub(crate) fn write_version(
        &mut self,
        (table, uuid): (&crate::Table, Uuid),
        old: Option<&Entry>,
        cells: Option<&Cells>,
        stamp: Stamp,
    ) -> Result<BTreeSet<Uuid>> {
        let mut dirty = BTreeSet::from([uuid]);
        let before = match old.filter(|old| !old.head.dead) {
            Some(old) if cells.is_none() || !table.uniques.is_empty() => self.visible(old)?,
            _ => None,
        };
        if let Some(before) = &before {
            self.touched_by_claims(table, before, &mut dirty)?;
        }
        if let Some(old) = old.filter(|old| old.lingers()) {
            self.no_longer_lingers(old, &mut dirty)?;
        }
        let key = old.and_then(|old| old.key.clone());
        let mut entry = self.make((table, uuid), old, cells, stamp, key)?;
        match cells {
            None => {
                if let Some(before) = before {
                    self.keep_old(uuid, &before)?;
                }
            }
            Some(cells) => {
                entry.state = if entry.key.is_some() { State::Otherwise } else { State::Held };
                self.place(&entry)?;
                let shown = Cells::default();
                self.keep(
                    uuid,
                    &Keep {
                        cells: Some(cells),
                        shown: &shown,
                        why: Why::Parent,
                        text: None,
                        size: None,
                    },
                )?;
                self.enlist(&entry, cells)?;
                self.forget_old(uuid)?;
            }
        }
        Ok(dirty)
    }

    /// The row as which a version stands that lost its name to another row.
    fn namesake_of(
        &mut self,
        line: &Line,
        row: Uuid,
    ) -> Result<Option<(Arc<crate::Table>, Entry, Cells)>> {
        let catalogue = Arc::clone(&self.catalogue);
        let (Some(table), Some(cells), Ok(loser)) =
            (catalogue.first(&line.table), &line.cells, line.loser.parse())
        else {
            return Ok(None);
        };
        let found = self.namesake(table, (row, loser), &Cells::decode(cells)?)?;
        Ok(found.map(|(entry, cells)| (Arc::clone(table), entry, cells)))
    }

    /// A row's key, as its table shows it.
    fn key_shown(&self, table: &crate::Table, entry: &Entry) -> Result<Option<String>> {
        let Some(key) = &entry.key else { return Ok(None) };
        let Some(row) = self.read_row(table, key)? else { return Ok(None) };
        let parts = table.key.iter().filter_map(|&index| row.get(index)).map(|cell| match cell {
            Cell::Integer(number) => number.to_string(),
            Cell::Text(text) => String::from_utf8_lossy(text).into_owned(),
            Cell::Real(number) => number.to_string(),
            _ => "…".to_owned(),
        });
        Ok(Some(parts.collect::<Vec<_>>().join(", ")))
    }

    fn describe(&mut self, line: Line) -> Result<Conflict> {
        let row = Uuid::try_parse(&line.row).unwrap_or_default();
        let winner = self.entry(row)?;
        let winner_cells = match &winner {
            Some(entry) => self.visible(entry)?,
            None => None,
        };
        let namesake = match self.namesake_of(&line, row)? {
            Some((table, entry, _)) => self.key_shown(&table, &entry)?,
            None => None,
        };
        Ok(Conflict {
            number: line.number,
            row,
            stands_as: namesake,
            table: line.table,
            loser: format!("{}#{}", line.loser, line.seq),
            stamp: Stamp::from_i64(line.stamp).unwrap_or_default(),
            cells: line.cells.map(|cells| Cells::decode(&cells)).transpose()?,
            winner: winner.as_ref().map(|entry| entry.head.origin),
            winner_stamp: winner.as_ref().map(|entry| entry.head.stamp),
            winner_cells,
            settled: line.settled,
        })
    }
}

impl Store {
    /// Conflicts, newest first; those that nobody has settled, or all.
    pub fn conflicts(&mut self, all: bool, limit: usize) -> Result<Vec<Conflict>> {
        self.write(Flush::Reads, |tx| {
            let lines = tx
                .conn
                .prepare_cached(&format!(
                    "{LINES} WHERE ?1 OR settled IS NULL ORDER BY n DESC LIMIT ?2"
                ))
                .and_then(|mut statement| {
                    statement
                        .query_map(params![all, i64::try_from(limit).unwrap_or(i64::MAX)], line)
                        .and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>)
                })
                .doing("list the conflicts")?;
            lines.into_iter().map(|line| tx.describe(line)).collect()
        })
    }

    /// Writes a version that lost back, as a new one.
    pub fn restore_conflict(&mut self, number: i64) -> Result<()> {
        self.fold()?;
        self.write(Flush::Now, |tx| {
            let found = tx.conflict_number(number)?;
            tx.refuse_untracked(&found.table)?;
            let catalogue = Arc::clone(&tx.catalogue);
            let table = catalogue
                .first(&found.table)
                .ok_or(Error::NoSuchTable { table: found.table.clone() })?;
            let row = Uuid::try_parse(&found.row)
                .map_err(|_error| Error::Sidecar { what: "a conflict about no row" })?;
            let cells = found.cells.as_ref().map(|cells| Cells::decode(cells)).transpose()?;
            if let (Some((table, entry, marked)), Some(cells)) =
                (tx.namesake_of(&found, row)?, &cells)
            {
                let dirty = tx.count_on(&table, (&entry, &marked), cells)?;
                tx.settle(dirty)?;
                return tx.settle_conflict(&found, "restored");
            }
            let old = tx.entry(row)?;
            let stamp = Stamp::after(old.as_ref().map(|old| old.head.stamp), tx.clock.now());
            let dirty = tx.write_version((table, row), old.as_ref(), cells.as_ref(), stamp)?;
            tx.settle(dirty)?;
            tx.settle_conflict(&found, "restored")
        })
    }

    /// Settles a conflict as it stands: a person has looked, and the version that won is right.
    pub fn keep_conflict(&mut self, number: i64) -> Result<()> {
        self.fold()?;
        self.write(Flush::Now, |tx| {
            let found = tx.conflict_number(number)?;
            tx.settle_conflict(&found, "kept")
        })
    }
}

impl Tx<'_> {
    fn conflict_number(&self, number: i64) -> Result<Line> {
        self.conn
            .query_row(&format!("{LINES} WHERE n = ?"), [number], line)
            .optional()
            .doing("find the conflict")?
            .ok_or(Error::NoSuchNumber { what: "conflict", number })
    }

    /// Says what a person did, in the whole shop.
    fn settle_conflict(&mut self, found: &Line, how: &str) -> Result<()> {
        self.conn
            .execute(
                "UPDATE _dunlin_conflict SET settled = ?2 WHERE n = ?1",
                params![found.number, how],
            )
            .doing("settle the conflict")?;
        let catalogue = Arc::clone(&self.catalogue);
        let journal =
            catalogue.named(TABLE).ok_or(Error::Sidecar { what: "no conflict journal" })?;
        let before = Stamp::from_i64(found.stamp).unwrap_or_default();
        let stamp = Stamp::after(Some(before), self.clock.now());
        self.conflict_version(journal, found.uuid, Key::Integer(found.number), stamp).map(|_| ())
    }
}

impl Cells {
    /// In the order of the names, so that two files that declare columns in another order say the same.
    #[must_use]
    pub(crate) fn sorted(&self) -> Self {
        let mut pairs: Vec<_> =
            self.iter().map(|(name, cell)| (in_lower_case(name), cell.clone())).collect();
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        Self::new(pairs)
    }
}
