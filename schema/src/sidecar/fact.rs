//! `_dunlin_fact`: what machines have seen happen to tables' columns and names. Only grows.

use crate::error::Doing as _;
use crate::facts::{Fact, Facts};
use crate::tx::Tx;
use crate::{Error, Result};
use rusqlite::{Connection, params};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// All facts, by what the shop calls the table, in lower case.
pub(crate) type ByTable = BTreeMap<String, Facts>;

/// All facts of a file.
pub(crate) fn all(conn: &Connection) -> Result<ByTable> {
    let doing = "read the facts of columns";
    let mut all: BTreeMap<String, BTreeSet<Fact>> = BTreeMap::new();
    let mut statement = conn.prepare_cached("SELECT tbl, what FROM _dunlin_fact").doing(doing)?;
    let mut rows = statement.query([]).doing(doing)?;
    while let Some(row) = rows.next().doing(doing)? {
        let bytes: Vec<u8> = row.get(1).doing(doing)?;
        let fact = postcard::from_bytes(&bytes)
            .map_err(|_error| Error::Sidecar { what: "a fact that cannot be read" })?;
        all.entry(row.get(0).doing(doing)?).or_default().insert(fact);
    }
    Ok(all.into_iter().map(|(table, facts)| (table, Facts::new(facts))).collect())
}

/// One figure for all of them: equal where two machines know the same.
pub(crate) fn digest(all: &ByTable) -> u64 {
    let mut hash = Sha256::new();
    for (table, facts) in all {
        for fact in facts.iter() {
            // What cannot be written is none of ours.
            let bytes = postcard::to_allocvec(fact).unwrap_or_default();
            for bytes in [table.as_bytes(), &bytes] {
                hash.update((bytes.len() as u64).to_be_bytes());
                hash.update(bytes);
            }
        }
    }
    crate::cell::first_eight(&hash.finalize().into())
}

impl Tx<'_> {
    /// All facts.
    pub(crate) fn facts(&mut self) -> Result<Arc<ByTable>> {
        if let Some(facts) = &self.cache.facts {
            return Ok(Arc::clone(facts));
        }
        let facts = Arc::new(all(self.conn)?);
        self.cache.facts = Some(Arc::clone(&facts));
        Ok(facts)
    }

    /// What is known of one table, by what the shop calls it.
    pub(crate) fn facts_of(&mut self, first: &str) -> Result<Facts> {
        Ok(self.facts()?.get(&first.to_ascii_lowercase()).cloned().unwrap_or_default())
    }

    /// Writes a fact down; answers whether it is new.
    pub(crate) fn say(&mut self, first: &str, fact: &Fact) -> Result<bool> {
        let bytes = postcard::to_allocvec(fact)
            .map_err(|_error| Error::Sidecar { what: "a fact that cannot be written" })?;
        let written = self
            .conn
            .prepare_cached(
                "INSERT OR IGNORE INTO _dunlin_fact (tbl, what, at) VALUES (?1, ?2, ?3)",
            )
            .and_then(|mut statement| {
                statement.execute(params![first.to_ascii_lowercase(), bytes, self.clock.now()])
            })
            .doing("write a fact of columns")?;
        if written > 0 {
            self.cache.facts = None;
        }
        Ok(written > 0)
    }
}
