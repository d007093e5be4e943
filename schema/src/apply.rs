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
use crate::ground;
use crate::held::{Keep, Why};
use crate::key::Key;
use crate::namesakes::{Apart, were_made_apart};
use crate::page::{AHEAD_MAX, digest_of_size};
use crate::standing::{self, Place};
use crate::state::{self, State as RowState};
use crate::store::Flush;
use crate::tx::Tx;
use crate::version::{self, Head, Verdict};
use crate::{
    Body, Cell, Cells, Error, Origin, Page, PageTable, Result, Row, Store, Withheld, conflict,
};
use rusqlite::{params, params_from_iter};
use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;
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
    /// How long the file was held for it.
    pub took: Duration,
    /// Of the versions, lie ahead of our clock though their sender knows it: they are not taken yet.
    pub ahead: u64,
    /// Tables that are not tracked here and were not heard of before: their rows are held.
    pub unknown: Vec<String>,
}

impl Store {
    /// Applies a partner's page.
    pub fn apply(&mut self, page: &Page, sender: Sender) -> Result<Applied> {
        self.fold()?;
        let mut applied = self.write(Flush::Later, |tx| tx.apply(page, sender))?;
        applied.took = self.pace.last();
        self.meters.apply.observe(applied.took);
        if page.last.is_none() {
            self.pace.more();
        }
        Ok(applied)
    }
}

/// What is known of the page so far.
#[derive(Default)]
struct Work {
    /// The rows were asked for by name: what is known of them may lack values.
    named: bool,
    dirty: BTreeSet<Uuid>,
    /// Some row waits for something: the short way asks first.
    anybody_waits: bool,
    applied: u64,
    ahead: u64,
    deletes: Tally,
    /// What lost its name to another row.
    apart: Vec<Apart>,
}

/// A version in hand.
#[derive(Clone)]
pub(crate) struct Incoming {
    pub(crate) uuid: Uuid,
    pub(crate) head: Head,
    /// Its own values, as far as they came with it; none of a tombstone, and of a row too large to travel.
    pub(crate) cells: Option<Cells>,
    pub(crate) size: Option<u64>,
    pub(crate) number: Option<i64>,
    /// What an entry says of the columns that it speaks of.
    pub(crate) shape: Option<i64>,
    /// The whole state, where it is more than a version that wrote all of its cells.
    pub(crate) state: Option<Box<RowState>>,
}

impl Incoming {
    /// The whole state. Of a row too large to travel there is none.
    fn whole(&self) -> Option<RowState> {
        match (&self.state, &self.cells) {
            (Some(state), _) => Some((**state).clone()),
            (None, Some(cells)) => Some(RowState::plain(self.head.clone(), cells)),
            (None, None) if self.head.dead => {
                Some(RowState::plain(self.head.clone(), &Cells::default()))
            }
            (None, None) => None,
        }
    }

    /// What the row's columns are to show.
    fn visible(&self) -> Option<Cow<'_, Cells>> {
        match &self.state {
            Some(state) if !self.head.dead => Some(Cow::Owned(standing::shown_cells(state))),
            _ => self.cells.as_ref().map(Cow::Borrowed),
        }
    }
}

/// What becomes of a row when a version of it comes.
enum Joined {
    /// Nothing that was not known.
    Known,
    /// It stands, combined with what was known where it says less. `lost`: whose version lost without having been seen.
    Stands { combined: Option<Box<Incoming>>, lost: Option<Lost> },
    /// What stands, stands on.
    Loses { lost: bool },
}

/// Does the row show just that already? `old`: its version, and what that shows.
fn shows_already(
    table: &Table,
    (old, old_cells): (Option<&Entry>, Option<&Cells>),
    cells: Option<&Cells>,
) -> bool {
    let is_shown = old.is_some_and(|old| old.state == State::Shown && old.key.is_some());
    let (Some(before), Some(cells), true) = (old_cells, cells, is_shown) else { return false };
    let ids = || table.columns.iter().map(|column| &column.id);
    ids().any(|id| cells.get(id).is_some()) && ids().all(|id| before.get(id) == cells.get(id))
}

/// Whose version lost.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lost {
    Ours,
    Theirs,
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
        let (mut applied, highest) = self.take_page(page, sender, false)?;
        self.set_cursor(sender.origin, page.next)?;
        self.note_taken(&highest)?;
        if let Some(last) = &page.last {
            self.learn(&last.knowledge, sender.origin)?;
            if self.waits_to_hear()? {
                self.has_heard()?;
            }
        }
        applied.cursor = page.next;
        Ok(applied)
    }

    /// Takes rows in that were asked for by name.
    pub(crate) fn apply_named(&mut self, page: &Page, sender: Sender) -> Result<Applied> {
        if let Some(what) = page.flaw() {
            return Err(Error::BadPage { what: what.to_owned() });
        }
        // A commit of the application may have come in between.
        self.fold(usize::MAX)?;
        Ok(self.take_page(page, sender, true)?.0)
    }

    /// Takes a page's rows in. Answers also the highest seq of each origin.
    fn take_page(
        &mut self,
        page: &Page,
        sender: Sender,
        named: bool,
    ) -> Result<(Applied, HashMap<Origin, u64>)> {
        self.via = Some(self.origin_id(sender.origin)?);
        let conflicts = self.conflicts;
        let (anybody_waits, deletes) = (self.anybody_waits()?, Tally::of(sender.origin.machine));
        let mut work = Work { named, anybody_waits, deletes, ..Work::default() };
        let mut groups: HashMap<u64, u64> = HashMap::new();
        let mut highest: HashMap<Origin, u64> = HashMap::new();
        let mut unknown = Vec::new();
        for table in &page.tables {
            if is_ours(&table.name) && !table.name.eq_ignore_ascii_case(conflict::TABLE) {
                return Err(Error::BadPage { what: format!("it holds rows of {:?}", table.name) });
            }
            let (id, new) = self.table_of(&table.name)?;
            if new {
                unknown.push(table.name.clone());
            }
            let columns = self.columns_of(id, table)?;
            for row in &table.rows {
                let next = self.count.pos + 1;
                self.together = *groups.entry(row.together).or_insert(next);
                let incoming = incoming(row, &columns)?;
                let seq = highest.entry(row.origin).or_default();
                *seq = row.seq.max(*seq);
                self.take(&mut work, id, &incoming, sender, page.from + 1)?;
            }
        }
        for withheld in &page.withheld {
            self.withhold(sender, withheld)?;
        }
        let mut dirty = std::mem::take(&mut work.dirty);
        if !work.apart.is_empty() {
            // What came with them is found by what it refers to in its table.
            self.settle(dirty.clone())?;
            dirty.extend(self.part_namesakes(std::mem::take(&mut work.apart))?);
        }
        self.settle(dirty.clone())?;
        self.note_deletes(&work.deletes)?;
        let via = self.via.unwrap_or(0);
        let held = self.count_held(&dirty)? as u64;
        if !dirty.is_empty() {
            let (rows, bytes) = self.held_over(via)?;
            if rows > HELD_MAX || bytes > HELD_BYTES_MAX {
                return Err(Error::TooManyHeld { rows, mebibytes: bytes >> 20 });
            }
        }
        let applied = Applied {
            rows: page.rows() as u64,
            applied: work.applied,
            held,
            conflicts: self.conflicts - conflicts,
            cursor: page.from,
            took: Duration::ZERO,
            ahead: work.ahead,
            unknown,
        };
        Ok((applied, highest))
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
            if work.named {
                return Ok(());
            }
            let (time, origin, seq) = (new.head.stamp.millis(), new.head.origin, new.head.seq);
            return self.withhold(sender, &Withheld { pos, time, origin, seq, row: new.uuid });
        }
        let old = self.entry(new.uuid)?;
        if old.as_ref().is_some_and(|old| old.table != table) {
            return Err(Error::BadPage {
                what: format!("the row {} belongs to another table here", new.uuid),
            });
        }
        if work.named && self.has_gone(new.uuid)? {
            // It waits for a person, who was not asked.
            return Ok(());
        }
        let (combined, lost) = match self.join(old.as_ref(), new, work.named)? {
            Joined::Known => return Ok(()),
            Joined::Loses { lost } => {
                if lost {
                    let heads = (&new.head, old.as_ref().map(|old| &old.head));
                    self.loses(work, (table, new), heads, new.cells.as_ref())?;
                }
                return Ok(());
            }
            Joined::Stands { combined, lost } => (combined, lost),
        };
        let row = combined.as_deref().unwrap_or(new);
        work.applied += 1;
        if lost == Some(Lost::Theirs) {
            let heads = (&new.head, old.as_ref().map(|old| &old.head));
            self.loses(work, (table, new), heads, new.cells.as_ref())?;
        }
        if self.catalogue.untracked.contains_key(&table) {
            return self.stand_beside(table, row, old.as_ref(), lost == Some(Lost::Ours));
        }
        if let (Some(Lost::Ours), Some(old)) = (lost, &old) {
            let values = self.values(old)?;
            self.loses(work, (table, new), (&old.head, Some(&new.head)), values.as_ref())?;
        }
        let old_cells = match &old {
            Some(old) => self.visible_if_needed(old, row)?,
            None => None,
        };
        if row.head.dead {
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
        self.stand(work, table, row, (old.as_ref(), old_cells.as_ref()))?;
        self.call_as_told(table, row)
    }

    /// Keeps a version that lost. `new`: the one of both that came.
    fn loses(
        &mut self,
        work: &mut Work,
        (table, new): (i64, &Incoming),
        (loser, winner): (&Head, Option<&Head>),
        cells: Option<&Cells>,
    ) -> Result<()> {
        if let (Some(winner), Some(cells)) = (winner, cells)
            && were_made_apart(loser, winner)
            && self.has_met(new.head.origin)?
        {
            // Whether it is one is known after the page.
            let (row, loser, cells) = (new.uuid, loser.clone(), cells.clone());
            work.apart.push(Apart { table, row, loser, cells });
            return Ok(());
        }
        self.conflict((table, new.uuid), loser, cells)
    }

    fn call_as_told(&self, table: i64, new: &Incoming) -> Result<()> {
        let Some(table) = self.catalogue.id(table) else { return Ok(()) };
        let cells = new.cells.as_ref();
        self.call(new.uuid, table.called(|_, column| cells?.get(&column.id)))
    }

    /// What becomes of the row that we have when a version of it comes.
    fn join(&mut self, old: Option<&Entry>, new: &Incoming, named: bool) -> Result<Joined> {
        let verdict = version::merge(old.map(|old| &old.head), &new.head);
        let combined = match old {
            Some(old) if named || self.has_to_combine(old, new, verdict)? => {
                match (self.state(old)?, new.whole()) {
                    (Some(ours), Some(theirs)) => Some((ours, theirs)),
                    _ => None,
                }
            }
            _ => None,
        };
        let stands = |lost| Joined::Stands { combined: None, lost };
        let Some((ours, theirs)) = combined else {
            return Ok(match verdict {
                Verdict::Same => Joined::Known,
                Verdict::Ours { conflict } => Joined::Loses { lost: conflict },
                Verdict::Theirs { conflict } => stands(conflict.then_some(Lost::Ours)),
            });
        };
        let says_otherwise = says_otherwise(&ours, &theirs);
        let state = state::combine(&ours, &theirs);
        let lost = match verdict {
            Verdict::Ours { conflict: true } if says_otherwise => Some(Lost::Theirs),
            Verdict::Theirs { conflict: true } if says_otherwise => Some(Lost::Ours),
            _ => None,
        };
        if state == ours {
            return Ok(match lost {
                Some(_) => Joined::Loses { lost: true },
                None => Joined::Known,
            });
        }
        let cells = (!state.head.dead).then(|| standing::own_cells(&state));
        let (head, shape) = (state.head.clone(), new.shape);
        let state = (!state.head.dead).then(|| Box::new(state));
        let row = Incoming { head, cells, shape, state, ..new.clone() };
        Ok(Joined::Stands { combined: Some(Box::new(row)), lost })
    }

    /// May something of both be left? Mostly one version wins over the other, and nothing of that is.
    fn has_to_combine(&mut self, old: &Entry, new: &Incoming, verdict: Verdict) -> Result<bool> {
        if old.parts || new.state.is_some() {
            return Ok(true);
        }
        let theirs = matches!(verdict, Verdict::Theirs { .. });
        match (old.head.dead, new.head.dead) {
            _ if verdict == Verdict::Same => Ok(false),
            // A tombstone that lost is remembered.
            (true, false) => Ok(theirs),
            (false, true) => Ok(!theirs),
            (true, true) => Ok(false),
            (false, false) if old.shape == new.shape || new.size.is_some() => Ok(false),
            (false, false) => {
                let ours = self.shape(old.table, old.shape)?;
                let shape = self.shape(old.table, new.shape)?;
                let (winner, loser) = if theirs { (shape, ours) } else { (ours, shape) };
                Ok(!winner.covers(&loser))
            }
        }
    }

    /// What the row showed that a version replaces, where anybody is going to ask for it.
    fn visible_if_needed(&mut self, old: &Entry, new: &Incoming) -> Result<Option<Cells>> {
        let has_uniques =
            self.catalogue.id(old.table).is_some_and(|table| !table.uniques.is_empty());
        // One that may say nothing new of the columns here is compared: it need not be written.
        let asks = new.head.dead || has_uniques || new.state.is_some();
        if asks { self.visible(old) } else { Ok(None) }
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
        let mut entry = self.arrived(table_id, new, old);
        if let Some(old) = old.filter(|_| new.head.dead)
            && (old.lingers() || self.is_one_too_many(work, old, new, old_cells)?)
        {
            return self.linger(entry, old);
        }
        let visible = new.visible();
        let is_gone =
            |table: &Table| new.state.as_ref().is_some_and(|state| standing::is_gone(table, state));
        if let Some(table) = table.filter(|table| !table.away && !is_gone(table))
            && (!work.anybody_waits || self.nobody_waits_for(table, new.uuid)?)
            && (shows_already(table, (old, old_cells), visible.as_deref())
                || self.fast_path(table, &mut entry, old, visible.as_deref())?)
        {
            entry.state = if new.head.dead { State::Dead } else { State::Shown };
            return self.stands_in_table(table, entry, (old, new));
        }
        work.anybody_waits = true;
        if !new.head.dead {
            entry.state = if entry.key.is_some() { State::Otherwise } else { State::Held };
        }
        self.record(&mut entry, (old, new), Place::Kept)?;
        self.put(&entry, old)?;
        if let Some(table) = table {
            if let Some(cells) = old_cells {
                self.touched_by_claims(table, cells, &mut work.dirty)?;
            }
            if let Some(cells) = &visible {
                self.touched_by_claims(table, cells, &mut work.dirty)?;
            }
        }
        if !new.head.dead {
            let why = match (&new.cells, table) {
                (None, _) => Why::Size,
                (_, None) => Why::Schema,
                (_, Some(table)) if table.away => Why::Schema,
                _ => Why::Parent,
            };
            let shown = match (&entry.key, self.kept(new.uuid)?) {
                (Some(_), Some(kept)) => kept.shown,
                _ => Cells::default(),
            };
            self.keep(
                new.uuid,
                &Keep { cells: new.cells.as_ref(), shown: &shown, why, text: None, size: new.size },
            )?;
            if let Some(cells) = &visible {
                self.enlist(&entry, cells)?;
            }
        }
        work.dirty.insert(new.uuid);
        Ok(())
    }

    /// The entry of a version that came, where the row stood before.
    fn arrived(&mut self, table: i64, new: &Incoming, old: Option<&Entry>) -> Entry {
        Entry {
            pos: self.next_pos(),
            uuid: new.uuid,
            table,
            key: old.and_then(|old| old.key.clone()),
            digest: new.head.digest,
            shape: new.shape,
            parts: false,
            state: State::Dead,
            head: new.head.clone(),
            number: new.number.or_else(|| old.and_then(|old| old.number)),
            together: self.together,
            via: self.via,
        }
    }

    /// Writes the parts of a version that came, in place of those that the row had. `place`: where its values stand.
    pub(crate) fn record(
        &mut self,
        entry: &mut Entry,
        (old, new): (Option<&Entry>, &Incoming),
        place: Place<'_>,
    ) -> Result<()> {
        entry.parts = old.is_some_and(|old| old.parts);
        let is_unsaid = |cells: &Cells| match place {
            Place::In(table) | Place::InBut(table, _) => !table.says_all(cells),
            Place::Kept => false,
        };
        match (&new.state, &new.cells) {
            (Some(state), _) => self.take_apart(entry, state, place),
            (None, Some(cells)) if is_unsaid(cells) => {
                let state = RowState::plain(new.head.clone(), cells);
                self.take_apart(entry, &state, place)
            }
            _ if entry.parts => {
                entry.parts = false;
                self.forget_part(entry.uuid)
            }
            _ => Ok(()),
        }
    }

    /// A version that came stands in its table, or is a tombstone whose row has no place.
    fn stands_in_table(
        &mut self,
        table: &Table,
        mut entry: Entry,
        (old, new): (Option<&Entry>, &Incoming),
    ) -> Result<()> {
        let Some(cells) = &new.cells else {
            self.record(&mut entry, (old, new), Place::In(table))?;
            self.put(&entry, old)?;
            return self.forget_kept(new.uuid);
        };
        self.record(&mut entry, (old, new), Place::In(table))?;
        self.put(&entry, old)?;
        if old.is_some_and(|old| old.state != State::Shown) {
            self.forget_kept(new.uuid)?;
        }
        self.keep_if_too_large(&entry, cells)
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
    pub(crate) fn nobody_waits_for(&self, table: &Table, uuid: Uuid) -> Result<bool> {
        Ok(self.waiting(uuid.as_bytes())?.is_empty()
            && (table.uniques.is_empty()
                || self.waiting_on_values(&ground::prefix(table))?.is_empty()))
    }

    /// Writes a version into its table where nothing else has to be asked. True: it stands as it is.
    pub(crate) fn fast_path(
        &mut self,
        table: &Arc<Table>,
        entry: &mut Entry,
        old: Option<&Entry>,
        cells: Option<&Cells>,
    ) -> Result<bool> {
        if entry.head.dead {
            return self.fast_delete(table, entry, old);
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
            let Some(number) = entry.number.filter(|number| table.takes_number(*number)) else {
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
        if let Some(key) = self.stray_of(table, entry, cells)? {
            entry.key = Some(key);
            return Ok(true);
        }
        match self.insert_row(table, &local)? {
            Ok(key) => {
                entry.key = Some(key);
                Ok(true)
            }
            Err(_) => Ok(false),
        }
    }

    fn fast_delete(
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

    /// The columns as the table stores them; none where a parent has no place, or the table cannot hold a value.
    fn local_values(
        &mut self,
        table: &Arc<Table>,
        cells: &Cells,
    ) -> Result<Option<Vec<Option<Cell>>>> {
        if cells.iter().any(|(_, cell)| matches!(cell, Cell::Number(_))) {
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
            local.push(match cells.get(&column.id) {
                _ if Some(index) == table.number => None,
                None if column.target.is_some() && column.not_null => return Ok(None),
                None => Some(column.blank.clone()),
                Some(Cell::Null) if column.not_null => return Ok(None),
                Some(cell) => match self.local(table, index, cell)? {
                    // A parent that says NULL where it is shown.
                    Some(Cell::Null) if *cell != Cell::Null => return Ok(None),
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

/// Do two versions say something else in a column of which both speak?
fn says_otherwise(one: &RowState, other: &RowState) -> bool {
    one.head.dead != other.head.dead
        || one.own.iter().any(|(id, cell)| {
            other.own.get(id).is_some_and(|other| {
                cell.dot != other.dot && (cell.cell() != other.cell() || cell.is_missing())
            })
        })
}

/// The columns of a page's table: what the shop calls them, and what an entry says of their set.
struct Named {
    ids: Vec<Arc<str>>,
    shape: Option<i64>,
}

impl Tx<'_> {
    fn columns_of(&mut self, id: i64, table: &PageTable) -> Result<Named> {
        let ids: Vec<Arc<str>> =
            table.columns.iter().map(|column| column.as_str().into()).collect();
        let has_values = |row: &Row| matches!(row.body, Body::Live(_));
        let shape = if table.rows.iter().any(has_values) {
            let shape = self.shape_of(id, ids.iter())?;
            self.shape_number(id, &shape)?
        } else {
            None
        };
        Ok(Named { ids, shape })
    }
}

/// A version as it comes.
fn incoming(row: &Row, columns: &Named) -> Result<Incoming> {
    let bad = |what: &str| Error::BadPage { what: format!("the row {} {what}", row.uuid) };
    let (mut cells, size) = match &row.body {
        Body::Dead => (None, None),
        Body::Size(size) => (None, Some(*size)),
        Body::Live(values) if values.len() == columns.ids.len() => {
            let pairs = columns.ids.iter().cloned().zip(values.iter().cloned());
            (Some(Cells::new(pairs.collect())), None)
        }
        Body::Live(_) => return Err(bad("has not as many values as there are columns")),
    };
    if row.seq == 0 {
        return Err(bad("has no seq"));
    }
    let told = row.parts.as_ref().and_then(|parts| parts.digest);
    let digest = match (&cells, size, told) {
        (Some(_), _, Some(told)) => told,
        (Some(cells), _, None) => cells.digest(),
        (None, Some(size), _) => digest_of_size(size),
        (None, None, _) => 0,
    };
    let mut head = Head {
        stamp: row.stamp,
        origin: row.origin,
        seq: row.seq,
        digest,
        dead: matches!(row.body, Body::Dead),
        seen: row.seen.clone(),
    };
    let shape = columns.shape.filter(|_| cells.is_some());
    let state = match (&row.parts, &cells) {
        (Some(parts), Some(cells)) => {
            let mut state = parts.state(head.clone(), cells).ok_or_else(|| bad("has odd parts"))?;
            // The digest of a version that its writer had not all values of is over their dots.
            head.digest = told.unwrap_or_else(|| standing::own_digest(&state));
            state.head.digest = head.digest;
            Some(Box::new(state))
        }
        _ => None,
    };
    if let (Some(state), Some(cells)) = (&state, &mut cells) {
        *cells = standing::own_cells(state);
    }
    let (uuid, number) = (row.uuid, row.number);
    Ok(Incoming { uuid, head, cells, size, number, shape, state })
}
