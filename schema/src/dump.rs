//! Dumps: what scripts and old clients read by `getdata`; `put` is the other way.
//!
//! A dump shows the tables as they stand here, with this machine's numbers. Columns that every dump carries and a
//! table lacks are supplied:
//!
//! ```text
//!   id           the integer key; for other tables a number made of the row uuid
//!   uuid         the row uuid; a column of that name that names the rows is told as it is, also of a tombstone
//!   modified_on  the stamp, or the table's own column where that is later; whole seconds, UTC
//!   deleted      true for a tombstone, which is a row of nulls
//! ```

use crate::catalogue::{Naming, Table};
use crate::entry::{COLUMNS, Entry};
use crate::error::Doing as _;
use crate::store::Flush;
use crate::tx::Tx;
use crate::{Cell, Millis, Result, Store};
use chrono::{DateTime, NaiveDate, NaiveDateTime};
use rusqlite::OptionalExtension as _;
use std::sync::Arc;
use uuid::Uuid;

/// Where a statement has `called`, behind [`COLUMNS`].
const CALLED: usize = 15;

/// From where a dump begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DumpSince {
    /// A position of the journal: what arrived here after it.
    Position(u64),
    /// A time: what was modified, or arrived here, later.
    Time(Millis),
}

/// Tables and their rows, as they stand here.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dump {
    /// Every tracked table, also those without rows.
    pub tables: Vec<DumpTable>,
    /// Where in the journal it ends.
    pub position: u64,
    /// More is to come.
    pub more: bool,
}

/// One table of a dump.
#[derive(Clone, Debug, PartialEq)]
pub struct DumpTable {
    /// Its name.
    pub name: String,
    /// Its columns, with those that are supplied.
    pub columns: Vec<String>,
    /// Its rows. Of the supplied `deleted`, 0 and 1 stand for false and true.
    pub rows: Vec<Vec<Cell>>,
    /// Which column is the supplied `deleted`, to be told as a truth value.
    pub deleted: Option<usize>,
}

/// A time in whole seconds, UTC, as dumps show it.
pub(crate) fn show_time(time: Millis) -> String {
    DateTime::from_timestamp_millis(time)
        .map_or_else(String::new, |time| time.format("%Y-%m-%d %H:%M:%S").to_string())
}

/// A time as applications write it: text with or without `T`, fraction and `Z`, unix seconds or milliseconds.
pub(crate) fn time_of(cell: &Cell) -> Option<Millis> {
    /// 5138-11-16 in seconds, 1973-03-03 in milliseconds: a number above it is milliseconds.
    const SECONDS_MAX: i64 = 100_000_000_000;
    match cell {
        Cell::Integer(n) if n.unsigned_abs() < SECONDS_MAX.unsigned_abs() => Some(n * 1000),
        Cell::Integer(n) => Some(*n),
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a time far outside is no time, and the cast saturates"
        )]
        Cell::Real(x) => time_of(&Cell::Integer((x * 1000.0) as i64)),
        Cell::Text(text) => parse_time(std::str::from_utf8(text).ok()?),
        _ => None,
    }
}

/// A time as text; one that does not say of which place is that of UTC.
pub(crate) fn parse_time(text: &str) -> Option<Millis> {
    let (text, ahead) = split_offset(text.trim())?;
    let plain = text.replace(['T', 't'], " ");
    ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(&plain, format).ok())
        .or_else(|| NaiveDate::parse_from_str(&plain, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0))
        .map(|time| time.and_utc().timestamp_millis() - ahead)
}

/// What stands before `Z` or an offset such as `+02:00`, and by how much it is ahead of UTC.
fn split_offset(text: &str) -> Option<(&str, Millis)> {
    /// Up to here a dash belongs to the date.
    const DATE: usize = "YYYY-MM-DD".len();
    if let Some(time) = text.strip_suffix(['Z', 'z']) {
        return Some((time.trim_end(), 0));
    }
    let Some(at) = text.rfind(['+', '-']).filter(|at| *at > DATE) else {
        return Some((text, 0));
    };
    let (time, offset) = text.split_at(at);
    let digits = offset.get(1..)?.replacen(':', "", 1);
    let is_offset = digits.len() == 4 && digits.bytes().all(|digit| digit.is_ascii_digit());
    let number: i64 = digits.parse().ok().filter(|_| is_offset)?;
    let ahead = (number / 100 * 60 + number % 100) * 60_000;
    Some((time.trim_end(), if offset.starts_with('-') { -ahead } else { ahead }))
}

impl Store {
    /// Rows as they stand here, from somewhere on: at most about `limit` of them.
    pub fn dump(&mut self, since: DumpSince, limit: usize) -> Result<Dump> {
        self.fold()?;
        self.write(Flush::Reads, |tx| tx.dump(since, limit))
    }
}

/// How one table is dumped: which columns are supplied.
struct Layout {
    table: Arc<Table>,
    columns: Vec<String>,
    supplied: Vec<&'static str>,
}

impl Layout {
    fn of(table: &Arc<Table>) -> Self {
        let own_uuid = matches!(table.naming, Naming::Uuid(_));
        let mut supplied = Vec::new();
        for name in ["id", "uuid", "modified_on", "deleted"] {
            if table.column(name).is_none() || (name == "uuid" && !own_uuid) {
                supplied.push(name);
            }
        }
        let own = table.columns.iter().map(|column| column.name.clone());
        let own =
            own.filter(|name| !supplied.iter().any(|supplied| supplied.eq_ignore_ascii_case(name)));
        let columns = supplied.iter().map(|name| (*name).to_owned()).chain(own).collect();
        Self { table: Arc::clone(table), columns, supplied }
    }

    /// `called`: what its `uuid` column says, or said.
    fn row(&self, entry: &Entry, stored: Option<&[Cell]>, called: Option<&Cell>) -> Vec<Cell> {
        let own = |name: &str| {
            let (index, _) = self.table.column(name)?;
            stored?.get(index).cloned()
        };
        let number = entry.key.as_ref().and_then(crate::key::Key::number);
        let stamp = entry.head.stamp.millis();
        self.columns
            .iter()
            .map(|name| match name.to_ascii_lowercase().as_str() {
                "id" if self.supplied.contains(&"id") => {
                    Cell::Integer(number.unwrap_or_else(|| label(entry.uuid)))
                }
                "uuid" => own("uuid")
                    .or_else(|| called.cloned())
                    .filter(|_| !self.supplied.contains(&"uuid"))
                    .unwrap_or_else(|| Cell::Text(entry.uuid.to_string().into_bytes())),
                "modified_on" => {
                    let later = own("modified_on")
                        .as_ref()
                        .and_then(time_of)
                        .map_or(stamp, |own| own.max(stamp));
                    Cell::Text(show_time(later).into_bytes())
                }
                "deleted" if self.supplied.contains(&"deleted") || stored.is_none() => {
                    Cell::Integer(i64::from(entry.head.dead))
                }
                _ => own(name).unwrap_or(Cell::Null),
            })
            .collect()
    }
}

/// A number for a row of a table without an integer key: the same on every machine.
fn label(uuid: Uuid) -> i64 {
    i64::try_from(uuid.as_u128() & ((1 << 52) - 1)).unwrap_or(0)
}

impl Tx<'_> {
    fn dump(&mut self, since: DumpSince, limit: usize) -> Result<Dump> {
        let catalogue = Arc::clone(&self.catalogue);
        let layouts: Vec<Layout> =
            catalogue.tables.iter().filter(|table| !table.internal()).map(Layout::of).collect();
        let mut tables: Vec<DumpTable> = layouts
            .iter()
            .map(|layout| DumpTable {
                name: layout.table.name.clone(),
                columns: layout.columns.clone(),
                rows: Vec::new(),
                deleted: layout
                    .columns
                    .iter()
                    .position(|_| layout.supplied.contains(&"deleted"))
                    .and_then(|_| layout.columns.iter().position(|name| name == "deleted")),
            })
            .collect();
        let (from, modified) = match since {
            DumpSince::Position(pos) => (pos, None),
            DumpSince::Time(time) => (0, Some((time, self.arrived_before(time)?))),
        };
        let (mut position, mut taken, mut more) = (from, 0, false);
        let conn = self.conn;
        let mut statement = conn
            .prepare_cached(&format!(
                "SELECT {COLUMNS}, called FROM _dunlin_row WHERE pos > ? ORDER BY pos"
            ))
            .doing("read the journal")?;
        let mut rows = statement.query([from]).doing("read the journal")?;
        while let Some(row) = rows.next().doing("read the journal")? {
            if taken >= limit {
                more = true;
                break;
            }
            let entry = self.entry_of(row)?;
            position = entry.pos;
            let Some(at) = layouts.iter().position(|layout| layout.table.id == entry.table) else {
                continue;
            };
            let (Some(layout), Some(table)) = (layouts.get(at), tables.get_mut(at)) else {
                continue;
            };
            let stored = match &entry.key {
                Some(key) if !entry.head.dead => self.read_row(&layout.table, key)?,
                _ => None,
            };
            if stored.is_none() && !entry.head.dead {
                continue;
            }
            if let Some((time, arrived)) = modified {
                let own = layout
                    .table
                    .column("modified_on")
                    .and_then(|(index, _)| stored.as_ref()?.get(index));
                let own = own.and_then(time_of).unwrap_or(0);
                if entry.pos <= arrived && entry.head.stamp.millis().max(own) <= time {
                    continue;
                }
            }
            let called = row.get_ref(CALLED).map(Cell::from).doing("read the journal")?;
            let called = Some(called).filter(|called| *called != Cell::Null);
            table.rows.push(layout.row(&entry, stored.as_deref(), called.as_ref()));
            taken += 1;
        }
        if !more {
            position = self.count.pos.max(from);
        }
        Ok(Dump { tables, position, more })
    }

    /// A position before which everything had arrived at a time.
    pub(crate) fn arrived_before(&self, time: Millis) -> Result<u64> {
        self.conn
            .prepare_cached(
                "SELECT pos FROM _dunlin_arrival WHERE time <= ? ORDER BY time DESC LIMIT 1",
            )
            .and_then(|mut statement| statement.query_row([time], |row| row.get(0)).optional())
            .doing("find out what arrived when")
            .map(|pos| pos.unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_applications_write_them() {
        let noon = Some(1_790_510_400_000);
        for text in [
            "2026-09-27 12:00:00",
            "2026-09-27T12:00:00Z",
            "2026-09-27 12:00:00.000",
            "2026-09-27T14:00:00+02:00",
        ] {
            assert_eq!(time_of(&Cell::Text(text.into())), noon, "{text}");
        }
        assert_eq!(time_of(&Cell::Integer(1_790_510_400)), noon);
        assert_eq!(time_of(&Cell::Integer(1_790_510_400_000)), noon);
        assert_eq!(time_of(&Cell::Text("yesterday".into())), None);
        assert_eq!(show_time(1_790_510_400_999), "2026-09-27 12:00:00");
    }
}
