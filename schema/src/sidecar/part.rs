//! `_dunlin_part`: what a row's state holds beside a version that wrote all of its cells, all of which are shown.
//!
//! Own cells stand where they always do: in the table, or kept beside it. Here stand those that neither says (of a
//! column that is not here, or one that shows a cell beside), which version wrote what was only carried on, what
//! stands beside, and the latest tombstone that lost.

use crate::error::Doing as _;
use crate::state::{Dot, Dotted, Place, Value};
use crate::tx::Tx;
use crate::{Cell, Error, Result};
use rusqlite::{OptionalExtension as _, params};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// Of one row. Columns are named by their ids.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Part {
    /// Own cells that neither the table nor the kept row says, and those whose value is not here.
    pub(crate) own: BTreeMap<Arc<str>, Value>,
    /// Own cells that the version only carried on: who wrote them.
    pub(crate) dots: BTreeMap<Arc<str>, Dot>,
    /// What its writer's table showed in columns that it carried on and showed otherwise.
    pub(crate) seen: BTreeMap<Arc<str>, Cell>,
    pub(crate) beside: BTreeMap<Place, Dotted>,
    pub(crate) cut: Option<Dot>,
}

impl Part {
    /// Nothing but the tombstone that lost: a partner that does not know of parts misses nothing else.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The dots of all that a row is made of beside its version.
    pub(crate) fn others(&self) -> impl Iterator<Item = Dot> {
        let beside = self.beside.values().map(|cell| cell.dot);
        self.dots.values().copied().chain(beside).chain(self.cut)
    }
}

/// A dot as stored: stamp, number of the origin, seq.
type StoredDot = (i64, i64, u64);

/// A cell, or what is known of one whose value is not here.
#[derive(Serialize, Deserialize)]
enum StoredValue {
    Here(Vec<u8>),
    Missing(Option<(StoredDot, Vec<u8>)>),
}

/// What stands in `dots`. Columns by number.
#[derive(Default, Serialize, Deserialize)]
struct StoredOwn {
    own: Vec<(i64, StoredValue)>,
    dots: Vec<(i64, StoredDot)>,
    seen: Vec<(i64, Vec<u8>)>,
}

/// What stands in `beside`. Columns by number.
#[derive(Default, Serialize, Deserialize)]
struct StoredBeside {
    cells: Vec<(i64, StoredDot, StoredValue)>,
    cut: Option<StoredDot>,
}

fn damaged<E>(_error: E) -> Error {
    Error::Sidecar { what: "a row's parts that cannot be read" }
}

fn bytes_of(cell: &Cell) -> Vec<u8> {
    let mut bytes = Vec::new();
    cell.encode(&mut bytes);
    bytes
}

fn cell_of(bytes: &[u8]) -> Result<Cell> {
    let mut rest = bytes;
    Cell::decode(&mut rest)
}

impl Tx<'_> {
    /// The parts of a row, by its table and name.
    pub(crate) fn part(&mut self, table: i64, uuid: Uuid) -> Result<Part> {
        let found = self
            .conn
            .prepare_cached("SELECT dots, beside FROM _dunlin_part WHERE uuid = ?")
            .and_then(|mut statement| {
                statement
                    .query_row([uuid.as_bytes()], |row| {
                        let (dots, beside): (Option<Vec<u8>>, Option<Vec<u8>>) =
                            (row.get(0)?, row.get(1)?);
                        Ok((dots, beside))
                    })
                    .optional()
            })
            .doing("read a row's parts")?;
        let (dots, beside) = found.unwrap_or_default();
        let mut part = Part::default();
        if let Some(bytes) = dots {
            let stored: StoredOwn = postcard::from_bytes(&bytes).map_err(damaged)?;
            for (column, value) in stored.own {
                let value = self.value_in(value)?;
                part.own.insert(self.column_id(table, column)?, value);
            }
            for (column, dot) in stored.dots {
                let dot = self.dot_in(dot)?;
                part.dots.insert(self.column_id(table, column)?, dot);
            }
            for (column, bytes) in stored.seen {
                part.seen.insert(self.column_id(table, column)?, cell_of(&bytes)?);
            }
        }
        if let Some(bytes) = beside {
            let stored: StoredBeside = postcard::from_bytes(&bytes).map_err(damaged)?;
            for (column, dot, value) in stored.cells {
                let cell = Dotted { dot: self.dot_in(dot)?, value: self.value_in(value)? };
                let id = self.column_id(table, column)?;
                part.beside.insert((id, cell.dot.is_found()), cell);
            }
            part.cut = stored.cut.map(|cut| self.dot_in(cut)).transpose()?;
        }
        Ok(part)
    }

    /// Writes the parts of a row down; none are no line.
    pub(crate) fn write_part(&mut self, table: i64, uuid: Uuid, part: &Part) -> Result<()> {
        let doing = "write a row's parts";
        if part.is_empty() {
            return self.forget_part(uuid);
        }
        let mut own = StoredOwn::default();
        for (column, value) in &part.own {
            own.own.push((self.column_number(table, column)?, self.value_out(value)?));
        }
        for (column, dot) in &part.dots {
            own.dots.push((self.column_number(table, column)?, self.dot_out(*dot)?));
        }
        for (column, cell) in &part.seen {
            own.seen.push((self.column_number(table, column)?, bytes_of(cell)));
        }
        let mut beside = StoredBeside::default();
        for ((column, _), cell) in &part.beside {
            let (dot, value) = (self.dot_out(cell.dot)?, self.value_out(&cell.value)?);
            beside.cells.push((self.column_number(table, column)?, dot, value));
        }
        beside.cut = part.cut.map(|cut| self.dot_out(cut)).transpose()?;
        let is_own = !(own.own.is_empty() && own.dots.is_empty() && own.seen.is_empty());
        let is_beside = !beside.cells.is_empty() || beside.cut.is_some();
        let own = is_own.then(|| postcard::to_allocvec(&own)).transpose().map_err(damaged)?;
        let beside =
            is_beside.then(|| postcard::to_allocvec(&beside)).transpose().map_err(damaged)?;
        self.conn
            .prepare_cached(
                "INSERT INTO _dunlin_part (uuid, dots, beside) VALUES (?1, ?2, ?3)
                 ON CONFLICT (uuid) DO UPDATE SET dots = ?2, beside = ?3",
            )
            .and_then(|mut statement| statement.execute(params![uuid.as_bytes(), own, beside]))
            .doing(doing)?;
        Ok(())
    }

    pub(crate) fn forget_part(&self, uuid: Uuid) -> Result<()> {
        self.conn
            .prepare_cached("DELETE FROM _dunlin_part WHERE uuid = ?")
            .and_then(|mut statement| statement.execute([uuid.as_bytes()]))
            .doing("forget a row's parts")?;
        Ok(())
    }

    fn dot_in(&mut self, (stamp, origin, seq): StoredDot) -> Result<Dot> {
        Ok(Dot { stamp, origin: self.origin(origin)?, seq })
    }

    fn dot_out(&mut self, dot: Dot) -> Result<StoredDot> {
        Ok((dot.stamp, self.origin_id(dot.origin)?, dot.seq))
    }

    fn value_in(&mut self, value: StoredValue) -> Result<Value> {
        Ok(match value {
            StoredValue::Here(bytes) => Value::Here(cell_of(&bytes)?),
            StoredValue::Missing(None) => Value::Missing(None),
            StoredValue::Missing(Some((dot, bytes))) => {
                Value::Missing(Some((self.dot_in(dot)?, cell_of(&bytes)?)))
            }
        })
    }

    fn value_out(&mut self, value: &Value) -> Result<StoredValue> {
        Ok(match value {
            Value::Here(cell) => StoredValue::Here(bytes_of(cell)),
            Value::Missing(None) => StoredValue::Missing(None),
            Value::Missing(Some((dot, cell))) => {
                StoredValue::Missing(Some((self.dot_out(*dot)?, bytes_of(cell))))
            }
        })
    }
}
