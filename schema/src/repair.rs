//! Clock repair: rows that a clock far ahead has stamped into the future.

use crate::error::Doing as _;
use crate::store::Flush;
use crate::{Millis, Result, Stamp, Store};
use std::sync::Arc;
use uuid::Uuid;

/// Repaired rows get this much above now: above all that was written before the repair.
const AHEAD: Millis = 60_000;

impl Store {
    /// Gives every row here whose stamp is ahead, whoever wrote it, a new version at now + 60 s. Answers how many.
    pub fn repair_clock(&mut self) -> Result<usize> {
        self.fold()?;
        self.write(Flush::Now, |tx| {
            let soon = Stamp::at(tx.clock.now() + AHEAD);
            let ahead: Vec<Uuid> = tx
                .conn
                .prepare_cached("SELECT uuid FROM _dunlin_row WHERE stamp > ? ORDER BY pos")
                .and_then(|mut statement| {
                    statement
                        .query_map([soon.to_i64()], |row| crate::cursor::uuid(row, 0))
                        .and_then(Iterator::collect)
                })
                .doing("find the rows that are ahead")?;
            let catalogue = Arc::clone(&tx.catalogue);
            let mut repaired = 0;
            for uuid in ahead {
                let Some(old) = tx.entry(uuid)? else { continue };
                let cells = tx.values(&old)?;
                let Some(table) =
                    catalogue.id(old.table).filter(|_| old.head.dead || cells.is_some())
                else {
                    continue;
                };
                let mut entry =
                    tx.make((table, uuid), Some(&old), cells.as_ref(), soon, old.key.clone())?;
                entry.state = old.state;
                tx.place(&entry)?;
                repaired += 1;
            }
            Ok(repaired)
        })
    }
}
