//! Tracked again: what the application did to a table that was let go, and what came meanwhile, are brought together
//! as after a time without a link.
//!
//! ```text
//!   the row here          the version       what becomes of it
//!   as it was shown       the same          nothing
//!   as it was shown       a newer one       shown, as if it came now
//!   as it was shown       a tombstone       taken out; very many of them linger, see `deletes`
//!   changed               the same          a version made here, now
//!   changed               a newer one       a version made here, now; the newer one is a conflict, and kept
//!   changed               a tombstone       a version made here, now; the delete is a conflict
//!   gone                  live              it comes back: nobody saw who deleted it, and a table that was emptied for
//!                                           a test, or made anew, must not become deletes on every machine
//!   gone                  a tombstone       gone
//!   new                   none              a new row, made now
//! ```
//!
//! # Invariants
//!
//! * One transaction: no write of the application falls between the comparison and the triggers.
//! * All rows are compared before one is moved, so that a number means the row that it meant.
//! * What is written over has been shown here, or goes to the conflict journal.

use crate::catalogue::{Naming, Table};
use crate::deletes::Tally;
use crate::entry::{Entry, State, digest};
use crate::error::Doing as _;
use crate::fold::{carry_on, with_ids};
use crate::held::{Keep, Kept, Why};
use crate::key::Key;
use crate::rows::Names;
use crate::tx::Tx;
use crate::{Cell, Cells, Result, trigger};
use rusqlite::params_from_iter;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// What stands where a row stood when its table was let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// What the table showed. `plain`: and the version says just that.
    Untouched { plain: bool },
    /// Something else. `newer`: than what came meanwhile says, too.
    Changed { newer: bool },
    /// Nothing, or another row.
    Gone,
    /// It had no place.
    Nowhere,
}

/// A row and what was found of it.
struct Compared {
    table: Arc<Table>,
    entry: Entry,
    found: Found,
}

impl Tx<'_> {
    /// Brings tables back into step that were let go. Their triggers are in place, and nobody else writes. Answers how
    /// many rows stand in each.
    pub(crate) fn bring_back(&mut self, tables: &[Arc<Table>], now: &str) -> Result<Vec<u64>> {
        let mut compared = Vec::new();
        for table in tables {
            for uuid in self.rows_of(table)? {
                let Some(entry) = self.entry(uuid)? else { continue };
                let found = self.compare(table, &entry)?;
                compared.push(Compared { table: Arc::clone(table), entry, found });
            }
        }
        let mut dirty = BTreeSet::new();
        let mut tallies = BTreeMap::new();
        let mut changed = Vec::new();
        for row in &compared {
            match row.found {
                Found::Untouched { plain: true } => self.stands_as_it_was(&row.entry)?,
                Found::Untouched { plain: false } => {
                    self.untouched(&row.entry, &mut tallies, &mut dirty)?;
                }
                Found::Changed { newer } => {
                    self.changed_meanwhile(&row.table, &row.entry, newer)?;
                    changed.extend(row.entry.key.clone().map(|key| (Arc::clone(&row.table), key)));
                }
                Found::Nowhere => self.held_meanwhile(&row.entry, &mut dirty)?,
                // Another row may stand there, which has no name yet.
                Found::Gone if self.read_at(row)?.is_some() => {
                    self.gone_meanwhile(row, &mut dirty)?;
                }
                Found::Gone => {}
            }
        }
        for tally in tallies.values() {
            self.note_deletes(tally)?;
        }
        for (table, key) in &changed {
            self.log_key(table, trigger::UPDATE, now, &key.cells()?)?;
        }
        let mut rows = Vec::new();
        for table in tables {
            let (count, new) = self.log_new_rows(table, now)?;
            rows.push(count);
            changed.extend(new.into_iter().map(|key| (Arc::clone(table), key)));
        }
        // Settled with the others: until then the table holds values of versions that were replaced.
        let (_, made) = self.fold_unsettled(usize::MAX)?;
        dirty.extend(made);
        // What they refer to may have gone meanwhile.
        for (table, key) in &changed {
            dirty.extend(self.at_key(table.id, key)?);
        }
        for row in compared.iter().filter(|row| row.found == Found::Gone) {
            self.gone_meanwhile(row, &mut dirty)?;
        }
        self.settle(dirty)?;
        Ok(rows)
    }

    fn rows_of(&self, table: &Table) -> Result<Vec<Uuid>> {
        self.conn
            .prepare_cached("SELECT uuid FROM _dunlin_row WHERE tbl = ? ORDER BY pos")
            .and_then(|mut statement| {
                statement.query_map([table.id], |row| crate::cursor::uuid(row, 0))?.collect()
            })
            .doing("list a table's rows")
    }

    fn read_at(&self, row: &Compared) -> Result<Option<Vec<Cell>>> {
        row.entry.key.as_ref().map_or(Ok(None), |key| self.read_row(&row.table, key))
    }

    fn compare(&mut self, table: &Table, entry: &Entry) -> Result<Found> {
        let Some(key) = &entry.key else { return Ok(Found::Nowhere) };
        let Some(row) = self.read_row(table, key)? else { return Ok(Found::Gone) };
        if table.naming != Naming::Integer {
            let name = self.name_of_row(table, &row, &Names::new())?;
            if name.is_some_and(|name| name != entry.uuid) {
                return Ok(Found::Gone);
            }
        }
        let kept = self.kept(entry.uuid)?;
        let before = self.old_values(entry.uuid)?;
        let newer = entry.head.dead || before.is_some();
        let why = kept.as_ref().map_or(Why::Schema, |kept| kept.why);
        let (shown, values) = kept.map_or_else(Default::default, |kept| (kept.shown, kept.cells));
        let stored = Cells::new(with_ids(table, row.clone()));
        let mut says = self.translate(table, row, &Names::new())?;
        let plain = !newer
            && digest(&says) == entry.head.digest
            && values.as_ref().is_none_or(|values| table.says_all(values))
            && self.parents_stand(table, &says)?;
        if plain {
            return Ok(Found::Untouched { plain: values.is_some() });
        }
        let was = before.or_else(|| values.clone());
        let was_digest = match &was {
            Some(was) => was.digest(),
            // Too large to be kept: its size says whether it is another one.
            None => entry.head.digest,
        };
        let _still = carry_on(table, &Kept { cells: was, shown, why }, &stored, &mut says);
        let says = digest(&says);
        let both_wrote_the_same = !entry.head.dead && says == entry.head.digest;
        Ok(if says == was_digest || both_wrote_the_same {
            Found::Untouched { plain: false }
        } else {
            Found::Changed { newer }
        })
    }

    /// Is every row here that this one refers to?
    fn parents_stand(&mut self, table: &Table, cells: &Cells) -> Result<bool> {
        let catalogue = Arc::clone(&self.catalogue);
        for reference in table.references.iter().filter(|reference| !reference.loose) {
            if let Some(parent) = catalogue.parent_of(table, reference, |name| cells.get(name))
                && self.entry(parent)?.is_none_or(|parent| parent.key.is_none())
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Nothing happened to it.
    fn stands_as_it_was(&mut self, entry: &Entry) -> Result<()> {
        self.forget_kept(entry.uuid)?;
        self.place(&Entry { state: State::Shown, ..entry.clone() })
    }

    /// Nobody wrote it here: it is to show what came meanwhile.
    fn untouched(
        &mut self,
        entry: &Entry,
        tallies: &mut BTreeMap<Uuid, Tally>,
        dirty: &mut BTreeSet<Uuid>,
    ) -> Result<()> {
        dirty.insert(entry.uuid);
        if entry.head.dead {
            return self.delete_or_linger(entry, tallies);
        }
        self.forget_old(entry.uuid)?;
        self.in_sight(entry)
    }

    /// What is kept beside a row is in sight again, and found by what it claims and refers to.
    fn in_sight(&mut self, entry: &Entry) -> Result<()> {
        let kept = self.kept(entry.uuid)?;
        let size = self.kept_size(entry.uuid)?;
        let (shown, cells) = kept.map_or_else(Default::default, |kept| (kept.shown, kept.cells));
        let why = if cells.is_some() { Why::Schema } else { Why::Size };
        let keep = Keep { cells: cells.as_ref(), shown: &shown, why, text: None, size };
        self.keep(entry.uuid, &keep)?;
        cells.map_or(Ok(()), |cells| self.enlist(entry, &cells))
    }

    /// Deletes that came while the table was let go are counted now, for now they take rows out of it.
    fn delete_or_linger(
        &mut self,
        entry: &Entry,
        tallies: &mut BTreeMap<Uuid, Tally>,
    ) -> Result<()> {
        let link = match entry.via {
            Some(via) => self.origin(via)?.machine,
            None => self.me.machine,
        };
        let tally = tallies.entry(link).or_insert_with(|| Tally::of(link));
        let far = entry.via.is_some()
            && self.goes_too_far(tally, entry.table, entry.head.origin.machine)?;
        let shown = self.kept(entry.uuid)?.map_or_else(Cells::default, |kept| kept.shown);
        if far || entry.lingers() {
            self.keep_lingering(entry.uuid, &shown, None)?;
            return self.place(&Entry { state: State::Lingers, ..entry.clone() });
        }
        self.forget_kept(entry.uuid)
    }

    /// The application wrote it: the fold makes a version of what stands, and what it never showed is kept.
    fn changed_meanwhile(&mut self, table: &Table, entry: &Entry, newer: bool) -> Result<()> {
        let (uuid, kept) = (entry.uuid, self.kept(entry.uuid)?);
        let (shown, values) = kept.map_or_else(Default::default, |kept| (kept.shown, kept.cells));
        if entry.head.dead {
            self.conflict((table.id, uuid), &entry.head, None)?;
            // As a row that lingers, for the fold: it goes on from what was shown.
            self.keep_lingering(uuid, &shown, None)?;
            return self.place(&Entry { state: State::Lingers, ..entry.clone() });
        }
        if !newer {
            return Ok(());
        }
        self.conflict((table.id, uuid), &entry.head, values.as_ref())?;
        // The row as it stands, whole; of the newer version only what this machine has no column for.
        let mut before = self.old_values(uuid)?.unwrap_or_default();
        for (column, cell) in values.iter().flat_map(Cells::iter) {
            if table.column_of(column).is_none() {
                before.set(column, cell.clone());
            }
        }
        let keep =
            Keep { cells: Some(&before), shown: &shown, why: Why::Schema, text: None, size: None };
        self.keep(uuid, &keep)?;
        self.forget_old(uuid)
    }

    /// It had no place when the table was let go, or came meanwhile.
    fn held_meanwhile(&mut self, entry: &Entry, dirty: &mut BTreeSet<Uuid>) -> Result<()> {
        if entry.head.dead {
            return Ok(());
        }
        dirty.insert(entry.uuid);
        self.in_sight(entry)
    }

    /// Its row is not there any more. Rows that show its number go on meaning it.
    fn gone_meanwhile(&mut self, row: &Compared, dirty: &mut BTreeSet<Uuid>) -> Result<()> {
        let Some(entry) = self.entry(row.entry.uuid)?.filter(|entry| entry.key.is_some()) else {
            return Ok(());
        };
        if entry.head.dead {
            self.forget_kept(entry.uuid)?;
            return self.place(&Entry { key: None, state: State::Dead, ..entry });
        }
        if entry.state == State::Shown {
            // Gone before the table was let go, without a line in the log: its values are nowhere here.
            return Ok(());
        }
        for child in self.showing_key(&row.table, &entry)? {
            if let Some(child) = self.entry(child)? {
                dirty.insert(child.uuid);
                self.set_aside(child)?;
            }
        }
        self.forget_old(entry.uuid)?;
        dirty.insert(entry.uuid);
        let entry = Entry { key: None, state: State::Held, ..entry };
        self.place(&entry)?;
        self.in_sight(&entry)
    }

    fn showing_key(&self, table: &Table, entry: &Entry) -> Result<Vec<Uuid>> {
        let catalogue = Arc::clone(&self.catalogue);
        let mut rows = Vec::new();
        let ([column], Some(key)) = (table.key.as_slice(), &entry.key) else { return Ok(rows) };
        let Some(name) = table.at(*column).map(|column| column.name.as_str()) else {
            return Ok(rows);
        };
        for (child, column, shows) in catalogue.showing(table.id) {
            if !shows.eq_ignore_ascii_case(name) {
                continue;
            }
            let (showing, shown) = ((&**child, &[*column][..]), (table, table.key.as_slice()));
            for key in self.keys_pointing(showing, shown, &key.cells()?)? {
                rows.extend(self.at_key(child.id, &key)?);
            }
        }
        Ok(rows)
    }

    /// A line for each row that has no name yet. Answers how many rows the table has, and the keys of those.
    fn log_new_rows(&self, table: &Table, now: &str) -> Result<(u64, Vec<Key>)> {
        let doing = "list the rows that are there";
        let mut statement = self.conn.prepare(&table.sql.keys()).doing(doing)?;
        let mut rows = statement.query([]).doing(doing)?;
        let (mut count, mut new) = (0, Vec::new());
        while let Some(row) = rows.next().doing(doing)? {
            count += 1;
            let cells = (0..table.key.len())
                .map(|part| row.get_ref(part).map(Cell::from))
                .collect::<rusqlite::Result<Vec<_>>>()
                .doing(doing)?;
            if let Some(key) = Key::of(&cells, &table.key_collations)
                && self.at_key(table.id, &key)?.is_none()
            {
                self.log_key(table, trigger::FOUND, now, &cells)?;
                new.push(key);
            }
        }
        Ok((count, new))
    }

    pub(crate) fn log_key(
        &self,
        table: &Table,
        kind: i64,
        now: &str,
        cells: &[Cell],
    ) -> Result<()> {
        self.conn
            .prepare_cached(&trigger::line_of(table, kind, now))
            .and_then(|mut statement| statement.execute(params_from_iter(cells)))
            .doing("log a row that was found")?;
        Ok(())
    }
}
