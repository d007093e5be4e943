//! The fold: turning the lines that triggers appended into versions.
//!
//! ```text
//!   lines, in order    which keys were touched, and which row each of them names now
//!   names              of keys made of text and references, parents first
//!   passed numbers     rows that point to a number which another row has now are touched too
//!   versions           a key with a row: a new version; a row that lost its key and has none: a tombstone
//!   settle             rows that waited for one of these, and parents that others still need
//! ```
//!
//! # Invariants
//!
//! * One fold is one transaction with a flush: a seq that leaves this machine survives a power cut.
//! * Two machines that fold the same line of a copied file name the same row.
//! * What the table holds *now* is the version; the lines only say where to look and when it was written.

use crate::catalogue::{Naming, Table};
use crate::entry::{Entry, State};
use crate::error::Doing as _;
use crate::held::{Keep, Why};
use crate::key::Key;
use crate::rows::Names;
use crate::store::{Flush, Tx};
use crate::{Cell, Cells, Millis, Result, Stamp, Store, dump, ground, name, stamp, trigger};
use rusqlite::params;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// How long a batch may hold the application's write lock.
const BATCH_TIME: Duration = Duration::from_millis(20);
/// The least and the most lines of a batch.
const BATCH: std::ops::RangeInclusive<usize> = 100..=5_000;

/// One line of the log.
struct Line {
    n: i64,
    table: i64,
    kind: i64,
    time: Millis,
    key: Vec<Cell>,
}

/// A key that lines told of.
struct Touched {
    table: Arc<Table>,
    key: Key,
    before: Option<Uuid>,
    time: Millis,
    /// It was there when tracking started, and nobody has written it since.
    existing: bool,
    /// Its number came from another key.
    moved: bool,
}

/// Everything that one fold has in hand.
#[derive(Default)]
struct Fold {
    touched: Vec<Touched>,
    place: HashMap<(i64, Key), usize>,
    names: Names,
    rows: HashMap<(i64, Key), Option<Vec<Cell>>>,
}

impl Store {
    /// Folds all that the log holds. Answers whether there was anything.
    pub fn fold(&mut self) -> Result<bool> {
        let mut folded = false;
        while !self.log_is_empty()? {
            folded = true;
            if !self.fold_batch(None)? {
                break;
            }
        }
        Ok(folded)
    }

    fn log_is_empty(&self) -> Result<bool> {
        self.conn()
            .prepare_cached("SELECT NOT EXISTS (SELECT 1 FROM _dunlin_log)")
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
            .doing("look into the log")
    }

    /// Folds one batch; answers whether more lines are left. `file_epoch`: that of a copied file's maker.
    pub(crate) fn fold_batch(&mut self, file_epoch: Option<u64>) -> Result<bool> {
        let clock = self.clock();
        let batch = self.batch;
        let begun = clock.elapsed();
        let more = self.write(Flush::Now, |tx| {
            tx.file_epoch = file_epoch.unwrap_or(tx.file_epoch);
            tx.fold(batch)
        })?;
        // The commit's flush is in it: that is how long others waited.
        let took = clock.elapsed().saturating_sub(begun);
        let next = if took > BATCH_TIME {
            batch / 2
        } else if more {
            batch * 2
        } else {
            batch
        };
        self.batch = next.clamp(*BATCH.start(), *BATCH.end());
        Ok(more)
    }
}

impl Tx<'_> {
    /// Folds up to so many lines; answers whether more are left.
    pub(crate) fn fold(&mut self, limit: usize) -> Result<bool> {
        let lines = self.lines(limit)?;
        let Some(last) = lines.last().map(|line| line.n) else { return Ok(false) };
        self.together = self.count.pos + 1;
        let more = lines.len() == limit;
        let mut fold = Fold::default();
        self.read_lines(&mut fold, lines)?;
        self.touch_pointing(&mut fold)?;
        self.name_by_key(&mut fold, if more { Some(last) } else { None })?;
        let dirty = self.make_versions(&mut fold)?;
        if !dirty.is_empty() {
            self.settle(dirty)?;
        }
        self.conn
            .prepare_cached("DELETE FROM _dunlin_log WHERE n <= ?")
            .and_then(|mut statement| statement.execute([last]))
            .doing("empty the log")?;
        Ok(more)
    }

    fn lines(&self, limit: usize) -> Result<Vec<Line>> {
        let doing = "read the log";
        let mut statement = self
            .conn
            .prepare_cached("SELECT n, tbl, kind, t, k0, k1, k2, k3, k4, k5, k6, k7 FROM _dunlin_log ORDER BY n LIMIT ?")
            .doing(doing)?;
        let mut rows = statement.query([i64::try_from(limit).unwrap_or(i64::MAX)]).doing(doing)?;
        let mut lines = Vec::new();
        while let Some(row) = rows.next().doing(doing)? {
            let table: i64 = row.get(1).doing(doing)?;
            let parts = self.catalogue.id(table).map_or(0, |table| table.key.len());
            let key = (0..parts)
                .map(|part| row.get_ref(4 + part).map(Cell::from))
                .collect::<rusqlite::Result<_>>();
            lines.push(Line {
                n: row.get(0).doing(doing)?,
                table,
                kind: row.get(2).doing(doing)?,
                time: row.get::<_, Option<i64>>(3).doing(doing)?.unwrap_or(0),
                key: key.doing(doing)?,
            });
        }
        Ok(lines)
    }

    /// Reads the lines in order: which keys were touched, and which row each names now.
    fn read_lines(&mut self, fold: &mut Fold, lines: Vec<Line>) -> Result<()> {
        let mut from: Option<(Arc<Table>, Key)> = None;
        let catalogue = Arc::clone(&self.catalogue);
        for line in lines {
            let Some(table) = catalogue.id(line.table) else { continue };
            let Some(key) = Key::of(&line.key, &table.key_collations) else { continue };
            let place = (table.id, key.clone());
            let by_moment = table.naming == Naming::Integer;
            if line.kind == trigger::LOOK {
                let named = match fold.names.get(&place) {
                    Some(name) => name.is_some(),
                    None => self.at_key(table.id, &key)?.is_some(),
                };
                if !named || self.read_row(table, &key)?.is_some() {
                    continue;
                }
            }
            self.touch(fold, table, &key, line.time)?;
            let now = fold.names.get(&place).copied().flatten();
            let name = match line.kind {
                trigger::DELETE | trigger::LOOK => None,
                trigger::FROM => {
                    from = Some((Arc::clone(table), key.clone()));
                    if by_moment { now } else { None }
                }
                trigger::TO if by_moment => {
                    let moved = from.take().and_then(|(table, key)| {
                        fold.names.insert((table.id, key), None).flatten()
                    });
                    fold.mark(&place, |touched| touched.moved = true);
                    Some(moved.unwrap_or_else(|| self.name_line(table, &line, &key)))
                }
                trigger::EXISTING if now.is_none() => {
                    fold.mark(&place, |touched| touched.existing = true);
                    if by_moment { self.name_content(table, &key)? } else { None }
                }
                _ if by_moment && now.is_none() => Some(self.name_line(table, &line, &key)),
                _ => now,
            };
            if line.kind != trigger::EXISTING {
                fold.mark(&place, |touched| touched.existing = false);
            }
            fold.names.insert(place, name);
        }
        Ok(())
    }

    fn name_line(&self, table: &Table, line: &Line, key: &Key) -> Uuid {
        name::of_line(self.file_epoch, line.n, line.time, &table.name, &key.bytes())
    }

    /// The name of a row that was there when tracking started.
    fn name_content(&self, table: &Table, key: &Key) -> Result<Option<Uuid>> {
        if table.copies {
            return Ok(Some(name::of_content(&table.name, &key.bytes())));
        }
        Ok(self.read_row(table, key)?.map(|row| {
            let mut content = key.bytes();
            content.extend(Cells::new(with_names(table, row)).sorted().encode());
            name::of_content(&table.name, &content)
        }))
    }

    fn touch(&self, fold: &mut Fold, table: &Arc<Table>, key: &Key, time: Millis) -> Result<()> {
        let place = (table.id, key.clone());
        if let Some(touched) = fold.place.get(&place).and_then(|&index| fold.touched.get_mut(index))
        {
            touched.time = time;
            return Ok(());
        }
        let before = self.at_key(table.id, key)?;
        fold.names.insert(place.clone(), before);
        fold.place.insert(place, fold.touched.len());
        let (table, key) = (Arc::clone(table), key.clone());
        fold.touched.push(Touched { table, key, before, time, existing: false, moved: false });
        Ok(())
    }

    /// Where a number passed to another row, every row here that points to it is touched too.
    fn touch_pointing(&mut self, fold: &mut Fold) -> Result<()> {
        let catalogue = Arc::clone(&self.catalogue);
        let passed: Vec<(Arc<Table>, Key, Millis)> = fold
            .touched
            .iter()
            .filter(|touched| {
                let now =
                    fold.names.get(&(touched.table.id, touched.key.clone())).copied().flatten();
                now.is_some()
                    && touched.before != now
                    && (touched.before.is_some() || touched.moved)
            })
            .map(|touched| (Arc::clone(&touched.table), touched.key.clone(), touched.time))
            .collect();
        for (table, key, time) in passed {
            let cells = key.cells()?;
            let ([key_column], [value]) = (table.key.as_slice(), cells.as_slice()) else {
                continue;
            };
            let Some(key_name) = table.at(*key_column).map(|column| column.name.as_str()) else {
                continue;
            };
            for (child, column, shows) in catalogue.showing(table.id) {
                let Some(column) =
                    child.at(*column).filter(|_| shows.eq_ignore_ascii_case(key_name))
                else {
                    continue;
                };
                for key in self.keys_where(child, &[&column.name], std::slice::from_ref(value))? {
                    if !fold.place.contains_key(&(child.id, key.clone())) {
                        self.touch(fold, child, &key, time)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Names keys that mean something, parents first. `cut`: the last line of this batch, when more are left.
    fn name_by_key(&mut self, fold: &mut Fold, cut: Option<i64>) -> Result<()> {
        let catalogue = Arc::clone(&self.catalogue);
        let rank: HashMap<i64, usize> =
            catalogue.tables.iter().enumerate().map(|(rank, table)| (table.id, rank)).collect();
        fold.touched.sort_by_key(|touched| rank.get(&touched.table.id).copied());
        fold.place = fold
            .touched
            .iter()
            .enumerate()
            .map(|(index, touched)| ((touched.table.id, touched.key.clone()), index))
            .collect();
        for index in 0..fold.touched.len() {
            let Some(touched) = fold.touched.get(index) else { break };
            let (table, place) =
                (Arc::clone(&touched.table), (touched.table.id, touched.key.clone()));
            let row = self.read_row(&table, &place.1)?;
            if let Some(last) = cut {
                self.name_ahead(fold, &table, row.as_deref(), last)?;
            }
            if table.naming != Naming::Integer {
                let name = match &row {
                    Some(row) => self.name_of_row(&table, row.clone(), &fold.names)?,
                    None => None,
                };
                fold.names.insert(place.clone(), name);
            }
            fold.rows.insert(place, row);
        }
        Ok(())
    }

    fn name_of_row(
        &mut self,
        table: &Table,
        row: Vec<Cell>,
        names: &Names,
    ) -> Result<Option<Uuid>> {
        let number = table.number;
        let cells = self.translate(table, row, names)?;
        let key: Option<Vec<Cell>> = table
            .naming_columns()
            .iter()
            .map(|&index| {
                debug_assert!(Some(index) != number, "a local number names nothing");
                table.at(index).and_then(|column| cells.get(&column.name)).cloned()
            })
            .collect();
        Ok(key.and_then(|key| table.name_of_key(&key)))
    }

    /// Parents whose own lines come in a later batch have the name that those lines are going to give them.
    fn name_ahead(
        &mut self,
        fold: &mut Fold,
        table: &Table,
        row: Option<&[Cell]>,
        last: i64,
    ) -> Result<()> {
        let Some(row) = row else { return Ok(()) };
        let catalogue = Arc::clone(&self.catalogue);
        for (column, cell) in table.columns.iter().zip(row) {
            let Some(parent) =
                column.target.as_ref().and_then(|target| catalogue.named(&target.table))
            else {
                continue;
            };
            let Some(key) = Key::of(std::slice::from_ref(cell), &parent.key_collations) else {
                continue;
            };
            let place = (parent.id, key);
            if parent.naming != Naming::Integer
                || fold.names.contains_key(&place)
                || self.at_key(parent.id, &place.1)?.is_some()
            {
                continue;
            }
            let found = self
                .conn
                .prepare_cached(
                    "SELECT n, kind, t FROM _dunlin_log WHERE n > ?1 AND tbl = ?2 AND k0 = ?3 ORDER BY n LIMIT 1",
                )
                .and_then(|mut statement| {
                    use rusqlite::OptionalExtension as _;
                    statement
                        .query_row(params![last, parent.id, cell], |row| {
                            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
                        })
                        .optional()
                })
                .doing("look ahead in the log")?;
            let name = match found {
                Some((_, trigger::EXISTING, _)) => self.name_content(parent, &place.1)?,
                Some((n, trigger::INSERT, time)) => {
                    Some(name::of_line(self.file_epoch, n, time, &parent.name, &place.1.bytes()))
                }
                _ => None,
            };
            if let Some(name) = name {
                fold.names.insert(place, Some(name));
            }
        }
        Ok(())
    }

    /// Makes the versions; answers the rows that have to be settled.
    fn make_versions(&mut self, fold: &mut Fold) -> Result<BTreeSet<Uuid>> {
        let anybody_waits = self.anybody_waits()?;
        let mut dirty = BTreeSet::new();
        let mut made = HashSet::new();
        let named: HashSet<Uuid> = fold.names.values().flatten().copied().collect();
        for touched in &fold.touched {
            let place = (touched.table.id, touched.key.clone());
            let (Some(Some(row)), Some(Some(uuid))) =
                (fold.rows.get(&place), fold.names.get(&place))
            else {
                continue;
            };
            let version = self.version_of_row(touched, *uuid, row.clone(), &fold.names)?;
            made.insert(*uuid);
            if version || anybody_waits {
                dirty.insert(*uuid);
            }
        }
        for touched in &fold.touched {
            let Some(uuid) =
                touched.before.filter(|uuid| !made.contains(uuid) && !named.contains(uuid))
            else {
                continue;
            };
            let Some(old) = self.entry(uuid)?.filter(|old| !old.head.dead) else { continue };
            let stamp = Stamp::after(Some(old.head.stamp), self.believe(touched.time)?);
            self.make((&touched.table, uuid), Some(&old), None, stamp, None)?;
            self.forget_kept(uuid)?;
            self.loosen_where_children_are_left(touched)?;
            if anybody_waits {
                dirty.insert(uuid);
            }
        }
        Ok(dirty)
    }

    /// Makes a version of a row as it stands. Answers whether the row must be settled.
    fn version_of_row(
        &mut self,
        touched: &Touched,
        uuid: Uuid,
        row: Vec<Cell>,
        names: &Names,
    ) -> Result<bool> {
        let table = &touched.table;
        let stored = with_names(table, row.clone());
        let mut cells = self.translate(table, row, names)?;
        self.loosen_dangling(table, &cells)?;
        let mut uuid = uuid;
        let mut old = self.entry(uuid)?;
        if old.as_ref().is_some_and(|old| old.table != table.id) {
            // One uuid in two tables of the application: the second gets a name of its own.
            uuid = name::of_key(&table.name, &[Cell::Row(uuid)]);
            old = self.entry(uuid)?;
        }
        let mut settle = false;
        if let Some(old) =
            old.as_ref().filter(|old| matches!(old.state, State::Held | State::Otherwise))
        {
            settle = true;
            if let Some(kept) = self.kept(uuid)? {
                let current = Cells::new(stored);
                for (column, shown) in kept.shown.iter() {
                    // What still shows what we put there was not written by the application.
                    if let (Some(own), true) = (
                        kept.cells.as_ref().and_then(|cells| cells.get(column)),
                        current.get(column) == Some(shown),
                    ) {
                        cells.set(column, own.clone());
                    }
                }
                for (column, cell) in kept.cells.iter().flat_map(Cells::iter) {
                    if table.column(column).is_none() {
                        cells.set(column, cell.clone());
                    }
                }
                if old.state == State::Held && cells.digest() != old.head.digest {
                    self.conflict((table.id, uuid), &old.head, kept.cells.as_ref())?;
                }
            }
        }
        let stamp = match &old {
            Some(old) if touched.existing => {
                if !old.head.dead && old.head.digest == cells.digest() {
                    return Ok(settle);
                }
                Stamp::after(Some(old.head.stamp), self.believe(touched.time)?)
            }
            None if touched.existing => {
                let modified = cells.get("modified_on").and_then(dump::time_of);
                modified.map_or(Stamp::ZERO, |time| Stamp::at(time.min(self.clock.now())))
            }
            old => {
                let floor = old.as_ref().map(|old| old.head.stamp);
                Stamp::after(floor, self.believe(touched.time)?)
            }
        };
        let entry =
            self.make((table, uuid), old.as_ref(), Some(&cells), stamp, Some(touched.key.clone()))?;
        self.forget_kept(uuid)?;
        self.forget_old(uuid)?;
        self.keep_what_the_table_cannot_say(table, entry, &cells)?;
        Ok(settle)
    }

    /// Keeps the version's values beside a row that stands in its table as it is, but not value for value.
    pub(crate) fn keep_what_the_table_cannot_say(
        &mut self,
        table: &Table,
        entry: Entry,
        cells: &Cells,
    ) -> Result<()> {
        let too_large = cells.weight() > crate::page::ROW_BYTES_MAX;
        if too_large {
            let size = u64::try_from(cells.weight()).ok();
            let text = "larger than what is passed on; it stays on this machine";
            let keep = Keep {
                cells: None,
                shown: &Cells::default(),
                why: Why::Size,
                text: Some(text),
                size,
            };
            self.keep(entry.uuid, &keep)?;
        } else if !ground::stored_as_it_is(table, cells) {
            let keep = Keep {
                cells: Some(cells),
                shown: &Cells::default(),
                why: Why::Schema,
                text: None,
                size: None,
            };
            self.keep(entry.uuid, &keep)?;
            self.place(&Entry { state: State::Otherwise, ..entry })?;
        }
        Ok(())
    }

    /// A time that no working clock shows is replaced by the highest stamp known here: a dead battery must not
    /// cost a day's sales.
    fn believe(&self, time: Millis) -> Result<Millis> {
        if stamp::believable(time) {
            return Ok(time);
        }
        let highest: Option<i64> = self
            .conn
            .prepare_cached("SELECT max(stamp) FROM _dunlin_row")
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
            .doing("find the highest stamp")?;
        Ok(highest.and_then(Stamp::from_i64).map_or(0, Stamp::millis))
    }

    /// An application that leaves children behind does not keep its references: from now on they are loose.
    fn loosen_where_children_are_left(&mut self, gone: &Touched) -> Result<()> {
        let catalogue = Arc::clone(&self.catalogue);
        if self.read_row(&gone.table, &gone.key)?.is_some() {
            return Ok(());
        }
        for (child, index) in catalogue.children(gone.table.id) {
            let Some(reference) = child.references.get(*index).filter(|reference| !reference.loose)
            else {
                continue;
            };
            // Only where the key itself is pointed to: a UNIQUE value of a row that is gone cannot be read any more.
            let key: Vec<&str> = gone
                .table
                .key
                .iter()
                .filter_map(|&index| gone.table.at(index))
                .map(|c| c.name.as_str())
                .collect();
            if !reference.parent_columns.iter().map(String::as_str).eq(key) {
                continue;
            }
            let names: Vec<&str> = reference
                .columns
                .iter()
                .filter_map(|&index| child.at(index))
                .map(|column| column.name.as_str())
                .collect();
            if !self.keys_where(child, &names, &gone.key.cells()?)?.is_empty() {
                self.loosen(&child.name, &names)?;
            }
        }
        Ok(())
    }

    fn loosen_dangling(&mut self, table: &Table, cells: &Cells) -> Result<()> {
        for reference in table.references.iter().filter(|reference| !reference.loose) {
            let names: Vec<&str> = reference
                .columns
                .iter()
                .filter_map(|&index| table.at(index))
                .map(|column| column.name.as_str())
                .collect();
            if names.iter().any(|name| matches!(cells.get(name), Some(Cell::Number(_)))) {
                self.loosen(&table.name, &names)?;
            }
        }
        Ok(())
    }

    /// Marks a reference as loose, for this transaction too.
    pub(crate) fn loosen(&mut self, child: &str, columns: &[&str]) -> Result<()> {
        for column in columns {
            self.conn
                .execute(
                    "INSERT INTO _dunlin_reference (child, column, parent) VALUES (?1, ?2, NULL) ON CONFLICT DO NOTHING",
                    params![child, column],
                )
                .doing("mark a reference as loose")?;
        }
        self.catalogue = Arc::new(crate::catalogue::load(self.conn)?);
        self.reload = true;
        Ok(())
    }
}

impl Fold {
    fn mark(&mut self, place: &(i64, Key), change: impl FnOnce(&mut Touched)) {
        if let Some(touched) = self.place.get(place).and_then(|&index| self.touched.get_mut(index))
        {
            change(touched);
        }
    }
}

fn with_names(table: &Table, row: Vec<Cell>) -> Vec<(String, Cell)> {
    table.columns.iter().map(|column| column.name.clone()).zip(row).collect()
}
