//! The judge: what became of every value that a person wrote.
//!
//! Each value is written once in a story, so wherever it is seen it tells of that write. The judge reads the journals of
//! all machines as they grow, and notes which version a value came with; in the end a value that is not shown must have
//! been overruled by a person's later version, or have gone with its column.

use super::history::Schema;
use crate::sim::Machine;
use dunlin_schema::state::{Dot, Dotted, Value};
use dunlin_schema::{Body, Cell, Origin, Row, name};
use std::collections::{BTreeMap, HashMap, HashSet};
use uuid::Uuid;

/// What the judge knows of all machines' journals.
#[derive(Debug, Default)]
pub struct Judge {
    /// Which version a value came with: the last that a person made, else what it was found with.
    values: HashMap<String, Dot>,
    /// Versions that people made.
    heads: HashSet<Dot>,
    /// How far each machine's journal was read.
    read: HashMap<Origin, u64>,
    /// Values that upgrades brought, of which a version was made.
    found: HashSet<Dot>,
}

/// What a person wrote.
#[derive(Clone, Debug)]
pub struct Write {
    /// On which machine.
    pub on: String,
    /// The table.
    pub table: &'static str,
    /// The row's key.
    pub key: String,
    /// The column.
    pub column: String,
    /// The value.
    pub value: String,
    /// Between an upgrade and the daemon's look: it may count as the upgrade's.
    pub weak: bool,
}

/// A row as a journal tells of it.
#[derive(Debug)]
pub struct Told {
    /// The version.
    pub head: Dot,
    /// It is deleted.
    pub dead: bool,
    /// The latest delete that lost.
    pub cut: Option<Dot>,
    /// Its cells, by the ids of their columns.
    pub cells: BTreeMap<String, Dotted>,
    /// What stands beside it.
    pub beside: Vec<(String, Dotted)>,
}

impl Told {
    fn of(columns: &[String], row: &Row) -> Self {
        let head = Dot { stamp: row.stamp.to_i64(), origin: row.origin, seq: row.seq };
        let parts = row.parts.as_deref().cloned().unwrap_or_default();
        let mut cells: BTreeMap<String, Dotted> = BTreeMap::new();
        if let Body::Live(values) = &row.body {
            for (column, cell) in columns.iter().zip(values) {
                cells.insert(column.to_ascii_lowercase(), Dotted::here(head, cell.clone()));
            }
        }
        for (column, dot) in parts.dots {
            cells.entry(column.to_ascii_lowercase()).and_modify(|cell| cell.dot = dot);
        }
        for (column, last) in parts.missing {
            let column = column.to_ascii_lowercase();
            cells.entry(column).and_modify(|cell| cell.value = Value::Missing(last));
        }
        for (column, cell) in &parts.beside {
            let later = cells.get(column).map_or_else(|| cell.clone(), |own| own.later(cell));
            cells.insert(column.clone(), later);
        }
        let dead = matches!(row.body, Body::Dead);
        Self { head, dead, cut: parts.cut, cells, beside: parts.beside }
    }

    /// Is a value of it nowhere here?
    pub fn lacks(&self, id: &str) -> bool {
        self.cells.get(id).is_some_and(Dotted::is_missing)
    }

    /// What it is made of.
    pub fn dots(&self) -> Vec<(&str, Dot)> {
        let mut dots = vec![(if self.dead { "dead" } else { "head" }, self.head)];
        dots.extend(self.cut.map(|cut| ("cut", cut)));
        dots.extend(self.cells.iter().map(|(id, cell)| (id.as_str(), cell.dot)));
        dots.extend(self.beside.iter().map(|(id, cell)| (id.as_str(), cell.dot)));
        dots
    }

    /// Somebody wrote it; else it was there when somebody looked.
    fn is_written(&self) -> bool {
        /// Versions of rows that nobody is known to have written are stamped at the beginning of time.
        const EARLY: i64 = 1 << 40;
        self.head.stamp > EARLY
    }
}

/// All rows that a machine holds, from a position of its journal on.
pub fn journal(machine: &mut Machine, from: u64) -> (Vec<(Uuid, Told)>, u64) {
    let page = machine.journal(from);
    let mut rows = Vec::new();
    for table in page.tables.iter().filter(|table| !table.name.starts_with("_dunlin")) {
        for row in &table.rows {
            rows.push((row.uuid, Told::of(&table.columns, row)));
        }
    }
    (rows, page.next)
}

/// A value as a person wrote it.
pub fn text(cell: &Cell) -> Option<String> {
    match cell {
        Cell::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
        Cell::Integer(n) => Some(n.to_string()),
        _ => None,
    }
}

/// Without what a migration, or a value that stands aside, makes of it.
fn core(value: &str) -> String {
    let value = value.replace("bad", "").replace("ok", "").replace('*', "");
    let value = value.split('~').next().unwrap_or_default();
    value.split('-').next().unwrap_or_default().to_owned()
}

/// The row of a key, on all machines.
pub fn uuid(table: &str, key: &str) -> Uuid {
    name::of_key(table, &[Cell::Text(key.as_bytes().to_vec())])
}

impl Judge {
    /// Reads what is new in a machine's journal; its log is folded by that.
    pub fn read(&mut self, machine: &mut Machine) {
        let origin = machine.store().origin();
        let from = self.read.get(&origin).copied().unwrap_or(0);
        let (rows, next) = journal(machine, from);
        self.read.insert(origin, next);
        for (_, told) in &rows {
            if !told.dead && told.is_written() {
                self.heads.insert(told.head);
            }
        }
        for (_, told) in &rows {
            for cell in told.cells.values().chain(told.beside.iter().map(|(_, cell)| cell)) {
                self.note(cell);
            }
        }
    }

    fn note(&mut self, cell: &Dotted) {
        let is_written = self.heads.contains(&cell.dot);
        if !is_written {
            self.found.insert(cell.dot);
        }
        let Some(value) = cell.cell().and_then(text) else { return };
        match self.values.get_mut(&value) {
            None => {
                self.values.insert(value, cell.dot);
            }
            Some(known) if is_written && (*known < cell.dot || !self.heads.contains(known)) => {
                *known = cell.dot;
            }
            Some(_) => {}
        }
    }

    /// Has a version with this value been made?
    pub fn knows(&self, value: &str) -> bool {
        self.values.contains_key(value)
    }

    /// How many values came with upgrades alone.
    pub fn found(&self) -> usize {
        self.found.len()
    }

    /// Was a value overruled by what its row shows? `shown`: as text; `cell`: what the row's state says.
    fn is_overruled(&self, dot: Dot, shown: &str, told: &Told, cell: Option<&Dotted>) -> bool {
        let Some(cell) = cell else { return false };
        if cell.is_missing() {
            return true;
        }
        let by_person = self.heads.contains(&cell.dot);
        // Mended by a migration after another had been written over it, or in the same moment.
        let by_heir = self.values.iter().any(|(value, later)| {
            core(value) == shown && !shown.is_empty() && dot.stamp <= later.stamp
        });
        let by_found = self.heads.contains(&told.head)
            && dot < told.head
            && cell.dot.stamp == told.head.stamp + 1;
        dot < cell.dot && (by_person || by_heir || by_found)
    }

    /// Looks for every value that a person wrote, in the table of one machine. `passed`: columns that are not judged.
    pub fn nothing_is_lost(
        &self,
        machine: &mut Machine,
        schema: &Schema,
        (writes, passed): (&[Write], &HashSet<(&'static str, String)>),
        may_lack: &dyn Fn(Uuid, &Write, Option<&Told>) -> bool,
    ) -> usize {
        let (rows, _) = journal(machine, 0);
        let rows: HashMap<Uuid, Told> = rows.into_iter().collect();
        let declared = machine.store().greeting(None).unwrap().declarations;
        let mut judged = 0;
        for write in writes {
            let table = schema.table(write.table);
            let Some(column) = table.column(&write.column) else { continue };
            if column.refers.is_some() {
                continue;
            }
            let row = uuid(write.table, &write.key);
            let told = rows.get(&row);
            let shown = machine.ask(&format!(
                "SELECT \"{}\" FROM \"{}\" WHERE code = '{}'",
                column.name, table.name, write.key
            ));
            let Some(shown) = shown.first() else {
                assert!(
                    may_lack(row, write, told),
                    "{machine:?}: a row vanished: {write:?} {told:#?}"
                );
                continue;
            };
            let is_passed = passed.contains(&(write.table, write.column.clone()));
            let Some(dot) = self.values.get(&write.value).filter(|_| !write.weak && !is_passed)
            else {
                continue;
            };
            let told = told.unwrap();
            let is_shown = core(&write.value) == core(shown);
            if is_shown || told.cut.is_some_and(|cut| dot.written() < cut) {
                continue;
            }
            let declared = declared.iter().find(|one| one.name == write.table).unwrap();
            let id = declared.columns.iter().find(|one| one.here == column.name).unwrap();
            let cell = told.cells.get(&id.id);
            judged += 1;
            assert!(
                self.is_overruled(*dot, &core(shown), told, cell),
                "{machine:?}: a value is lost: {write:?}, of {dot:?}, shows {shown:?}, which is {cell:?} of {told:#?}"
            );
        }
        judged
    }
}
