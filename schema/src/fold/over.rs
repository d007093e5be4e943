//! Writing over: the version of a row whose columns were not all written by the one that stood.
//!
//! A row that is plain is a version whole, whatever of it changed. Where a column shows something that this machine put
//! there, or an upgrade did, or where its writer is another than the row's, it is asked whether the application changed
//! it: what it left alone keeps the value and the dot that it had.
//!
//! ```text
//!   the column shows                       the application left it        it changed it
//!   what the row's state says              written: a version is whole    written
//!   a substitute, a stand-in, nothing of   carried on as it was           written
//!     a value that is not here
//!   what nobody said                       no opinion                     written
//!   (it is not in the table here)          carried on as it was
//!   (what it said a moment ago, in a table   missing: a tool had begun its copy before
//!     that was made anew)
//!   (it is new in this look)               nobody's, or found: an upgrade's value and a person's cannot be told apart
//! ```

use super::Touched;
use crate::catalogue::{Catalogue, Column, OnDelete, Table};
use crate::entry::{Entry, State as Shown};
use crate::held::{Keep, Kept, Why};
use crate::sidecar::part::Part;
use crate::spare;
use crate::standing::{self, Place};
use crate::state::{Dot, Dotted, State, Value};
use crate::tx::Tx;
use crate::{Cell, Cells, Result, Stamp, stamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// What a column was left showing.
enum Was {
    /// What the state says, as the table says it.
    AsSaid,
    /// What the state says, which the table cannot say: this, as stored.
    Nearly(Cell),
    /// Something else: this, as stored.
    Otherwise(Cell),
    /// What nobody has an opinion on.
    Blank(Cell),
}

/// A column that says something else than it did, or of which nobody knows.
struct Written {
    id: Arc<str>,
    /// As it travels.
    cell: Cell,
    /// It is known to say something else.
    changed: bool,
    /// What it said stood in the table alone.
    gone: bool,
    /// It showed this not long before: whoever made the table anew may have copied it then.
    before: bool,
}

impl Tx<'_> {
    /// Is a written row a version whole?
    pub(super) fn is_plain_write(&mut self, touched: &Touched, old: &Entry) -> Result<bool> {
        let table = &touched.table;
        if !old.head.dead
            && (touched.listed || !touched.emptied(&self.catalogue, &BTreeSet::new()).is_empty())
        {
            return Ok(false);
        }
        Ok(old.head.dead
            || (old.state == Shown::Shown
                && !old.parts
                && table.changed < touched.last
                && !table.has_lost_columns()
                && self.is_full(table, old)?))
    }

    /// Makes what comes of a row that was written, or found, over a state that is not plain. `row`: as stored; `now`: as
    /// it travels.
    pub(super) fn write_over(
        &mut self,
        touched: &Touched,
        (uuid, old): (Uuid, &Entry),
        (row, now): (&[Cell], &Cells),
    ) -> Result<()> {
        let Some(state) = self.state(old)? else {
            // Its values were left out for their size: what stands there now is all that is known.
            return self.write_whole(touched, (uuid, old), now);
        };
        let kept = self.kept_beside(old)?;
        if old.key.is_none() && touched.listed {
            // An upgrade put it where another machine's version of it waits: that one stands.
            let key = Some(touched.key.clone());
            return self.place(&Entry { key, state: Shown::Otherwise, ..old.clone() });
        }
        if old.key.is_none() {
            // It never stood here: whoever wrote it now had not seen it.
            self.conflict((old.table, uuid), &old.head, Some(&standing::own_cells(&state)))?;
        }
        let mut look = self.look_over(touched, old, (row, now), (&state, kept.as_ref()))?;
        let in_look = touched.last <= touched.table.changed || !look.emptied.is_empty();
        // A tool that fills a table again puts back what was there.
        let is_back = touched.inserted && in_look && old.key.is_some() && look.written.is_empty();
        if touched.inserted && !is_back {
            look = look.written_whole(&touched.table, now);
        }
        let is_quiet = (touched.listed || in_look) && (!touched.inserted || is_back);
        if is_quiet && look.written.is_empty() {
            return self.found((touched, old), state, &look);
        }
        if let Some(held) =
            said_before(&touched.table, &state, (row, now), &look).filter(|_| is_quiet)
        {
            look.written.clear();
            look.held.extend(held);
            return self.found((touched, old), state, &look);
        }
        if touched.listed {
            look.overtake(&state);
            return self.found((touched, old), state, &look);
        }
        let floor = state.dots().map(|dot| dot.written().stamp).max().and_then(Stamp::from_i64);
        let stamp = Stamp::after(floor, self.believe(touched.time)?);
        let head = self.next_head(Some(old), stamp, 0, false)?;
        let dot = Dot::of(&head);
        let fresh = fresh_ids(&look);
        let mut own = look.carried;
        for (id, cell) in look.whole.into_iter().chain(look.held) {
            own.insert(id, Dotted::here(dot, cell));
        }
        for id in look.left {
            if let Some(cell) = now.get(&id) {
                own.insert(id, Dotted::here(dot, cell.clone()));
            }
        }
        for written in look.written {
            own.insert(written.id, Dotted::here(dot, written.cell));
        }
        for (id, cell, column) in look.fresh {
            if is_upgrades(column, &cell, own.get(&id)) {
                let found = Dot::of(&old.head).found(dot.origin, dot.seq);
                own.insert(id, Dotted::here(found, cell));
            }
        }
        // What its writer's table showed otherwise because the schema is the reason goes with it.
        let of_schema = |kept: &Kept| matches!(kept.why, Why::Schema | Why::Constraint);
        let is_of_schema = kept.as_ref().is_some_and(of_schema);
        let seen = look.still.iter().filter(|_| is_of_schema);
        let seen =
            seen.filter_map(|(id, _)| Some((Arc::clone(id), now.get(id)?.clone()))).collect();
        let mut state = State { head, own, beside: BTreeMap::new(), cut: state.cut, seen };
        state.head.digest = standing::own_digest(&state);
        let still = Cells::new(look.still);
        self.stand_written(touched, (uuid, old), (&state, &fresh), (still, kept.as_ref()))
    }

    /// The tables that were away or made anew not long ago.
    fn anew_lately(&self) -> BTreeSet<i64> {
        let now = self.clock.elapsed();
        let lately = self.anew.iter().filter(|(_, at)| now <= **at + spare::COPYING);
        lately.map(|(id, _)| *id).collect()
    }

    /// Looks over a row, column by column.
    fn look_over<'t>(
        &mut self,
        touched: &'t Touched,
        old: &Entry,
        (row, now): (&[Cell], &Cells),
        (state, kept): (&State, Option<&Kept>),
    ) -> Result<Look<'t>> {
        let table = &touched.table;
        let is_nobodys = touched.listed && touched.written.is_none();
        let lately = if is_nobodys { self.anew_lately() } else { BTreeSet::new() };
        let emptied = touched.emptied(&self.catalogue, &lately);
        let is_asked = touched.listed || touched.last <= table.changed || !emptied.is_empty();
        let was_shown = if is_asked && old.state == Shown::Shown {
            self.was_shown(old)
        } else {
            spare::WasShown::default()
        };
        let part =
            if is_nobodys && old.parts { self.part(old.table, old.uuid)? } else { Part::default() };
        let mut look = Look::default();
        for (index, column) in table.columns.iter().enumerate() {
            let (Some(stored), Some(cell)) = (row.get(index), now.get(&column.id)) else {
                continue;
            };
            let (id, says) = (Arc::clone(&column.id), state.cell(&column.id));
            if old.key.is_none() {
                look.written.push(Written::over(id, cell));
                continue;
            }
            if emptied.contains(&index) && *stored == Cell::Null && says.is_some() {
                // Nobody wrote it. What it was stood in the table, or stands beside it still.
                let is_nowhere = says.as_ref().and_then(Dotted::cell) == Some(&Cell::Null);
                let says = says.map(|says| if is_nowhere { says.gone() } else { says });
                look.carried.extend(says.map(|says| (Arc::clone(&id), says)));
                look.emptied.push(id);
                continue;
            }
            if touched.last <= column.since {
                look.carried.extend(says.map(|says| (Arc::clone(&id), says)));
                look.fresh.push((id, cell.clone(), column));
                continue;
            }
            let was = self.was((table, index), says.as_ref(), kept)?;
            match was {
                Was::Nearly(was) if column.shows(&was, stored) => {
                    let said = says.as_ref().and_then(Dotted::cell).unwrap_or(cell);
                    look.whole.push((id, said.clone()));
                }
                Was::Otherwise(was) if column.shows(&was, stored) => {
                    if kept.is_some_and(|kept| kept.shown.get(&id).is_some()) {
                        look.still.push((Arc::clone(&id), stored.clone()));
                    }
                    look.carried.extend(says.map(|says| (id, says)));
                }
                Was::Blank(was) if column.shows(&was, stored) => {}
                Was::AsSaid => match was_shown.last.get(&column.number) {
                    None if part.is_not_shown_yet(state, &id, !was_shown.last.is_empty()) => {
                        look.carried.extend(says.map(|says| (Arc::clone(&id), says)));
                        look.fresh.push((id, cell.clone(), column));
                    }
                    hash => {
                        let before = || is_nobodys && was_shown.before(column, stored);
                        look.compare((id, column), (stored, cell), (hash, before));
                    }
                },
                Was::Nearly(_) | Was::Otherwise(_) | Was::Blank(_) => {
                    look.written.push(Written::over(id, cell));
                }
            }
        }
        // Columns that are not here are carried on as they are.
        for (id, cell) in state.cells() {
            if table.column_of(id).is_none() {
                look.carried.insert(Arc::clone(id), cell);
            }
        }
        Ok(look)
    }

    /// What a column was left showing.
    fn was(
        &mut self,
        (table, index): (&Table, usize),
        says: Option<&Dotted>,
        kept: Option<&Kept>,
    ) -> Result<Was> {
        let Some(column) = table.at(index) else { return Ok(Was::AsSaid) };
        if let Some(shown) = kept.and_then(|kept| kept.shown.get(&column.id)) {
            return Ok(Was::Otherwise(shown.clone()));
        }
        let Some(says) = says else { return Ok(Was::Blank(column.blank.clone())) };
        Ok(match (says.cell(), says.known()) {
            // A number that named no row may name one by now.
            (Some(Cell::Number(_)), _) => Was::AsSaid,
            (Some(cell), _) if table.says(&column.id, cell) => Was::AsSaid,
            (Some(cell), _) => match self.local(table, index, cell)? {
                Some(stored) => Was::Nearly(stored),
                None => Was::AsSaid,
            },
            (None, Some(known)) => {
                Was::Otherwise(self.local(table, index, known)?.unwrap_or(Cell::Null))
            }
            (None, None) => Was::Otherwise(column.blank.clone()),
        })
    }

    /// Writes down a version that the application made, and what its table shows otherwise.
    fn stand_written(
        &mut self,
        touched: &Touched,
        (uuid, old): (Uuid, &Entry),
        (state, fresh): (&State, &BTreeSet<Arc<str>>),
        (still, kept): (Cells, Option<&Kept>),
    ) -> Result<()> {
        let table = Arc::clone(&touched.table);
        let place = if still.is_empty() { Place::InBut(&table, fresh) } else { Place::Kept };
        let key = Some(touched.key.clone());
        let entry = self.make_of((&table, uuid), Some(old), state, place, key)?;
        self.forget_kept(uuid)?;
        let own = standing::own_cells(state);
        if still.is_empty() {
            return self.keep_if_too_large(&entry, &own);
        }
        let why = kept.map_or(Why::Unique, |kept| kept.why);
        let keep = Keep { cells: Some(&own), shown: &still, why, text: None, size: None };
        self.keep(uuid, &keep)?;
        self.enlist(&entry, &standing::shown_cells(state))?;
        self.place(&Entry { state: Shown::Otherwise, ..entry })
    }

    fn write_whole(
        &mut self,
        touched: &Touched,
        (uuid, old): (Uuid, &Entry),
        now: &Cells,
    ) -> Result<()> {
        let table = Arc::clone(&touched.table);
        let stamp = Stamp::after(Some(old.head.stamp), self.believe(touched.time)?);
        let key = Some(touched.key.clone());
        let entry = self.make((&table, uuid), Some(old), Some(now), stamp, key)?;
        self.forget_kept(uuid)?;
        self.keep_if_too_large(&entry, now)
    }

    /// Nobody wrote it: what an upgrade put into new columns, and what a table made anew says otherwise, are cells beside
    /// the version; what was emptied with a parent is missing.
    fn found(
        &mut self,
        (touched, old): (&Touched, &Entry),
        mut state: State,
        look: &Look<'_>,
    ) -> Result<()> {
        for id in &look.emptied {
            if let (Some(own), Some(cell)) = (state.own.get_mut(id), look.carried.get(id))
                && own.dot == cell.dot
            {
                own.value = cell.value.clone();
            }
        }
        for (id, cell) in &look.held {
            if let Some(own) = state.own.get_mut(id) {
                own.value = Value::Here(cell.clone());
            }
        }
        let seq = self.count.seq + 1;
        let of = |dot: Dot| Dot { origin: self.me, seq, ..dot };
        let mut cells: Vec<(Arc<str>, Dotted)> = Vec::new();
        for (id, cell, column) in &look.fresh {
            if is_upgrades(column, cell, state.cell(id).as_ref()) {
                let dot = Dot::of(&old.head).found(self.me, seq);
                cells.push((Arc::clone(id), Dotted::here(dot, cell.clone())));
            }
        }
        for Written { id, cell, gone, .. } in &look.written {
            let dot = match state.cell(id) {
                Some(there) => of(Dot { stamp: stamp::found_above(there.dot.stamp), ..there.dot }),
                None => Dot::of(&old.head).found(self.me, seq),
            };
            if let (Some(own), true) = (state.own.get_mut(id), *gone) {
                *own = own.clone().gone();
            }
            cells.push((Arc::clone(id), Dotted::here(dot, cell.clone())));
        }
        let fresh = fresh_ids(look);
        let place = match old.state {
            Shown::Shown => Place::InBut(&touched.table, &fresh),
            _ => Place::Kept,
        };
        if cells.is_empty() {
            if !look.emptied.is_empty() || !look.held.is_empty() {
                let mut entry = old.clone();
                self.take_apart(&mut entry, &state, place)?;
                self.put(&entry, Some(old))?;
            }
            return Ok(());
        }
        for (id, cell) in &cells {
            state.take(id, cell);
        }
        self.count.seq = seq;
        let digest = standing::digest(&state.head, &state);
        self.chain(old.uuid, (old.head.stamp.to_i64(), digest))?;
        let mut entry =
            Entry { pos: self.next_pos(), together: self.together, via: None, ..old.clone() };
        self.take_apart(&mut entry, &state, place)?;
        self.put(&entry, Some(old))
    }
}

/// Columns that were first seen in this look: what the state says of them is not in the table yet.
fn fresh_ids(look: &Look<'_>) -> BTreeSet<Arc<str>> {
    look.fresh.iter().map(|(id, ..)| Arc::clone(id)).collect()
}

impl spare::WasShown {
    /// Did a column show this not long before?
    fn before(&self, column: &Column, stored: &Cell) -> bool {
        if let Some(before) = self.before.get(&column.number) {
            return before.iter().any(|hash| column.held(stored, *hash).is_some());
        }
        // It was new then, and not filled yet.
        let is_new = !self.last.is_empty() && !self.last.contains_key(&column.number);
        (is_new || !self.before.is_empty()) && *stored == column.blank
    }
}

impl Part {
    /// Is what a column says kept here because its table has not shown it yet? `is_new`: it was not there when what the
    /// table showed was last copied.
    fn is_not_shown_yet(&self, state: &State, id: &str, is_new: bool) -> bool {
        let (own, shown) = (state.own.get(id), state.cell(id));
        let is_own = own.map(|own| own.dot) == shown.map(|shown| shown.dot);
        if is_own {
            self.own.get(id).is_some_and(|own| matches!(own, Value::Here(_)))
        } else {
            is_new
        }
    }
}

/// Did an upgrade put this into a column that was first seen then, and nobody has an opinion there?
fn is_upgrades(column: &Column, cell: &Cell, says: Option<&Dotted>) -> bool {
    says.is_none() && *cell != column.blank && column.fill.as_ref() != Some(cell)
}

/// Does a row say in its own columns what its version said, as far as its digest tells? Answers what columns held whose
/// type made something else of it.
fn said_before(
    table: &Table,
    state: &State,
    (row, now): (&[Cell], &Cells),
    look: &Look<'_>,
) -> Option<Vec<(Arc<str>, Cell)>> {
    if look.written.iter().any(|written| written.changed) {
        return None;
    }
    let mut held = Vec::new();
    let is_unknown = |id: &str| look.written.iter().any(|written| &*written.id == id);
    for (index, column) in table.columns.iter().enumerate().filter(|(_, one)| is_unknown(&one.id)) {
        let maybe = row.get(index).map(|stored| column.may_have_held(stored)).unwrap_or_default();
        held.extend(maybe.into_iter().next().map(|cell| (Arc::clone(&column.id), cell)));
    }
    let written = Dot::of(&state.head);
    // What a version only carried on may not have been with its writer, and has come since.
    let says = |held: &[(Arc<str>, Cell)], carried: bool| {
        let mut told = state.clone();
        for (id, cell) in &mut told.own {
            let was = held.iter().chain(&look.held).find(|(of, _)| of == id).map(|(_, cell)| cell);
            if let Some(was) = was.or_else(|| now.get(id).filter(|_| is_unknown(id))) {
                cell.value = Value::Here(was.clone());
            }
            if carried && cell.dot != written {
                cell.value = Value::Missing(None);
            }
        }
        standing::own_digest(&told) == state.head.digest
    };
    if says(&[], false) || says(&[], true) {
        return Some(Vec::new());
    }
    (!held.is_empty() && (says(&held, false) || says(&held, true))).then_some(held)
}

impl Touched {
    /// The columns that refer to tables which were dropped or made anew when the row was last written, and are emptied
    /// then. `lately`: tables that were not long before, where nobody wrote the row: a tool copied what it emptied.
    fn emptied(&self, catalogue: &Catalogue, lately: &BTreeSet<i64>) -> Vec<usize> {
        let written = self.written.unwrap_or(self.last);
        let references = self.table.references.iter();
        let emptied = references.filter(|reference| {
            let parent = catalogue.named(&reference.parent);
            self.table.did(reference, written) == OnDelete::SetNull
                && parent.is_some_and(|parent| {
                    parent.is_gone_or_anew(written) || lately.contains(&parent.id)
                })
        });
        emptied.flat_map(|reference| reference.columns.iter().copied()).collect()
    }
}

impl Written {
    /// Over what is known.
    fn over(id: Arc<str>, cell: &Cell) -> Self {
        Self { id, cell: cell.clone(), changed: true, gone: false, before: false }
    }
}

/// What was found of a row, column by column. Columns by their ids.
#[derive(Default)]
struct Look<'t> {
    /// Carried on as they are.
    carried: BTreeMap<Arc<str>, Dotted>,
    /// Left alone, and said by the version whole: with the value that the table cannot say.
    whole: Vec<(Arc<str>, Cell)>,
    /// Left alone by whoever made the table anew, and said whole.
    left: Vec<Arc<str>>,
    /// Left alone, and another type made something else of this.
    held: Vec<(Arc<str>, Cell)>,
    written: Vec<Written>,
    /// New in this look.
    fresh: Vec<(Arc<str>, Cell, &'t Column)>,
    /// Still showing what was put there instead, as stored.
    still: Vec<(Arc<str>, Cell)>,
    /// References that were emptied because their parents were made anew.
    emptied: Vec<Arc<str>>,
}

impl Look<'_> {
    /// All that the table has was written, whatever it is.
    fn written_whole(self, table: &Table, now: &Cells) -> Self {
        let written = now.iter().map(|(id, cell)| Written::over(Arc::clone(id), cell)).collect();
        let mut carried = self.carried;
        carried.retain(|id, _| table.column_of(id).is_none());
        Self { carried, written, ..Self::default() }
    }

    /// Whether a column still shows what it was seen to show last. `before`: did it show this not long before that?
    fn compare(
        &mut self,
        (id, column): (Arc<str>, &Column),
        (stored, cell): (&Cell, &Cell),
        (last, before): (Option<&u64>, impl Fn() -> bool),
    ) {
        let held = last.map(|hash| column.held(stored, *hash));
        match held {
            Some(Some(held)) if held == *stored => self.left.push(id),
            // Another type made this of it.
            Some(Some(held)) => self.held.push((id, held)),
            Some(None) | None => self.written.push(Written {
                changed: held.is_some(),
                gone: true,
                before: before(),
                ..Written::over(id, cell)
            }),
        }
    }

    /// What columns showed not long before was copied from there, and written by nobody: what they said since stood in
    /// the table alone, and others still know it. Until they are heard it is shown as the last that is known.
    fn overtake(&mut self, state: &State) {
        let (before, written) =
            std::mem::take(&mut self.written).into_iter().partition(|written| written.before);
        self.written = written;
        for Written { id, cell, .. } in before {
            let (own, said) = (state.own.get(&id), state.cell(&id));
            let Some(said) = said.filter(|said| own.is_some_and(|own| own.dot == said.dot)) else {
                // What it said stands beside, and is shown again.
                continue;
            };
            let last = (said.dot.found(said.dot.origin, said.dot.seq), cell);
            let gone = Dotted { dot: said.dot, value: Value::Missing(Some(last)) };
            self.carried.insert(Arc::clone(&id), gone);
            self.emptied.push(id);
        }
    }
}
