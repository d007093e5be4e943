//! Giving another value to a row that is held, or shown otherwise: the application cannot, for it does not see the row, or
//! sees another value in it.

use super::{Kept, Why};
use crate::catalogue::Table;
use crate::entry::{Entry, State};
use crate::rows::Names;
use crate::store::Flush;
use crate::tx::Tx;
use crate::{Cell, Cells, Error, Result, Stamp, Store};
use std::sync::Arc;
use uuid::Uuid;

/// A column, and its value as a person types it; none is NULL.
pub type Given = (String, Option<String>);

impl Store {
    /// Gives a row of the list other values: a version of this machine's, which every machine takes. Nothing is written
    /// where its table would not show the row with them.
    pub fn give_held(&mut self, number: i64, values: &[Given]) -> Result<()> {
        self.fold()?;
        let given = self.write(Flush::Now, |tx| {
            tx.fold(usize::MAX)?;
            tx.give_held(number, values)
        });
        self.looked.forget();
        given
    }
}

impl Tx<'_> {
    fn give_held(&mut self, number: i64, values: &[Given]) -> Result<()> {
        let gone = || Error::NoSuchNumber { what: "held row", number };
        let uuid = self.held_number(number)?;
        let kept = self.kept(uuid)?.ok_or_else(gone)?;
        let is_listed = |entry: &Entry| match entry.state {
            State::Held => true,
            State::Otherwise => !kept.shown.is_empty(),
            State::Shown | State::Dead | State::Lingers => false,
        };
        let entry = self.entry(uuid)?.filter(is_listed).ok_or_else(gone)?;
        let catalogue = Arc::clone(&self.catalogue);
        let Some(table) = catalogue.id(entry.table) else {
            return Err(Error::NoSuchTable { table: self.table_name(entry.table)? });
        };
        let Some(mut cells) = self.values_to_show(&entry)? else {
            return Err(Error::StillHeld { why: "its values are not on this machine".to_owned() });
        };
        for (column, value) in values {
            let cell = self.given(table, (column, value.as_deref()), &cells);
            let cannot = |why| Error::CannotGive { column: column.clone(), why };
            let (id, cell) = cell?.map_err(cannot)?;
            cells.set(&id, cell);
        }
        let stamp = Stamp::after(Some(entry.head.stamp), self.clock.now());
        let dirty = self.write_version((table, uuid), Some(&entry), Some(&cells), stamp)?;
        self.settle(dirty)?;
        self.refuse_what_is_still_kept(uuid)
    }

    /// The column's id and what it stores for a value; or why it cannot be given that.
    fn given(
        &mut self,
        table: &Table,
        (name, value): (&str, Option<&str>),
        cells: &Cells,
    ) -> Result<std::result::Result<(Arc<str>, Cell), String>> {
        let Some((index, column)) = table.column_of(name).or_else(|| table.column(name)) else {
            return Ok(Err("the table has no such column".to_owned()));
        };
        if Some(index) == table.number {
            return Ok(Err("each machine numbers its rows itself".to_owned()));
        }
        if table.naming_columns().contains(&index) {
            return Ok(Err("the row is named by it, and another name is another row".to_owned()));
        }
        let is_number = matches!(cells.get(&column.id), Some(Cell::Integer(_) | Cell::Real(_)));
        let cell = match value {
            None => Cell::Null,
            Some(text) => typed(text, is_number),
        };
        let cell = self.cell_of((table, index), &cell, &Names::new())?;
        Ok(cell.map(|cell| (Arc::clone(&column.id), cell)))
    }

    fn refuse_what_is_still_kept(&mut self, uuid: Uuid) -> Result<()> {
        let (Some(entry), Some(Kept { shown, why, .. })) = (self.entry(uuid)?, self.kept(uuid)?)
        else {
            return Ok(());
        };
        if entry.state == State::Held {
            let why = match why {
                Why::Unique => Some("another row has the same value, which must be unique"),
                Why::Parent => Some("the row that it refers to is not there"),
                _ => None,
            };
            let said = self.why_kept(uuid)?.filter(|_| why.is_none());
            let why = why.unwrap_or("the table does not take it").to_owned();
            return Err(Error::StillHeld { why: said.unwrap_or(why) });
        }
        let aside = shown.iter().next().filter(|_| why == Why::Unique);
        aside.map_or(Ok(()), |(column, _)| {
            let why = "another row has the same value, which must be unique".to_owned();
            Err(Error::CannotGive { column: column.to_string(), why })
        })
    }
}

/// A text as it is typed; a number where the column held one and has no type that says so.
fn typed(text: &str, is_number: bool) -> Cell {
    let whole = text.parse().ok().map(Cell::Integer);
    let number =
        whole.or_else(|| text.parse().ok().filter(|x: &f64| x.is_finite()).map(Cell::Real));
    number.filter(|_| is_number).unwrap_or_else(|| Cell::Text(text.as_bytes().to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::still::{NOW, shop, untracked_by};
    use crate::{Ask, Sender, Track};

    const SCHEMA: &str = "CREATE TABLE part (id INTEGER PRIMARY KEY, ean TEXT NOT NULL UNIQUE CHECK (ean IN ('1', '2', '3')), code INTEGER, size);
         CREATE TABLE sale (id INTEGER PRIMARY KEY, part INTEGER NOT NULL REFERENCES part (id), pieces INTEGER)";

    /// Two machines that made a part with one EAN, and sold it: one part is held, and its sale with it.
    fn clash() -> (tempfile::TempDir, rusqlite::Connection, Store) {
        let (_there, app, mut there) = shop(SCHEMA);
        let made = "INSERT INTO part VALUES (1, '1', 7, 4); INSERT INTO sale VALUES (1, 1, 3)";
        app.execute_batch(made).unwrap();
        there.fold().unwrap();
        let (folder, tool, mut here) = untracked_by(2, SCHEMA);
        here.track(&Track::default()).unwrap();
        // Rows of one moment are named by the lines that tell of them.
        tool.execute_batch("INSERT INTO part VALUES (5, '3', 0, 0)").unwrap();
        tool.execute_batch(made).unwrap();
        let page = there.page(&Ask { now: NOW, limit: 1 << 20, ..Ask::default() }).unwrap();
        here.apply(&page, Sender { origin: there.origin(), skew: 0 }).unwrap();
        assert_eq!(here.held(9).unwrap().len(), 2);
        (folder, tool, here)
    }

    fn part(store: &mut Store) -> i64 {
        store.held(9).unwrap().iter().find(|held| held.table == "part").unwrap().number
    }

    fn given(column: &str, value: &str) -> Given {
        (column.to_owned(), Some(value.to_owned()))
    }

    #[test]
    fn a_held_row_stands_with_another_value_and_its_children_with_it() {
        let (_folder, tool, mut here) = clash();
        let number = part(&mut here);
        here.give_held(number, &[given("EAN", "2"), given("code", "9"), given("size", "6")])
            .unwrap();
        assert_eq!(here.held(9).unwrap(), []);
        let shown =
            "SELECT group_concat(ean || ' ' || code || ' ' || typeof(size) || ' ' || pieces)
             FROM part JOIN sale ON sale.part = part.id WHERE ean = '2'";
        let shown: String = tool.query_row(shown, [], |row| row.get(0)).unwrap();
        assert_eq!(shown, "2 9 integer 3");
        here.give_held(number, &[given("ean", "1")]).unwrap_err();
    }

    #[test]
    fn nothing_is_written_where_the_row_would_still_be_held() {
        let (_folder, _tool, mut here) = clash();
        let (number, end) = (part(&mut here), here.end().unwrap());
        for (values, why) in [
            (vec![given("ean", "1")], "another row has the same value"),
            (vec![given("ean", "4")], "CHECK constraint failed"),
            (vec![given("ean", "2"), given("code", "nine")], "column code: it holds numbers"),
            (vec![given("colour", "red")], "no such column"),
            (vec![given("id", "2")], "numbers its rows itself"),
            (vec![("ean".to_owned(), None)], "constraint failed"),
            (vec![], "another row has the same value"),
        ] {
            let error = here.give_held(number, &values).unwrap_err().to_string();
            assert!(error.contains(why), "{values:?}: {error}");
            assert_eq!((here.end().unwrap(), here.held(9).unwrap().len()), (end, 2));
        }
        assert!(here.give_held(99, &[given("ean", "2")]).unwrap_err().to_string().contains("99"));
    }
}
