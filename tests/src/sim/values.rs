//! Values that people wrote, each of them once in a story: so wherever one is seen it tells of that write.
//!
//! A value is owed from when it was written until a person who saw it writes over it or deletes it. What is owed is at the
//! end in a table, in the conflict journal or held, on every machine.

use super::Machine;
use super::shape::{Shape, quote};
use dunlin_schema::{Cell, Cells};
use rusqlite::types::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Numbers from here on are such values.
const FIRST: i64 = 7_000_000_000;
/// There are not so many of them.
const COUNT: i64 = 1_000_000;

/// What is owed in a story.
#[derive(Debug, Default)]
pub struct Values {
    next: i64,
    /// What was written, and how.
    written: BTreeMap<i64, String>,
    /// Gone by a person's hand.
    over: BTreeSet<i64>,
}

impl Values {
    /// A number that was not given before.
    pub fn fresh(&mut self) -> i64 {
        self.next += 1;
        self.next
    }

    /// A person has written. `before`, `after`: what the tables showed.
    pub fn wrote(&mut self, deed: &str, before: &BTreeSet<i64>, after: &BTreeSet<i64>) {
        self.over.extend(before.difference(after));
        for value in after.difference(before) {
            self.over.remove(value);
            self.written.insert(*value, deed.to_owned());
        }
    }

    /// How many are owed.
    pub fn owed(&self) -> usize {
        self.written.keys().filter(|value| !self.over.contains(value)).count()
    }

    /// Everything owed is found on a machine.
    pub fn are_all_on(&self, machine: &mut Machine, shape: &Shape) {
        let mut found = shown(machine, shape);
        let conflicts = machine.store().conflicts(true, usize::MAX).unwrap();
        let held = machine.store().held(usize::MAX).unwrap();
        let kept = conflicts.iter().map(|conflict| &conflict.cells);
        for cells in kept.chain(held.iter().map(|held| &held.cells)).flatten() {
            found.extend(of_cells(cells));
        }
        for (value, deed) in &self.written {
            assert!(
                found.contains(value) || self.over.contains(value),
                "{machine:?}: a value is lost: {value}, written by {deed}"
            );
        }
    }
}

/// As text.
pub fn text(value: i64) -> Value {
    Value::Text(format!("w{value}w"))
}

/// As a whole number.
pub fn integer(value: i64) -> Value {
    Value::Integer(FIRST + value)
}

/// As a fraction.
#[expect(clippy::cast_precision_loss, reason = "a double holds them exactly")]
pub fn real(value: i64) -> Value {
    Value::Real((FIRST + value) as f64 + 0.5)
}

/// As bytes.
pub fn blob(value: i64) -> Value {
    Value::Blob(format!("w{value}w").into_bytes())
}

/// The values that a machine's tables show.
pub fn shown(machine: &Machine, shape: &Shape) -> BTreeSet<i64> {
    let mut shown = BTreeSet::new();
    for table in &shape.0 {
        let sql = format!("SELECT {} FROM {}", table.list(), quote(&table.name));
        let mut statement = machine.app.prepare_cached(&sql).unwrap();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            for column in 0..table.columns.len() {
                shown.extend(of_cell(&row.get_ref(column).unwrap().into()));
            }
        }
    }
    shown
}

fn of_cells(cells: &Cells) -> Vec<i64> {
    cells.iter().flat_map(|(_, cell)| of_cell(cell)).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "what is below a whole number is not asked")]
fn of_cell(cell: &Cell) -> Vec<i64> {
    let number = |number: i64| (1..COUNT).contains(&(number - FIRST)).then_some(number - FIRST);
    match cell {
        Cell::Integer(found) | Cell::Number(found) => number(*found).into_iter().collect(),
        Cell::Real(found) => number(*found as i64).into_iter().collect(),
        Cell::Text(bytes) | Cell::Blob(bytes) => {
            // What stands before the first mark and behind the last is not between two.
            let text = String::from_utf8_lossy(bytes);
            let mut parts: Vec<&str> = text.split('w').skip(1).collect();
            parts.pop();
            parts.into_iter().filter_map(|part| part.parse().ok()).collect()
        }
        Cell::Null | Cell::Row(_) => Vec::new(),
    }
}
