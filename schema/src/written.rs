//! When rows were written that were there before tracking began: a column of the application's own may say.
//!
//! ```text
//!   a person named one (--stamp TABLE=COLUMN)     that one; with no column, none
//!   else, of the names below, in their order      the first whose values all read as times
//! ```
//!
//! By it two copies of one file that were edited apart keep the later edits. A name alone says little: `modified` may be
//! a mark, and `updated` a word. So of each such column some values are read.

use crate::catalogue::{Column, Table};
use crate::dump::time_of;
use crate::error::Doing as _;
use crate::trigger::quote;
use crate::tx::Tx;
use crate::{Cell, Error, Millis, Result};
use rusqlite::params;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A table, and the column that a person named; none: nothing says it.
type Stamped = (String, Option<String>);

/// What applications call it, without marks and capitals; of two in one table the earlier here counts.
const NAMES: [&str; 30] = [
    "modifiedon",
    "modifiedat",
    "updatedat",
    "updatedon",
    "lastmodified",
    "lastmodifiedat",
    "lastmodifiedon",
    "lastmodifieddate",
    "lastupdated",
    "lastupdatedat",
    "lastupdate",
    "lastchanged",
    "lastchange",
    "changedat",
    "changedon",
    "datemodified",
    "dateupdated",
    "datechanged",
    "dateupd",
    "timemodified",
    "timeupdated",
    "modifieddate",
    "updateddate",
    "modificationdate",
    "writedate",
    "mtime",
    "modified",
    "updated",
    "changed",
    "geaendertam",
];
/// 1990: no application of today wrote a row before; a small number is no time.
const EARLIEST: Millis = 631_152_000_000;
/// A clock may be a day ahead, or tell the time of another place.
const AHEAD: Millis = 24 * 60 * 60 * 1_000;
/// So many values of a column are read, from among so many rows at each end of its table.
const VALUES: usize = 100;
const ROWS: usize = 1_000;

/// A time at which an application may have written a row.
pub(crate) fn time(cell: &Cell, now: Millis) -> Option<Millis> {
    time_of(cell).filter(|time| (EARLIEST..=now.saturating_add(AHEAD)).contains(time))
}

/// Where a name stands in the list; none: it does not say that the column holds such times.
fn place(name: &str) -> Option<usize> {
    let letters = name.chars().filter(|letter| letter.is_alphanumeric());
    let plain: String = letters.flat_map(char::to_lowercase).collect();
    NAMES.iter().position(|known| *known == plain)
}

/// The columns that are called so, the first in the list first.
fn called_so(names: &[&str]) -> Vec<usize> {
    let mut found: Vec<(usize, usize)> =
        names.iter().enumerate().filter_map(|(index, name)| Some((place(name)?, index))).collect();
    found.sort_unstable();
    found.into_iter().map(|(_, index)| index).collect()
}

impl Tx<'_> {
    /// Refuses what a person said of tables that are not among those tracked from now on, or of columns that they lack.
    pub(crate) fn check_stamps(&self, said: &[Stamped], new: &[Arc<Table>]) -> Result<()> {
        for (table, column) in said {
            let text = format!("{table}={}", column.as_deref().unwrap_or_default());
            let refuse = |why| Err(Error::BadStamp { text: text.clone(), why });
            let known = new.iter().find(|new| new.name.eq_ignore_ascii_case(table));
            match (known, column) {
                (None, _) if self.catalogue.named(table).is_some() => {
                    return refuse("the table is tracked already, and its rows have their times");
                }
                (None, _) => return refuse("it is none of the tables that are tracked now"),
                (Some(known), Some(column)) if known.column(column).is_none() => {
                    return refuse("the table has no such column");
                }
                (Some(_), _) => {}
            }
        }
        Ok(())
    }

    /// Decides for tables that are tracked from now on, and tells a person.
    pub(crate) fn choose_stamps(
        &self,
        said: &[Stamped],
        new: &[Arc<Table>],
        notes: &mut Vec<String>,
    ) -> Result<()> {
        let mut chosen: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for table in new {
            let said = said.iter().find(|(name, _)| name.eq_ignore_ascii_case(&table.name));
            let column = match said {
                Some((_, column)) => column.as_deref().and_then(|column| table.column(column)),
                None => self.found_stamp(table, notes)?,
            };
            let name = column.map_or("", |(_, column)| column.name.as_str());
            self.conn
                .execute(
                    "UPDATE _dunlin_table SET stamped = ?2 WHERE id = ?1",
                    params![table.id, name],
                )
                .doing("write down which column says when rows were written")?;
            if !name.is_empty() {
                chosen.entry(name).or_default().push(&table.name);
            }
        }
        for (column, tables) in chosen {
            let tables = tables.join(", ");
            notes.push(format!("{column} says when rows were written that are there: {tables}"));
        }
        Ok(())
    }

    /// The column that says it by its name and by what it holds.
    fn found_stamp<'t>(
        &self,
        table: &'t Table,
        notes: &mut Vec<String>,
    ) -> Result<Option<(usize, &'t Column)>> {
        let mut found = Vec::new();
        let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
        for index in called_so(&names) {
            let Some(column) = table.at(index).filter(|column| column.target.is_none()) else {
                continue;
            };
            if self.holds_times(table, &column.name)? {
                found.push((index, column));
            }
        }
        if let [(_, first), others @ ..] = found.as_slice()
            && !others.is_empty()
        {
            let others: Vec<&str> = others.iter().map(|(_, other)| other.name.as_str()).collect();
            notes.push(format!(
                "{}: {} counts, and not {}; --stamp TABLE=COLUMN names another one",
                table.name,
                first.name,
                others.join(", ")
            ));
        }
        Ok(found.first().copied())
    }

    /// Is there a value, and does each that is looked at read as a time?
    fn holds_times(&self, table: &Table, column: &str) -> Result<bool> {
        let doing = "look when rows were written";
        let (on, column) = (quote(&table.name), quote(column));
        let key = table.names_of(&table.key);
        let back: Vec<String> = key.iter().map(|name| format!("{} DESC", quote(name))).collect();
        let some = |order: &str| {
            format!(
                "SELECT * FROM (SELECT v FROM (SELECT {column} AS v FROM {on} {order} LIMIT {ROWS}) WHERE v IS NOT NULL LIMIT {VALUES})"
            )
        };
        let first = some("");
        let last = some(&format!("ORDER BY {}", back.join(", ")));
        let mut statement = self.conn.prepare(&format!("{first} UNION ALL {last}")).doing(doing)?;
        let mut rows = statement.query([]).doing(doing)?;
        let (now, mut any) = (self.clock.now(), false);
        while let Some(row) = rows.next().doing(doing)? {
            any = true;
            if time(&Cell::from(row.get_ref(0).doing(doing)?), now).is_none() {
                return Ok(false);
            }
        }
        Ok(any)
    }
}

#[cfg(test)]
mod tests {
    use super::{called_so, place, time};
    use crate::still::{NOW, untracked};
    use crate::{Cell, DumpSince, Error, Store, Track};

    fn text(text: &str) -> Cell {
        Cell::Text(text.into())
    }

    #[test]
    fn a_column_is_known_by_its_name_however_it_is_written() {
        for name in [
            "updated_at",
            "updatedAt",
            "UPDATED AT",
            "modified",
            "modified_at",
            "modified_on",
            "changed_at",
            "last_modified",
            "LastModified",
            "write_date",
            "updated_on",
            "updated",
            "last_updated",
            "date_modified",
            "date_upd",
            "mtime",
        ] {
            assert!(place(name).is_some(), "{name}");
        }
        for name in ["created_at", "modified_by", "update_count", "date", "at", "last", ""] {
            assert_eq!(place(name), None, "{name}");
        }
    }

    #[test]
    fn of_two_columns_the_one_that_is_earlier_in_the_list_counts() {
        let names = ["updated", "id", "updated_at", "modified_on"];
        assert_eq!(called_so(&names), [3, 2, 0]);
    }

    #[test]
    fn times_are_read_in_every_way_that_applications_write_them() {
        let time = |cell| time(&cell, NOW);
        let moment = Some(1_772_359_200_000);
        for written in [
            "2026-03-01 10:00:00",
            "2026-03-01T10:00:00Z",
            "2026-03-01T10:00:00.000Z",
            "2026-03-01 10:00:00.000000",
            "2026-03-01 10:00",
            "2026-03-01T12:00:00+02:00",
            "2026-03-01 12:00:00+02:00",
            "2026-03-01 10:00:00.000 +00:00",
            "2026-03-01T10:00",
            "2026-03-01 05:30:00.000000-04:30",
            "2026-03-01 12:00+02:00",
        ] {
            assert_eq!(time(text(written)), moment, "{written}");
        }
        assert_eq!(time(Cell::Integer(1_772_359_200)), moment);
        assert_eq!(time(Cell::Integer(1_772_359_200_000)), moment);
        assert_eq!(time(text("2026-03-01")), Some(1_772_323_200_000));
    }

    #[test]
    fn what_no_application_wrote_yet_is_no_time() {
        let time = |cell| time(&cell, NOW);
        for cell in [
            Cell::Integer(0),
            Cell::Integer(1),
            Cell::Integer(20_260_301),
            Cell::Null,
            Cell::Integer(1_772_359_200_000_000),
            Cell::Integer(NOW / 1_000 + 2 * 86_400),
            text("yes"),
            text("10:00:00"),
            text("1772359200"),
            text("1970-01-01 00:00:00"),
            text("2026-13-01"),
            text("2031-01-01 00:00:00"),
            Cell::Blob(b"2026-03-01".to_vec()),
        ] {
            assert_eq!(time(cell.clone()), None, "{cell:?}");
        }
        assert!(time(Cell::Integer(NOW / 1_000 + 3_600)).is_some(), "an hour ahead");
    }

    /// What tracking says of a table `c` with these columns and one row of these values, and when the row was written,
    /// in seconds.
    fn tracked(columns: &str, values: &str, track: &Track) -> (Vec<String>, String) {
        let (_folder, _app, mut store) = untracked(&format!(
            "CREATE TABLE c (id INTEGER PRIMARY KEY, {columns}); INSERT INTO c VALUES (1, {values});"
        ));
        let notes = store.track(track).unwrap().notes;
        (notes, written(&mut store))
    }

    fn written(store: &mut Store) -> String {
        let dump = store.dump(DumpSince::Position(0), 9).unwrap();
        let table = dump.tables.first().unwrap();
        let at = table.columns.iter().position(|name| name == "modified_on").unwrap();
        match table.rows.first().unwrap().get(at) {
            Some(Cell::Text(text)) => String::from_utf8(text.clone()).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    fn stamp(table: &str, column: Option<&str>) -> Track {
        let stamps = vec![(table.to_owned(), column.map(str::to_owned))];
        Track { stamps, ..Track::default() }
    }

    #[test]
    fn rows_that_were_there_have_the_time_that_their_column_says() {
        let (notes, written) =
            tracked("updated_at TEXT", "'2026-03-01T12:00:00+02:00'", &Track::default());
        assert_eq!(written, "2026-03-01 10:00:00");
        assert_eq!(notes, ["updated_at says when rows were written that are there: c"]);
    }

    #[test]
    fn a_column_that_is_only_called_so_is_not_taken() {
        for value in ["1", "'yes'", "'2099-01-01 00:00:00'", "NULL"] {
            let (notes, written) = tracked("modified", value, &Track::default());
            assert_eq!((notes, written.as_str()), (vec![], "1970-01-01 00:00:00"), "{value}");
        }
    }

    #[test]
    fn of_two_columns_one_counts_and_both_are_named() {
        let (notes, written) = tracked(
            "modified TEXT, updated_at INTEGER",
            "'2026-01-01 10:00:00', 1772359200",
            &Track::default(),
        );
        assert_eq!(written, "2026-03-01 10:00:00");
        let both = "c: updated_at counts, and not modified; --stamp TABLE=COLUMN names another one";
        assert!(notes.iter().any(|note| note == both), "{notes:?}");
    }

    #[test]
    fn what_a_person_says_comes_first() {
        let (columns, values) = ("made TEXT, updated_at TEXT", "'2026-01-01', '2026-03-01'");
        let (_, written) = tracked(columns, values, &stamp("C", Some("MADE")));
        assert_eq!(written, "2026-01-01 00:00:00");
        let (notes, written) = tracked(columns, values, &stamp("c", None));
        assert_eq!((notes, written.as_str()), (vec![], "1970-01-01 00:00:00"));
    }

    #[test]
    fn a_column_that_is_not_there_is_refused_and_nothing_is_tracked() {
        let (_folder, _app, mut store) = untracked(
            "CREATE TABLE c (id INTEGER PRIMARY KEY); CREATE TABLE d (id INTEGER PRIMARY KEY)",
        );
        let mut refused = |track: &Track| match store.track(track) {
            Err(error @ Error::BadStamp { .. }) => error.to_string(),
            other => panic!("{other:?}"),
        };
        let text = refused(&stamp("c", Some("updated")));
        assert_eq!(
            text,
            "c=updated cannot say when rows were written: the table has no such column"
        );
        assert!(
            refused(&stamp("x", None)).ends_with("it is none of the tables that are tracked now")
        );
        assert_eq!(store.track(&Track::default()).unwrap().tables.len(), 2);
        let again = store.track(&stamp("c", None)).unwrap_err().to_string();
        assert!(again.contains("tracked already"), "{again}");
    }

    #[test]
    fn a_row_that_a_column_says_nothing_of_is_the_oldest() {
        let (_folder, _app, mut store) = untracked(
            "CREATE TABLE c (id INTEGER PRIMARY KEY, updated_at TEXT); INSERT INTO c VALUES (1, NULL), (2, '2026-03-01')",
        );
        store.track(&Track::default()).unwrap();
        assert_eq!(written(&mut store), "1970-01-01 00:00:00");
    }
}
