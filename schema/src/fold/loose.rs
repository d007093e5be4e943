//! Loose references: of applications that run with `foreign_keys` off, as SQLite does by default.
//!
//! They leave children behind and use 0 and −1. Such references are translated like all others, but no row is held,
//! hidden or brought back for them.

use super::{Fold, Touched};
use crate::catalogue::Table;
use crate::entry::{Entry, State};
use crate::error::Doing as _;
use crate::held::{Keep, Why};
use crate::key::Key;
use crate::tx::Tx;
use crate::{Cell, Cells, Result, trigger};
use rusqlite::params;
use std::collections::BTreeSet;
use std::sync::Arc;
use uuid::Uuid;

impl Tx<'_> {
    /// An application that leaves children behind does not keep its references: from now on they are loose.
    pub(super) fn loosen_where_children_are_left(
        &mut self,
        gone: &Touched,
        uuid: Uuid,
    ) -> Result<()> {
        let catalogue = Arc::clone(&self.catalogue);
        if self.read_row(&gone.table, &gone.key)?.is_some() {
            return Ok(());
        }
        for (child, index) in catalogue.children(gone.table.id) {
            let Some(reference) = child.references.get(*index) else { continue };
            // Only where the key itself is pointed to: a UNIQUE value of a row that is gone cannot be read any more.
            let key: Vec<&str> = gone
                .table
                .key
                .iter()
                .filter_map(|&index| gone.table.at(index))
                .map(|c| c.name.as_str())
                .collect();
            if !reference.parent_columns.iter().map(String::as_str).eq(key) {
                continue;
            }
            let names = child.names_of(&reference.columns);
            let pointing = (&**child, reference.columns.as_slice());
            let shown = (&*gone.table, gone.table.key.as_slice());
            if self.keys_pointing(pointing, shown, &gone.key.cells()?)?.is_empty() {
                continue;
            }
            if !reference.loose {
                self.loosen(&child.name, &names)?;
            }
            // Those that are left go on meaning the row that is gone, whatever becomes of its number.
            if let (Some(number), Some(_)) = (gone.key.number(), gone.table.number) {
                self.reserve_number(gone.table.id, number, uuid)?;
            }
        }
        Ok(())
    }

    /// The row whose number children were left with when it was deleted here.
    pub(super) fn left_behind(&mut self, table: i64, number: i64) -> Result<Option<Uuid>> {
        let Some(uuid) = self.reserved_for(table, number)? else { return Ok(None) };
        Ok(self.entry(uuid)?.filter(|entry| entry.head.dead).map(|_| uuid))
    }

    /// The application gave a number to a new row that was promised to one that is still to come: rows that were
    /// shown with it are shown with another. Answers them.
    pub(super) fn promise_again(&mut self, fold: &Fold) -> Result<BTreeSet<Uuid>> {
        let mut again = BTreeSet::new();
        if !self.anything_reserved()? {
            return Ok(again);
        }
        let catalogue = Arc::clone(&self.catalogue);
        for touched in &fold.touched {
            let place = (touched.table.id, touched.key.clone());
            let (Some(number), Some(Some(now))) = (touched.key.number(), fold.names.get(&place))
            else {
                continue;
            };
            let Some(promised) = self.reserved_for(touched.table.id, number)? else { continue };
            if promised == *now {
                continue;
            }
            let number_column =
                touched.table.number.and_then(|at| Some((at, touched.table.at(at)?)));
            let Some((key, key_column)) = number_column else { continue };
            for (child, column, shows) in catalogue.showing(touched.table.id) {
                if !shows.eq_ignore_ascii_case(&key_column.name) {
                    continue;
                }
                let (showing, shown) = ((&**child, &[*column][..]), (&*touched.table, &[key][..]));
                for key in self.keys_pointing(showing, shown, &[Cell::Integer(number)])? {
                    if fold.place.contains_key(&(child.id, key.clone())) {
                        continue;
                    }
                    let Some(uuid) = self.at_key(child.id, &key)? else { continue };
                    if let Some(entry) = self.entry(uuid)? {
                        self.set_aside(entry)?;
                        again.insert(uuid);
                    }
                }
            }
            self.promise_kept(promised)?;
        }
        Ok(again)
    }

    /// A row goes from its table, and rows that refer to it loosely stay: they go on meaning it.
    pub(crate) fn leave_children(&mut self, table: &Table, gone: &Entry) -> Result<()> {
        let catalogue = Arc::clone(&self.catalogue);
        self.leave_those_let_go(table, gone)?;
        let mut standing = None;
        for (child, column, shows) in catalogue.showing(table.id) {
            let is_loose = child
                .references
                .iter()
                .any(|reference| reference.loose && reference.columns.contains(column));
            let (Some((of, _)), true) = (table.column(shows), is_loose) else { continue };
            if standing.is_none() {
                standing = match &gone.key {
                    Some(key) => self.read_row(table, key)?,
                    None => None,
                };
            }
            let Some(value) = standing.as_ref().and_then(|row| row.get(of)).cloned() else {
                continue;
            };
            let (showing, shown) = ((&**child, &[*column][..]), (table, &[of][..]));
            let left = self.keys_pointing(showing, shown, std::slice::from_ref(&value))?;
            if let (Some(number), false, true) =
                (gone.key.as_ref().and_then(Key::number), left.is_empty(), Some(of) == table.number)
            {
                self.reserve_number(table.id, number, gone.uuid)?;
                continue;
            }
            for key in left {
                if let Some(uuid) = self.at_key(child.id, &key)?
                    && let Some(entry) = self.entry(uuid)?
                {
                    self.set_aside(entry)?;
                }
            }
        }
        Ok(())
    }

    /// Nor does anybody write those in a table that was let go: the number stays this row's, so that they mean no other
    /// row, here or when their table is tracked again.
    fn leave_those_let_go(&mut self, table: &Table, gone: &Entry) -> Result<()> {
        let catalogue = Arc::clone(&self.catalogue);
        let (Some(number), Some(_)) = (gone.key.as_ref().and_then(Key::number), table.number)
        else {
            return Ok(());
        };
        for (child, column) in catalogue.beside(table.id) {
            let (child, column) = (trigger::quote(child), trigger::quote(column));
            let left: bool = self
                .conn
                .prepare_cached(&format!(
                    "SELECT EXISTS (SELECT 1 FROM {child} WHERE {column} = ?)"
                ))
                .and_then(|mut statement| statement.query_row([number], |row| row.get(0)))
                .doing("look for rows that refer to one that goes")?;
            if left {
                self.reserve_number(table.id, number, gone.uuid)?;
            }
        }
        Ok(())
    }

    /// Keeps a row's values beside the table while what the table shows is about to mean something else.
    pub(crate) fn set_aside(&mut self, entry: Entry) -> Result<()> {
        if entry.state != State::Shown {
            return Ok(());
        }
        let Some(cells) = self.values(&entry)? else { return Ok(()) };
        let shown = Cells::default();
        let keep =
            Keep { cells: Some(&cells), shown: &shown, why: Why::Parent, text: None, size: None };
        self.keep(entry.uuid, &keep)?;
        self.enlist(&entry, &cells)?;
        self.place(&Entry { state: State::Otherwise, ..entry })
    }

    pub(super) fn loosen_dangling(&mut self, table: &Table, cells: &Cells) -> Result<()> {
        for reference in table.references.iter().filter(|reference| !reference.loose) {
            let mut columns = reference.columns.iter().filter_map(|&index| table.at(index));
            if columns.any(|column| matches!(cells.get(&column.id), Some(Cell::Number(_)))) {
                self.loosen(&table.name, &table.names_of(&reference.columns))?;
            }
        }
        Ok(())
    }

    /// Marks a reference as loose, for this transaction too.
    pub(crate) fn loosen(&mut self, child: &str, columns: &[&str]) -> Result<()> {
        for column in columns {
            self.conn
                .execute(
                    "INSERT INTO _dunlin_reference (child, column, parent) VALUES (?1, ?2, NULL) ON CONFLICT DO NOTHING",
                    params![child, column],
                )
                .doing("mark a reference as loose")?;
        }
        self.load_catalogue()
    }
}
