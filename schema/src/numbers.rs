//! Numbers: which integer keys are free here, and which are promised to rows that are not here yet.

use crate::Result;
use crate::catalogue::Table;
use crate::error::Doing as _;
use crate::ground::NUMBER_MAX;
use crate::tx::Tx;
use rusqlite::{OptionalExtension as _, params};
use uuid::Uuid;

impl Tx<'_> {
    /// The greatest number that a table has, had (AUTOINCREMENT) or has promised, but for those that are larger than what is
    /// chosen here.
    pub(crate) fn greatest_number(&self, table: &Table) -> Result<i64> {
        let doing = "find a free number";
        let Some(column) = table.number.and_then(|index| table.at(index)) else { return Ok(0) };
        let standing: Option<i64> = if table.away {
            self.conn
                .prepare_cached(
                    "SELECT max(key) FROM _dunlin_row WHERE tbl = ? AND typeof(key) = 'integer' AND key <= ?",
                )
                .and_then(|mut statement| {
                    statement.query_row([table.id, NUMBER_MAX], |row| row.get(0))
                })
        } else {
            self.conn
                .prepare_cached(&table.sql.greatest(&column.name))
                .and_then(|mut statement| statement.query_row([NUMBER_MAX], |row| row.get(0)))
        }
        .doing(doing)?;
        let promised: Option<i64> = self
            .conn
            .prepare_cached(
                "SELECT max(number) FROM _dunlin_reserved WHERE tbl = ? AND number <= ?",
            )
            .and_then(|mut statement| statement.query_row([table.id, NUMBER_MAX], |row| row.get(0)))
            .doing(doing)?;
        let had: Option<i64> = if table.autoincrement {
            self.conn
                .prepare_cached("SELECT seq FROM sqlite_sequence WHERE name = ? AND seq <= ?")
                .and_then(|mut statement| {
                    let parameters = params![table.name, NUMBER_MAX];
                    statement.query_row(parameters, |row| row.get(0)).optional()
                })
                .doing(doing)?
        } else {
            None
        };
        Ok([standing, promised, had].into_iter().flatten().max().unwrap_or(0).max(0))
    }

    /// The number promised to a row.
    pub(crate) fn reserved_number(&self, uuid: Uuid) -> Result<Option<i64>> {
        self.conn
            .prepare_cached("SELECT number FROM _dunlin_reserved WHERE uuid = ?")
            .and_then(|mut statement| {
                statement.query_row([uuid.as_bytes()], |row| row.get(0)).optional()
            })
            .doing("look a reserved number up")
    }

    /// Is a number promised to another row?
    pub(crate) fn is_reserved(&self, table: i64, number: i64, uuid: Uuid) -> Result<bool> {
        self.conn
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM _dunlin_reserved WHERE tbl = ?1 AND number = ?2 AND uuid <> ?3)")
            .and_then(|mut statement| {
                statement.query_row(params![table, number, uuid.as_bytes()], |row| row.get(0))
            })
            .doing("look a reserved number up")
    }

    /// Is any number promised to anybody?
    pub(crate) fn anything_reserved(&mut self) -> Result<bool> {
        if let Some(reserved) = self.reserved {
            return Ok(reserved);
        }
        let reserved = self
            .conn
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM _dunlin_reserved)")
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
            .doing("look for reserved numbers")?;
        self.reserved = Some(reserved);
        Ok(reserved)
    }

    /// Promises a number to a row that is not here.
    pub(crate) fn reserve_number(&mut self, table: i64, number: i64, uuid: Uuid) -> Result<()> {
        self.reserved = Some(true);
        self.conn
            .prepare_cached(
                "INSERT OR REPLACE INTO _dunlin_reserved (tbl, number, uuid) VALUES (?1, ?2, ?3)",
            )
            .and_then(|mut statement| statement.execute(params![table, number, uuid.as_bytes()]))
            .doing("reserve a number")?;
        Ok(())
    }

    /// The row stands: its number needs no promise.
    pub(crate) fn promise_kept(&self, uuid: Uuid) -> Result<()> {
        self.conn
            .prepare_cached("DELETE FROM _dunlin_reserved WHERE uuid = ?")
            .and_then(|mut statement| statement.execute([uuid.as_bytes()]))
            .doing("free a reserved number")?;
        Ok(())
    }

    /// How large the values were that were left out.
    pub(crate) fn kept_size(&self, uuid: Uuid) -> Result<Option<u64>> {
        self.conn
            .prepare_cached("SELECT size FROM _dunlin_kept WHERE uuid = ?")
            .and_then(|mut statement| {
                statement
                    .query_row([uuid.as_bytes()], |row| row.get::<_, Option<u64>>(0))
                    .optional()
            })
            .doing("read a kept row")
            .map(Option::flatten)
    }
}
