//! Rows: reading a table's rows as cells, and finding what a number or a value names.

use crate::catalogue::{Table, Target};
use crate::error::Doing as _;
use crate::key::Key;
use crate::tx::Tx;
use crate::{Cell, Cells, Result};
use rusqlite::{OptionalExtension as _, params_from_iter};
use std::collections::HashMap;
use std::sync::Arc;
use uuid::Uuid;

/// Names that are not in the sidecar yet, while a fold is under way.
pub(crate) type Names = HashMap<(i64, Key), Option<Uuid>>;

impl Tx<'_> {
    /// The stored columns of the row at a key.
    pub(crate) fn read_row(&self, table: &Table, key: &Key) -> Result<Option<Vec<Cell>>> {
        if table.away {
            return Ok(None);
        }
        let mut statement = self.conn.prepare_cached(&table.sql.read).doing("read a row")?;
        let mut rows = statement.query(params_from_iter(key.cells()?)).doing("read a row")?;
        let Some(row) = rows.next().doing("read a row")? else { return Ok(None) };
        (0..table.columns.len())
            .map(|index| row.get_ref(index).map(Cell::from))
            .collect::<rusqlite::Result<Vec<_>>>()
            .doing("read a row")
            .map(Some)
    }

    /// The keys of the rows that hold these values in these columns.
    pub(crate) fn keys_where(
        &self,
        table: &Table,
        columns: &[&str],
        values: &[Cell],
    ) -> Result<Vec<Key>> {
        self.keys_by(table, &table.sql.keys_where(columns), values)
    }

    /// The keys of a child's rows whose columns point to these values of a parent's columns, as SQLite compares them.
    pub(crate) fn keys_pointing(
        &self,
        (child, columns): (&Table, &[usize]),
        (parent, shown): (&Table, &[usize]),
        values: &[Cell],
    ) -> Result<Vec<Key>> {
        let pairs: Option<Vec<_>> = columns
            .iter()
            .zip(shown)
            .map(|(&column, &shows)| {
                Some((child.at(column)?, parent.at(shows)?, parent.collation(shows)))
            })
            .collect();
        match pairs {
            Some(pairs) if pairs.len() == values.len() => {
                self.keys_by(child, &child.sql.keys_pointing(&pairs), values)
            }
            _ => Ok(Vec::new()),
        }
    }

    fn keys_by(&self, table: &Table, sql: &str, values: &[Cell]) -> Result<Vec<Key>> {
        let doing = "find rows by their values";
        if table.away {
            return Ok(Vec::new());
        }
        let mut statement = self.conn.prepare_cached(sql).doing(doing)?;
        let mut rows = statement.query(params_from_iter(values)).doing(doing)?;
        let mut keys = Vec::new();
        while let Some(row) = rows.next().doing(doing)? {
            let cells = (0..table.key.len())
                .map(|index| row.get_ref(index).map(Cell::from))
                .collect::<rusqlite::Result<Vec<_>>>()
                .doing(doing)?;
            keys.extend(Key::of(&cells, &table.key_collations));
        }
        Ok(keys)
    }

    /// A stored row as it travels: references by row uuid, the local number left out.
    pub(crate) fn translate(
        &mut self,
        table: &Table,
        row: Vec<Cell>,
        names: &Names,
    ) -> Result<Cells> {
        let mut pairs = Vec::with_capacity(row.len());
        for (index, (column, cell)) in table.columns.iter().zip(row).enumerate() {
            if Some(index) == table.number {
                continue;
            }
            let cell = match &column.target {
                Some(target) if cell != Cell::Null => self.refer(target, cell, names)?,
                _ => cell,
            };
            pairs.push((Arc::clone(&column.id), cell));
        }
        Ok(Cells::new(pairs))
    }

    /// A reference as it travels: the row's uuid, or the bare number, marked, where it names no row.
    pub(crate) fn refer(&mut self, target: &Target, cell: Cell, names: &Names) -> Result<Cell> {
        if let Some(uuid) = self.named_by(target, &cell, names)? {
            return Ok(Cell::Row(uuid));
        }
        // A text of digits in a column that shows numbers is a number of this machine too.
        let shown = self.catalogue.named(&target.table).and_then(|parent| {
            let (index, _) = parent.column(&target.column)?;
            Some(parent.as_compared(index, &cell))
        });
        Ok(match shown {
            Some(Cell::Integer(n)) => Cell::Number(n),
            _ => cell,
        })
    }

    /// Does the table spell a reference otherwise than its parent does, in another case or as another type? `stored`: the
    /// row as it stands, `cells`: as it travels. The parent's spelling is what everybody shows.
    pub(crate) fn spells_otherwise(
        &mut self,
        table: &Table,
        stored: &[(usize, Cell)],
        cells: &Cells,
    ) -> Result<bool> {
        for (index, stored) in stored {
            let Some(column) = table.at(*index) else { continue };
            if let Some(row @ Cell::Row(_)) = cells.get(&column.id)
                && self.local(table, *index, row)?.is_some_and(|shown| shown != *stored)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The row that a value of a reference column names.
    pub(crate) fn named_by(
        &mut self,
        target: &Target,
        cell: &Cell,
        names: &Names,
    ) -> Result<Option<Uuid>> {
        let catalogue = Arc::clone(&self.catalogue);
        let Some(parent) = catalogue.named(&target.table) else { return Ok(None) };
        let by_key = match parent.key.as_slice() {
            [index] => parent
                .at(*index)
                .is_some_and(|column| column.name.eq_ignore_ascii_case(&target.column)),
            _ => false,
        };
        let key = if by_key {
            parent.key_of(std::slice::from_ref(cell))
        } else {
            self.keys_where(parent, &[&target.column], std::slice::from_ref(cell))?.pop()
        };
        let Some(key) = key else { return Ok(None) };
        let place = (parent.id, key);
        if let Some(name) = names.get(&place) {
            return Ok(*name);
        }
        if let Some(uuid) = self.at_key(parent.id, &place.1)? {
            return Ok(Some(uuid));
        }
        match place.1.number() {
            Some(number) => self.reserved_for(parent.id, number),
            None => Ok(None),
        }
    }

    /// The last values of a row that was deleted elsewhere.
    pub(crate) fn old_values(&self, uuid: Uuid) -> Result<Option<Cells>> {
        self.conn
            .prepare_cached("SELECT cells FROM _dunlin_old WHERE uuid = ?")
            .and_then(|mut statement| {
                statement.query_row([uuid.as_bytes()], |row| row.get::<_, Vec<u8>>(0)).optional()
            })
            .doing("read a deleted row's values")?
            .map(|cells| Cells::decode(&cells))
            .transpose()
    }

    pub(crate) fn keep_old(&self, uuid: Uuid, cells: &Cells) -> Result<()> {
        self.conn
            .prepare_cached("INSERT OR REPLACE INTO _dunlin_old (uuid, cells) VALUES (?1, ?2)")
            .and_then(|mut statement| {
                statement.execute(rusqlite::params![uuid.as_bytes(), cells.encode()])
            })
            .doing("keep a deleted row's values")?;
        Ok(())
    }

    pub(crate) fn forget_old(&self, uuid: Uuid) -> Result<()> {
        self.conn
            .prepare_cached("DELETE FROM _dunlin_old WHERE uuid = ?")
            .and_then(|mut statement| statement.execute([uuid.as_bytes()]))
            .doing("forget a deleted row's values")?;
        Ok(())
    }

    /// The absent parent that a number is promised to.
    pub(crate) fn reserved_for(&self, table: i64, number: i64) -> Result<Option<Uuid>> {
        self.conn
            .prepare_cached("SELECT uuid FROM _dunlin_reserved WHERE tbl = ?1 AND number = ?2")
            .and_then(|mut statement| {
                statement
                    .query_row(rusqlite::params![table, number], |row| crate::cursor::uuid(row, 0))
                    .optional()
            })
            .doing("look a reserved number up")
    }
}
