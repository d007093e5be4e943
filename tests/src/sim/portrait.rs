//! What a machine's tables show, told so that two machines can be compared: rows by their uuids, and numbers that count
//! rows, which are each machine's own, as the rows that they count.

use super::Machine;
use super::shape::{Reference, Shape, Table};
use dunlin_schema::{Cell, DumpSince, DumpTable};
use std::collections::BTreeMap;

/// Table and row uuid → its columns and what they show.
pub type Portrait = BTreeMap<(String, String), Vec<(String, String)>>;

/// What a machine's tables show.
pub fn portrait(machine: &mut Machine) -> Portrait {
    let dump = machine.store().dump(DumpSince::Position(0), usize::MAX).unwrap();
    let shape = shape(machine);
    let of = |dumped: &DumpTable| shape.0.iter().position(|table| table.name == dumped.name);
    let mut names: BTreeMap<(usize, i64), String> = BTreeMap::new();
    for (at, dumped) in dump.tables.iter().filter_map(|dumped| Some((of(dumped)?, dumped))) {
        for row in alive(dumped) {
            for (column, cell) in dumped.columns.iter().zip(row) {
                let counts =
                    |table: &Table| table.column(column).is_some_and(|at| table.counts(at));
                if let (Cell::Integer(number), true) = (cell, counts(&shape.0[at])) {
                    names.insert((at, *number), uuid(dumped, row));
                }
            }
        }
    }
    let mut shown = Portrait::new();
    for (at, dumped) in dump.tables.iter().filter_map(|dumped| Some((of(dumped)?, dumped))) {
        let table = &shape.0[at];
        for row in alive(dumped) {
            let cells = dumped.columns.iter().zip(row).filter_map(|(name, cell)| {
                let column = table.column(name).filter(|column| !table.counts(*column))?;
                let counted = shape.counted_by(at, column).zip(number(cell));
                let told = match counted {
                    Some((parent, number)) => names
                        .get(&(parent, number))
                        .cloned()
                        .unwrap_or_else(|| format!("{name} {number} of no row")),
                    None => format!("{cell:?}"),
                };
                Some((name.clone(), told))
            });
            shown.insert((dumped.name.clone(), uuid(dumped, row)), cells.collect());
        }
    }
    shown
}

/// What the file declares, and the references that its configuration does.
fn shape(machine: &mut Machine) -> Shape {
    let mut shape = Shape::read(&machine.app);
    let place = |shape: &Shape, name: &str| {
        shape.0.iter().position(|table| table.name.eq_ignore_ascii_case(name))
    };
    for declared in machine.store().greeting(None).unwrap().declarations {
        let Some(at) = place(&shape, &declared.here) else { continue };
        for (columns, parent, _) in &declared.references {
            let [column] = columns.as_slice() else { continue };
            let (Some(parent), Some(column)) = (place(&shape, parent), shape.0[at].column(column))
            else {
                continue;
            };
            let key = &shape.0[parent].key;
            let shows = key.iter().map(|&key| shape.0[parent].columns[key].name.clone()).collect();
            let is_known = |known: &Reference| known.columns.contains(&column);
            if !shape.0[at].references.iter().any(is_known) {
                let columns = vec![column];
                shape.0[at].references.push(Reference { columns, parent, shows });
            }
        }
    }
    shape
}

fn alive(table: &DumpTable) -> impl Iterator<Item = &Vec<Cell>> {
    let deleted = table.columns.iter().position(|column| column == "deleted");
    table.rows.iter().filter(move |row| {
        deleted.is_none_or(|deleted| row.get(deleted) != Some(&Cell::Integer(1)))
    })
}

fn uuid(table: &DumpTable, row: &[Cell]) -> String {
    let column = table.columns.iter().position(|column| column == "uuid").unwrap();
    match &row[column] {
        Cell::Text(text) => String::from_utf8(text.clone()).unwrap(),
        other => panic!("a uuid is text, not {other:?}"),
    }
}

/// The number that a reference to a count holds, however it is spelt.
#[expect(clippy::cast_possible_truncation, reason = "a count is a whole number")]
fn number(cell: &Cell) -> Option<i64> {
    match cell {
        Cell::Integer(number) => Some(*number),
        Cell::Real(number) => Some(*number as i64),
        Cell::Text(text) => {
            let number: f64 = String::from_utf8_lossy(text).trim().parse().ok()?;
            Some(number as i64)
        }
        _ => None,
    }
}
