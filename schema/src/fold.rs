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

mod compare;
mod loose;
mod names;
mod order;
mod over;

use crate::catalogue::{Catalogue, Naming, OnDelete, Table};
use crate::entry::{Entry, State};
use crate::error::Doing as _;
use crate::held::{Keep, Kept, Why};
use crate::key::Key;
use crate::rows::Names;
use crate::store::Flush;
use crate::tx::Tx;
use crate::version::Head;
use crate::{Cell, Cells, Millis, Result, Stamp, Store, ground, stamp, trigger, written};
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
#[expect(clippy::struct_excessive_bools, reason = "they are facts that do not hang together")]
struct Touched {
    table: Arc<Table>,
    key: Key,
    before: Option<Uuid>,
    time: Millis,
    /// The number of the last line that told of it,
    last: i64,
    /// and of the last that is not a look's.
    written: Option<i64>,
    /// That line says that it was inserted.
    inserted: bool,
    /// It was there when tracking started, and nobody has written it since.
    existing: bool,
    /// It was out of sight for a while: a version only if it says something else.
    found: bool,
    /// Nobody is known to have written it: what it says otherwise is no version.
    listed: bool,
    /// Its number came from another key.
    moved: bool,
    /// Its row has NULL in its key now.
    nameless: bool,
}

/// What one piece of folding came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Folded {
    /// The log held something.
    pub any: bool,
    /// There is more to do.
    pub more: bool,
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
        loop {
            let some = self.fold_some()?;
            folded |= some.any;
            if !some.more {
                return Ok(folded);
            }
        }
    }

    /// One piece of what [`Store::fold`] does, so that others have their turn between.
    pub fn fold_some(&mut self) -> Result<Folded> {
        self.look_if_due()?;
        self.give_up_waiting()?;
        let any = !self.log_is_empty()?;
        if any && self.fold_batch(None)? {
            self.pace.more();
            return Ok(Folded { any, more: true });
        }
        self.follow_own_facts()?;
        self.find_ghosts()?;
        if self.settle_some_again()? {
            self.pace.more();
            return Ok(Folded { any, more: true });
        }
        self.look_for_drift()?;
        Ok(Folded { any, more: false })
    }

    fn log_is_empty(&self) -> Result<bool> {
        self.conn
            .prepare_cached(&format!(
                "SELECT NOT EXISTS (SELECT 1 FROM _dunlin_log WHERE kind <> 0{})",
                self.catalogue.in_sight()
            ))
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
            .doing("look into the log")
    }

    /// Has the log more lines than a batch?
    fn is_longer_than(&self, batch: usize) -> Result<bool> {
        self.conn
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM _dunlin_log LIMIT 1 OFFSET ?)")
            .and_then(|mut statement| statement.query_row([batch], |row| row.get(0)))
            .doing("look how long the log is")
    }

    /// Folds one batch; answers whether more lines are left. `file_epoch`: that of a copied file's maker.
    pub(crate) fn fold_batch(&mut self, file_epoch: Option<u64>) -> Result<bool> {
        let clock = self.clock();
        let batch = self.batch;
        let begun = clock.elapsed();
        // Of a backlog the end is flushed: nothing leaves this machine before it is.
        let flush = if self.is_longer_than(batch)? { Flush::Later } else { Flush::Now };
        let more = self.write(flush, |tx| {
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
        let (more, dirty) = self.fold_unsettled(limit)?;
        if !dirty.is_empty() {
            self.settle(dirty)?;
        }
        Ok(more)
    }

    /// As [`Tx::fold`]; answers also the rows that the caller has to settle.
    pub(crate) fn fold_unsettled(&mut self, limit: usize) -> Result<(bool, BTreeSet<Uuid>)> {
        let mut lines = self.lines(limit)?;
        let more = lines.len() == limit;
        // A changed key takes two lines; a batch that ends between them would make two rows of one.
        if more && lines.len() > 1 && lines.last().is_some_and(|line| line.kind == trigger::FROM) {
            lines.pop();
        }
        let Some(last) = lines.last().map(|line| line.n) else {
            return Ok((false, BTreeSet::new()));
        };
        self.last_line = self.last_line.max(last);
        self.together = self.count.pos + 1;
        let mut fold = Fold::default();
        self.read_lines(&mut fold, lines)?;
        self.name_all(&mut fold, if more { Some(last) } else { None })?;
        let dirty = self.make_versions(&mut fold)?;
        self.empty_log(last)?;
        Ok((more, dirty))
    }

    /// Takes the lines up to `last` away and leaves that one blank: a new line's number is the greatest plus one,
    /// so none is given twice.
    fn empty_log(&self, last: i64) -> Result<()> {
        for sql in [
            &format!("DELETE FROM _dunlin_log WHERE n < ?{}", self.catalogue.in_sight()),
            "UPDATE _dunlin_log SET tbl = 0, kind = 0, t = NULL, k0 = NULL, k1 = NULL, k2 = NULL, k3 = NULL,
             k4 = NULL, k5 = NULL, k6 = NULL, k7 = NULL WHERE n = ?",
        ] {
            self.conn
                .prepare_cached(sql)
                .and_then(|mut statement| statement.execute([last]))
                .doing("empty the log")?;
        }
        Ok(())
    }

    fn lines(&self, limit: usize) -> Result<Vec<Line>> {
        let doing = "read the log";
        let mut statement = self
            .conn
            .prepare_cached(&format!(
                "SELECT n, tbl, kind, t, k0, k1, k2, k3, k4, k5, k6, k7 FROM _dunlin_log WHERE kind <> 0{} ORDER BY n LIMIT ?",
                self.catalogue.in_sight()
            ))
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
        let waits_to_hear = self.waits_to_hear()?;
        let catalogue = Arc::clone(&self.catalogue);
        for line in lines {
            let Some(table) = catalogue.id(line.table) else { continue };
            let Some(key) = Key::of(&line.key, &table.key_collations) else {
                // Nothing names the row any more; that is no delete.
                if let Some((table, key)) = from.take().filter(|_| line.kind == trigger::TO) {
                    fold.mark(&(table.id, key), |touched| touched.nameless = true);
                }
                continue;
            };
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
            let fresh = !fold.place.contains_key(&place);
            if waits_to_hear
                && fresh
                && line.kind == trigger::LISTED
                && self.at_key(table.id, &key)?.is_none()
            {
                // A partner may know it by its name.
                continue;
            }
            self.touch(fold, (table, &key), (line.time, line.n))?;
            if line.kind == trigger::EXISTING && fresh {
                fold.mark(&place, |touched| touched.existing = true);
            }
            if line.kind == trigger::TO && table.number.is_some() {
                fold.mark(&place, |touched| touched.moved = true);
            }
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
                    Some(moved.unwrap_or_else(|| self.name_line(table, &line, &key)))
                }
                trigger::EXISTING if now.is_none() && by_moment => {
                    self.name_content(table, &key)?
                }
                _ if by_moment && now.is_none() => Some(self.name_line(table, &line, &key)),
                _ => now,
            };
            let found = line.kind == trigger::FOUND && fresh;
            let listed = line.kind == trigger::LISTED && fresh;
            fold.mark(&place, |touched| {
                if line.kind != trigger::LISTED {
                    touched.written = Some(line.n);
                }
                touched.nameless = false;
                touched.existing &= line.kind == trigger::EXISTING;
                touched.inserted = line.kind == trigger::INSERT;
                touched.found = found || (touched.found && line.kind == trigger::FOUND);
                touched.listed = listed || (touched.listed && line.kind == trigger::LISTED);
            });
            fold.names.insert(place, name);
        }
        Ok(())
    }

    fn touch(
        &self,
        fold: &mut Fold,
        (table, key): (&Arc<Table>, &Key),
        (time, last): (Millis, i64),
    ) -> Result<()> {
        let place = (table.id, key.clone());
        if let Some(touched) = fold.place.get(&place).and_then(|&index| fold.touched.get_mut(index))
        {
            (touched.time, touched.last) = (time, last);
            return Ok(());
        }
        let before = self.at_key(table.id, key)?;
        fold.names.insert(place.clone(), before);
        fold.place.insert(place, fold.touched.len());
        let (table, key) = (Arc::clone(table), key.clone());
        fold.touched.push(Touched {
            table,
            key,
            before,
            time,
            last,
            written: None,
            inserted: false,
            existing: false,
            found: false,
            listed: false,
            moved: false,
            nameless: false,
        });
        Ok(())
    }

    /// Touches a row that no line told of.
    fn touch_again(
        &self,
        fold: &mut Fold,
        table: &Arc<Table>,
        key: &Key,
        time: Millis,
    ) -> Result<()> {
        if fold.place.contains_key(&(table.id, key.clone())) {
            return Ok(());
        }
        // Whatever the schema was: nobody wrote it, it only means another row.
        self.touch(fold, (table, key), (time, i64::MAX))
    }

    /// Makes the versions; answers the rows that have to be settled.
    fn make_versions(&mut self, fold: &mut Fold) -> Result<BTreeSet<Uuid>> {
        let mut dirty = self.promise_again(fold)?;
        let (anybody_waits, anything_kept) = (self.anybody_waits()?, self.anything_kept()?);
        if anybody_waits {
            dirty.extend(self.standing_aside(fold)?);
        }
        let catalogue = Arc::clone(&self.catalogue);
        let touched = fold.touched.iter().map(|touched| &touched.table);
        let beside = touched.filter(|table| table.has_unseen_unique).map(|table| table.id);
        self.wrote_beside_unique.extend(beside);
        let mut made = HashSet::new();
        let named: HashSet<Uuid> = fold.names.values().flatten().copied().collect();
        let refers =
            |table| catalogue.id(table).map_or_else(Vec::new, |table| catalogue.parents(table));
        for place in order::in_order(&fold.touched, refers) {
            let Some(touched) = fold.touched.get(place) else { continue };
            let place = (touched.table.id, touched.key.clone());
            let (Some(Some(row)), Some(Some(uuid))) =
                (fold.rows.remove(&place), fold.names.get(&place).copied())
            else {
                continue;
            };
            let called = touched.table.called(|index, _| row.get(index)).cloned();
            let settle = self.version_of_row(touched, uuid, row, (&fold.names, anything_kept))?;
            self.call(uuid, called.as_ref())?;
            made.insert(uuid);
            if settle || anybody_waits {
                dirty.insert(uuid);
            }
        }
        for touched in &fold.touched {
            let Some(uuid) =
                touched.before.filter(|uuid| !made.contains(uuid) && !named.contains(uuid))
            else {
                continue;
            };
            let old = self.entry(uuid)?.filter(|old| !old.head.dead || old.lingers());
            let Some(old) = old else { continue };
            if touched.nameless {
                self.went(&touched.table, uuid, Why::Nameless, None, &mut dirty)?;
                continue;
            }
            if let Some(parent) = fell_with(&catalogue, &touched.table, touched.last) {
                let table = &parent.name;
                let text = format!("{table} was made anew");
                self.went(&touched.table, uuid, Why::Went, Some(&text), &mut dirty)?;
                continue;
            }
            let stamp = Stamp::after(Some(old.head.stamp), self.believe(touched.time)?);
            self.make((&touched.table, uuid), Some(&old), None, stamp, None)?;
            self.forget_kept(uuid)?;
            self.loosen_where_children_are_left(touched, uuid)?;
            if anybody_waits {
                dirty.insert(uuid);
            }
        }
        Ok(dirty)
    }

    /// Rows that stand aside for a UNIQUE value in a table that was written to: the value may be free now. What the
    /// application wrote over is gone, so all of the table are asked.
    fn standing_aside(&self, fold: &Fold) -> Result<BTreeSet<Uuid>> {
        let mut aside = BTreeSet::new();
        let mut asked = HashSet::new();
        for table in fold.touched.iter().map(|touched| &touched.table) {
            if !table.uniques.is_empty() && asked.insert(table.id) {
                aside.extend(self.waiting_on_values(&ground::prefix(table))?);
            }
        }
        Ok(aside)
    }

    /// Makes a version of a row as it stands. Answers whether the row must be settled.
    fn version_of_row(
        &mut self,
        touched: &Touched,
        uuid: Uuid,
        row: Vec<Cell>,
        (names, anything_kept): (&Names, bool),
    ) -> Result<bool> {
        let table = &touched.table;
        let old = self.entry(uuid)?;
        let kept = match &old {
            Some(old) => self.kept_beside(old)?,
            None => None,
        };
        let is_plain = match &old {
            Some(old) => self.is_plain_write(touched, old)?,
            None => true,
        };
        let whole_row = (!is_plain).then(|| row.clone());
        let stored = kept.as_ref().map(|_| Cells::new(with_ids(table, row.clone())));
        let texts = texts_of_references(table, &row);
        let mut cells = self.translate(table, row, names)?;
        self.loosen_dangling(table, &cells)?;
        let whole = whole_row.map(|row| (row, cells.clone()));
        let shown = match (&kept, &stored) {
            (Some(kept), Some(stored)) => carry_on(table, kept, stored, &mut cells),
            _ => Cells::default(),
        };
        if let Some(old) = old.as_ref().filter(|_| touched.existing) {
            // A row that is tracked already was only listed again: a version where it says something else now.
            if old.key.is_none() {
                return self.stood_here_before((table, uuid), touched, old, &cells);
            }
            if old.head.digest == cells.digest() && old.key.as_ref() == Some(&touched.key) {
                return Ok(false);
            }
        }
        if let Some(old) = &old
            && let Some(again) =
                self.only_listed((touched, old, is_plain), kept.as_ref(), &cells)?
        {
            return Ok(again);
        }
        if let (Some(old), Some((row, now))) = (&old, &whole) {
            self.write_over(touched, (uuid, old), (row, now))?;
            return Ok(true);
        }
        if let (Some(old), Some(kept)) = (&old, &kept)
            && old.state == State::Held
            && cells.digest() != old.head.digest
        {
            self.conflict((table.id, uuid), &old.head, kept.cells.as_ref())?;
        }
        let stamp = self.stamp_of_row(touched, old.as_ref(), &cells)?;
        let entry =
            self.make((table, uuid), old.as_ref(), Some(&cells), stamp, Some(touched.key.clone()))?;
        if anything_kept || kept.is_some() {
            self.forget_kept(uuid)?;
        }
        if old.is_some_and(|old| old.head.dead) {
            self.forget_old(uuid)?;
        }
        if shown.is_empty() {
            self.keep_if_too_large(&entry, &cells)?;
        } else {
            let keep = Keep {
                cells: Some(&cells),
                shown: &shown,
                why: Why::Unique,
                text: None,
                size: None,
            };
            self.keep(uuid, &keep)?;
            self.enlist(&entry, &cells)?;
            self.place(&Entry { state: State::Otherwise, ..entry })?;
        }
        Ok(kept.is_some() || self.spells_otherwise(table, &texts, &cells)?)
    }

    /// A row that was listed, and that nobody is known to have written: what there is to do, unless it says something
    /// new. Answers whether the row must be settled.
    fn only_listed(
        &mut self,
        (touched, old, is_plain): (&Touched, &Entry, bool),
        kept: Option<&Kept>,
        cells: &Cells,
    ) -> Result<Option<bool>> {
        let lingers = old.lingers();
        if lingers && (touched.found || touched.listed || touched.existing) {
            // What it lingers with is what it says.
            let lingering = kept.and_then(|kept| kept.cells.as_ref());
            if lingering.is_some_and(|lingering| lingering.digest() == cells.digest()) {
                return Ok(Some(true));
            }
        }
        if touched.listed && old.head.dead && !lingers {
            // An upgrade put it where it was deleted: it goes.
            self.place(&Entry { key: Some(touched.key.clone()), ..old.clone() })?;
            return Ok(Some(true));
        }
        let is_unknown =
            |kept: &Kept| kept.why == Why::Schema && kept.shown.is_empty() && touched.listed;
        if kept.is_some_and(is_unknown) && !lingers {
            // What it showed last is not known: its version came while its table was away, and stands.
            return Ok(Some(true));
        }
        let is_same = !old.head.dead && old.head.digest == cells.digest();
        let is_listed = (touched.found || touched.listed) && (is_plain || old.key.is_none());
        if !(is_listed && is_same) {
            return Ok(None);
        }
        if old.key.is_none() {
            // Another machine wrote the same row meanwhile, and this one stands where its place is.
            let key = Some(touched.key.clone());
            self.place(&Entry { key, state: State::Otherwise, ..old.clone() })?;
        }
        Ok(Some(kept.is_some()))
    }

    /// When a row that the log told of was written.
    fn stamp_of_row(
        &mut self,
        touched: &Touched,
        old: Option<&Entry>,
        cells: &Cells,
    ) -> Result<Stamp> {
        if touched.listed && old.is_none() {
            // Nobody is known to have written it.
            return Ok(Stamp::ZERO);
        }
        if touched.existing && old.is_none() {
            let now = self.clock.now();
            let column = touched.table.stamped.and_then(|index| touched.table.at(index));
            let time = column.and_then(|column| cells.get(&column.id));
            let time = time.and_then(|cell| written::time(cell, now));
            return Ok(time.map_or(Stamp::ZERO, |time| Stamp::at(time.min(now))));
        }
        Ok(Stamp::after(old.map(|old| old.head.stamp), self.believe(touched.time)?))
    }

    /// A row that stood in its table before it was tracked, and that the shop has a version of: it is older than
    /// anything that was written since. Where it says something else, it lost, and is kept as a conflict.
    fn stood_here_before(
        &mut self,
        (table, uuid): (&Table, Uuid),
        touched: &Touched,
        known: &Entry,
        cells: &Cells,
    ) -> Result<bool> {
        let values = self.values(known)?;
        let key = Some(touched.key.clone());
        if known.head.dead || known.head.digest != cells.digest() {
            self.count.seq += 1;
            let head = Head {
                stamp: Stamp::ZERO,
                origin: self.me,
                seq: self.count.seq,
                digest: cells.digest(),
                dead: false,
                seen: Vec::new(),
            };
            self.chain(uuid, (head.stamp.to_i64(), head.digest))?;
            self.conflict((table.id, uuid), &head, Some(cells))?;
        }
        let state = if known.head.dead { State::Dead } else { State::Otherwise };
        self.place(&Entry { key, state, ..known.clone() })?;
        if !known.head.dead {
            let size = self.kept_size(uuid)?;
            let shown = Cells::default();
            let keep =
                Keep { cells: values.as_ref(), shown: &shown, why: Why::Schema, text: None, size };
            self.keep(uuid, &keep)?;
        }
        Ok(true)
    }

    /// Says of a row that stands in its table that it is too large to be passed on.
    pub(crate) fn keep_if_too_large(&mut self, entry: &Entry, cells: &Cells) -> Result<()> {
        if let Some(size) = cells.oversize() {
            let (shown, size) = (&Cells::default(), Some(size));
            let text = Some("larger than what is passed on; it stays on this machine");
            self.keep(entry.uuid, &Keep { cells: None, shown, why: Why::Size, text, size })?;
        }
        Ok(())
    }

    /// A time that no working clock shows is replaced by the highest stamp known here: a dead battery must not
    /// cost a day's sales.
    fn believe(&mut self, time: Millis) -> Result<Millis> {
        if stamp::believable(time) {
            return Ok(time);
        }
        if let Some(highest) = self.highest {
            return Ok(highest);
        }
        let highest: Option<i64> = self
            .conn
            .prepare_cached("SELECT max(stamp) FROM _dunlin_row")
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
            .doing("find the highest stamp")?;
        let highest = highest.and_then(Stamp::from_i64).map_or(0, Stamp::millis);
        self.highest = Some(highest);
        Ok(highest)
    }
}

/// The table that was made anew, or is away, and took rows of this one along with it: over any number of references
/// that say CASCADE. `line`: the last that tells of the row.
fn fell_with(catalogue: &Catalogue, table: &Table, line: i64) -> Option<Arc<Table>> {
    let mut ahead: Vec<Arc<Table>> = cascading(catalogue, table, line);
    let mut asked = HashSet::new();
    while let Some(parent) = ahead.pop() {
        if parent.is_gone_or_anew(line) {
            return Some(parent);
        }
        if asked.insert(parent.id) {
            ahead.extend(cascading(catalogue, &parent, line));
        }
    }
    None
}

fn cascading(catalogue: &Catalogue, table: &Table, line: i64) -> Vec<Arc<Table>> {
    let references = table.references.iter();
    let such = references.filter(|reference| table.did(reference, line) == OnDelete::Cascade);
    such.filter_map(|reference| catalogue.named(&reference.parent).map(Arc::clone)).collect()
}

impl Table {
    /// Had it been dropped, or made anew, when this line of the log was written?
    fn is_gone_or_anew(&self, line: i64) -> bool {
        self.away || line <= self.remade
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

/// What still shows what we put there was not written by the application: the version keeps its own value. Nor did
/// it write columns that are unknown here. Answers what is still shown.
pub(crate) fn carry_on(table: &Table, kept: &Kept, stored: &Cells, cells: &mut Cells) -> Cells {
    let mut still = Vec::new();
    for (column, shown) in kept.shown.iter() {
        if let (Some(own), true) = (
            kept.cells.as_ref().and_then(|cells| cells.get(column)),
            stored.get(column) == Some(shown),
        ) {
            cells.set(column, own.clone());
            still.push((Arc::clone(column), shown.clone()));
        }
    }
    for (column, cell) in kept.cells.iter().flat_map(Cells::iter) {
        if table.column_of(column).is_none() {
            cells.set(column, cell.clone());
        }
    }
    Cells::new(still)
}

/// References that a row does not hold as numbers: the parent may be spelled otherwise.
fn texts_of_references(table: &Table, row: &[Cell]) -> Vec<(usize, Cell)> {
    let columns = table.columns.iter().zip(row).enumerate();
    columns
        .filter(|(_, (column, cell))| {
            column.target.is_some() && matches!(cell, Cell::Text(_) | Cell::Real(_) | Cell::Blob(_))
        })
        .map(|(index, (_, cell))| (index, cell.clone()))
        .collect()
}

/// A stored row, each cell under the id of its column.
pub(crate) fn with_ids(table: &Table, row: Vec<Cell>) -> Vec<(Arc<str>, Cell)> {
    table.columns.iter().map(|column| Arc::clone(&column.id)).zip(row).collect()
}

#[cfg(test)]
mod tests {
    use crate::still::{steps, untracked};
    use crate::{Store, Track};

    /// What tracking so many rows costs where times and prices are declared so, with a UNIQUE beside them.
    fn cost(declared: &str, rows: u32) -> u64 {
        let (_folder, app, mut store) = untracked(&format!(
            "CREATE TABLE orders (id INTEGER PRIMARY KEY, number TEXT UNIQUE, made {declared}, total {declared})"
        ));
        app.execute_batch(&format!(
            "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {rows})
             INSERT INTO orders (number, made, total) SELECT 'N' || n, '2026-11-30 03:37:07', '12.50 EUR' FROM c"
        ))
        .unwrap();
        let track = |store: &mut Store| drop(store.track(&Track::default()).unwrap());
        steps(&mut store, track)
    }

    #[test]
    fn a_date_in_a_column_declared_datetime_costs_what_it_costs_in_a_text_column() {
        const ROWS: u32 = 2_000;
        let (text, datetime) = (cost("TEXT", ROWS), cost("datetime", ROWS));
        assert!(datetime * 10 < text * 12, "{datetime} steps, as TEXT {text}");
    }
}
