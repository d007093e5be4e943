//! Applying a page: versions, table, cursor, held rows and conflicts in one transaction.
//!
//! A version whose parents stand, and whose statement the table takes, needs nothing more. Everything else, which
//! is rare, is put into the sidecar with its values and settled after the whole page.
//!
//! # Invariants
//!
//! * All of a page, or nothing; the cursor moves with it.
//! * Applying a page twice is applying it once.
//! * A held row is stored like any other: knowledge covers only what is stored here.

use crate::catalogue::{Table, is_ours};
use crate::deletes::Tally;
use crate::entry::{Entry, State};
use crate::error::Doing as _;
use crate::ground::{self, NUMBER_MAX};
use crate::held::{Keep, Why};
use crate::key::Key;
use crate::page::{AHEAD_MAX, digest_of_size};
use crate::store::Flush;
use crate::tx::Tx;
use crate::version::{self, Head, Verdict};
use crate::{Body, Cell, Cells, Error, Origin, Page, Result, Row, Store, Withheld, conflict};
use rusqlite::{params, params_from_iter};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use uuid::Uuid;

/// So many rows of one partner may be held here, and so many bytes; more than that is a fault or an attack, and a
/// person looks.
const HELD_MAX: u64 = 10_000;
const HELD_BYTES_MAX: u64 = 64 << 20;

/// Whom a page comes from.
#[derive(Clone, Copy, Debug)]
pub struct Sender {
    /// The partner's machine and the epoch of his database.
    pub origin: Origin,
    /// How far his clock is ahead of ours, in milliseconds.
    pub skew: i64,
}

/// What came of a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Versions in the page.
    pub rows: u64,
    /// Of these, stand now.
    pub applied: u64,
    /// Of these, have no place in their table yet.
    pub held: u64,
    /// Versions that lost without having been seen, newly kept.
    pub conflicts: u64,
    /// The cursor after it.
    pub cursor: u64,
    /// Of the versions, lie ahead of our clock though their sender knows it: they are not taken yet.
    pub ahead: u64,
    /// Tables that are not tracked here and were not heard of before: their rows are held.
    pub unknown: Vec<String>,
}

impl Store {
    /// Applies a partner's page.
    pub fn apply(&mut self, page: &Page, sender: Sender) -> Result<Applied> {
        let begun = self.options.clock.elapsed();
        self.fold()?;
        let applied = self.write(Flush::Later, |tx| tx.apply(page, sender))?;
        self.meters.apply.observe(self.options.clock.elapsed().saturating_sub(begun));
        Ok(applied)
    }
}

/// What is known of the page so far.
#[derive(Default)]
struct Work {
    dirty: BTreeSet<Uuid>,
    /// Some row waits for something: the short way asks first.
    anybody_waits: bool,
    applied: u64,
    ahead: u64,
    deletes: Tally,
}

/// A version in hand.
pub(crate) struct Incoming {
    pub(crate) uuid: Uuid,
    pub(crate) head: Head,
    pub(crate) cells: Option<Cells>,
    pub(crate) size: Option<u64>,
    pub(crate) number: Option<i64>,
}

impl Tx<'_> {
    fn apply(&mut self, page: &Page, sender: Sender) -> Result<Applied> {
        if let Some(what) = page.flaw() {
            return Err(Error::BadPage { what: what.to_owned() });
        }
        // A commit of the application may have come in between.
        self.fold(usize::MAX)?;
        if let Some(last) = &page.last {
            self.refuse_claims(&last.knowledge)?;
        }
        let cursor = self.cursor(sender.origin)?;
        if page.from != cursor {
            return Err(Error::PageGap { found: page.from, cursor });
        }
        self.via = Some(self.origin_id(sender.origin)?);
        let conflicts = self.conflicts;
        let (anybody_waits, deletes) = (self.anybody_waits()?, Tally::of(sender.origin.machine));
        let mut work = Work { anybody_waits, deletes, ..Work::default() };
        let mut groups: HashMap<u64, u64> = HashMap::new();
        let mut highest: HashMap<Origin, u64> = HashMap::new();
        let mut unknown = Vec::new();
        for table in &page.tables {
            if is_ours(&table.name) && !table.name.eq_ignore_ascii_case(conflict::TABLE) {
                return Err(Error::BadPage { what: format!("it holds rows of {:?}", table.name) });
            }
            let (id, new) = self.table_id_or_new(&table.name)?;
            if new {
                unknown.push(table.name.clone());
            }
            for row in &table.rows {
                let next = self.count.pos + 1;
                self.together = *groups.entry(row.together).or_insert(next);
                let incoming = incoming(row, &table.columns)?;
                let seq = highest.entry(row.origin).or_default();
                *seq = row.seq.max(*seq);
                self.take(&mut work, id, &incoming, sender, page.from + 1)?;
            }
        }
        for withheld in &page.withheld {
            self.withhold(sender, withheld)?;
        }
        let dirty = std::mem::take(&mut work.dirty);
        self.settle(dirty.clone())?;
        self.note_deletes(&work.deletes)?;
        self.set_cursor(sender.origin, page.next)?;
        self.note_taken(&highest)?;
        if let Some(last) = &page.last {
            self.learn(&last.knowledge, sender.origin)?;
        }
        let via = self.via.unwrap_or(0);
        let held = self.count_held(&dirty)? as u64;
        if !dirty.is_empty() {
            let (rows, bytes) = self.held_over(via)?;
            if rows > HELD_MAX || bytes > HELD_BYTES_MAX {
                return Err(Error::TooManyHeld { rows, mebibytes: bytes >> 20 });
            }
        }
        Ok(Applied {
            rows: page.rows() as u64,
            applied: work.applied,
            held,
            conflicts: self.conflicts - conflicts,
            cursor: page.next,
            ahead: work.ahead,
            unknown,
        })
    }

    fn take(
        &mut self,
        work: &mut Work,
        table: i64,
        new: &Incoming,
        sender: Sender,
        pos: u64,
    ) -> Result<()> {
        if new.head.stamp.millis() > self.clock.now().saturating_add(AHEAD_MAX) {
            work.ahead += 1;
            let (time, origin, seq) = (new.head.stamp.millis(), new.head.origin, new.head.seq);
            return self.withhold(sender, &Withheld { pos, time, origin, seq, row: new.uuid });
        }
        let old = self.entry(new.uuid)?;
        if old.as_ref().is_some_and(|old| old.table != table) {
            return Err(Error::BadPage {
                what: format!("the row {} belongs to another table here", new.uuid),
            });
        }
        match version::merge(old.as_ref().map(|old| &old.head), &new.head) {
            Verdict::Same => Ok(()),
            Verdict::Ours { conflict } => {
                if conflict {
                    self.conflict((table, new.uuid), &new.head, new.cells.as_ref())?;
                }
                Ok(())
            }
            Verdict::Theirs { conflict } => {
                work.applied += 1;
                if self.catalogue.untracked.contains_key(&table) {
                    return self.stand_beside(table, new, old.as_ref(), conflict);
                }
                let old_cells = match &old {
                    Some(old) => self.values_if_needed(old, new, conflict)?,
                    None => None,
                };
                if let (true, Some(old)) = (conflict, &old) {
                    self.conflict((table, new.uuid), &old.head, old_cells.as_ref())?;
                }
                if new.head.dead {
                    if let Some(cells) = &old_cells {
                        self.keep_old(new.uuid, cells)?;
                    }
                } else if let Some(old) = old.as_ref().filter(|old| old.head.dead) {
                    if old.lingers() {
                        self.no_longer_lingers(old, &mut work.dirty)?;
                        work.anybody_waits = true;
                    }
                    self.forget_old(new.uuid)?;
                }
                self.no_longer_withheld(new.uuid, &new.head)?;
                self.stand(work, table, new, (old.as_ref(), old_cells.as_ref()))
            }
        }
    }

    /// The values that a version replaces, where anybody is going to ask for them.
    fn values_if_needed(
        &mut self,
        old: &Entry,
        new: &Incoming,
        conflict: bool,
    ) -> Result<Option<Cells>> {
        let has_uniques =
            self.catalogue.id(old.table).is_some_and(|table| !table.uniques.is_empty());
        if conflict || new.head.dead || has_uniques { self.values(old) } else { Ok(None) }
    }

    /// The version stands: into the table where that is simple, else into the sidecar to be settled.
    fn stand(
        &mut self,
        work: &mut Work,
        table_id: i64,
        new: &Incoming,
        (old, old_cells): (Option<&Entry>, Option<&Cells>),
    ) -> Result<()> {
        let catalogue = Arc::clone(&self.catalogue);
        let table = catalogue.id(table_id);
        let mut entry = Entry {
            pos: self.next_pos(),
            uuid: new.uuid,
            table: table_id,
            key: old.and_then(|old| old.key.clone()),
            state: State::Dead,
            head: new.head.clone(),
            number: new.number.or_else(|| old.and_then(|old| old.number)),
            together: self.together,
            via: self.via,
        };
        if let Some(old) = old.filter(|_| new.head.dead)
            && (old.lingers() || self.is_one_too_many(work, old, new, old_cells)?)
        {
            return self.linger(entry, old);
        }
        if let Some(table) = table
            && (!work.anybody_waits || self.nobody_waits_for(table, new.uuid)?)
            && self.short_way(table, &mut entry, old, new.cells.as_ref())?
        {
            self.put(&entry, old)?;
            match &new.cells {
                Some(cells) => {
                    if old.is_some_and(|old| old.state != State::Shown) {
                        self.forget_kept(new.uuid)?;
                    }
                    self.keep_what_the_table_cannot_say(table, entry, cells)?;
                }
                None => self.forget_kept(new.uuid)?,
            }
            return Ok(());
        }
        work.anybody_waits = true;
        if !new.head.dead {
            entry.state = if entry.key.is_some() { State::Otherwise } else { State::Held };
        }
        self.put(&entry, old)?;
        if let Some(table) = table {
            if let Some(cells) = old_cells {
                self.touched_by_claims(table, cells, &mut work.dirty)?;
            }
            if let Some(cells) = &new.cells {
                self.touched_by_claims(table, cells, &mut work.dirty)?;
            }
        }
        if !new.head.dead {
            let why = match (&new.cells, table) {
                (None, _) => Why::Size,
                (_, None) => Why::Schema,
                _ => Why::Parent,
            };
            let shown = Cells::default();
            self.keep(
                new.uuid,
                &Keep { cells: new.cells.as_ref(), shown: &shown, why, text: None, size: new.size },
            )?;
            if let Some(cells) = &new.cells {
                self.enlist(&entry, cells)?;
            }
        }
        work.dirty.insert(new.uuid);
        Ok(())
    }

    /// Is the tombstone one of more deletes than an ordinary day brings? Counts those that take a row out of its
    /// table.
    fn is_one_too_many(
        &mut self,
        work: &mut Work,
        old: &Entry,
        new: &Incoming,
        old_cells: Option<&Cells>,
    ) -> Result<bool> {
        let stands = old.key.is_some() && old_cells.is_some();
        Ok(stands && self.goes_too_far(&mut work.deletes, old.table, new.head.origin.machine)?)
    }

    /// Does no row wait for this one, or for a value in its table?
    fn nobody_waits_for(&self, table: &Table, uuid: Uuid) -> Result<bool> {
        Ok(self.waiting(uuid.as_bytes())?.is_empty()
            && (table.uniques.is_empty()
                || self.waiting_on_values(&ground::prefix(table))?.is_empty()))
    }

    /// Writes a version into its table where nothing else has to be asked. True: it stands as it is.
    fn short_way(
        &mut self,
        table: &Arc<Table>,
        entry: &mut Entry,
        old: Option<&Entry>,
        cells: Option<&Cells>,
    ) -> Result<bool> {
        if entry.head.dead {
            return self.short_way_out(table, entry, old);
        }
        let Some(cells) = cells else { return Ok(false) };
        let Some(mut local) = self.local_values(table, cells)? else { return Ok(false) };
        entry.state = State::Shown;
        if let Some(key) = &entry.key {
            if old.is_none_or(|old| old.state != State::Shown) || self.others_show_values_of(table)
            {
                return Ok(false);
            }
            if let (Some(index), Some(number)) = (table.number, key.number()) {
                set(&mut local, index, Cell::Integer(number));
            }
            let Some(local) = local.into_iter().collect::<Option<Vec<Cell>>>() else {
                return Ok(false);
            };
            let new_key: Vec<Cell> =
                table.key.iter().filter_map(|&index| local.get(index).cloned()).collect();
            if Key::of(&new_key, &table.key_collations).as_ref() != Some(key) {
                return Ok(false);
            }
            let parameters = key.cells()?.into_iter().chain(local);
            let done = self
                .conn
                .prepare_cached(&table.sql.update)
                .and_then(|mut statement| statement.execute(params_from_iter(parameters)));
            return match done {
                Ok(changed) => Ok(changed == 1),
                Err(error) if ground::refusal(&error).is_some() => Ok(false),
                Err(error) => Err(error).doing("write a row"),
            };
        }
        if let Some(index) = table.number {
            let Some(number) = entry.number.filter(|number| (0..=NUMBER_MAX).contains(number))
            else {
                return Ok(false);
            };
            if self.at_key(table.id, &Key::Integer(number))?.is_some()
                || (self.anything_reserved()?
                    && (self.is_reserved(table.id, number, entry.uuid)?
                        || self.reserved_number(entry.uuid)?.is_some()))
            {
                return Ok(false);
            }
            set(&mut local, index, Cell::Integer(number));
        }
        match self.insert_row(table, &local)? {
            Ok(key) => {
                entry.key = Some(key);
                Ok(true)
            }
            Err(_) => Ok(false),
        }
    }

    fn short_way_out(
        &mut self,
        table: &Arc<Table>,
        entry: &mut Entry,
        old: Option<&Entry>,
    ) -> Result<bool> {
        let Some(old) = old else { return Ok(true) };
        if old.head.dead {
            return Ok(true);
        }
        let Some(key) = &old.key else { return Ok(false) };
        if let Some(standing) = self.read_row(table, key)?
            && !self.children_of(table, &standing)?.is_empty()
        {
            return Ok(false);
        }
        self.leave_children(table, old)?;
        self.delete_row(table, key)?;
        entry.key = None;
        Ok(true)
    }

    /// The columns as the table stores them; none where a parent has no place, or a column is not known here.
    fn local_values(
        &mut self,
        table: &Arc<Table>,
        cells: &Cells,
    ) -> Result<Option<Vec<Option<Cell>>>> {
        if cells.iter().any(|(name, cell)| {
            matches!(cell, Cell::Number(_)) || (*cell != Cell::Null && table.column(name).is_none())
        }) {
            return Ok(None);
        }
        let catalogue = Arc::clone(&self.catalogue);
        for reference in table.references.iter().filter(|reference| !reference.loose) {
            if let Some(parent) = catalogue.parent_of(table, reference, |name| cells.get(name))
                && self.entry(parent)?.is_none_or(|parent| parent.key.is_none())
            {
                return Ok(None);
            }
        }
        let mut local = Vec::with_capacity(table.columns.len());
        for (index, column) in table.columns.iter().enumerate() {
            local.push(match cells.get(&column.name) {
                None => None,
                Some(cell) => match self.local(table, index, cell)? {
                    Some(value) => Some(value),
                    None => return Ok(None),
                },
            });
        }
        Ok(Some(local))
    }

    fn others_show_values_of(&self, table: &Table) -> bool {
        self.catalogue
            .showing(table.id)
            .iter()
            .any(|(_, _, shows)| table.column(shows).is_none_or(|(index, _)| table.key != [index]))
    }

    fn withhold(&mut self, sender: Sender, withheld: &Withheld) -> Result<()> {
        self.withheld = Some(true);
        let (journal, origin) = (self.origin_id(sender.origin)?, self.origin_id(withheld.origin)?);
        self.conn
            .prepare_cached(
                "INSERT OR REPLACE INTO _dunlin_again (sender, pos, time, origin, seq, row, skew) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )
            .and_then(|mut statement| {
                statement.execute(params![
                    journal,
                    withheld.pos,
                    withheld.time,
                    origin,
                    withheld.seq,
                    withheld.row.as_bytes(),
                    sender.skew
                ])
            })
            .doing("write down what is withheld")?;
        Ok(())
    }
}

fn set(local: &mut [Option<Cell>], index: usize, cell: Cell) {
    if let Some(place) = local.get_mut(index) {
        *place = Some(cell);
    }
}

fn incoming(row: &Row, columns: &[String]) -> Result<Incoming> {
    let bad = |what: &str| Error::BadPage { what: format!("the row {} {what}", row.uuid) };
    let (cells, size) = match &row.body {
        Body::Dead => (None, None),
        Body::Size(size) => (None, Some(*size)),
        Body::Live(values) if values.len() == columns.len() => {
            (Some(Cells::new(columns.iter().cloned().zip(values.iter().cloned()).collect())), None)
        }
        Body::Live(_) => return Err(bad("has not as many values as there are columns")),
    };
    if row.seq == 0 {
        return Err(bad("has no seq"));
    }
    let dead = matches!(row.body, Body::Dead);
    let digest = match (&cells, size) {
        (Some(cells), _) => cells.digest(),
        (None, Some(size)) => digest_of_size(size),
        (None, None) => 0,
    };
    let head = Head {
        stamp: row.stamp,
        origin: row.origin,
        seq: row.seq,
        digest,
        dead,
        seen: row.seen.clone(),
    };
    Ok(Incoming { uuid: row.uuid, head, cells, size, number: row.number })
}
