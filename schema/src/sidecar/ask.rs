//! `_dunlin_ask`: rows of which a value is not here. Each partner is asked for them by name.

use crate::error::Doing as _;
use crate::tx::Tx;
use crate::{Result, cursor};
use rusqlite::params;
use uuid::Uuid;

impl Tx<'_> {
    /// A value of this row is to be asked for.
    pub(crate) fn ask_for(&mut self, uuid: Uuid) -> Result<()> {
        self.conn
            .prepare_cached("INSERT OR IGNORE INTO _dunlin_ask (uuid) VALUES (?)")
            .and_then(|mut statement| statement.execute([uuid.as_bytes()]))
            .doing("write down what is to be asked for")?;
        self.asked = Some(true);
        Ok(())
    }

    /// Values went with a column, or were never here: those of all rows that have no others beside the table.
    pub(crate) fn ask_for_rows(&mut self, table: i64, upto: u64) -> Result<()> {
        self.conn
            .prepare_cached(
                "INSERT OR IGNORE INTO _dunlin_ask (uuid) SELECT uuid FROM _dunlin_row
                 WHERE tbl = ?1 AND state IN (0, 1, 2) AND (pos <= ?2 OR own IS NOT NULL)",
            )
            .and_then(|mut statement| statement.execute(params![table, upto]))
            .doing("write down what is to be asked for")?;
        self.asked = Some(true);
        Ok(())
    }

    /// A version came, or was made, all of which stands in the table or beside it: what was asked for was of the one before.
    pub(crate) fn lacks_nothing(&mut self, uuid: Uuid) -> Result<()> {
        let asked = match self.asked {
            Some(asked) => asked,
            None => self.anything_asked_for(0)?,
        };
        self.asked = Some(asked);
        if asked { self.no_longer_asked_for(uuid) } else { Ok(()) }
    }

    /// Rows that are to be asked for, after one of the list.
    pub(crate) fn asked_for(&self, after: i64, limit: usize) -> Result<Vec<(i64, Uuid)>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.conn
            .prepare_cached("SELECT n, uuid FROM _dunlin_ask WHERE n > ?1 ORDER BY n LIMIT ?2")
            .and_then(|mut statement| {
                statement
                    .query_map(params![after, limit], |row| {
                        Ok((row.get(0)?, cursor::uuid(row, 1)?))
                    })
                    .and_then(Iterator::collect)
            })
            .doing("read what is to be asked for")
    }

    /// Rows of a table all of whose values stand in it: the columns went that they lacked.
    pub(crate) fn no_longer_asked_for_whole(&self, table: i64) -> Result<()> {
        self.conn
            .prepare_cached(
                "DELETE FROM _dunlin_ask WHERE uuid IN (SELECT r.uuid FROM _dunlin_ask AS a JOIN _dunlin_row AS r ON r.uuid = a.uuid
                 WHERE r.tbl = ?1 AND r.own IS NULL AND r.state = 0
                 AND (SELECT coalesce(max(lost), 0) FROM _dunlin_column WHERE tbl = ?1 AND here IS NOT NULL) < r.pos)",
            )
            .and_then(|mut statement| statement.execute([table]))
            .doing("forget what was asked for")?;
        Ok(())
    }

    pub(crate) fn no_longer_asked_for(&self, uuid: Uuid) -> Result<()> {
        self.conn
            .prepare_cached("DELETE FROM _dunlin_ask WHERE uuid = ?")
            .and_then(|mut statement| statement.execute([uuid.as_bytes()]))
            .doing("forget what was asked for")?;
        Ok(())
    }
}
