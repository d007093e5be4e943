//! Cells: one value of a row, as it travels; and rows of cells by column name.
//!
//! A cell is what SQLite stores, or a reference by row uuid. A number that should have been a reference and
//! names no row (0, −1, an orphan) stays a bare number, marked, so that nobody takes it for a local number.

use crate::{Error, Result};
use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, ValueRef};
use sha2::{Digest as _, Sha256};
use std::cmp::Ordering;
use std::sync::Arc;
use uuid::Uuid;

/// A row whose values hold more than this is passed on as name, stamp and size alone. As a message it is a third larger.
const ROW_BYTES_MAX: usize = 16 << 20;

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

    /// How many bytes it holds, however it travels.
    fn size(&self) -> usize {
        match self {
            Self::Null => 0,
            Self::Integer(_) | Self::Real(_) | Self::Number(_) => 8,
            Self::Text(bytes) | Self::Blob(bytes) => bytes.len(),
            Self::Row(_) => 16,
        }
    }

    /// Does a column of this affinity store it as it is, or does SQLite make another value of it?
    ///
    /// Text stays text where it does not read as a number from end to end: a date in a column declared `datetime`
    /// does, though that column's affinity is NUMERIC (sqlite.org/datatype3.html, 3).
    pub fn stays(&self, affinity: Affinity) -> bool {
        match (self, affinity) {
            (Self::Integer(_) | Self::Number(_), Affinity::Text | Affinity::Real)
            | (Self::Real(_), Affinity::Text) => false,
            (Self::Real(x), Affinity::Integer | Affinity::Numeric) => !is_whole(*x),
            // Whole numbers in a REAL column are integers in the file, and those have no −0.
            (Self::Real(x), Affinity::Real) => x.to_bits() != (-0.0f64).to_bits(),
            (Self::Text(text), Affinity::Integer | Affinity::Numeric | Affinity::Real) => {
                !reads_as_number(text)
            }
            _ => true,
        }
    }

    /// What a column of this affinity makes of it, where that can be told without asking SQLite.
    pub fn stored(&self, affinity: Affinity) -> Option<Self> {
        if self.stays(affinity) {
            return Some(self.clone());
        }
        match (self, affinity) {
            (Self::Integer(n) | Self::Number(n), Affinity::Text) => {
                Some(Self::Text(n.to_string().into_bytes()))
            }
            #[expect(clippy::cast_precision_loss, reason = "as SQLite does it")]
            (Self::Integer(n) | Self::Number(n), Affinity::Real) => Some(Self::Real(*n as f64)),
            #[expect(clippy::cast_possible_truncation, reason = "it is whole")]
            (Self::Real(x), Affinity::Integer | Affinity::Numeric) => {
                Some(Self::Integer(*x as i64))
            }
            (Self::Real(_), Affinity::Real) => Some(Self::Real(0.0)),
            (Self::Text(text), _) => {
                let text = std::str::from_utf8(text).ok()?.trim();
                match text.parse() {
                    Ok(n) => Self::Integer(n).stored(affinity),
                    Err(_) => Self::Real(text.parse().ok()?).stored(affinity),
                }
            }
            _ => None,
        }
    }

    /// What a column of another affinity may have held, where one of this affinity made this of it.
    pub(crate) fn before(&self, was: Affinity, now: Affinity) -> Vec<Self> {
        let mut maybe = Vec::new();
        match self {
            // As text it was written so; SQLite writes a whole float with a point.
            Self::Text(text) => {
                maybe.extend(Self::Text(text.clone()).stored(was));
                maybe.extend(
                    std::str::from_utf8(text)
                        .ok()
                        .and_then(|text| text.parse().ok())
                        .map(Self::Real),
                );
            }
            Self::Integer(n) => {
                maybe.push(Self::Text(n.to_string().into_bytes()));
                #[expect(clippy::cast_precision_loss, reason = "what it makes is compared")]
                maybe.push(Self::Real(*n as f64));
            }
            Self::Real(x) => {
                maybe.push(Self::Text(format!("{x:?}").into_bytes()));
                maybe.extend(Self::Real(*x).stored(Affinity::Integer));
            }
            Self::Null | Self::Blob(_) | Self::Row(_) | Self::Number(_) => {}
        }
        maybe.retain(|cell| cell != self && cell.stays(was) && cell.makes(self, now));
        maybe
    }

    /// Does a column of this affinity make this of it?
    fn makes(&self, stored: &Self, affinity: Affinity) -> bool {
        match (self, affinity) {
            #[expect(clippy::cast_possible_truncation, reason = "what it makes is compared")]
            (Self::Real(x), Affinity::Text) => {
                let whole = is_whole(*x).then(|| format!("{}.0", *x as i64));
                let text = whole.unwrap_or_else(|| format!("{x:?}"));
                *stored == Self::Text(text.into_bytes())
            }
            _ => self.stored(affinity).as_ref() == Some(stored),
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

/// Would SQLite store this float as an integer? Not at the ends of the range, where it does not trust the cast.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::float_cmp,
    reason = "the cast saturates, and what it changes is compared"
)]
fn is_whole(x: f64) -> bool {
    let whole = x as i64;
    whole as f64 == x && i64::MIN < whole && whole < i64::MAX
}

/// Does SQLite read this text as a number: spaces, a sign, digits with a point among them, an exponent, spaces?
///
/// SQLite 3.54.1, which we write with, reads no further than a NUL; 3.40.1 leaves such text alone.
fn reads_as_number(text: &[u8]) -> bool {
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    let is_space = |byte: &u8| matches!(byte, b'\t'..=b'\r' | b' ');
    let from = text.iter().position(|byte| !is_space(byte)).unwrap_or(text.len());
    let to = text.iter().rposition(|byte| !is_space(byte)).map_or(from, |last| last + 1);
    let mut rest = text.get(from..to).unwrap_or_default();
    let sign = |rest: &mut &[u8]| {
        *rest = rest.strip_prefix(b"+").or_else(|| rest.strip_prefix(b"-")).unwrap_or(rest);
    };
    let digits = |rest: &mut &[u8]| {
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        *rest = rest.get(count..).unwrap_or_default();
        count
    };
    sign(&mut rest);
    let mut any = digits(&mut rest);
    if let Some(after) = rest.strip_prefix(b".") {
        rest = after;
        any += digits(&mut rest);
    }
    if let Some(after) = rest.strip_prefix(b"e").or_else(|| rest.strip_prefix(b"E")) {
        rest = after;
        sign(&mut rest);
        if digits(&mut rest) == 0 {
            return false;
        }
    }
    any > 0 && rest.is_empty()
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
    /// A value that says nothing, for a column that has to hold one.
    pub fn empty(self) -> Cell {
        match self {
            Self::Text => Cell::Text(Vec::new()),
            Self::Blob => Cell::Blob(Vec::new()),
            Self::Integer | Self::Numeric => Cell::Integer(0),
            Self::Real => Cell::Real(0.0),
        }
    }

    /// By SQLite's five rules, in their order (sqlite.org/datatype3.html, 3.1). ANY in a STRICT table has none.
    pub fn of(declared: &str) -> Self {
        let upper = declared.to_ascii_uppercase();
        let has = |part: &str| upper.contains(part);
        if has("INT") {
            Self::Integer
        } else if has("CHAR") || has("CLOB") || has("TEXT") {
            Self::Text
        } else if upper.is_empty() || has("BLOB") {
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
pub struct Cells(Vec<(Arc<str>, Cell)>);

impl Cells {
    /// Of pairs, in any order.
    pub fn new(pairs: Vec<(Arc<str>, Cell)>) -> Self {
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
            None => self.0.push((column.into(), cell)),
        }
    }

    /// Takes the cell of a column out.
    pub fn remove(&mut self, column: &str) {
        self.0.retain(|(name, _)| !name.eq_ignore_ascii_case(column));
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Every column and its cell.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Cell)> {
        self.0.iter().map(|(name, cell)| (name, cell))
    }

    /// The pairs themselves.
    pub fn into_pairs(self) -> Vec<(Arc<str>, Cell)> {
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

    /// How many bytes they hold, where that is more than is passed on.
    pub(crate) fn oversize(&self) -> Option<u64> {
        let size = self.0.iter().map(|(_, cell)| cell.size()).sum::<usize>();
        if size > ROW_BYTES_MAX { u64::try_from(size).ok() } else { None }
    }

    /// Eight bytes of the hash of what the row says.
    ///
    /// NULLs are left out, so that a column added later changes no digest; columns stand in the order of
    /// their names, so that two files that declare them in another order agree.
    pub fn digest(&self) -> u64 {
        let mut order: Vec<&(Arc<str>, Cell)> =
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
            pairs.push((name.into(), Cell::decode(&mut bytes)?));
        }
        Ok(Self(pairs))
    }
}

/// A column's name in lower case; mostly it is.
pub(crate) fn in_lower_case(name: &Arc<str>) -> Arc<str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return name.to_ascii_lowercase().into();
    }
    Arc::clone(name)
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

    /// Types as ORMs declare them, and those that people write.
    const DECLARED: [&str; 22] = [
        "INTEGER",
        "BIGINT",
        "integer unsigned",
        "TEXT",
        "VARCHAR(20)",
        "CLOB",
        "BLOB",
        "",
        "REAL",
        "DOUBLE PRECISION",
        "FLOAT",
        "NUMERIC",
        "decimal",
        "DECIMAL(10, 2)",
        "datetime",
        "DATE",
        "timestamp",
        "TIMESTAMP WITH TIME ZONE",
        "time",
        "boolean",
        "bool",
        "json",
    ];

    /// What SQLite makes of a value, by asking it.
    fn stored(db: &rusqlite::Connection, declared: &str, cell: &Cell) -> Cell {
        db.execute_batch(&format!("CREATE TABLE t (v {declared})")).unwrap();
        db.execute("INSERT INTO t VALUES (?)", [cell]).unwrap();
        let found = db.query_row("SELECT v FROM t", [], |row| row.get_ref(0).map(Cell::from));
        db.execute_batch("DROP TABLE t").unwrap();
        found.unwrap()
    }

    fn is_same(one: &Cell, other: &Cell) -> bool {
        match (one, other) {
            // -0.0 and 0.0 are not one value.
            (Cell::Real(one), Cell::Real(other)) => one.to_bits() == other.to_bits(),
            _ => one == other,
        }
    }

    #[test]
    fn what_stays_in_a_column_is_what_sqlite_gives_back() {
        let db = rusqlite::Connection::open_in_memory().unwrap();
        let texts = [
            "",
            " ",
            "x",
            "2026-11-30 03:37:07",
            "2026-11-30",
            "03:37",
            "12.50",
            "12",
            " 12 ",
            "+1",
            "-1",
            "--1",
            "1.",
            ".5",
            ".",
            "-",
            "+.",
            "1e5",
            "1E+5",
            "1e",
            "1e+",
            "e5",
            ".e5",
            "1.e5",
            "1 2",
            "1x",
            "0x10",
            "inf",
            "nan",
            "9223372036854775807",
            "9223372036854775808",
            "1_000",
            "\u{b}1\u{c}",
            "1\0",
            "1\0x",
            "\0",
            "007",
            "1,5",
            "9e999",
            "true",
            "{\"a\": 1}",
        ];
        let mut cells: Vec<Cell> = texts.iter().map(|text| Cell::Text((*text).into())).collect();
        cells.extend([Cell::Text(b"caf\xe9".to_vec()), Cell::Null]);
        cells.extend([Cell::Blob(b"12".to_vec()), Cell::Blob(Vec::new())]);
        cells.extend([0, 1, -1, i64::MAX, i64::MIN, 1 << 53].map(Cell::Integer));
        let reals =
            [0.0, -0.0, 1.0, -7.0, 0.1 + 0.2, 12.5, 1e15, 4.5e15, 1e18, 9.3e18, 1e300, -1e300];
        cells.extend(reals.map(Cell::Real));
        cells.extend([
            Cell::Real(f64::INFINITY),
            Cell::Real(-(2f64.powi(63))),
            Cell::Real(2f64.powi(63)),
        ]);
        for declared in DECLARED {
            for cell in &cells {
                let (stays, found) =
                    (cell.stays(Affinity::of(declared)), stored(&db, declared, cell));
                assert_eq!(stays, is_same(cell, &found), "{cell:?} in {declared:?} is {found:?}");
                if let Some(told) = cell.stored(Affinity::of(declared)) {
                    assert!(
                        is_same(&told, &found),
                        "{cell:?} in {declared:?} is {found:?}, not {told:?}"
                    );
                }
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn text_that_looks_like_a_number_stays_where_sqlite_lets_it(
            text in "[ \t]?[+-]?[0-9]{0,3}[.]?[0-9]{0,3}[eE]?[+-]?[0-9]{0,2}[ x:-]?",
        ) {
            let db = rusqlite::Connection::open_in_memory().unwrap();
            let cell = Cell::Text(text.into_bytes());
            for declared in ["NUMERIC", "REAL", "INT", "TEXT"] {
                let found = stored(&db, declared, &cell);
                proptest::prop_assert_eq!(cell.stays(Affinity::of(declared)), is_same(&cell, &found));
            }
        }
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
            ("ANY", Affinity::Numeric),
        ] {
            assert_eq!(Affinity::of(declared), affinity, "{declared}");
        }
    }
}
