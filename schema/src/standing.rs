//! What an entry says: its state, put together from where its parts are kept, and taken apart again.
//!
//! ```text
//!   own cells      in the table, where it shows them; kept beside it, where it shows something else or nothing;
//!                  in the row's part, where its column is not here or shows a cell beside
//!   beside, cut    in the row's part
//! ```
//!
//! # Invariants
//!
//! * Most rows are plain: all they say stands in the table, and nothing of this file is asked.
//! * A value that is nowhere here is missing, never NULL.

use crate::catalogue::Table;
use crate::cell::in_lower_case;
use crate::entry::{Entry, State as Shown};
use crate::rows::Names;
use crate::sidecar::part::Part;
use crate::sidecar::shape::Shape;
use crate::state::{Dot, Dotted, State, Value};
use crate::tx::Tx;
use crate::version::Head;
use crate::{Cells, Result};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Where a version's own cells stand.
#[derive(Clone, Copy)]
pub(crate) enum Place<'t> {
    /// In this table, as far as it shows them.
    In(&'t Table),
    /// In this table, but for these columns: they are new, and do not show them yet.
    InBut(&'t Table, &'t BTreeSet<Arc<str>>),
    /// Kept beside it, all of them.
    Kept,
}

impl Tx<'_> {
    /// The values of an entry's own version, as far as they are here: in the table, or kept beside it. None where they
    /// are nowhere: of a tombstone, a row too large to travel, a row or table that went without a line in the log.
    pub(crate) fn values(&mut self, entry: &Entry) -> Result<Option<Cells>> {
        match self.said(entry)? {
            Some(cells) if entry.parts => {
                let part = self.part(entry.table, entry.uuid)?;
                Ok(Some(with_own(cells, &part)))
            }
            said => Ok(said),
        }
    }

    /// The same, but for those that stand in the row's part.
    fn said(&mut self, entry: &Entry) -> Result<Option<Cells>> {
        Ok(match entry.state {
            Shown::Dead | Shown::Lingers => None,
            Shown::Otherwise | Shown::Held => self.kept(entry.uuid)?.and_then(|kept| kept.cells),
            Shown::Shown => self.values_in_table(entry)?,
        })
    }

    /// Of a row that the table shows as its version says.
    fn values_in_table(&mut self, entry: &Entry) -> Result<Option<Cells>> {
        let catalogue = Arc::clone(&self.catalogue);
        let (Some(table), Some(key)) = (catalogue.id(entry.table), &entry.key) else {
            return Ok(None);
        };
        let Some(row) = self.read_row(table, key)? else { return Ok(None) };
        let cells = self.translate(table, row, &Names::new())?;
        if self.is_full(table, entry)? && !table.has_lost_columns() {
            return Ok(Some(cells));
        }
        let shape = self.shape(entry.table, entry.shape)?;
        Ok(Some(of_shape(cells, table, &shape, entry.pos)))
    }

    /// Does the version speak of just the columns that the table has here?
    pub(crate) fn is_full(&mut self, table: &Table, entry: &Entry) -> Result<bool> {
        let full = self.full_shape(table)?;
        Ok(self.shape_number(table.id, &full)? == entry.shape)
    }

    /// What the row's columns show, or are to show, as far as anything is known: own cells and those beside.
    pub(crate) fn visible(&mut self, entry: &Entry) -> Result<Option<Cells>> {
        if !entry.parts {
            return self.values(entry);
        }
        Ok(self.state(entry)?.map(|state| shown_cells(&state)))
    }

    /// The whole state of a row; none where its values were left out for their size.
    pub(crate) fn state(&mut self, entry: &Entry) -> Result<Option<State>> {
        let part = if entry.parts { self.part(entry.table, entry.uuid)? } else { Part::default() };
        self.state_with(entry, &part)
    }

    /// The same, with the row's part in hand.
    pub(crate) fn state_with(&mut self, entry: &Entry, part: &Part) -> Result<Option<State>> {
        let mut state = State {
            head: entry.head.clone(),
            own: BTreeMap::new(),
            beside: part.beside.clone(),
            cut: part.cut,
            seen: part.seen.clone(),
        };
        if entry.head.dead {
            return Ok(Some(state));
        }
        let mut said = match self.said(entry)? {
            Some(cells) => by_id(cells),
            None if self.kept_size(entry.uuid)?.is_some() => return Ok(None),
            None => BTreeMap::new(),
        };
        let (shape, columns) = (self.shape(entry.table, entry.shape)?, self.columns(entry.table)?);
        for number in &shape.columns {
            let Some(known) = columns.number(*number) else { continue };
            let id = Arc::clone(&known.id);
            let value = match part.own.get(&id) {
                Some(value) => value.clone(),
                None => said.remove(&id).map_or(Value::Missing(None), Value::Here),
            };
            let dot = part.dots.get(&id).copied().unwrap_or_else(|| Dot::of(&entry.head));
            state.own.insert(id, Dotted { dot, value });
        }
        Ok(Some(state))
    }

    /// Writes down what of a state its version's cells do not say, and says so in the entry.
    pub(crate) fn take_apart(
        &mut self,
        entry: &mut Entry,
        state: &State,
        place: Place<'_>,
    ) -> Result<()> {
        let shape = self.shape_of(entry.table, state.own.keys())?;
        entry.shape = self.shape_number(entry.table, &shape)?;
        entry.digest = digest(&state.head, state);
        let part = part_of(state, place);
        // A version's digest is over the ids that its writer knew: where columns got others, it is told.
        let has_parts = !part.is_empty() || own_digest(state) != state.head.digest;
        let had = std::mem::replace(&mut entry.parts, has_parts);
        if had || has_parts {
            self.write_part(entry.table, entry.uuid, &part)?;
        }
        let catalogue = Arc::clone(&self.catalogue);
        let Some(table) = catalogue.id(entry.table).filter(|table| !table.away) else {
            return Ok(());
        };
        if lacks_values(table, state) {
            self.ask_for(entry.uuid)?;
        } else {
            self.lacks_nothing(entry.uuid)?;
        }
        Ok(())
    }
}

/// Is a value of a state not here that its table has a column for?
pub(crate) fn lacks_values(table: &Table, state: &State) -> bool {
    let is_lacking = |id: &str| {
        table.column_of(id).is_some() && state.cell(id).is_some_and(|cell| cell.is_missing())
    };
    let all = state.own.iter().chain(state.beside.iter().map(|((id, _), cell)| (id, cell)));
    all.filter(|(_, cell)| cell.is_missing()).any(|(id, _)| is_lacking(id))
}

/// What stands beside the place of a version's own cells.
fn part_of(state: &State, place: Place<'_>) -> Part {
    let mut part = Part {
        seen: state.seen.clone(),
        beside: state.beside.clone(),
        cut: state.cut,
        ..Part::default()
    };
    let in_table = |table: &Table, id: &str, cell: &Dotted| {
        let is_overruled =
            !state.beside.is_empty() && state.cell(id).is_some_and(|shown| shown.dot != cell.dot);
        !is_overruled && cell.cell().is_some_and(|cell| table.says(id, cell))
    };
    for (id, cell) in &state.own {
        let is_said = !cell.is_missing()
            && match place {
                Place::Kept => true,
                Place::In(table) => in_table(table, id, cell),
                Place::InBut(table, but) => !but.contains(id) && in_table(table, id, cell),
            };
        if !is_said {
            part.own.insert(Arc::clone(id), cell.value.clone());
        }
        if cell.dot != Dot::of(&state.head) {
            part.dots.insert(Arc::clone(id), cell.dot);
        }
    }
    part
}

/// What each column of a state shows, where anything is known of it.
pub(crate) fn shown_cells(state: &State) -> Cells {
    let cells = state.cells();
    let known = cells.iter().filter_map(|(id, cell)| Some((Arc::clone(id), cell.known()?.clone())));
    Cells::new(known.collect())
}

/// Is nothing known of what a row's version wrote, or not its key? Such a row is not shown, whatever was found beside it.
pub(crate) fn is_gone(table: &Table, state: &State) -> bool {
    let is_unknown = |id: &str| state.cell(id).is_none_or(|cell| cell.known().is_none());
    let mut key = table.naming_columns().iter().filter_map(|&index| table.at(index));
    state.own.values().any(Dotted::is_missing)
        && (key.any(|column| is_unknown(&column.id)) || state.own.keys().all(|id| is_unknown(id)))
}

/// Own cells of a version, as far as their values are here.
pub(crate) fn own_cells(state: &State) -> Cells {
    let here =
        state.own.iter().filter_map(|(id, cell)| Some((Arc::clone(id), cell.cell()?.clone())));
    Cells::new(here.collect())
}

/// Eight bytes of hash of a version's own cells; of one whose value is not here, of its dot.
pub(crate) fn own_digest(state: &State) -> u64 {
    let cells = own_cells(state);
    if cells.len() == state.own.len() {
        return crate::entry::digest(&cells);
    }
    let mut hash = Sha256::new();
    hash.update(crate::entry::digest(&cells).to_be_bytes());
    for (id, cell) in state.own.iter().filter(|(_, cell)| cell.is_missing()) {
        update(&mut hash, id, cell.dot);
    }
    crate::cell::first_eight(&hash.finalize().into())
}

/// Eight bytes of hash of a state. A dot stands for the cell that it wrote.
pub(crate) fn digest(head: &Head, state: &State) -> u64 {
    if state.beside.is_empty() {
        return head.digest;
    }
    let mut hash = Sha256::new();
    hash.update(head.digest.to_be_bytes());
    for ((id, _), cell) in &state.beside {
        update(&mut hash, id, cell.dot);
    }
    crate::cell::first_eight(&hash.finalize().into())
}

fn update(hash: &mut Sha256, id: &str, dot: Dot) {
    hash.update((id.len() as u64).to_be_bytes());
    hash.update(id.as_bytes());
    hash.update(dot.stamp.to_be_bytes());
    hash.update(dot.origin.machine.as_bytes());
    hash.update(dot.origin.epoch.to_be_bytes());
    hash.update(dot.seq.to_be_bytes());
}

fn by_id(cells: Cells) -> BTreeMap<Arc<str>, crate::Cell> {
    cells.into_pairs().into_iter().map(|(id, cell)| (in_lower_case(&id), cell)).collect()
}

/// With the own cells that stand in the part.
fn with_own(mut cells: Cells, part: &Part) -> Cells {
    for (id, value) in &part.own {
        match value {
            Value::Here(cell) => cells.set(id, cell.clone()),
            Value::Missing(_) => cells.remove(id),
        }
    }
    cells
}

/// The cells of a shape, without those that went before this position of the journal.
fn of_shape(cells: Cells, table: &Table, shape: &Shape, pos: u64) -> Cells {
    let is_said = |id: &str| {
        table.column_of(id).is_some_and(|(_, column)| shape.has(column.number) && column.lost < pos)
    };
    Cells::new(cells.into_pairs().into_iter().filter(|(id, _)| is_said(id)).collect())
}
