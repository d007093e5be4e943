//! Keys: where a row stands in its table, as the sidecar writes it down.
//!
//! The declared key, never a bare rowid (VACUUM changes those). A single integer is itself, so that the index over
//! entries stays small; everything else is encoded, folded by its collation.

use crate::catalogue::Collation;
use crate::{Cell, Error, Result};
use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};

/// Where a row stands in its table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Key {
    Integer(i64),
    Bytes(Vec<u8>),
}

impl Key {
    /// Of key cells as stored; none when a part is NULL, for such a row has no name.
    pub(crate) fn of(cells: &[Cell], collations: &[Collation]) -> Option<Self> {
        if let [Cell::Integer(n)] = cells {
            return Some(Self::Integer(*n));
        }
        let mut bytes = Vec::new();
        for (cell, collation) in cells.iter().zip(collations) {
            if *cell == Cell::Null {
                return None;
            }
            collation.fold(cell).encode(&mut bytes);
        }
        Some(Self::Bytes(bytes))
    }

    /// The key cells, to look the row up by.
    pub(crate) fn cells(&self) -> Result<Vec<Cell>> {
        match self {
            Self::Integer(n) => Ok(vec![Cell::Integer(*n)]),
            Self::Bytes(bytes) => {
                let mut rest = bytes.as_slice();
                let mut cells = Vec::new();
                while !rest.is_empty() {
                    cells.push(Cell::decode(&mut rest)?);
                }
                Ok(cells)
            }
        }
    }

    /// As bytes, for hashing.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Integer(n) => n.to_be_bytes().to_vec(),
            Self::Bytes(bytes) => bytes.clone(),
        }
    }

    /// The number, where the key is one.
    pub(crate) fn number(&self) -> Option<i64> {
        match self {
            Self::Integer(n) => Some(*n),
            Self::Bytes(_) => None,
        }
    }

    /// As read from the sidecar.
    pub(crate) fn from_sql(value: ValueRef<'_>) -> Result<Option<Self>> {
        match value {
            ValueRef::Null => Ok(None),
            ValueRef::Integer(n) => Ok(Some(Self::Integer(n))),
            ValueRef::Blob(bytes) => Ok(Some(Self::Bytes(bytes.to_vec()))),
            ValueRef::Real(_) | ValueRef::Text(_) => {
                Err(Error::Sidecar { what: "a key of no known kind" })
            }
        }
    }
}

impl ToSql for Key {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Integer(n) => ToSqlOutput::Owned(Value::Integer(*n)),
            Self::Bytes(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
        })
    }
}
