//! A page: one bounded piece of a dump, as partners exchange it.
//!
//! ```text
//! { "origins": ["<machine>/<epoch>", …],
//!   "tables":  [["parts", ["sku", "price", "_row", "_stamp", "_origin", "_seq", "_deleted",
//!                          "_seen", "_number", "_size", "_together"],
//!                [["A-1", 9.5, "<uuid>", 117…, 0, 12, false, [[1, 7]], 78, null, 3],
//!                 ["<uuid>", 117…, 0, 13, true, [], null, null, 3]]], …],
//!   "withheld": […], "from": 40, "next": 42, "more": false,
//!   "last": { "knowledge": […], "floor": 0 } }
//! ```
//!
//! A row names its origin by its place in `origins`, which makes a page a third smaller. A row
//! without values (a tombstone, or one left out for its size) has the last nine columns alone.
//! Where a row of the table has parts, a column `_parts` stands behind them, null for the others; see [`parts`].
//!
//! # Invariants
//!
//! * Stamps, seqs and positions are at most 2^63 − 1; a page with another is refused whole.
//! * A page is read in one pass over its text, without a tree in between.

pub mod parts;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::str::FromStr;

use serde::ser::{SerializeSeq, SerializeTuple};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::value::RawValue;
use uuid::Uuid;

use self::parts::Parts;
use super::value::{self, Value};
use crate::json::{Broken, Number, Reader};
use crate::limits::{COLUMNS_MAX, NAME_BYTES_MAX, SEEN_MAX};

/// The columns that stand behind a table's own.
const EXTRA: [&str; 9] =
    ["_row", "_stamp", "_origin", "_seq", "_deleted", "_seen", "_number", "_size", "_together"];

/// Behind these where a row of the table has parts.
const PARTS: &str = "_parts";

/// The machine *and epoch* that made a version. Shown as `<machine uuid>/<epoch, 16 hex digits>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// The machine.
    pub machine: Uuid,
    /// One unbroken life of its database.
    pub epoch: u64,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{:016x}", self.machine, self.epoch)
    }
}

/// The text is not `<machine uuid>/<16 hex digits>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an origin")]
pub struct NotAnOrigin;

impl FromStr for Origin {
    type Err = NotAnOrigin;

    fn from_str(text: &str) -> Result<Self, NotAnOrigin> {
        let (machine, epoch) = text.split_once('/').ok_or(NotAnOrigin)?;
        if epoch.len() != 16 || !epoch.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(NotAnOrigin);
        }
        Ok(Self {
            machine: Uuid::try_parse(machine).map_err(|_| NotAnOrigin)?,
            epoch: u64::from_str_radix(epoch, 16).map_err(|_| NotAnOrigin)?,
        })
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Origin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// How far a machine has taken in an origin's versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Whose versions.
    pub origin: Origin,
    /// All up to this one.
    pub seq: u64,
    /// The chain's hash at `seq`, where it is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<String>,
}

/// A version that is not sent because its stamp lies in the receiver's future.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withheld {
    /// Its position in the sender's journal.
    pub pos: u64,
    /// Its stamp's time, in milliseconds since 1970.
    pub time: u64,
    /// Who made it.
    pub origin: Origin,
    /// Its number among its origin's versions.
    pub seq: u64,
    /// The row: a later version of it answers for this one.
    pub row: Uuid,
}

/// What comes with the last page, from the same read transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Last {
    /// The sender's knowledge, with marks.
    pub knowledge: Vec<Known>,
    /// The highest stamp of a tombstone that the sender dropped.
    pub floor: u64,
}

/// One version of one row.
#[derive(Clone, Debug, PartialEq)]
pub struct PageRow {
    /// The row.
    pub uuid: Uuid,
    /// As many as the table has columns, or none: a tombstone, or left out for its size.
    pub values: Vec<Value>,
    /// Orders the versions of one row.
    pub stamp: u64,
    /// Who made this version.
    pub origin: Origin,
    /// Its number among its origin's versions.
    pub seq: u64,
    /// Whether this version is a tombstone.
    pub deleted: bool,
    /// The versions of this row that its writer had seen.
    pub seen: Vec<(Origin, u64)>,
    /// The integer that names the row on its origin.
    pub number: Option<i64>,
    /// The row's size in bytes, when its values are left out.
    pub size: Option<u64>,
    /// The number of the fold that found it; rows with one number belong together.
    pub together: u64,
    /// What its state holds beside a version that wrote all of its values.
    pub parts: Option<Box<Parts>>,
}

/// A page's rows of one table.
#[derive(Clone, Debug, PartialEq)]
pub struct PageTable {
    /// The table's name.
    pub name: String,
    /// The columns of `PageRow::values`.
    pub columns: Vec<String>,
    /// The rows, in journal order.
    pub rows: Vec<PageRow>,
}

/// One bounded piece of a dump.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// The rows, by table. One table may stand here more than once.
    pub tables: Vec<PageTable>,
    /// What is not sent yet.
    pub withheld: Vec<Withheld>,
    /// The cursor that the page starts from.
    pub from: u64,
    /// The cursor behind the page.
    pub next: u64,
    /// Whether there is more behind `next`.
    pub more: bool,
    /// With the last page only.
    pub last: Option<Last>,
}

impl Page {
    /// How many rows the page carries.
    pub fn rows(&self) -> usize {
        self.tables.iter().map(|table| table.rows.len()).sum()
    }
}

// ---- writing: each layer borrows the page and the table of origins ----

type Places = HashMap<Origin, u32>;

#[derive(Serialize)]
struct Written<'a> {
    origins: Vec<Origin>,
    tables: WrittenTables<'a>,
    withheld: &'a [Withheld],
    from: u64,
    next: u64,
    more: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<&'a Last>,
}

impl Serialize for Page {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut origins = Vec::new();
        let mut places = Places::new();
        let rows = self.tables.iter().flat_map(|table| &table.rows);
        let named = rows.flat_map(|row| {
            let parts = row.parts.iter().flat_map(|parts| parts.origins());
            let seen = row.seen.iter().map(|(origin, _)| *origin);
            std::iter::once(row.origin).chain(seen).chain(parts)
        });
        for origin in named {
            let next = u32::try_from(origins.len()).map_err(serde::ser::Error::custom)?;
            places.entry(origin).or_insert_with(|| {
                origins.push(origin);
                next
            });
        }
        Written {
            origins,
            tables: WrittenTables { tables: &self.tables, places: &places },
            withheld: &self.withheld,
            from: self.from,
            next: self.next,
            more: self.more,
            last: self.last.as_ref(),
        }
        .serialize(serializer)
    }
}

struct WrittenTables<'a> {
    tables: &'a [PageTable],
    places: &'a Places,
}

impl Serialize for WrittenTables<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.tables.len()))?;
        for table in self.tables {
            let has_parts = table.rows.iter().any(|row| row.parts.is_some());
            let own = table.columns.iter().map(String::as_str);
            let columns: Vec<&str> = own.chain(EXTRA).chain(has_parts.then_some(PARTS)).collect();
            let rows = WrittenRows { table, places: self.places, has_parts };
            list.serialize_element(&(&table.name, columns, rows))?;
        }
        list.end()
    }
}

struct WrittenRows<'a> {
    table: &'a PageTable,
    places: &'a Places,
    has_parts: bool,
}

impl Serialize for WrittenRows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.table.rows.len()))?;
        for row in &self.table.rows {
            if !row.values.is_empty() && row.values.len() != self.table.columns.len() {
                return Err(serde::ser::Error::custom("a row has other columns than its table"));
            }
            let (places, has_parts) = (self.places, self.has_parts);
            list.serialize_element(&WrittenRow { row, places, has_parts })?;
        }
        list.end()
    }
}

struct WrittenRow<'a> {
    row: &'a PageRow,
    places: &'a Places,
    has_parts: bool,
}

impl Serialize for WrittenRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let row = self.row;
        let place = |origin| self.places.get(origin).copied().unwrap_or(u32::MAX);
        let len = row.values.len() + EXTRA.len() + usize::from(self.has_parts);
        let mut list = serializer.serialize_tuple(len)?;
        row.values.iter().try_for_each(|value| list.serialize_element(value))?;
        list.serialize_element(&row.uuid)?;
        list.serialize_element(&row.stamp)?;
        list.serialize_element(&place(&row.origin))?;
        list.serialize_element(&row.seq)?;
        list.serialize_element(&row.deleted)?;
        let seen: Vec<(u32, u64)> =
            row.seen.iter().map(|(origin, seq)| (place(origin), *seq)).collect();
        list.serialize_element(&seen)?;
        list.serialize_element(&row.number)?;
        list.serialize_element(&row.size)?;
        list.serialize_element(&row.together)?;
        if self.has_parts {
            let written = |parts| parts::Written { parts, places: self.places };
            list.serialize_element(&row.parts.as_deref().map(written))?;
        }
        list.end()
    }
}

// ---- reading: the frame by serde, the rows by our own reader, which keeps numbers exact ----

#[derive(Deserialize)]
struct Read {
    #[serde(default)]
    origins: Vec<Origin>,
    tables: Vec<(String, Vec<String>, Box<RawValue>)>,
    #[serde(default)]
    withheld: Vec<Withheld>,
    from: u64,
    next: u64,
    more: bool,
    #[serde(default)]
    last: Option<Last>,
}

impl<'de> Deserialize<'de> for Page {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = Read::deserialize(deserializer)?;
        let mut tables = Vec::with_capacity(read.tables.len());
        for (name, mut columns, rows) in read.tables {
            let has_parts = columns.last().is_some_and(|last| last == PARTS);
            columns.truncate(columns.len() - usize::from(has_parts));
            let own = columns.len().checked_sub(EXTRA.len());
            let own = own.filter(|own| *own <= COLUMNS_MAX && columns.iter().skip(*own).eq(EXTRA));
            let own = own.ok_or_else(|| de::Error::custom("a table's columns are not a page's"))?;
            columns.truncate(own);
            if !are_names(&name, &columns) {
                return Err(de::Error::custom("a table's name or columns are none"));
            }
            let form = Form { own, has_parts };
            let rows = read_rows(rows.get(), form, &read.origins).map_err(de::Error::custom)?;
            tables.push(PageTable { name, columns, rows });
        }
        let of_last = read
            .last
            .iter()
            .flat_map(|last| last.knowledge.iter().map(|known| known.seq).chain([last.floor]));
        let of_withheld =
            read.withheld.iter().flat_map(|withheld| [withheld.pos, withheld.time, withheld.seq]);
        let mut numbers = of_last.chain(of_withheld).chain([read.from, read.next]);
        if numbers.any(|number| i64::try_from(number).is_err()) {
            return Err(de::Error::custom(Broken::Number));
        }
        let (from, next) = (read.from, read.next);
        let Read { withheld, more, last, .. } = read;
        Ok(Self { tables, withheld, from, next, more, last })
    }
}

/// Short enough, and no column twice, in whatever letters: which of two values stood would be chance.
fn are_names(table: &str, columns: &[String]) -> bool {
    let mut known = HashSet::with_capacity(columns.len());
    table.len() <= NAME_BYTES_MAX
        && columns.iter().all(|column| {
            column.len() <= NAME_BYTES_MAX && known.insert(column.to_ascii_lowercase())
        })
}

/// What the rows of one table look like.
#[derive(Clone, Copy)]
struct Form {
    /// So many values stand in front.
    own: usize,
    has_parts: bool,
}

fn read_rows(text: &str, form: Form, origins: &[Origin]) -> Result<Vec<PageRow>, Broken> {
    let mut reader = Reader::new(text);
    let mut rows = Vec::new();
    reader.list(|reader| read_row(reader, form, origins).map(|row| rows.push(row)))?;
    reader.end()?;
    Ok(rows)
}

/// A row with values has them in front. Which kind it is shows only at its end, so a row that is
/// not the one is read again as the other; their lengths differ, so it cannot be both.
fn read_row(reader: &mut Reader<'_>, form: Form, origins: &[Origin]) -> Result<PageRow, Broken> {
    let start = reader.place();
    read_row_with(reader, form, origins).or_else(|error| {
        reader.back_to(start);
        let bare = Form { own: 0, ..form };
        if form.own == 0 { Err(error) } else { read_row_with(reader, bare, origins) }
    })
}

fn read_row_with(
    reader: &mut Reader<'_>,
    form: Form,
    origins: &[Origin],
) -> Result<PageRow, Broken> {
    reader.take(b'[')?;
    let mut values = Vec::with_capacity(form.own);
    for _ in 0..form.own {
        values.push(value::read(reader)?);
        reader.take(b',')?;
    }
    let uuid = Uuid::try_parse(&reader.string()?).map_err(|_| Broken::Syntax)?;
    let stamp = comma_unsigned(reader)?;
    let origin = comma_unsigned(reader)?;
    let seq = comma_unsigned(reader)?;
    reader.take(b',')?;
    let deleted = flag(reader)?;
    reader.take(b',')?;
    let seen = read_seen(reader, origins)?;
    reader.take(b',')?;
    let number = optional(reader)?;
    reader.take(b',')?;
    let size = optional(reader)?.map(u64::try_from).transpose().map_err(|_| Broken::Number)?;
    let together = comma_unsigned(reader)?;
    let parts = if form.has_parts { read_parts(reader, origins)? } else { None };
    reader.take(b']')?;
    let origin = place(origins, origin)?;
    Ok(PageRow { uuid, values, stamp, origin, seq, deleted, seen, number, size, together, parts })
}

fn read_parts(reader: &mut Reader<'_>, origins: &[Origin]) -> Result<Option<Box<Parts>>, Broken> {
    reader.take(b',')?;
    if reader.peek() == Some(b'n') {
        return reader.word("null").map(|()| None);
    }
    parts::read(reader, origins).map(|parts| Some(Box::new(parts)))
}

fn read_seen(reader: &mut Reader<'_>, origins: &[Origin]) -> Result<Vec<(Origin, u64)>, Broken> {
    let mut seen = Vec::new();
    reader.list(|reader| {
        reader.take(b'[')?;
        let origin = place(origins, unsigned(reader)?)?;
        let seq = comma_unsigned(reader)?;
        reader.take(b']')?;
        if seen.len() == SEEN_MAX {
            return Err(Broken::Number);
        }
        seen.push((origin, seq));
        Ok(())
    })?;
    Ok(seen)
}

fn place(origins: &[Origin], at: u64) -> Result<Origin, Broken> {
    let at = usize::try_from(at).map_err(|_| Broken::Number)?;
    origins.get(at).copied().ok_or(Broken::Number)
}

fn unsigned(reader: &mut Reader<'_>) -> Result<u64, Broken> {
    match reader.number()? {
        Number::Integer(value) => u64::try_from(value).map_err(|_| Broken::Number),
        Number::Real(_) => Err(Broken::Number),
    }
}

fn comma_unsigned(reader: &mut Reader<'_>) -> Result<u64, Broken> {
    reader.take(b',')?;
    unsigned(reader)
}

fn optional(reader: &mut Reader<'_>) -> Result<Option<i64>, Broken> {
    if reader.peek() == Some(b'n') {
        return reader.word("null").map(|()| None);
    }
    match reader.number()? {
        Number::Integer(value) => Ok(Some(value)),
        Number::Real(_) => Err(Broken::Number),
    }
}

fn flag(reader: &mut Reader<'_>) -> Result<bool, Broken> {
    if reader.peek() == Some(b't') {
        return reader.word("true").map(|()| true);
    }
    reader.word("false").map(|()| false)
}

#[cfg(test)]
mod tests;
