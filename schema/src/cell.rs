//! Cells: one value of a row, as it travels; and rows of cells by column name.
//!
//! A cell is what SQLite stores, or a reference by row uuid. A number that should have been a reference and
//! names no row (0, −1, an orphan) stays a bare number, marked, so that nobody takes it for a local number.

use crate::{Error, Result};
use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, ValueRef};
use sha2::{Digest as _, Sha256};
use std::cmp::Ordering;
use uuid::Uuid;

/// One value of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// NULL.
    Null,
    /// A 64-bit integer.
    Integer(i64),
    /// A float.
    Real(f64),
    /// Text, byte for byte; old files hold text that is not UTF-8.
    Text(Vec<u8>),
    /// Bytes.
    Blob(Vec<u8>),
    /// A reference, by the row's name.
    Row(Uuid),
    /// A reference to a number that names no row.
    Number(i64),
}

impl From<ValueRef<'_>> for Cell {
    fn from(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Null => Self::Null,
            ValueRef::Integer(n) => Self::Integer(n),
            ValueRef::Real(x) => Self::Real(x),
            ValueRef::Text(text) => Self::Text(text.to_vec()),
            ValueRef::Blob(bytes) => Self::Blob(bytes.to_vec()),
        }
    }
}

impl ToSql for Cell {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            // A reference is translated before it comes here; NULL is the harmless reading of one that was not.
            Self::Null | Self::Row(_) => ValueRef::Null,
            Self::Integer(n) | Self::Number(n) => ValueRef::Integer(*n),
            Self::Real(x) => ValueRef::Real(*x),
            Self::Text(text) => ValueRef::Text(text),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

impl Cell {
    /// About how many bytes it takes on the wire.
    pub fn weight(&self) -> usize {
        match self {
            Self::Null => 5,
            Self::Integer(_) | Self::Real(_) | Self::Number(_) => 12,
            Self::Text(bytes) => bytes.len() + 3,
            Self::Blob(bytes) => bytes.len() * 4 / 3 + 14,
            Self::Row(_) => 48,
        }
    }

    /// Does the column take it as it is, or would SQLite's affinity make another value of it?
    ///
    /// A careful guess: "no" for text that begins like a number costs a kept copy, nothing else.
    pub fn stays(&self, affinity: Affinity) -> bool {
        match (self, affinity) {
            (Self::Integer(_) | Self::Number(_), Affinity::Text | Affinity::Real)
            | (Self::Real(_), Affinity::Text) => false,
            (Self::Real(x), Affinity::Integer | Affinity::Numeric) => x.fract() != 0.0,
            (Self::Text(text), Affinity::Integer | Affinity::Numeric | Affinity::Real) => !text
                .iter()
                .find(|byte| !byte.is_ascii_whitespace())
                .is_some_and(|byte| byte.is_ascii_digit() || b"+-.".contains(byte)),
            _ => true,
        }
    }

    fn tag(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Integer(_) => 1,
            Self::Real(_) => 2,
            Self::Text(_) => 3,
            Self::Blob(_) => 4,
            Self::Row(_) => 5,
            Self::Number(_) => 6,
        }
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.tag());
        match self {
            Self::Null => {}
            Self::Integer(n) | Self::Number(n) => out.extend(n.to_be_bytes()),
            Self::Real(x) => out.extend(x.to_bits().to_be_bytes()),
            Self::Text(bytes) | Self::Blob(bytes) => {
                out.extend((bytes.len() as u64).to_be_bytes());
                out.extend(bytes);
            }
            Self::Row(uuid) => out.extend(uuid.as_bytes()),
        }
    }

    pub(crate) fn decode(bytes: &mut &[u8]) -> Result<Self> {
        let tag = take::<1>(bytes)?;
        Ok(match tag {
            [0] => Self::Null,
            [1] => Self::Integer(i64::from_be_bytes(take(bytes)?)),
            [2] => Self::Real(f64::from_bits(u64::from_be_bytes(take(bytes)?))),
            [3] => Self::Text(take_bytes(bytes)?),
            [4] => Self::Blob(take_bytes(bytes)?),
            [5] => Self::Row(Uuid::from_bytes(take(bytes)?)),
            [6] => Self::Number(i64::from_be_bytes(take(bytes)?)),
            _ => return Err(Error::Sidecar { what: "a cell of no known kind" }),
        })
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N]> {
    let (head, rest) =
        bytes.split_first_chunk::<N>().ok_or(Error::Sidecar { what: "a cut list of cells" })?;
    *bytes = rest;
    Ok(*head)
}

fn take_bytes(bytes: &mut &[u8]) -> Result<Vec<u8>> {
    let len = usize::try_from(u64::from_be_bytes(take(bytes)?)).unwrap_or(usize::MAX);
    let (head, rest) =
        bytes.split_at_checked(len).ok_or(Error::Sidecar { what: "a cut list of cells" })?;
    *bytes = rest;
    Ok(head.to_vec())
}

/// What SQLite makes of a column's declared type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Affinity {
    /// `INT…`.
    Integer,
    /// `…CHAR…`, `…CLOB…`, `…TEXT…`.
    Text,
    /// `…BLOB…`, or no type.
    Blob,
    /// `…REAL…`, `…FLOA…`, `…DOUB…`.
    Real,
    /// Anything else.
    Numeric,
}

impl Affinity {
    /// By SQLite's five rules, in their order (sqlite.org/datatype3.html, 3.1).
    pub fn of(declared: &str) -> Self {
        let upper = declared.to_ascii_uppercase();
        let has = |part: &str| upper.contains(part);
        if has("INT") {
            Self::Integer
        } else if has("CHAR") || has("CLOB") || has("TEXT") {
            Self::Text
        } else if upper.is_empty() || has("BLOB") || upper == "ANY" {
            Self::Blob
        } else if has("REAL") || has("FLOA") || has("DOUB") {
            Self::Real
        } else {
            Self::Numeric
        }
    }
}

/// The cells of one version, by column name. Names compare as SQLite compares them: ASCII letters without case.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cells(Vec<(String, Cell)>);

impl Cells {
    /// Of pairs, in any order.
    pub fn new(pairs: Vec<(String, Cell)>) -> Self {
        Self(pairs)
    }

    /// The cell of a column; a column that a version does not name has none.
    pub fn get(&self, column: &str) -> Option<&Cell> {
        self.0.iter().find(|(name, _)| name.eq_ignore_ascii_case(column)).map(|(_, cell)| cell)
    }

    /// Sets or adds the cell of a column.
    pub fn set(&mut self, column: &str, cell: Cell) {
        match self.0.iter_mut().find(|(name, _)| name.eq_ignore_ascii_case(column)) {
            Some((_, place)) => *place = cell,
            None => self.0.push((column.to_owned(), cell)),
        }
    }

    /// Every column and its cell.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Cell)> {
        self.0.iter().map(|(name, cell)| (name.as_str(), cell))
    }

    /// The pairs themselves.
    pub fn into_pairs(self) -> Vec<(String, Cell)> {
        self.0
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// About how many bytes they take on the wire.
    pub fn weight(&self) -> usize {
        self.0.iter().map(|(_, cell)| cell.weight() + 1).sum()
    }

    /// Eight bytes of the hash of what the row says.
    ///
    /// NULLs are left out, so that a column added later changes no digest; columns stand in the order of
    /// their names, so that two files that declare them in another order agree.
    pub fn digest(&self) -> u64 {
        let mut order: Vec<&(String, Cell)> =
            self.0.iter().filter(|(_, cell)| *cell != Cell::Null).collect();
        order.sort_by(|a, b| compare_names(&a.0, &b.0));
        let mut bytes = Vec::with_capacity(self.weight() + 16 * order.len());
        for (name, cell) in order {
            bytes.extend((name.len() as u64).to_be_bytes());
            bytes.extend(name.bytes().map(|byte| byte.to_ascii_lowercase()));
            cell.encode(&mut bytes);
        }
        first_eight(&Sha256::digest(&bytes).into())
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.weight() + 16 * self.0.len());
        for (name, cell) in &self.0 {
            out.extend((name.len() as u64).to_be_bytes());
            out.extend(name.as_bytes());
            cell.encode(&mut out);
        }
        out
    }

    pub(crate) fn decode(mut bytes: &[u8]) -> Result<Self> {
        let mut pairs = Vec::new();
        while !bytes.is_empty() {
            let name = String::from_utf8(take_bytes(&mut bytes)?)
                .map_err(|_bytes| Error::Sidecar { what: "a column name that is not UTF-8" })?;
            pairs.push((name, Cell::decode(&mut bytes)?));
        }
        Ok(Self(pairs))
    }
}

fn compare_names(a: &str, b: &str) -> Ordering {
    a.bytes().map(|x| x.to_ascii_lowercase()).cmp(b.bytes().map(|x| x.to_ascii_lowercase()))
}

/// The first eight bytes of a hash, as a number.
pub(crate) fn first_eight(hash: &[u8; 32]) -> u64 {
    hash.first_chunk::<8>().map_or(0, |head| u64::from_be_bytes(*head))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_kind() -> Cells {
        Cells::new(vec![
            ("a".into(), Cell::Null),
            ("b".into(), Cell::Integer(i64::MIN)),
            ("c".into(), Cell::Real(0.1 + 0.2)),
            ("d".into(), Cell::Text(b"caf\xe9".to_vec())),
            ("e".into(), Cell::Blob(vec![0, 1, 255])),
            ("f".into(), Cell::Row(Uuid::from_u128(7))),
            ("g".into(), Cell::Number(-1)),
        ])
    }

    #[test]
    fn cells_survive_storage() {
        let cells = every_kind();
        assert_eq!(Cells::decode(&cells.encode()).unwrap(), cells);
    }

    #[test]
    fn a_cut_list_is_an_error_and_no_panic() {
        let whole = every_kind().encode();
        let errors = (1..whole.len()).filter(|&end| Cells::decode(&whole[..end]).is_err()).count();
        assert!(errors > whole.len() - 10, "only cuts between two cells decode");
    }

    #[test]
    fn a_digest_knows_neither_order_nor_case_nor_nulls() {
        let one = Cells::new(vec![("A".into(), Cell::Integer(1)), ("b".into(), Cell::Integer(2))]);
        let two = Cells::new(vec![
            ("B".into(), Cell::Integer(2)),
            ("new".into(), Cell::Null),
            ("a".into(), Cell::Integer(1)),
        ]);
        assert_eq!(one.digest(), two.digest());
        let three =
            Cells::new(vec![("A".into(), Cell::Integer(2)), ("b".into(), Cell::Integer(1))]);
        assert_ne!(one.digest(), three.digest());
    }

    #[test]
    fn affinity_follows_sqlites_rules() {
        for (declared, affinity) in [
            ("INTEGER", Affinity::Integer),
            ("BIGINT", Affinity::Integer),
            ("VARCHAR(20)", Affinity::Text),
            ("", Affinity::Blob),
            ("DOUBLE", Affinity::Real),
            ("NUMERIC", Affinity::Numeric),
            ("DATETIME", Affinity::Numeric),
            ("FLOATING POINT", Affinity::Integer),
        ] {
            assert_eq!(Affinity::of(declared), affinity, "{declared}");
        }
    }
}
