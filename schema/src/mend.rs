//! Mending: triggers that went with their table.
//!
//! Some migration tools change a table by making a new one, copying the rows and dropping the old one, and SQLite
//! drops the triggers with it. The tables are looked at whenever the file's schema changed: where our triggers are
//! gone they are put back, and every row that is there is listed, so that what was written meanwhile is found.
//!
//! Rows that are *not* there any more are left alone: a table that was made anew and is not filled yet must not
//! become a table of deleted rows on every machine.

use crate::error::Doing as _;
use crate::store::Flush;
use crate::tx::Tx;
use crate::{Result, Store, trigger};
use std::collections::HashSet;
use std::sync::Arc;

impl Store {
    /// Puts triggers back that are gone, if the schema changed since the last time. Answers the tables.
    pub(crate) fn mend(&mut self) -> Result<Vec<String>> {
        let version = self.schema_version()?;
        if self.mended == version {
            return Ok(Vec::new());
        }
        let now = self.now_sql().to_owned();
        let bare = self.write(Flush::Reads, |tx| Ok(tx.without_triggers()))?;
        if !bare.is_empty() {
            self.write(Flush::Now, |tx| tx.put_triggers_back(&now))?;
        }
        self.mended = self.schema_version()?;
        Ok(bare.iter().map(|table| table.name.clone()).collect())
    }

    fn schema_version(&self) -> Result<i64> {
        self.conn
            .query_row("PRAGMA schema_version", [], |row| row.get(0))
            .doing("ask whether the schema changed")
    }
}

impl Tx<'_> {
    /// Tracked tables that lack one of our triggers.
    fn without_triggers(&self) -> Vec<Arc<crate::Table>> {
        let ours: HashSet<&str> = self
            .listing
            .tables()
            .flat_map(|table| &table.triggers)
            .map(|trigger| trigger.name.as_str())
            .collect();
        let tables = self.catalogue.tables.iter().filter(|table| !table.internal());
        let lacks = |table: &&Arc<crate::Table>| {
            !trigger::always(table.id).iter().all(|name| ours.contains(name.as_str()))
        };
        tables.filter(lacks).cloned().collect()
    }

    fn put_triggers_back(&mut self, now: &str) -> Result<()> {
        for table in self.without_triggers() {
            for statement in trigger::install(&table, now) {
                self.conn.execute_batch(&statement).doing("put the triggers back")?;
            }
            self.conn
                .execute(&trigger::list_rows(&table, trigger::FOUND, now), [])
                .doing("list the rows that are there")?;
        }
        Ok(())
    }
}
