//! Facts from others: two ids that are one column, a better word for what a table's names mean, names of tables.

use super::Tracked;
use crate::catalogue::describe;
use crate::cell::in_lower_case;
use crate::entry::{Entry, State as Shown};
use crate::error::Doing as _;
use crate::facts::{Fact, print};
use crate::held::{Keep, Why};
use crate::standing::{self, Place};
use crate::state::{Dotted, State};
use crate::store::Flush;
use crate::tx::Tx;
use crate::{Cells, Error, Result, Store};
use rusqlite::params;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// So many facts of one database: five hundred tables, each of which changed fifty times.
const FACTS_MAX: usize = 100_000;

impl Store {
    /// Follows what a look here told of columns, as what others tell. The log is empty: what stands in tables is known.
    pub(crate) fn follow_own_facts(&mut self) -> Result<()> {
        if self.seen.told().is_empty() {
            return Ok(());
        }
        let told = self.seen.told().clone();
        self.write(Flush::Now, |tx| {
            tx.fold(usize::MAX)?;
            tx.follow(&told)
        })?;
        self.seen.followed();
        Ok(())
    }

    /// All that machines have seen happen to columns and names, by what the shop calls the table.
    pub fn facts(&mut self) -> Result<Vec<(String, Fact)>> {
        self.write(Flush::Reads, |tx| {
            let facts = tx.facts()?;
            let each = facts
                .iter()
                .flat_map(|(table, facts)| facts.iter().map(|fact| (table.clone(), fact.clone())));
            Ok(each.collect())
        })
    }

    /// One figure for them: equal where both sides know the same.
    pub fn facts_digest(&mut self) -> Result<u64> {
        self.write(Flush::Reads, |tx| Ok(tx.catalogue.facts))
    }

    /// Learns what others have seen. Answers whether any of it is new.
    pub fn learn_facts(&mut self, facts: &[(String, Fact)]) -> Result<bool> {
        if let Some(what) = facts.iter().find_map(|(table, fact)| fact.flaw(table)) {
            return Err(Error::BadPage { what: what.to_owned() });
        }
        // What stands in tables is known by the ids that it had.
        self.fold()?;
        let learned = self.write(Flush::Now, |tx| {
            tx.fold(usize::MAX)?;
            tx.learn_facts(facts)
        })?;
        if learned {
            // A table that is away may be known by its other name now.
            self.look()?;
            self.fold()?;
            self.track_as_the_shop_does()?;
        }
        Ok(learned)
    }
}

impl Tx<'_> {
    fn learn_facts(&mut self, facts: &[(String, Fact)]) -> Result<bool> {
        let known: usize = self.facts()?.values().map(|facts| facts.iter().count()).sum();
        if known + facts.len() > FACTS_MAX {
            return Err(Error::BadPage {
                what: "it knows more of tables than ever happened".into(),
            });
        }
        let before = Arc::clone(&self.catalogue);
        let mut of = BTreeSet::new();
        for (table, fact) in facts {
            if self.say(table, fact)? {
                of.insert(table.to_ascii_lowercase());
            }
        }
        for first in &of {
            if let Some(id) = self.known_table(first)? {
                self.unify_columns(id, first)?;
            }
        }
        if !of.is_empty() {
            self.load_catalogue()?;
            self.refill(&before)?;
        }
        Ok(!of.is_empty())
    }

    /// Of these tables, as far as they are here.
    fn follow(&mut self, told: &BTreeSet<i64>) -> Result<()> {
        let before = Arc::clone(&self.catalogue);
        for table in told.iter().filter_map(|id| before.id(*id)).filter(|table| !table.away) {
            self.unify_columns(table.id, &table.first)?;
        }
        self.load_catalogue()?;
        self.refill(&before)
    }

    /// Ids that are one column become one; names of the table here mean what they mean in the shop.
    fn unify_columns(&mut self, table: i64, first: &str) -> Result<()> {
        let facts = self.facts_of(first)?;
        let columns = self.columns(table)?;
        let mut ids: BTreeMap<String, String> = BTreeMap::new();
        for known in columns.iter() {
            let one = facts.one_id(&known.id);
            if one != *known.id {
                ids.insert(known.id.to_string(), one);
            }
        }
        let one = |id: &str| ids.get(id).cloned().unwrap_or_else(|| id.to_owned());
        let bound: BTreeMap<String, String> = columns
            .iter()
            .filter_map(|known| Some((known.here.as_ref()?.to_ascii_lowercase(), one(&known.id))))
            .collect();
        let tracked = self.tracked()?.into_iter().find(|tracked| tracked.id == table);
        let said = match &tracked {
            Some(tracked) => self.said_of(tracked, first)?,
            None => BTreeMap::new(),
        };
        let is_said = !said.is_empty() && said.keys().eq(bound.keys());
        let better = (is_said && said != bound).then_some(said);
        let is_new = |id: &String| columns.id(id).is_none();
        match better {
            None if ids.is_empty() => Ok(()),
            // A new name for a number is all there is to it.
            None if ids.values().all(is_new) => self.call_columns(table, &ids),
            better => self.restate(table, &ids, better.as_ref()),
        }
    }

    /// What a table declared as this one means by its names, as far as anybody said.
    fn said_of(&mut self, table: &Tracked, first: &str) -> Result<BTreeMap<String, String>> {
        let Ok(description) = describe(self.conn, &self.listing, &table.name) else {
            return Ok(BTreeMap::new());
        };
        let print = print(description.declared().into_iter());
        Ok(self.facts_of(first)?.said(print))
    }

    /// Columns get another id. A version's digest is over those that its writer knew, so it is kept.
    fn call_columns(&mut self, table: i64, ids: &BTreeMap<String, String>) -> Result<()> {
        let doing = "give a column another id";
        let columns = self.columns(table)?;
        for (id, one) in ids {
            let Some(known) = columns.id(id) else { continue };
            self.conn
                .execute(
                    "UPDATE _dunlin_column SET id = ?2 WHERE number = ?1",
                    params![known.number, one],
                )
                .doing(doing)?;
        }
        self.conn
            .execute(
                "UPDATE _dunlin_row SET own = digest WHERE tbl = ? AND own IS NULL AND state IN (0, 1, 2)",
                [table],
            )
            .doing(doing)?;
        self.cache.columns.remove(&table);
        self.cache.full_shapes.clear();
        self.call_cells(table, ids)
    }

    /// The cells that are kept beside a table get the ids of their columns.
    fn call_cells(&mut self, table: i64, ids: &BTreeMap<String, String>) -> Result<()> {
        for uuid in self.kept_rows(table)? {
            if let (Some(entry), Some(kept)) = (self.entry(uuid)?, self.kept(uuid)?) {
                let cells = kept.cells.map(|cells| cells.called(ids));
                let shown = kept.shown.called(ids);
                let (why, size) = (kept.why, self.kept_size(uuid)?);
                let keep = Keep { cells: cells.as_ref(), shown: &shown, why, text: None, size };
                self.keep(uuid, &keep)?;
                self.place(&entry)?;
            }
            if let Some(cells) = self.old_values(uuid)? {
                self.keep_old(uuid, &cells.called(ids))?;
            }
        }
        Ok(())
    }

    /// Rows of a table with values beside it.
    fn kept_rows(&self, table: i64) -> Result<Vec<Uuid>> {
        self.conn
            .prepare_cached(
                "SELECT r.uuid FROM _dunlin_row AS r WHERE r.tbl = ?
                 AND (EXISTS (SELECT 1 FROM _dunlin_kept AS k WHERE k.uuid = r.uuid)
                 OR EXISTS (SELECT 1 FROM _dunlin_old AS o WHERE o.uuid = r.uuid))",
            )
            .and_then(|mut statement| {
                statement
                    .query_map([table], |row| crate::cursor::uuid(row, 0))
                    .and_then(Iterator::collect)
            })
            .doing("list the rows that are kept beside a table")
    }

    /// States every row of a table anew, under other ids, and by what its names mean now.
    fn restate(
        &mut self,
        table: i64,
        ids: &BTreeMap<String, String>,
        bound: Option<&BTreeMap<String, String>>,
    ) -> Result<()> {
        let mut rows: Vec<(Entry, State)> = Vec::new();
        for uuid in self.live_rows_of(table)? {
            let Some(entry) = self.entry(uuid)? else { continue };
            if let Some(state) = self.state(&entry)? {
                rows.push((entry, state.called(ids)));
            }
        }
        self.call_cells(table, ids)?;
        self.merge_columns(table, ids)?;
        if let Some(bound) = bound {
            self.rebind(table, bound)?;
        }
        self.cache.columns.remove(&table);
        self.load_catalogue()?;
        for (mut entry, state) in rows {
            let before = entry.clone();
            // Until it is settled, its table shows what the names meant before.
            if entry.state == Shown::Shown && entry.key.is_some() {
                entry.state = Shown::Otherwise;
            }
            self.take_apart(&mut entry, &state, Place::Kept)?;
            if !entry.parts {
                entry.parts = true;
            }
            self.put(&entry, Some(&before))?;
            let own = standing::own_cells(&state);
            let kept = self.kept(entry.uuid)?;
            let (shown, why) =
                kept.map_or_else(|| (Cells::default(), Why::Schema), |kept| (kept.shown, kept.why));
            let size = self.kept_size(entry.uuid)?;
            let keep = Keep { cells: Some(&own), shown: &shown, why, text: None, size };
            self.keep(entry.uuid, &keep)?;
        }
        self.conn
            .execute("UPDATE _dunlin_table SET again = 0 WHERE id = ?", [table])
            .doing("settle a table's rows again")?;
        Ok(())
    }

    fn live_rows_of(&self, table: i64) -> Result<Vec<Uuid>> {
        self.conn
            .prepare_cached(
                "SELECT uuid FROM _dunlin_row WHERE tbl = ? AND state IN (0, 1, 2) ORDER BY pos",
            )
            .and_then(|mut statement| {
                statement
                    .query_map([table], |row| crate::cursor::uuid(row, 0))
                    .and_then(Iterator::collect)
            })
            .doing("list a table's rows")
    }

    /// Columns that are one get one number.
    fn merge_columns(&mut self, table: i64, ids: &BTreeMap<String, String>) -> Result<()> {
        let doing = "give a column another id";
        for (id, one) in ids {
            let columns = self.columns(table)?;
            let Some(gone) = columns.id(id).cloned() else { continue };
            match columns.id(one) {
                Some(stays) => {
                    self.conn
                        .execute(
                            "UPDATE _dunlin_column SET here = coalesce(here, ?2), declared = coalesce(declared,
                             (SELECT declared FROM _dunlin_column WHERE number = ?3)) WHERE number = ?1",
                            params![stays.number, gone.here, gone.number],
                        )
                        .doing(doing)?;
                    // Shapes of versions that are gone may still name it.
                    self.conn
                        .execute(
                            "UPDATE _dunlin_column SET here = NULL, id = id || '~' || number || '~' WHERE number = ?",
                            [gone.number],
                        )
                        .doing(doing)?;
                }
                None => {
                    self.conn
                        .execute(
                            "UPDATE _dunlin_column SET id = ?2 WHERE number = ?1",
                            params![gone.number, one],
                        )
                        .doing(doing)?;
                }
            }
            self.cache.columns.remove(&table);
        }
        Ok(())
    }

    /// The names of the table here stand for these columns.
    fn rebind(&mut self, table: i64, bound: &BTreeMap<String, String>) -> Result<()> {
        let columns = self.columns(table)?;
        let names: BTreeMap<String, (String, i64)> = columns
            .iter()
            .filter_map(|known| {
                let here = known.here.clone()?;
                Some((here.to_ascii_lowercase(), (here, known.number)))
            })
            .collect();
        let doing = "say what a column stands for";
        for (name, id) in bound {
            let Some((here, was)) = names.get(name) else { continue };
            let number = self.column_number(table, id)?;
            if number == *was {
                continue;
            }
            self.conn
                .execute(
                    "UPDATE _dunlin_column SET here = ?2, proven = 0,
                     declared = (SELECT declared FROM _dunlin_column WHERE number = ?3) WHERE number = ?1",
                    params![number, here, was],
                )
                .doing(doing)?;
            let is_bound_otherwise = bound
                .iter()
                .any(|(_, other)| columns.number(*was).is_some_and(|known| *known.id == **other));
            if !is_bound_otherwise {
                self.conn
                    .execute("UPDATE _dunlin_column SET here = NULL WHERE number = ?", [was])
                    .doing(doing)?;
            }
        }
        self.cache.columns.remove(&table);
        Ok(())
    }
}

impl State {
    /// With columns under other ids; where two become one, the later cell.
    fn called(self, ids: &BTreeMap<String, String>) -> Self {
        let one = |id: Arc<str>| ids.get(&*id).map_or(id, |id| Arc::from(id.as_str()));
        let mut called = Self {
            own: BTreeMap::new(),
            beside: BTreeMap::new(),
            seen: self.seen.into_iter().map(|(id, cell)| (one(id), cell)).collect(),
            ..self
        };
        for (id, cell) in self.own {
            let id = one(id);
            let later =
                called.own.get(&id).map_or_else(|| cell.clone(), |own: &Dotted| own.later(&cell));
            called.own.insert(id, later);
        }
        for ((id, _), cell) in self.beside {
            called.take(&one(id), &cell);
        }
        called
    }
}

impl Cells {
    /// With columns under other ids.
    fn called(self, ids: &BTreeMap<String, String>) -> Self {
        let one =
            |id: Arc<str>| ids.get(&*in_lower_case(&id)).map_or(id, |id| Arc::from(id.as_str()));
        Self::new(self.into_pairs().into_iter().map(|(id, cell)| (one(id), cell)).collect())
    }
}
