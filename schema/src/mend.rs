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
use std::sync::Arc;

impl Store {
    /// Puts triggers back that are gone, if the schema changed since the last time. Answers the tables.
    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "the method is of one lifetime, the closure of any"
    )]
    pub(crate) fn mend(&mut self) -> Result<Vec<String>> {
        let version = self.schema_version()?;
        if self.mended == version {
            return Ok(Vec::new());
        }
        let now = self.now_sql().to_owned();
        let bare = self.write(Flush::Reads, |tx| tx.without_triggers())?;
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
    fn without_triggers(&mut self) -> Result<Vec<Arc<crate::Table>>> {
        let mut bare = Vec::new();
        for table in self.catalogue.tables.iter().filter(|table| !table.internal()) {
            let there: usize = self
                .conn
                .prepare_cached(
                    "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'
                     AND name IN ('_dunlin_i_' || ?1, '_dunlin_u_' || ?1, '_dunlin_d_' || ?1, '_dunlin_k_' || ?1)",
                )
                .and_then(|mut statement| statement.query_row([table.id], |row| row.get(0)))
                .doing("look for the triggers")?;
            if there < 4 {
                bare.push(Arc::clone(table));
            }
        }
        Ok(bare)
    }

    fn put_triggers_back(&mut self, now: &str) -> Result<()> {
        for table in self.without_triggers()? {
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
