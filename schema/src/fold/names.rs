//! Names while a fold is under way: of keys that mean something, of parents whose lines come later, and of rows
//! that point to a number which another row has now.

use super::{Fold, Line, with_ids};
use crate::catalogue::{Naming, Table};
use crate::error::Doing as _;
use crate::key::Key;
use crate::rows::Names;
use crate::tx::Tx;
use crate::{Cell, Cells, Millis, Result, name, trigger};
use rusqlite::{OptionalExtension as _, params};
use std::collections::HashMap;
use std::sync::Arc;
use uuid::Uuid;

/// Parents of parents that a later batch holds are looked for so far.
const AHEAD_MAX: usize = 16;

impl Tx<'_> {
    pub(super) fn name_line(&self, table: &Table, line: &Line, key: &Key) -> Uuid {
        name::of_line(self.file_epoch, line.n, line.time, &table.first, &key.bytes())
    }

    /// The name of a row that was there when tracking started.
    pub(super) fn name_content(&self, table: &Table, key: &Key) -> Result<Option<Uuid>> {
        let first = key.cells()?.into_iter().next();
        if table.copies {
            return Ok(Some(name::of_content(&table.first, first.as_ref(), &key.bytes())));
        }
        Ok(self.read_row(table, key)?.map(|row| {
            let mut content = key.bytes();
            content.extend(Cells::new(with_ids(table, row)).sorted().encode());
            name::of_content(&table.first, first.as_ref(), &content)
        }))
    }

    /// Names every key that was touched, and touches the rows that point to a number which passed to another row.
    /// `cut`: the last line of this batch, when more are left.
    pub(super) fn name_all(&mut self, fold: &mut Fold, cut: Option<i64>) -> Result<()> {
        loop {
            self.name_by_key(fold, cut)?;
            let before = fold.touched.len();
            self.touch_pointing(fold)?;
            if fold.touched.len() == before {
                return Ok(());
            }
        }
    }

    /// Where a number passed to another row, every row here that points to it is touched too.
    fn touch_pointing(&mut self, fold: &mut Fold) -> Result<()> {
        let catalogue = Arc::clone(&self.catalogue);
        let mut passed: Vec<(Arc<Table>, Key, Millis)> = Vec::new();
        for touched in &fold.touched {
            let place = (touched.table.id, touched.key.clone());
            let Some(now) = fold.names.get(&place).copied().flatten() else { continue };
            let before = match (touched.before, touched.key.number()) {
                (None, Some(number)) => self.left_behind(touched.table.id, number)?,
                (before, _) => before,
            };
            if before != Some(now) && (before.is_some() || touched.moved) {
                passed.push((Arc::clone(&touched.table), touched.key.clone(), touched.time));
            }
        }
        for (table, key, time) in passed {
            let cells = key.cells()?;
            let ([key_column], [value]) = (table.key.as_slice(), cells.as_slice()) else {
                continue;
            };
            let Some(key_name) = table.at(*key_column).map(|column| column.name.as_str()) else {
                continue;
            };
            for (child, column, shows) in catalogue.showing(table.id) {
                if !shows.eq_ignore_ascii_case(key_name) {
                    continue;
                }
                let (showing, shown) = ((&**child, &[*column][..]), (&*table, &[*key_column][..]));
                for key in self.keys_pointing(showing, shown, std::slice::from_ref(value))? {
                    self.touch_again(fold, child, &key, time)?;
                }
            }
        }
        Ok(())
    }

    /// Names keys that mean something, parents first.
    fn name_by_key(&mut self, fold: &mut Fold, cut: Option<i64>) -> Result<()> {
        let catalogue = Arc::clone(&self.catalogue);
        let rank: HashMap<i64, usize> =
            catalogue.tables.iter().enumerate().map(|(rank, table)| (table.id, rank)).collect();
        fold.touched.sort_by_key(|touched| rank.get(&touched.table.id).copied());
        fold.place = fold
            .touched
            .iter()
            .enumerate()
            .map(|(index, touched)| ((touched.table.id, touched.key.clone()), index))
            .collect();
        for index in 0..fold.touched.len() {
            let Some(touched) = fold.touched.get(index) else { break };
            let (table, place) =
                (Arc::clone(&touched.table), (touched.table.id, touched.key.clone()));
            let row = self.read_row(&table, &place.1)?;
            if let (Some(last), Some(row)) = (cut, &row) {
                self.name_ahead(&mut fold.names, &table, row, last, 0)?;
            }
            if table.naming != Naming::Integer {
                let name = match &row {
                    Some(row) => self.name_of_row(&table, row, &fold.names)?,
                    None => None,
                };
                fold.names.insert(place.clone(), name);
            }
            fold.rows.insert(place, row);
        }
        Ok(())
    }

    pub(crate) fn name_of_row(
        &mut self,
        table: &Table,
        row: &[Cell],
        names: &Names,
    ) -> Result<Option<Uuid>> {
        let mut key = Vec::new();
        for &index in table.naming_columns() {
            debug_assert!(Some(index) != table.number, "a local number names nothing");
            let (Some(column), Some(cell)) = (table.at(index), row.get(index)) else {
                return Ok(None);
            };
            key.push(match &column.target {
                Some(target) if *cell != Cell::Null => self.refer(target, cell.clone(), names)?,
                _ => cell.clone(),
            });
        }
        Ok(table.name_of_key(&key))
    }

    /// Parents whose own lines come in a later batch have the name that those lines are going to give them.
    fn name_ahead(
        &mut self,
        names: &mut Names,
        table: &Table,
        row: &[Cell],
        last: i64,
        depth: usize,
    ) -> Result<()> {
        let catalogue = Arc::clone(&self.catalogue);
        for (column, cell) in table.columns.iter().zip(row) {
            let Some(parent) =
                column.target.as_ref().and_then(|target| catalogue.named(&target.table))
            else {
                continue;
            };
            let Some(key) = parent.key_of(std::slice::from_ref(cell)) else { continue };
            if parent.key.len() != 1 || depth == AHEAD_MAX {
                continue;
            }
            let place = (parent.id, key);
            let is_named = match names.get(&place) {
                Some(name) => name.is_some(),
                None => self.at_key(parent.id, &place.1)?.is_some(),
            };
            if is_named {
                continue;
            }
            let name = if parent.naming == Naming::Integer {
                self.name_in_log(parent, &place.1, cell, last)?
            } else if let Some(row) = self.read_row(parent, &place.1)? {
                self.name_ahead(names, parent, &row, last, depth + 1)?;
                self.name_of_row(parent, &row, names)?
            } else {
                None
            };
            if let Some(name) = name {
                names.insert(place, Some(name));
            }
        }
        Ok(())
    }

    /// The name that a line of a later batch is going to give a number.
    fn name_in_log(
        &self,
        parent: &Table,
        key: &Key,
        number: &Cell,
        last: i64,
    ) -> Result<Option<Uuid>> {
        let found = self
            .conn
            .prepare_cached(
                "SELECT n, kind, t FROM _dunlin_log WHERE n > ?1 AND tbl = ?2 AND k0 = ?3 ORDER BY n LIMIT 1",
            )
            .and_then(|mut statement| {
                statement
                    .query_row(params![last, parent.id, number], |row| {
                        Ok((row.get(0)?, row.get(1)?, row.get::<_, Option<i64>>(2)?.unwrap_or(0)))
                    })
                    .optional()
            })
            .doing("look ahead in the log")?;
        match found {
            Some((_, trigger::EXISTING, _)) => self.name_content(parent, key),
            Some((n, trigger::INSERT, time)) => {
                let bytes = key.bytes();
                Ok(Some(name::of_line(self.file_epoch, n, time, &parent.first, &bytes)))
            }
            _ => Ok(None),
        }
    }
}
