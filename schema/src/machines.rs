//! What waits for a person, machine by machine: rows that are held, by who wrote them, and conflicts, by whose
//! versions met.
//!
//! Only the lists of held rows and of open conflicts are read, never a table of the application.

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

impl Tx<'_> {
    /// What waits, by the machine that wrote it. Machines of which nothing waits are not in it.
    pub(crate) fn waiting_by_machine(&self) -> Result<BTreeMap<Uuid, Waiting>> {
        let mut all: BTreeMap<Uuid, Waiting> = BTreeMap::new();
        let held = self.counted(
            "SELECT o.machine, count(*) FROM _dunlin_kept AS k
             JOIN _dunlin_row AS r ON r.uuid = k.uuid JOIN _dunlin_origin AS o ON o.id = r.origin
             WHERE k.n > 0 AND k.why IN (1, 2, 3, 4, 5, 9) AND r.state = 2 GROUP BY o.machine",
        )?;
        for (machine, rows) in held {
            all.entry(machine).or_default().held = rows;
        }
        // A conflict between two versions of one machine (of two epochs) is one conflict of it.
        let conflicts = self.counted(
            "SELECT machine, count(*) FROM (
                 SELECT c.n, unhex(substr(c.origin, 1, 36), '-') AS machine FROM _dunlin_conflict AS c
                 WHERE c.settled IS NULL
                 UNION
                 SELECT c.n, o.machine FROM _dunlin_conflict AS c
                 JOIN _dunlin_row AS r ON r.uuid = unhex(c.row, '-') JOIN _dunlin_origin AS o ON o.id = r.origin
                 WHERE c.settled IS NULL)
             WHERE length(machine) = 16 GROUP BY machine",
        )?;
        for (machine, count) in conflicts {
            all.entry(machine).or_default().conflicts = count;
        }
        Ok(all)
    }

    fn counted(&self, question: &str) -> Result<Vec<(Uuid, u64)>> {
        self.conn
            .prepare_cached(question)
            .and_then(|mut statement| {
                let found = statement
                    .query_map([], |row| Ok((crate::cursor::uuid(row, 0)?, row.get(1)?)))?;
                found.collect()
            })
            .doing("count what waits of each machine")
    }
}
