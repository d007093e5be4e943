//! Which tables those could be whose names are gone.
//!
//! A table that others say it is called is it. Else it is one that was made since and holds most of its rows; where rows
//! are counted, as 1, 2 and 3 are in every table, one whose columns also say what its columns said. Of two that could be
//! one table the one that it is more like is it.

use super::{Tracked, Triggers, described_before, has_all};
use crate::catalogue::{Description, describe, is_ours};
use crate::error::Doing as _;
use crate::key::Key;
use crate::listing::Kind;
use crate::tx::Tx;
use crate::{Cell, Result, trigger};
use rusqlite::params;
use std::collections::{BTreeMap, BTreeSet};

/// So many rows are looked for in a table that could be one that is away.
const ROWS_ASKED: usize = 64;

/// By table: what it could be called now. True: somebody said so.
pub(super) type Claims = BTreeMap<i64, (String, bool)>;

/// One table that another could be.
struct Claim {
    table: i64,
    name: String,
    is_said: bool,
    /// Others say that it is called so.
    is_called: bool,
    /// How much of it is there, of a hundred.
    like: usize,
}

impl Tx<'_> {
    /// Which tables those could be whose names are gone: each at most one, and none twice.
    pub(super) fn claims(
        &mut self,
        tracked: &[Tracked],
        (ours, known): (&Triggers, &BTreeSet<String>),
    ) -> Result<Claims> {
        let is_here =
            |name: &str| self.listing.named(name).is_some_and(|listed| listed.kind == Kind::Table);
        let gone: Vec<&Tracked> = tracked.iter().filter(|table| !is_here(&table.name)).collect();
        let mut all = Vec::new();
        for table in gone {
            // What carries its triggers is the table as it was, put away; what carries another's is that one.
            let is_taken = |name: &str| {
                let of = |(id, on): (&i64, &BTreeMap<String, BTreeSet<String>>)| {
                    on.get(name).is_some_and(|there| *id == table.id || has_all(*id, there))
                };
                tracked.iter().any(|other| other.name.eq_ignore_ascii_case(name))
                    || ours.iter().any(of)
            };
            let names: Vec<String> = self
                .listing
                .tables()
                .rev()
                .filter(|listed| listed.kind == Kind::Table && !is_ours(&listed.name))
                .map(|listed| listed.name.clone())
                .filter(|name| !is_taken(name))
                .collect();
            all.extend(self.claims_of(table, (&names, known))?);
        }
        if all.is_empty() {
            return Ok(Claims::new());
        }
        let referred = self.referred_to()?;
        for claim in &mut all {
            claim.is_said = claim.is_called || referred.contains(&claim.name.to_ascii_lowercase());
        }
        // Those of which one is sure come first, and of two that are alike the one that was made later.
        all.sort_by_key(|claim| std::cmp::Reverse((claim.is_called, claim.like)));
        let mut claims = Claims::new();
        for Claim { table, name, is_said, .. } in all {
            if !claims.contains_key(&table) && claims.values().all(|(taken, _)| *taken != name) {
                claims.insert(table, (name, is_said));
            }
        }
        Ok(claims)
    }

    fn claims_of(
        &mut self,
        table: &Tracked,
        (names, known): (&[String], &BTreeSet<String>),
    ) -> Result<Vec<Claim>> {
        let facts = self.facts_of(&table.first)?;
        let called: BTreeSet<&str> = facts.names().collect();
        let mut claims = Vec::new();
        for name in names {
            let lower = name.to_ascii_lowercase();
            let is_called = called.contains(lower.as_str());
            let is_new = !known.contains(&lower);
            let like = if is_called || is_new { self.likeness(table, name)? } else { None };
            if !is_called && like.is_none() {
                continue;
            }
            let (table, name, like) = (table.id, name.clone(), like.unwrap_or(0));
            claims.push(Claim { table, name, is_said: is_called, is_called, like });
        }
        Ok(claims)
    }

    /// The tables to which others refer, in lower case: nobody refers to a copy that a tool makes on its way, and SQLite
    /// says so of one that was renamed.
    fn referred_to(&self) -> Result<BTreeSet<String>> {
        let doing = "look for the rows of a table that is away";
        let mut statement = self
            .conn
            .prepare_cached("SELECT lower(\"table\") FROM pragma_foreign_key_list(?1) WHERE \"table\" <> ?1 COLLATE NOCASE")
            .doing(doing)?;
        let mut referred = BTreeSet::new();
        for table in self.listing.tables().filter(|listed| listed.kind == Kind::Table) {
            let parents = statement
                .query_map([&table.name], |row| row.get(0))
                .and_then(Iterator::collect::<rusqlite::Result<Vec<String>>>)
                .doing(doing)?;
            referred.extend(parents);
        }
        Ok(referred)
    }

    /// Does a table hold at least half of the rows of one that is away? Where that has none, are its columns the same?
    /// Answers how much of it is there, of a hundred.
    pub(super) fn likeness(&mut self, table: &Tracked, name: &str) -> Result<Option<usize>> {
        let Ok(other) = describe(self.conn, &self.listing, name) else { return Ok(None) };
        let keys = self.last_keys(table.id)?;
        let old = table.declared.as_deref().and_then(described_before);
        if keys.is_empty() {
            return Ok(old.filter(|old| old.names() == other.names()).map(|_| 0));
        }
        let mut cells = Vec::new();
        for key in &keys {
            cells.push(key.cells()?);
        }
        if cells.iter().any(|key| key.len() != other.key_names().len()) {
            return Ok(None);
        }
        let there = self.rows_there(&other, &cells)?;
        if there * 2 <= keys.len() {
            return Ok(None);
        }
        let is_counted = cells.iter().all(|key| matches!(key[..], [Cell::Integer(_)]));
        if is_counted {
            self.columns_alike(table, &other)
        } else {
            Ok(Some(there * 100 / keys.len()))
        }
    }

    /// The keys of the rows of a table that came last.
    fn last_keys(&self, table: i64) -> Result<Vec<Key>> {
        let doing = "look for the rows of a table that is away";
        let most = i64::try_from(ROWS_ASKED).unwrap_or(i64::MAX);
        let keys = self
            .conn
            .prepare_cached(
                "SELECT key FROM _dunlin_row WHERE tbl = ?1 AND key IS NOT NULL ORDER BY pos DESC LIMIT ?2",
            )
            .and_then(|mut statement| {
                let key = |row: &rusqlite::Row<'_>| Ok(Key::from_sql(row.get_ref(0)?).ok().flatten());
                statement
                    .query_map(params![table, most], key)?
                    .collect::<rusqlite::Result<Vec<_>>>()
            })
            .doing(doing)?;
        Ok(keys.into_iter().flatten().collect())
    }

    /// How many of these rows a table has.
    fn rows_there(&self, table: &Description, keys: &[Vec<Cell>]) -> Result<usize> {
        let doing = "look for the rows of a table that is away";
        let at: Vec<String> = table
            .key_names()
            .iter()
            .enumerate()
            .map(|(n, key)| format!("{} = ?{}", trigger::quote(key), n + 1))
            .collect();
        let sql = format!(
            "SELECT EXISTS (SELECT 1 FROM {} WHERE {})",
            trigger::quote(table.name()),
            at.join(" AND ")
        );
        let mut statement = self.conn.prepare(&sql).doing(doing)?;
        let mut found = 0;
        for key in keys {
            let there: bool = statement
                .query_row(rusqlite::params_from_iter(key), |row| row.get(0))
                .doing(doing)?;
            found += usize::from(there);
        }
        Ok(found)
    }

    /// Of the columns of a table that is away, how many another one has, of a hundred: by what they hold, else by their
    /// names. Fewer than half make it another table.
    fn columns_alike(&mut self, table: &Tracked, other: &Description) -> Result<Option<usize>> {
        let known = self.columns(table.id)?;
        let values = self.values_of(table.id, other)?;
        let keys = other.key_names();
        let is_key = |name: &str| keys.iter().any(|key| key.eq_ignore_ascii_case(name));
        let names: Vec<String> = other
            .names()
            .into_iter()
            .map(|name| name.to_ascii_lowercase())
            .filter(|name| !is_key(name))
            .collect();
        let here = || {
            let columns = known.iter().filter(|column| column.here.is_some());
            columns.filter(|column| !column.here.as_deref().is_some_and(is_key))
        };
        let held: Vec<_> = here().filter(|column| values.holds(column)).collect();
        if !held.is_empty() {
            let is_there = |column| names.iter().any(|name| values.fits(column, name).is_same());
            let same = held.iter().filter(|column| is_there(column)).count();
            return Ok((same * 2 >= held.len()).then(|| same * 100 / held.len()));
        }
        let has = |name: &str| names.iter().any(|other| other.eq_ignore_ascii_case(name));
        let same = here().filter(|column| column.here.as_deref().is_some_and(has)).count();
        let of = here().count();
        Ok((same * 2 > of || of == 0).then(|| same * 100 / of.max(1)))
    }
}
