//! What an upgrade put into a column that is new here, where nobody had an opinion.

use super::columns::Looked;
use crate::catalogue::{Catalogue, Table};
use crate::error::Doing as _;
use crate::facts::Fact;
use crate::trigger::quote;
use crate::tx::Tx;
use crate::{Cell, Result};
use rusqlite::{OptionalExtension as _, params};
use std::sync::Arc;

impl Tx<'_> {
    /// Finds the fills of new columns, writes them down, and tells others of those that nobody knew.
    pub(super) fn look_at_fills(&mut self, table: &Table, looked: &Looked) -> Result<()> {
        for column in &table.columns {
            if !looked.fresh.contains(&column.number) {
                continue;
            }
            let Some(fill) = self.fill_in(table, &column.name)? else { continue };
            if column.target.is_some() && fill != Cell::Null {
                // A number that names a row here names another one elsewhere.
                continue;
            }
            let mut bytes = Vec::new();
            fill.encode(&mut bytes);
            self.conn
                .prepare_cached("UPDATE _dunlin_column SET fill = ?2 WHERE number = ?1")
                .and_then(|mut statement| statement.execute(params![column.number, bytes]))
                .doing("write down what a new column holds")?;
            if self.facts_of(&table.first)?.fill(&column.id).is_none() {
                let (id, time) = (column.id.to_string(), self.clock.now());
                let machine = self.me.machine;
                self.say(&table.first, &Fact::filled(id, time, machine, &fill))?;
            }
        }
        self.cache.columns.remove(&table.id);
        Ok(())
    }

    /// Where the shop was told of another fill than a column shows, rows in which nobody has an opinion are shown anew.
    pub(super) fn refill(&mut self, before: &Catalogue) -> Result<()> {
        let catalogue = Arc::clone(&self.catalogue);
        for table in &catalogue.tables {
            let Some(was) = before.id(table.id) else { continue };
            for column in &table.columns {
                let shown = was.column(&column.name).map(|(_, was)| &was.blank);
                let Some(shown) = shown.filter(|shown| **shown != column.blank) else { continue };
                let mut bytes = Vec::new();
                shown.encode(&mut bytes);
                self.conn
                    .prepare_cached(
                        "UPDATE _dunlin_column SET fill = coalesce(fill, ?2) WHERE number = ?1",
                    )
                    .and_then(|mut statement| statement.execute(params![column.number, bytes]))
                    .and_then(|_| {
                        self.conn
                            .execute("UPDATE _dunlin_table SET again = 0 WHERE id = ?", [table.id])
                    })
                    .doing("show another fill")?;
                self.cache.columns.remove(&table.id);
                self.reload = true;
            }
        }
        Ok(())
    }

    /// The value of more than half of the rows, else the default; none where there are no rows, and no default.
    fn fill_in(&self, table: &Table, column: &str) -> Result<Option<Cell>> {
        let doing = "look what a new column holds";
        let (on, name) = (quote(&table.name), quote(column));
        let first: Option<Cell> = self
            .conn
            .query_row(&format!("SELECT {name} FROM {on} LIMIT 1"), [], |row| {
                row.get_ref(0).map(Cell::from)
            })
            .optional()
            .doing(doing)?;
        let default = || table.column(column).map(|(_, column)| column.default());
        let Some(first) = first else {
            return Ok(default()
                .filter(|(cell, is_declared)| *is_declared || *cell == Cell::Null)
                .map(|(cell, _)| cell));
        };
        let differs: bool = self
            .conn
            .query_row(
                &format!("SELECT EXISTS (SELECT 1 FROM {on} WHERE {name} IS NOT ?)"),
                [&first],
                |row| row.get(0),
            )
            .doing(doing)?;
        if !differs {
            return Ok(Some(first));
        }
        let most: (Cell, i64, i64) = self
            .conn
            .query_row(
                &format!(
                    "SELECT {name}, count(*), (SELECT count(*) FROM {on}) FROM {on}
                     GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 1"
                ),
                [],
                |row| Ok((row.get_ref(0).map(Cell::from)?, row.get(1)?, row.get(2)?)),
            )
            .doing(doing)?;
        let (cell, count, all) = most;
        Ok(if all < count * 2 { Some(cell) } else { default().map(|(cell, _)| cell) })
    }
}
