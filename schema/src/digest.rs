//! Digests: one number for what a table holds, kept up as versions change.
//!
//! The sum of the hashes of (row uuid, stamp, origin, digest of the values) over the live versions, so that it
//! knows no order and a change costs one subtraction and one addition. Equal tables have equal digests.

use crate::Result;
use crate::entry::Entry;
use crate::error::Doing as _;
use crate::tx::Tx;
use rusqlite::params;
use sha2::{Digest as _, Sha256};

/// What a live version adds to its table's digest; a tombstone adds nothing.
pub(crate) fn share(entry: &Entry) -> u128 {
    if entry.head.dead {
        return 0;
    }
    let mut hash = Sha256::new();
    hash.update(entry.uuid.as_bytes());
    hash.update(entry.head.stamp.to_i64().to_be_bytes());
    hash.update(entry.head.origin.machine.as_bytes());
    hash.update(entry.head.origin.epoch.to_be_bytes());
    hash.update(entry.digest.to_be_bytes());
    first_sixteen(&hash.finalize().into())
}

pub(crate) fn first_sixteen(hash: &[u8; 32]) -> u128 {
    hash.first_chunk::<16>().map_or(0, |head| u128::from_be_bytes(*head))
}

/// What a transaction has changed in one table's count and digest.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Change {
    rows: i64,
    sum: u128,
}

impl Change {
    /// How many more live versions there are than before.
    pub(crate) fn rows(&self) -> i64 {
        self.rows
    }

    pub(crate) fn replace(&mut self, old: Option<&Entry>, new: Option<&Entry>) {
        if let Some(old) = old.filter(|entry| !entry.head.dead) {
            self.rows -= 1;
            self.sum = self.sum.wrapping_sub(share(old));
        }
        if let Some(new) = new.filter(|entry| !entry.head.dead) {
            self.rows += 1;
            self.sum = self.sum.wrapping_add(share(new));
        }
    }
}

impl Tx<'_> {
    /// Writes down what this transaction changed.
    pub(crate) fn settle_digests(&mut self) -> Result<()> {
        for (table, change) in std::mem::take(&mut self.changes) {
            let (rows, sum) = self
                .conn
                .prepare_cached("SELECT rows, digest FROM _dunlin_table WHERE id = ?")
                .and_then(|mut statement| {
                    statement.query_row([table], |row| Ok((row.get::<_, i64>(0)?, read(row, 1)?)))
                })
                .doing("read a table's digest")?;
            let sum = sum.wrapping_add(change.sum);
            self.conn
                .prepare_cached("UPDATE _dunlin_table SET rows = ?2, digest = ?3 WHERE id = ?1")
                .and_then(|mut statement| {
                    statement.execute(params![
                        table,
                        rows + change.rows,
                        sum.to_be_bytes().as_slice()
                    ])
                })
                .doing("write a table's digest")?;
        }
        Ok(())
    }
}

pub(crate) fn read(row: &rusqlite::Row<'_>, index: usize) -> rusqlite::Result<u128> {
    let bytes: Option<Vec<u8>> = row.get(index)?;
    Ok(bytes.and_then(|bytes| bytes.try_into().ok()).map_or(0, u128::from_be_bytes))
}
