//! What waits for a person, machine by machine: rows that are held, by who wrote them, and conflicts, by whose
//! versions met.
//!
//! Only the lists of held rows and of open conflicts are read, never a table of the application.

use crate::Store;
use crate::error::{Doing as _, Result};
use crate::tx::Tx;
use std::collections::BTreeMap;
use uuid::Uuid;

/// What waits of one machine's versions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Rows that are held and that it wrote.
    pub held: u64,
    /// Conflicts that nobody settled and in which one of the two versions is its.
    pub conflicts: u64,
}

impl Store {
    /// What waits, by the machine that wrote it. Machines of which nothing waits are not in it.
    pub fn waiting_by_machine(&mut self) -> Result<BTreeMap<Uuid, Waiting>> {
        Ok(self.overview()?.by_machine.clone())
    }
}

impl Tx<'_> {
    /// The same, counted now.
    pub(crate) fn count_by_machine(&self) -> Result<BTreeMap<Uuid, Waiting>> {
        let mut all: BTreeMap<Uuid, Waiting> = BTreeMap::new();
        let machine = |row: &rusqlite::Row<'_>| -> rusqlite::Result<(Vec<u8>, u64)> {
            Ok((row.get(0)?, row.get(1)?))
        };
        let doing = "count what waits of each machine";
        let held = self
                .conn
                .prepare_cached(
                    "SELECT o.machine, count(*) FROM _dunlin_kept AS k
                     JOIN _dunlin_row AS r ON r.uuid = k.uuid JOIN _dunlin_origin AS o ON o.id = r.origin
                     WHERE k.n > 0 AND k.why IN (1, 2, 3, 4, 5) AND r.state = 2 GROUP BY o.machine",
                )
                .and_then(|mut statement| {
                    statement.query_map([], machine)?.collect::<rusqlite::Result<Vec<_>>>()
                })
                .doing(doing)?;
        // A conflict between two versions of one machine (of two epochs) is one conflict of it.
        let conflicts = self
                .conn
                .prepare_cached(
                    "SELECT machine, count(*) FROM (
                         SELECT c.n, unhex(substr(c.origin, 1, 36), '-') AS machine FROM _dunlin_conflict AS c
                         WHERE c.settled IS NULL
                         UNION
                         SELECT c.n, o.machine FROM _dunlin_conflict AS c
                         JOIN _dunlin_row AS r ON r.uuid = unhex(c.row, '-') JOIN _dunlin_origin AS o ON o.id = r.origin
                         WHERE c.settled IS NULL)
                     WHERE machine IS NOT NULL GROUP BY machine",
                )
                .and_then(|mut statement| {
                    statement.query_map([], machine)?.collect::<rusqlite::Result<Vec<_>>>()
                })
                .doing(doing)?;
        for (machine, rows) in held {
            let Ok(machine) = Uuid::from_slice(&machine) else { continue };
            all.entry(machine).or_default().held = rows;
        }
        for (machine, count) in conflicts {
            let Ok(machine) = Uuid::from_slice(&machine) else { continue };
            all.entry(machine).or_default().conflicts = count;
        }
        Ok(all)
    }
}
