//! What a table does not show as its versions say, in one figure: two tables with equal versions and equal figures show
//! the same.
//!
//! What is decided by the versions alone (a parent that was deleted, a value that two rows claim) is the same on all
//! machines once they have settled, and so is its figure. What is not: a row that stays as it was because the schema here
//! is another one, a value that is asked for, a delete that waits for a person, a table that is away.

use crate::error::Doing as _;
use crate::store::Flush;
use crate::tx::Tx;
use crate::{Result, Store, digest};
use rusqlite::types::ValueRef;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

impl Store {
    /// By what the shop calls the table; of those that show all as it is said, nothing.
    pub fn unshown(&mut self) -> Result<BTreeMap<String, String>> {
        self.write(Flush::Reads, |tx| {
            let unshown = tx.unshown()?.into_iter();
            unshown.map(|(id, sum)| Ok((tx.table_first(id)?, format!("{sum:032x}")))).collect()
        })
    }
}

impl Tx<'_> {
    /// By table; of those that show all as it is said, nothing.
    pub(crate) fn unshown(&self) -> Result<BTreeMap<i64, u128>> {
        let mut unshown: BTreeMap<i64, u128> = BTreeMap::new();
        let doing = "look what is not shown";
        for sql in [
            // Held; lingering; standing as it was, or with a stand-in. What a reference shows is each machine's own.
            "SELECT r.tbl, r.uuid, r.state, CASE k.why WHEN 1 THEN NULL ELSE k.shown END FROM _dunlin_kept AS k JOIN _dunlin_row AS r ON r.uuid = k.uuid
             JOIN _dunlin_table AS t ON t.id = r.tbl AND t.tracked = 1
             WHERE k.n > 0 AND (r.state IN (2, 4) OR (r.state = 1 AND k.shown IS NOT NULL))",
            "SELECT r.tbl, r.uuid, 9, NULL FROM _dunlin_ask AS a JOIN _dunlin_row AS r ON r.uuid = a.uuid
             JOIN _dunlin_table AS t ON t.id = r.tbl AND t.tracked = 1 WHERE r.state IN (0, 1)",
            "SELECT id, 'away', away, NULL FROM _dunlin_table WHERE tracked = 1 AND away > 0",
            // It is being settled again.
            "SELECT id, 'again', 1, NULL FROM _dunlin_table WHERE tracked = 1 AND (again IS NOT NULL OR ghosts > 0)",
        ] {
            let mut statement = self.conn.prepare_cached(sql).doing(doing)?;
            let mut rows = statement.query([]).doing(doing)?;
            while let Some(row) = rows.next().doing(doing)? {
                let mut hash = Sha256::new();
                for column in 1..4 {
                    match row.get_ref(column).doing(doing)? {
                        ValueRef::Blob(bytes) | ValueRef::Text(bytes) => hash.update(bytes),
                        ValueRef::Integer(n) => hash.update(n.to_be_bytes()),
                        ValueRef::Real(_) | ValueRef::Null => {}
                    }
                    hash.update([0xff]);
                }
                let hash: [u8; 32] = hash.finalize().into();
                let sum = unshown.entry(row.get(0).doing(doing)?).or_default();
                *sum = sum.wrapping_add(digest::first_sixteen(&hash));
            }
        }
        Ok(unshown)
    }
}
