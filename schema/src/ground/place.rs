//! Rows into and out of their tables, statement by statement.

use crate::catalogue::Table;
use crate::error::Doing as _;
use crate::key::Key;
use crate::tx::Tx;
use crate::{Cell, Cells, Error, Result};
use rusqlite::params_from_iter;
use std::sync::Arc;
use uuid::Uuid;

impl Tx<'_> {
    /// Takes a row out of its table.
    pub(crate) fn delete_row(&self, table: &Table, key: &Key) -> Result<()> {
        let cells = key.cells()?;
        self.conn
            .prepare_cached(&table.sql.delete)
            .and_then(|mut statement| statement.execute(params_from_iter(cells)))
            .doing("take a row out of its table")?;
        Ok(())
    }

    /// Inserts a row; answers its key, or the table's refusal in its own words.
    pub(crate) fn insert_row(
        &self,
        table: &Table,
        local: &[Option<Cell>],
    ) -> Result<Result<Key, String>> {
        if table.key.iter().any(|&index| local.get(index).is_none_or(Option::is_none)) {
            return Ok(Err(format!("it does not say its key in {}", table.name)));
        }
        let given: Vec<&Cell> = local.iter().flatten().collect();
        let some;
        let sql = if given.len() == local.len() {
            &table.sql.insert
        } else {
            let named = table.columns.iter().zip(local).filter(|(_, cell)| cell.is_some());
            let named: Vec<&str> = named.map(|(column, _)| column.name.as_str()).collect();
            some = table.insert_some(&named);
            &some
        };
        let done = self
            .conn
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(params_from_iter(given)));
        match done {
            Ok(_) => {
                let cells: Vec<Cell> = table
                    .key
                    .iter()
                    .filter_map(|&index| local.get(index).cloned().flatten())
                    .collect();
                match Key::of(&cells, &table.key_collations) {
                    Some(key) if cells.len() == table.key.len() => Ok(Ok(key)),
                    _ => Err(Error::BadPage {
                        what: format!("a row of {} without its key", table.name),
                    }),
                }
            }
            Err(error) => match refusal(&error) {
                Some(text) => Ok(Err(text)),
                None => Err(error).doing("write a row"),
            },
        }
    }

    /// Rows in the table that point to a row which stands there with these values.
    pub(crate) fn children_of(&mut self, table: &Table, standing: &[Cell]) -> Result<Vec<Uuid>> {
        let catalogue = Arc::clone(&self.catalogue);
        let mut children = Vec::new();
        for (child, index) in catalogue.children(table.id) {
            let Some(reference) = child.references.get(*index).filter(|reference| !reference.loose)
            else {
                continue;
            };
            let named = reference.parent_columns.iter().map(|name| table.column(name));
            let shown: Vec<usize> = named.filter_map(|found| Some(found?.0)).collect();
            let values: Vec<Cell> =
                shown.iter().filter_map(|&index| standing.get(index).cloned()).collect();
            let pointing = (&**child, reference.columns.as_slice());
            for key in self.keys_pointing(pointing, (table, &shown), &values)? {
                children.extend(self.at_key(child.id, &key)?);
            }
        }
        Ok(children)
    }
}

/// What a table says when it will not have a row; none where the trouble is the file's, a lock or the disk.
pub(crate) fn refusal(error: &rusqlite::Error) -> Option<String> {
    use rusqlite::ErrorCode as Code;
    let (code, text) = match error {
        rusqlite::Error::SqliteFailure(code, text) => (code.code, text.clone()),
        rusqlite::Error::SqlInputError { error, msg, .. } => (error.code, Some(msg.clone())),
        _ => return None,
    };
    let of_the_file = matches!(
        code,
        Code::DatabaseBusy
            | Code::DatabaseLocked
            | Code::OutOfMemory
            | Code::ReadOnly
            | Code::OperationInterrupted
            | Code::SystemIoFailure
            | Code::DatabaseCorrupt
            | Code::DiskFull
            | Code::CannotOpen
            | Code::FileLockingProtocolFailed
            | Code::SchemaChanged
            | Code::NoLargeFileSupport
            | Code::ApiMisuse
            | Code::NotADatabase
            | Code::PermissionDenied
            | Code::OperationAborted
            | Code::InternalMalfunction
    );
    (!of_the_file).then(|| text.unwrap_or_else(|| "the table refuses it".to_owned()))
}

impl Table {
    /// Does the table say just this where it shows this cell?
    pub(crate) fn says(&self, id: &str, cell: &Cell) -> bool {
        match self.column_of(id) {
            None => false,
            // A number that names no row must be told as such, also when a row of that number comes.
            Some(_) if matches!(cell, Cell::Number(_)) => false,
            Some((_, column)) => cell.stays(column.affinity),
        }
    }

    /// Does it say all of these?
    pub(crate) fn says_all(&self, cells: &Cells) -> bool {
        cells.iter().all(|(id, cell)| self.says(id, cell))
    }
}
