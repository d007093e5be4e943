//! States: what a row is, once machines whose tables have different columns write to it.
//!
//! A version speaks of its *shape* only: the columns that its writer's table had. So where two versions meet, the one
//! that loses may say something that the other does not speak of, and that stands *beside*.
//!
//! ```text
//!   head      the version that stands, as its writer wrote it: its own cells, each with the dot of the version that
//!             wrote it (mostly the head's; older where the writer only carried the cell on)
//!   beside    cells of versions that its writer had not seen, where the head does not overrule them: of each column
//!             the latest that somebody wrote, and the latest that was only found
//!   cut       the latest tombstone that lost: what stands beside and was written before it is over
//! ```
//!
//! A column shows the later of the head's cell and those beside it. A cell that an upgrade or a table made anew
//! brought was *found*, not written: in a new column its stamp is below every written one.
//! A value that went with its column is *missing*, and never NULL: its dot stays, and beside it the last value known.
//!
//! # Invariants
//!
//! * Combining is the least upper bound: any order, any number of times; see the laws in `tests`.
//! * Two plain states of one shape combine as versions merge.
//! * A version's own cells are never dropped, and a missing value is never given as one.

use crate::cell::in_lower_case;
use crate::version::Head;
use crate::{Cell, Cells, Origin};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

/// So far below the version that it was found in lies the stamp of a cell that nobody wrote: below every written one.
const FOUND: i64 = 1 << 60;

/// Which version wrote a cell. Later is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dot {
    /// When: as in a version's stamp; below zero for what was only found in a new column.
    pub stamp: i64,
    /// Who.
    pub origin: Origin,
    /// Its number among its origin's versions.
    pub seq: u64,
}

impl Dot {
    /// The dot of all that a version wrote.
    pub fn of(head: &Head) -> Self {
        Self { stamp: head.stamp.to_i64(), origin: head.origin, seq: head.seq }
    }

    /// The dot of what was found in a new column of a row whose version has this dot.
    #[must_use]
    pub fn found(self, origin: Origin, seq: u64) -> Self {
        Self { stamp: self.written().stamp - FOUND, origin, seq }
    }

    /// Nobody wrote it: it was found in a new column.
    pub fn is_found(self) -> bool {
        self.stamp < 0
    }

    /// With the stamp of the version that a found cell was found in: by that a tombstone measures it.
    #[must_use]
    pub fn written(self) -> Self {
        let stamp = if self.is_found() { self.stamp + FOUND } else { self.stamp };
        Self { stamp, ..self }
    }
}

/// What a cell holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// This.
    Here(Cell),
    /// Its value went with its column, or its row; the last one known, and who wrote that.
    Missing(Option<(Dot, Cell)>),
}

/// A cell, and which version wrote it.
#[derive(Clone, Debug, PartialEq)]
pub struct Dotted {
    /// Which version.
    pub dot: Dot,
    /// What it wrote.
    pub value: Value,
}

impl Dotted {
    /// A cell that is here.
    pub fn here(dot: Dot, cell: Cell) -> Self {
        Self { dot, value: Value::Here(cell) }
    }

    /// The same cell, its value gone.
    #[must_use]
    pub fn gone(self) -> Self {
        match self.value {
            Value::Here(_) => Self { value: Value::Missing(None), ..self },
            Value::Missing(_) => self,
        }
    }

    /// The value, where it is here.
    pub fn cell(&self) -> Option<&Cell> {
        match &self.value {
            Value::Here(cell) => Some(cell),
            Value::Missing(_) => None,
        }
    }

    /// The value, or the last one known.
    pub fn known(&self) -> Option<&Cell> {
        match &self.value {
            Value::Here(cell) => Some(cell),
            Value::Missing(last) => last.as_ref().map(|(_, cell)| cell),
        }
    }

    /// Is its value not here?
    pub fn is_missing(&self) -> bool {
        matches!(self.value, Value::Missing(_))
    }

    fn order(&self, other: &Self) -> Ordering {
        let here = |one: &Self| !one.is_missing();
        self.dot.cmp(&other.dot).then_with(|| here(self).cmp(&here(other))).then_with(|| {
            match (self.cell(), other.cell()) {
                (Some(one), Some(two)) => bytes(one).cmp(&bytes(two)),
                _ => Ordering::Equal,
            }
        })
    }

    /// The later of two cells of one column. Where its value is missing, the last one that either knows stays by it.
    #[must_use]
    pub fn later(&self, other: &Self) -> Self {
        let (winner, loser) =
            if self.order(other) == Ordering::Less { (other, self) } else { (self, other) };
        let Value::Missing(own) = &winner.value else { return winner.clone() };
        let others = match &loser.value {
            Value::Here(cell) => Some((loser.dot, cell.clone())),
            Value::Missing(last) => last.clone(),
        };
        let known = [own.clone(), others].into_iter().flatten();
        let last = known.max_by(|a, b| a.0.cmp(&b.0).then_with(|| bytes(&a.1).cmp(&bytes(&b.1))));
        Self { dot: winner.dot, value: Value::Missing(last) }
    }
}

fn bytes(cell: &Cell) -> Vec<u8> {
    let mut bytes = Vec::new();
    cell.encode(&mut bytes);
    bytes
}

/// A place beside the head: a column, and whether the cell was only found.
pub type Place = (Arc<str>, bool);

/// What a row is. Columns are named by their ids, in lower case.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// The version that stands.
    pub head: Head,
    /// Its cells; none of a tombstone.
    pub own: BTreeMap<Arc<str>, Dotted>,
    /// What stands beside it.
    pub beside: BTreeMap<Place, Dotted>,
    /// The latest tombstone that lost.
    pub cut: Option<Dot>,
    /// What its writer's table showed in columns that it only carried on, and showed otherwise.
    pub seen: BTreeMap<Arc<str>, Cell>,
}

impl State {
    /// A version as its writer wrote it, all of it now.
    pub fn plain(head: Head, cells: &Cells) -> Self {
        let dot = Dot::of(&head);
        let own = cells
            .iter()
            .map(|(name, cell)| (in_lower_case(name), Dotted::here(dot, cell.clone())))
            .collect();
        Self { head, own, beside: BTreeMap::new(), cut: None, seen: BTreeMap::new() }
    }

    /// What each column shows: the later of the head's cell and those beside it.
    pub fn cells(&self) -> BTreeMap<&Arc<str>, Dotted> {
        let mut cells: BTreeMap<&Arc<str>, Dotted> =
            self.own.iter().map(|(name, cell)| (name, cell.clone())).collect();
        for ((name, _), cell) in &self.beside {
            cells
                .entry(name)
                .and_modify(|shown| *shown = shown.later(cell))
                .or_insert_with(|| cell.clone());
        }
        cells
    }

    /// What a column shows.
    pub fn cell(&self, column: &str) -> Option<Dotted> {
        let own = self.own.get(column);
        if self.beside.is_empty() {
            return own.cloned();
        }
        let column: Arc<str> = column.into();
        let of = |found| self.beside.get(&(Arc::clone(&column), found));
        let all = [own, of(false), of(true)];
        all.into_iter().flatten().fold(None, |shown: Option<Dotted>, cell| {
            Some(shown.map_or_else(|| cell.clone(), |shown| shown.later(cell)))
        })
    }

    /// The dots of all that it is made of: whoever lacks one of them is sent the state.
    pub fn dots(&self) -> impl Iterator<Item = Dot> {
        let own = self.own.values().map(|cell| cell.dot);
        let beside = self.beside.values().map(|cell| cell.dot);
        std::iter::once(Dot::of(&self.head)).chain(own).chain(beside).chain(self.cut)
    }

    /// Nothing but a version that wrote all of its cells.
    pub fn is_plain(&self) -> bool {
        let dot = Dot::of(&self.head);
        self.beside.is_empty()
            && self.cut.is_none()
            && self.seen.is_empty()
            && self.own.values().all(|cell| cell.dot == dot && !cell.is_missing())
    }

    /// Takes a cell of another version in: beside the head, where nothing later overrules it. What is known of a value
    /// that the head carried on and that went is taken into the head's own cell.
    pub fn take(&mut self, column: &Arc<str>, cell: &Dotted) {
        let Some(cell) = uncut(cell, self.cut) else { return };
        if let Some(own) = self.own.get_mut(column)
            && cell.dot <= own.dot
        {
            if own.is_missing() {
                *own = own.later(&cell);
            }
            // What was found in a later version than wrote the head's cell outlives that one when a delete cuts it.
            if cell.dot.written() <= own.dot.written() {
                return;
            }
        }
        let place = (Arc::clone(column), cell.dot.is_found());
        let cell = self.beside.get(&place).map_or_else(|| cell.clone(), |there| there.later(&cell));
        self.beside.insert(place, cell);
        self.forget_outlived(column);
    }

    /// A found cell is over where something was written in that version or after it: whatever cuts the one, cuts the
    /// other.
    fn forget_outlived(&mut self, column: &Arc<str>) {
        let (found, written) = ((Arc::clone(column), true), (Arc::clone(column), false));
        let Some(dot) = self.beside.get(&found).map(|cell| cell.dot.written()) else { return };
        let is_over = |cell: Option<&Dotted>| {
            cell.is_some_and(|cell| !cell.dot.is_found() && dot <= cell.dot)
        };
        if is_over(self.own.get(column)) || is_over(self.beside.get(&written)) {
            self.beside.remove(&found);
        }
    }

    /// Changes each cell.
    #[must_use]
    pub fn each(mut self, change: impl Fn(&str, Dotted) -> Dotted) -> Self {
        self.own = self
            .own
            .into_iter()
            .map(|(name, cell)| (Arc::clone(&name), change(&name, cell)))
            .collect();
        self.beside = self
            .beside
            .into_iter()
            .map(|(place, cell)| (place.clone(), change(&place.0, cell)))
            .collect();
        self
    }
}

/// Are they one version, whatever each side still has of it?
pub fn is_one_version(one: &Head, other: &Head) -> bool {
    one.stamp == other.stamp
        && one.origin == other.origin
        && one.seq == other.seq
        && one.dead == other.dead
        && one.digest == other.digest
}

/// The least state that is at least both.
#[must_use]
pub fn combine(a: &State, b: &State) -> State {
    let (winner, loser) = if a.head.order(&b.head) == Ordering::Less { (b, a) } else { (a, b) };
    let same = is_one_version(&winner.head, &loser.head);
    let lost = (loser.head.dead && !same).then(|| Dot::of(&loser.head));
    let cut = [winner.cut, loser.cut, lost].into_iter().flatten().max();
    let (own, seen) = match (winner.head.dead, same) {
        (true, _) => Default::default(),
        (false, false) => (winner.own.clone(), winner.seen.clone()),
        (false, true) => (later_of(&winner.own, &loser.own), {
            let mut seen = loser.seen.clone();
            seen.extend(winner.seen.clone());
            seen
        }),
    };
    let mut state = State { head: winner.head.clone(), own, beside: BTreeMap::new(), cut, seen };
    if state.head.dead {
        // Should it lose, it cuts more than those before it did.
        return State { cut: None, ..state };
    }
    for own in state.own.values_mut().filter(|own| own.is_missing()) {
        *own = without_cut_memory(own, cut);
    }
    for ((name, _), cell) in winner.beside.iter().chain(&loser.beside) {
        state.take(name, cell);
    }
    for (name, cell) in loser.own.iter().filter(|_| !same) {
        state.take(name, cell);
    }
    state
}

fn later_of(
    one: &BTreeMap<Arc<str>, Dotted>,
    other: &BTreeMap<Arc<str>, Dotted>,
) -> BTreeMap<Arc<str>, Dotted> {
    let mut all = one.clone();
    for (name, cell) in other {
        all.entry(Arc::clone(name))
            .and_modify(|there| *there = there.later(cell))
            .or_insert_with(|| cell.clone());
    }
    all
}

/// What a tombstone that lost leaves of a cell that the head does not carry.
fn uncut(cell: &Dotted, cut: Option<Dot>) -> Option<Dotted> {
    let is_over = cut.is_some_and(|cut| cell.dot.written() < cut);
    (!is_over).then(|| without_cut_memory(cell, cut))
}

/// A value that went is not remembered from the life before a tombstone.
fn without_cut_memory(cell: &Dotted, cut: Option<Dot>) -> Dotted {
    match (&cell.value, cut) {
        (Value::Missing(Some((dot, _))), Some(cut)) if dot.written() < cut => {
            Dotted { dot: cell.dot, value: Value::Missing(None) }
        }
        _ => cell.clone(),
    }
}

#[cfg(test)]
mod tests;
