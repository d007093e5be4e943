//! References that the file does not declare: a person does, and machines that join have them from the shop.
//!
//! Declared before other machines have the rows, one holds for all rows: the tables are tracked anew. Afterwards the rows
//! have been passed on with bare numbers, and it is refused.

use super::{Added, Track};
use crate::catalogue;
use crate::error::Doing as _;
use crate::store::Flush;
use crate::tx::Tx;
use crate::{Declaration, Error, Result, Store};
use rusqlite::params;
use std::collections::BTreeSet;
use std::sync::Arc;

impl Store {
    /// References of tables that are tracked already: what their rows say was written down as bare numbers, so all tables
    /// are tracked anew. Once others have those numbers nobody can tell any more which rows they mean. Answers whether
    /// there were any.
    pub(super) fn declare_late(&mut self, references: &[Added]) -> Result<bool> {
        let (late, has_met) = self.write(Flush::Reads, |tx| {
            let late = references.iter().filter(|added| tx.is_late(added));
            Ok((late.cloned().collect::<Vec<_>>(), tx.has_met_anybody()?))
        })?;
        let Some((child, column, parent)) = late.first() else { return Ok(false) };
        if has_met {
            let text = format!("{child}.{column}={parent}");
            let why =
                "the table is tracked already, and other machines have its rows with bare numbers";
            return Err(Error::BadReference { text, why });
        }
        self.track_all_anew(&late)?;
        Ok(true)
    }
}

impl Tx<'_> {
    /// Is its child tracked already, and its column no reference yet?
    pub(super) fn is_late(&self, (child, column, _): &Added) -> bool {
        let child = self.catalogue.named(child);
        child.is_some_and(|child| child.column(column).is_some_and(|(at, _)| !child.refers(at)))
    }

    /// References of a partner that the file there does not declare, and that this one does not have, by what they are
    /// called here. `wanted`: the tables that are to be tracked.
    pub(super) fn declared_elsewhere(
        &mut self,
        declared: &[Declaration],
        wanted: &Track,
    ) -> Result<Vec<Added>> {
        let mut found = Vec::new();
        let wanted = wanted.tables.iter().flatten();
        let wanted: BTreeSet<String> = wanted.map(|name| name.to_ascii_lowercase()).collect();
        let here = |tx: &mut Self, first: &str| match tx.catalogue.first(first) {
            Some(table) => Ok(Some(table.name.clone())),
            None => tx
                .name_here(first)
                .map(|name| name.filter(|name| wanted.contains(&name.to_ascii_lowercase()))),
        };
        for other in declared {
            // What is loose there may have been declared by a person alone.
            let loose =
                other.references.iter().filter(|(columns, _, loose)| *loose && columns.len() == 1);
            for (columns, parent, _) in loose {
                let (Some(child), Some(parent)) = (here(self, &other.name)?, here(self, parent)?)
                else {
                    continue;
                };
                let tracked = self.catalogue.named(&child).map(Arc::clone);
                let listed = catalogue::Listed::unknown(&child);
                let read = || catalogue::read(self.conn, &self.listing, &listed).map(Arc::new);
                let table = tracked.map_or_else(read, Ok)?;
                let column = columns.first().and_then(|id| table.column_of(id));
                if let Some((_, column)) = column.filter(|(at, _)| !table.refers(*at)) {
                    found.push((child, column.name.clone(), parent));
                }
            }
        }
        Ok(found)
    }

    /// Writes a reference down that the file does not declare.
    pub(super) fn declare(&self, child: &str, column: &str, parent: &str) -> Result<()> {
        let refuse = |why| Error::BadReference { text: format!("{child}.{column}={parent}"), why };
        let exists = |table: &str, column: Option<&str>| {
            self.conn
                .query_row(
                    "SELECT EXISTS (SELECT 1 FROM pragma_table_xinfo(?1) WHERE ?2 IS NULL OR name = ?2 COLLATE NOCASE)",
                    params![table, column],
                    |row| row.get::<_, bool>(0),
                )
                .doing("look the reference up")
        };
        if !exists(child, None)? {
            return Err(refuse("there is no such child table"));
        }
        if !exists(child, Some(column))? {
            return Err(refuse("the child has no such column"));
        }
        if !exists(parent, None)? {
            return Err(refuse("there is no such parent table"));
        }
        self.conn
            .execute(
                "INSERT INTO _dunlin_reference (child, column, parent) VALUES (?1, ?2, ?3)
                 ON CONFLICT (child, column) DO UPDATE SET parent = ?3",
                params![child, column, parent],
            )
            .doing("write the reference down")?;
        Ok(())
    }
}

impl crate::Table {
    /// Is a column part of a reference?
    fn refers(&self, column: usize) -> bool {
        self.references.iter().any(|reference| reference.columns.contains(&column))
    }
}
