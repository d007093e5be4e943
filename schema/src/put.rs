//! `putdata`: rows from scripts and old clients, each taken if it is newer by whole seconds.
//!
//! A row says what it names over what the version it replaces says; references are this machine's numbers, also of
//! rows that come in the same dump. Here the caller can still be told what is wrong, so a row that its table will not
//! have, or that refers to nothing, keeps the whole dump out instead of being held.

use crate::catalogue::{Naming, Table};
use crate::dump::parse_time;
use crate::entry::{Entry, State};
use crate::rows::Names;
use crate::store::Flush;
use crate::tx::Tx;
use crate::{Affinity, Cell, Cells, Error, Millis, Result, Stamp, Store};
use std::collections::BTreeSet;
use std::sync::Arc;
use uuid::Uuid;

/// A table of rows to be put.
#[derive(Clone, Debug, PartialEq)]
pub struct PutTable {
    /// Its name.
    pub name: String,
    /// Its columns.
    pub columns: Vec<String>,
    /// Its rows, in the order of the columns.
    pub rows: Vec<Vec<Cell>>,
}

/// What came of a `putdata`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Put {
    /// Rows that were newer, or new.
    pub applied: u64,
    /// Rows that were older or equal.
    pub ignored: u64,
    /// Tables that are not tracked here.
    pub unknown_tables: Vec<String>,
    /// Columns that are not here, as `table.column`.
    pub unknown_columns: Vec<String>,
}

impl Store {
    /// Takes rows from a script: each wins if it is newer by whole seconds. All of them, or none.
    pub fn put_rows(&mut self, tables: &[PutTable]) -> Result<Put> {
        self.fold()?;
        self.write(Flush::Now, |tx| {
            tx.fold(usize::MAX)?;
            tx.put_rows(tables)
        })
    }
}

impl Tx<'_> {
    fn put_rows(&mut self, tables: &[PutTable]) -> Result<Put> {
        let catalogue = Arc::clone(&self.catalogue);
        let mut done = Put::default();
        let mut known: Vec<(usize, &PutTable, Arc<Table>)> = Vec::new();
        for put in tables {
            let place = catalogue
                .tables
                .iter()
                .position(|table| table.name == put.name && !table.internal());
            match place.and_then(|place| Some((place, Arc::clone(catalogue.tables.get(place)?)))) {
                Some((place, table)) => known.push((place, put, table)),
                None => done.unknown_tables.push(put.name.clone()),
            }
        }
        // Parents first: a child in the same dump refers to the number that its parent is given here.
        known.sort_by_key(|(place, ..)| *place);
        let mut names = Names::new();
        for (_, put, table) in &known {
            for (column, _) in put.columns.iter().zip(0..) {
                if table.column(column).is_none() && !is_supplied(column) {
                    done.unknown_columns.push(format!("{}.{column}", table.name));
                }
            }
            self.name_new_rows(put, table, &mut names)?;
        }
        let (mut dirty, mut written) = (BTreeSet::new(), BTreeSet::new());
        for (_, put, table) in &known {
            for (place, row) in put.rows.iter().enumerate() {
                let row = PutLine { table, columns: &put.columns, cells: row, place };
                match self.put_row(&row, &names, &mut dirty)? {
                    Some(uuid) => {
                        written.insert(uuid);
                        done.applied += 1;
                    }
                    None => done.ignored += 1,
                }
            }
        }
        self.settle(dirty)?;
        self.refuse_held(&written)?;
        Ok(done)
    }

    /// New rows with a number: other rows of the same dump refer to it.
    fn name_new_rows(
        &mut self,
        put: &PutTable,
        table: &Arc<Table>,
        names: &mut Names,
    ) -> Result<()> {
        if table.number.is_none() {
            return Ok(());
        }
        for (place, row) in put.rows.iter().enumerate() {
            let line = PutLine { table, columns: &put.columns, cells: row, place };
            let (uuid, id) = (line.given_name()?, line.id());
            if let Some(id) = id
                && self.entry(uuid)?.is_none()
            {
                let key = crate::key::Key::Integer(id);
                if self.at_key(table.id, &key)?.is_none() {
                    names.insert((table.id, key), Some(uuid));
                }
            }
        }
        Ok(())
    }

    /// Writes one row where it is newer; answers it.
    fn put_row(
        &mut self,
        line: &PutLine<'_>,
        names: &Names,
        dirty: &mut BTreeSet<Uuid>,
    ) -> Result<Option<Uuid>> {
        let table = line.table;
        let given = line.given_name()?;
        let modified = line.modified()?;
        let mut matched = self.entry(given)?.filter(|entry| entry.table == table.id);
        if matched.is_none() && line.deleted() {
            // A delete may name the row by its key, where that is its name.
            let key = self.put_cells(line, None, names)?;
            matched = match line.name_of(&key) {
                Some(uuid) => self.entry(uuid)?.filter(|entry| entry.table == table.id),
                None => None,
            };
        }
        let cells = if line.deleted() {
            None
        } else {
            Some(self.put_cells(line, matched.as_ref(), names)?)
        };
        let uuid = match (&matched, &cells) {
            (Some(matched), _) => matched.uuid,
            (None, None) => return Ok(None),
            (None, Some(cells)) => line.name_of(cells).unwrap_or(given),
        };
        let old = match matched {
            Some(matched) => Some(matched),
            None => self.entry(uuid)?,
        };
        if old.as_ref().is_some_and(|old| old.table != table.id) {
            return Err(line.bad("uuid", "a row of another table has this uuid"));
        }
        let newer = old
            .as_ref()
            .is_none_or(|old| old.head.stamp.millis().div_euclid(1000) < modified.div_euclid(1000));
        if !newer
            || (cells.is_none() && old.as_ref().is_none_or(|old| old.head.dead && !old.lingers()))
        {
            return Ok(None);
        }
        let stamp =
            Stamp::after(old.as_ref().map(|old| old.head.stamp), modified.min(self.clock.now()));
        dirty.extend(self.write_version((table, uuid), old.as_ref(), cells.as_ref(), stamp)?);
        let cells = cells.as_ref();
        self.call(uuid, table.called(|_, column| cells?.get(&column.id)))?;
        if old.is_none()
            && let Some(mut entry) = self.entry(uuid)?
        {
            entry.number = line.id().filter(|id| table.takes_number(*id));
            self.place(&entry)?;
        }
        Ok(Some(uuid))
    }

    /// The cells of a row that is put: what it names, over what the version it replaces has.
    fn put_cells(
        &mut self,
        line: &PutLine<'_>,
        old: Option<&Entry>,
        names: &Names,
    ) -> Result<Cells> {
        let mut cells = match old {
            Some(old) => self.values_to_show(old)?.unwrap_or_default(),
            None => Cells::default(),
        };
        for (name, cell) in line.columns.iter().zip(line.cells) {
            let Some((index, column)) = line.table.column(name) else { continue };
            if Some(index) == line.table.number {
                continue;
            }
            let cell = self.cell_of((line.table, index), cell, names)?;
            cells.set(&column.id, cell.map_err(|why| line.bad(name, why))?);
        }
        Ok(cells)
    }

    /// What a version says where somebody else than the application wrote this into a column; or why it cannot be
    /// written there.
    pub(crate) fn cell_of(
        &mut self,
        (table, index): (&Table, usize),
        cell: &Cell,
        names: &Names,
    ) -> Result<std::result::Result<Cell, String>> {
        let Some(column) = table.at(index) else { return Ok(Ok(cell.clone())) };
        let Some(cell) = coerce(cell, column.affinity) else {
            return Ok(Err(format!("it holds numbers, and {} is none", told(cell))));
        };
        let Some(target) = column.target.as_ref().filter(|_| cell != Cell::Null) else {
            return Ok(Ok(cell));
        };
        Ok(match self.named_by(target, &cell, names)? {
            Some(uuid) => Ok(Cell::Row(uuid)),
            None if is_loose(table, index) => Ok(match cell {
                Cell::Integer(n) => Cell::Number(n),
                other => other,
            }),
            None => Err(format!("there is no row {} in {}", told(&cell), target.table)),
        })
    }

    /// A row that its table will not have is the caller's to mend, so nothing is written.
    fn refuse_held(&mut self, rows: &BTreeSet<Uuid>) -> Result<()> {
        for uuid in rows {
            let Some(entry) = self.entry(*uuid)?.filter(|entry| entry.state == State::Held) else {
                continue;
            };
            let why = self.why_kept(*uuid)?;
            return Err(Error::BadValue {
                table: self.table_name(entry.table)?,
                row: uuid.to_string(),
                column: "-".to_owned(),
                why: why.unwrap_or_else(|| "the row it refers to is not there".to_owned()),
            });
        }
        Ok(())
    }
}

/// One row that is put.
struct PutLine<'p> {
    table: &'p Arc<Table>,
    columns: &'p [String],
    cells: &'p [Cell],
    place: usize,
}

impl PutLine<'_> {
    fn cell(&self, name: &str) -> Option<&Cell> {
        let at = self.columns.iter().position(|column| column.eq_ignore_ascii_case(name))?;
        self.cells.get(at)
    }

    fn bad(&self, column: &str, why: impl Into<String>) -> Error {
        let row = match self.cell("uuid") {
            Some(Cell::Text(text)) => String::from_utf8_lossy(text).into_owned(),
            _ => format!("number {}", self.place + 1),
        };
        Error::BadValue {
            table: self.table.name.clone(),
            row,
            column: column.to_owned(),
            why: why.into(),
        }
    }

    /// The name that the caller gives the row.
    fn given_name(&self) -> Result<Uuid> {
        match self.cell("uuid") {
            Some(Cell::Text(text)) if !text.is_empty() && text.len() <= 64 => {
                let written = Uuid::try_parse_ascii(text).ok();
                let named = match (&self.table.naming, written) {
                    (Naming::Uuid(_), _) => self.table.name_of_key(&[Cell::Text(text.clone())]),
                    (_, written) => written,
                };
                let by_text =
                    || crate::name::of_key(&self.table.first, &[Cell::Text(text.clone())]);
                Ok(named.unwrap_or_else(by_text))
            }
            _ => Err(self.bad("uuid", "it is a text of 1 to 64 characters")),
        }
    }

    /// The name that the row's own values give it, where the table names rows by their values.
    fn name_of(&self, cells: &Cells) -> Option<Uuid> {
        let columns = self.table.naming_columns();
        let key: Option<Vec<Cell>> = columns
            .iter()
            .map(|&index| self.table.at(index).and_then(|column| cells.get(&column.id)).cloned())
            .collect();
        key.filter(|key| !key.is_empty()).and_then(|key| self.table.name_of_key(&key))
    }

    fn modified(&self) -> Result<Millis> {
        let cell = self.cell("modified_on").unwrap_or(&Cell::Null);
        match cell {
            Cell::Text(text) => std::str::from_utf8(text).ok().and_then(parse_time),
            _ => None,
        }
        .filter(|time| *time >= 0)
        .ok_or_else(|| {
            self.bad("modified_on", format!("{} is not YYYY-MM-DD HH:MM:SS", told(cell)))
        })
    }

    fn id(&self) -> Option<i64> {
        let key = self
            .table
            .number
            .and_then(|index| self.table.at(index))
            .map_or("id", |column| column.name.as_str());
        match self.cell(key).or_else(|| self.cell("id")) {
            Some(Cell::Integer(id)) => Some(*id),
            _ => None,
        }
    }

    fn deleted(&self) -> bool {
        self.table.column("deleted").is_none()
            && matches!(self.cell("deleted"), Some(Cell::Integer(1)))
    }
}

fn is_loose(table: &Table, column: usize) -> bool {
    let over = table.references.iter().filter(|reference| reference.columns.contains(&column));
    let mut over = over.peekable();
    over.peek().is_some() && over.all(|reference| reference.loose)
}

fn is_supplied(column: &str) -> bool {
    ["id", "uuid", "modified_on", "deleted"].iter().any(|name| name.eq_ignore_ascii_case(column))
}

/// A value for people, cut short.
fn told(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => {
            format!("{:?}", String::from_utf8_lossy(text).chars().take(40).collect::<String>())
        }
        Cell::Integer(n) | Cell::Number(n) => n.to_string(),
        Cell::Real(x) => x.to_string(),
        Cell::Null => "null".to_owned(),
        Cell::Blob(_) => "a blob".to_owned(),
        Cell::Row(uuid) => uuid.to_string(),
    }
}

/// What a column of this affinity stores for a value; none where a number is wanted and the text is none.
fn coerce(cell: &Cell, affinity: Affinity) -> Option<Cell> {
    let number = |text: &[u8]| {
        let text = std::str::from_utf8(text).ok()?.trim();
        let whole = text.parse::<i64>().ok().map(Cell::Integer);
        whole.or_else(|| text.parse::<f64>().ok().filter(|x| x.is_finite()).map(Cell::Real))
    };
    Some(match (cell, affinity) {
        (Cell::Text(text), Affinity::Integer | Affinity::Real) => coerce(&number(text)?, affinity)?,
        (Cell::Text(text), Affinity::Numeric) => match number(text) {
            Some(number) => coerce(&number, affinity)?,
            None => cell.clone(),
        },
        (Cell::Integer(n), Affinity::Text) => Cell::Text(n.to_string().into_bytes()),
        #[expect(
            clippy::cast_precision_loss,
            reason = "as SQLite stores an integer in a REAL column"
        )]
        (Cell::Integer(n), Affinity::Real) => Cell::Real(*n as f64),
        #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
        (Cell::Real(x), Affinity::Integer | Affinity::Numeric)
            if x.fract() == 0.0 && x.abs() < 9.0e15 =>
        {
            Cell::Integer(*x as i64)
        }
        _ => cell.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_what_the_column_would_store() {
        assert_eq!(coerce(&Cell::Text("5".into()), Affinity::Integer), Some(Cell::Integer(5)));
        assert_eq!(coerce(&Cell::Text("x".into()), Affinity::Integer), None);
        assert_eq!(
            coerce(&Cell::Text("x".into()), Affinity::Numeric),
            Some(Cell::Text("x".into()))
        );
        assert_eq!(coerce(&Cell::Integer(5), Affinity::Real), Some(Cell::Real(5.0)));
        assert_eq!(coerce(&Cell::Integer(5), Affinity::Text), Some(Cell::Text("5".into())));
    }
}
