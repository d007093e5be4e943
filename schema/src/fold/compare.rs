//! Comparing: what a row shows with what is known that it was left showing, column by column.
//!
//! What a column showed is what its state says, unless that is kept beside the table. Where the table alone has it, the
//! spare has a hash of it: of the version that stands, or of the one before where that came a moment ago.
//!
//! # Invariants
//!
//! * Nothing is changed here.
//! * What nobody wrote is not taken for a person's word: what showed a moment ago may have been copied then.

use super::Touched;
use crate::catalogue::{Catalogue, Column, OnDelete, Table};
use crate::entry::{Entry, State as Shown};
use crate::held::Kept;
use crate::sidecar::part::Part;
use crate::spare;
use crate::standing;
use crate::state::{Dot, Dotted, State, Value};
use crate::tx::Tx;
use crate::{Cell, Cells, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

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
pub(super) struct Written {
    pub(super) id: Arc<str>,
    /// As it travels.
    pub(super) cell: Cell,
    /// It is known to say something else.
    changed: bool,
    /// What it said stood in the table alone.
    pub(super) gone: bool,
    /// It showed this not long before: whoever made the table anew may have copied it then.
    before: bool,
}

impl Tx<'_> {
    /// The tables that were away or made anew not long ago.
    fn anew_lately(&self) -> BTreeSet<i64> {
        let now = self.clock.elapsed();
        let lately = self.anew.iter().filter(|(_, at)| now <= **at + spare::COPYING);
        lately.map(|(id, _)| *id).collect()
    }

    /// Looks over a row, column by column.
    pub(super) fn look_over<'t>(
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
            if touched.inserted || old.key.is_none() {
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

/// Does a row say in its own columns what its version said, as far as its digest tells? Answers what columns held whose
/// type made something else of it.
pub(super) fn said_before(
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
    let is_carried = state.own.values().any(|cell| cell.dot != written);
    let says = |held: &[(Arc<str>, Cell)]| says(held, false) || (is_carried && says(held, true));
    if says(&[]) {
        return Some(Vec::new());
    }
    (!held.is_empty() && says(&held)).then_some(held)
}

impl Touched {
    /// The columns that refer to tables which were dropped or made anew when the row was last written, and are emptied
    /// then. `lately`: tables that were not long before, where nobody wrote the row: a tool copied what it emptied.
    pub(super) fn emptied(&self, catalogue: &Catalogue, lately: &BTreeSet<i64>) -> Vec<usize> {
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
pub(super) struct Look<'t> {
    /// Carried on as they are.
    pub(super) carried: BTreeMap<Arc<str>, Dotted>,
    /// Left alone, and said by the version whole: with the value that the table cannot say.
    pub(super) whole: Vec<(Arc<str>, Cell)>,
    /// Left alone by whoever made the table anew, and said whole.
    pub(super) left: Vec<Arc<str>>,
    /// Left alone, and another type made something else of this.
    pub(super) held: Vec<(Arc<str>, Cell)>,
    pub(super) written: Vec<Written>,
    /// New in this look.
    pub(super) fresh: Vec<(Arc<str>, Cell, &'t Column)>,
    /// Still showing what was put there instead, as stored.
    pub(super) still: Vec<(Arc<str>, Cell)>,
    /// References that were emptied because their parents were made anew.
    pub(super) emptied: Vec<Arc<str>>,
}

impl Look<'_> {
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
    pub(super) fn overtake(&mut self, state: &State) {
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
