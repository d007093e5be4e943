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

/// What stands for the parent where a person said that a column is no reference: a table that nobody can have.
const NO_TABLE: &str = "";

impl Store {
    /// References of tables that are tracked already: what their rows say was written down as bare numbers, so all tables
    /// are tracked anew. Once others have those numbers nobody can tell any more which rows they mean. Answers whether
    /// there were any.
    pub(super) fn declare_late(&mut self, references: &[Added]) -> Result<bool> {
        let late = self.write(Flush::Reads, |tx| tx.late(references))?;
        if late.is_empty() {
            return Ok(false);
        }
        self.track_all_anew(&late)?;
        Ok(true)
    }
}

impl Tx<'_> {
    /// Those of the references whose tables are tracked already; refused once anybody was met.
    pub(crate) fn late(&self, references: &[Added]) -> Result<Vec<Added>> {
        let late = references.iter().filter(|added| self.is_late(added));
        let late: Vec<Added> = late.cloned().collect();
        match late.first() {
            Some((child, column, parent)) if self.has_met_anybody()? => {
                let text = format!("{child}.{column}={parent}");
                let why = "the table is tracked already, and other machines have its rows with bare numbers";
                Err(Error::BadReference { text, why })
            }
            _ => Ok(late),
        }
    }

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
    pub(crate) fn declare(&self, child: &str, column: &str, parent: &str) -> Result<()> {
        let refuse = |why| Error::BadReference { text: format!("{child}.{column}={parent}"), why };
        self.find_column((child, column), refuse)?;
        if !self.exists(parent, None)? {
            return Err(refuse("there is no such parent table"));
        }
        self.answer(child, column, parent)
    }

    /// Writes down that a column which looks like a reference is none.
    pub(crate) fn declare_none(&self, child: &str, column: &str) -> Result<()> {
        let refuse = |why| Error::BadReference { text: format!("{child}.{column}"), why };
        self.find_column((child, column), refuse)?;
        if self.references_of(child)?.contains(&column.to_ascii_lowercase()) {
            return Err(refuse("the column is a reference already"));
        }
        self.answer(child, column, NO_TABLE)
    }

    /// The columns of a table that are references, declared or added, by their names in lower case.
    pub(crate) fn references_of(&self, table: &str) -> Result<BTreeSet<String>> {
        self.columns_by(
            "SELECT lower(\"from\") FROM pragma_foreign_key_list(?1)
             UNION SELECT lower(column) FROM _dunlin_reference WHERE child = ?1 AND parent <> ''",
            table,
        )
    }

    /// The columns of a table of which a person said that they are no references, by their names in lower case.
    pub(crate) fn no_references_of(&self, table: &str) -> Result<BTreeSet<String>> {
        self.columns_by(
            "SELECT lower(column) FROM _dunlin_reference WHERE child = ?1 AND parent = ''",
            table,
        )
    }

    fn columns_by(&self, sql: &str, table: &str) -> Result<BTreeSet<String>> {
        self.conn
            .prepare_cached(sql)
            .and_then(|mut statement| {
                statement.query_map([table], |row| row.get(0)).and_then(Iterator::collect)
            })
            .doing("read the table's references")
    }

    fn exists(&self, table: &str, column: Option<&str>) -> Result<bool> {
        self.conn
            .query_row(
                "SELECT EXISTS (SELECT 1 FROM pragma_table_xinfo(?1) WHERE ?2 IS NULL OR name = ?2 COLLATE NOCASE)",
                params![table, column],
                |row| row.get(0),
            )
            .doing("look the reference up")
    }

    fn find_column(
        &self,
        (child, column): (&str, &str),
        refuse: impl Fn(&'static str) -> Error,
    ) -> Result<()> {
        if !self.exists(child, None)? {
            return Err(refuse("there is no such child table"));
        }
        if !self.exists(child, Some(column))? {
            return Err(refuse("the child has no such column"));
        }
        Ok(())
    }

    fn answer(&self, child: &str, column: &str, parent: &str) -> Result<()> {
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
