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
use super::compare::{Look, Written, said_before};
use crate::catalogue::Column;
use crate::entry::{Entry, State as Shown};
use crate::held::{Keep, Kept, Why};
use crate::standing::{self, Place};
use crate::state::{Dot, Dotted, State, Value};
use crate::tx::Tx;
use crate::{Cell, Cells, Result, Stamp, stamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

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
        let is_quiet = (touched.listed || in_look) && !touched.inserted;
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

/// Did an upgrade put this into a column that was first seen then, and nobody has an opinion there?
fn is_upgrades(column: &Column, cell: &Cell, says: Option<&Dotted>) -> bool {
    says.is_none() && *cell != column.blank && column.fill.as_ref() != Some(cell)
}
