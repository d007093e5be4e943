//! `_dunlin_shape`: the columns that a version speaks of, each set once.

use crate::error::Doing as _;
use crate::tx::Tx;
use crate::{Error, Result};
use rusqlite::{OptionalExtension as _, params};
use std::sync::Arc;

/// The columns that a version speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) number: i64,
    /// Numbers of columns, sorted.
    pub(crate) columns: Vec<i64>,
}

impl Shape {
    /// Does this one speak of all that the other one does?
    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.number == other.number
            || other.columns.iter().all(|column| self.columns.binary_search(column).is_ok())
    }

    pub(crate) fn has(&self, column: i64) -> bool {
        self.columns.binary_search(&column).is_ok()
    }
}

impl Tx<'_> {
    /// The shape of these columns, by their ids.
    pub(crate) fn shape_of(
        &mut self,
        table: i64,
        ids: impl Iterator<Item = impl AsRef<str>>,
    ) -> Result<Arc<Shape>> {
        let known = self.columns(table)?;
        let mut columns = Vec::new();
        for id in ids {
            columns.push(match known.id(id.as_ref()) {
                Some(known) => known.number,
                None => self.column_number(table, id.as_ref())?,
            });
        }
        self.shape_of_numbers(table, columns)
    }

    /// The shape of these columns, by their numbers.
    pub(crate) fn shape_of_numbers(
        &mut self,
        table: i64,
        mut columns: Vec<i64>,
    ) -> Result<Arc<Shape>> {
        columns.sort_unstable();
        columns.dedup();
        let asked = (table, columns);
        if let Some(shape) = self.cache.shapes_by_columns.get(&asked) {
            return Ok(Arc::clone(shape));
        }
        let (_, columns) = asked;
        let bytes = encode(&columns)?;
        let doing = "number a shape";
        let found: Option<i64> = self
            .conn
            .prepare_cached("SELECT id FROM _dunlin_shape WHERE tbl = ?1 AND columns = ?2")
            .and_then(|mut statement| {
                statement.query_row(params![table, bytes], |row| row.get(0)).optional()
            })
            .doing(doing)?;
        let number = if let Some(number) = found {
            number
        } else {
            self.conn
                .prepare_cached("INSERT INTO _dunlin_shape (tbl, columns) VALUES (?1, ?2)")
                .and_then(|mut statement| statement.execute(params![table, bytes]))
                .doing(doing)?;
            self.cache.first_shapes.remove(&table);
            self.conn.last_insert_rowid()
        };
        Ok(self.remember(table, Shape { number, columns }))
    }

    /// A shape by what an entry says: nothing, for its table's first.
    pub(crate) fn shape(&mut self, table: i64, number: Option<i64>) -> Result<Arc<Shape>> {
        let number = match number {
            Some(number) => number,
            None => self.first_shape(table)?,
        };
        if let Some(shape) = self.cache.shapes.get(&number) {
            return Ok(Arc::clone(shape));
        }
        let bytes: Option<Vec<u8>> = self
            .conn
            .prepare_cached("SELECT columns FROM _dunlin_shape WHERE id = ?")
            .and_then(|mut statement| statement.query_row([number], |row| row.get(0)).optional())
            .doing("read a shape")?;
        let bytes = bytes.ok_or(Error::Sidecar { what: "a version of no known shape" })?;
        let columns = postcard::from_bytes(&bytes)
            .map_err(|_error| Error::Sidecar { what: "a shape that cannot be read" })?;
        Ok(self.remember(table, Shape { number, columns }))
    }

    /// What an entry says of this shape: nothing, where it is its table's first.
    pub(crate) fn shape_number(&mut self, table: i64, shape: &Shape) -> Result<Option<i64>> {
        let first = self.first_shape(table)?;
        Ok(Some(shape.number).filter(|number| *number != first))
    }

    /// The shape of entries that say none; made empty where no version of the table is known.
    fn first_shape(&mut self, table: i64) -> Result<i64> {
        if let Some(first) = self.cache.first_shapes.get(&table) {
            return Ok(*first);
        }
        let first: Option<i64> = self
            .conn
            .prepare_cached("SELECT min(id) FROM _dunlin_shape WHERE tbl = ?")
            .and_then(|mut statement| statement.query_row([table], |row| row.get(0)))
            .doing("read a shape")?;
        let first = match first {
            Some(first) => first,
            None => self.shape_of_numbers(table, Vec::new())?.number,
        };
        self.cache.first_shapes.insert(table, first);
        Ok(first)
    }

    fn remember(&mut self, table: i64, shape: Shape) -> Arc<Shape> {
        let shape = Arc::new(shape);
        self.cache.shapes.insert(shape.number, Arc::clone(&shape));
        self.cache.shapes_by_columns.insert((table, shape.columns.clone()), Arc::clone(&shape));
        shape
    }
}

fn encode(columns: &[i64]) -> Result<Vec<u8>> {
    postcard::to_allocvec(columns)
        .map_err(|_error| Error::Sidecar { what: "a shape that cannot be written" })
}
