//! Which columns a table has now, and which of those that the shop knows each of them is.
//!
//! A rename is seen by a witness: a trigger that names every column and does nothing. SQLite rewrites the list when a
//! column is renamed, and lets one be dropped, so position by position it says what became of each. In a table that was
//! made anew the witness is gone, and a column is known again by what it holds.

use super::values::Values;
use super::{Tracked, described_before};
use crate::Result;
use crate::catalogue::Description;
use crate::error::Doing as _;
use crate::facts::{Binding, Fact, Found, print};
use crate::sidecar::column::Columns;
use crate::trigger;
use crate::tx::Tx;
use rusqlite::params;
use std::collections::{BTreeMap, BTreeSet};

/// What was found of a table's columns.
pub(super) struct Looked {
    /// Numbers of the columns that were not in it before.
    pub(super) fresh: Vec<i64>,
}

impl Tx<'_> {
    /// Finds out which columns a table has, writes it down, and tells others.
    pub(super) fn look_at_columns(
        &mut self,
        table: &Tracked,
        now: &Description,
        is_remade: bool,
    ) -> Result<Looked> {
        let known = self.columns(table.id)?;
        let declared = now.declared();
        let mut found = Found {
            names: declared.iter().map(|(name, _)| name.to_ascii_lowercase()).collect(),
            print: print(declared.iter().copied()),
            before: before(&known),
            ..Found::default()
        };
        let values = if is_remade { self.values_of(table.id, now)? } else { Values::default() };
        if is_remade {
            renamed_by_values(&known, &values, &mut found);
            self.renamed_by_word(table, (&known, &values), &mut found)?;
            others_under_one_name(&known, (&values, now), &mut found);
            self.bound_as_proven(table, (&known, &values), &mut found)?;
            self.tell_renames(table, &found)?;
        } else {
            self.renamed_by_witness(table, &mut found)?;
        }
        let bound = self.facts_of(&table.first)?.bind(&found);
        let proven = self.proven(table, &found, &known, is_remade.then_some(&values))?;
        self.tell_columns(table, &found, (&bound, &proven))?;
        let mut fresh = Vec::new();
        let were: BTreeSet<&String> = found.before.values().collect();
        for ((name, declared), key) in declared.iter().zip(&found.names) {
            let Some(id) = bound.get(key) else { continue };
            let number = self.column_number(table.id, id)?;
            self.bind_column(table.id, number, (name, declared), proven.contains(key))?;
            if !were.contains(id) && !were.is_empty() {
                fresh.push(number);
            }
        }
        let here: BTreeSet<&String> = bound.values().collect();
        for gone in known.iter().filter(|known| known.here.is_some()) {
            if !here.contains(&gone.id.to_string()) {
                self.column_went(table.id, gone.number)?;
            }
        }
        Ok(Looked { fresh })
    }

    /// Its values stood in the table alone.
    fn column_went(&mut self, table: i64, number: i64) -> Result<()> {
        self.conn
            .prepare_cached("UPDATE _dunlin_column SET here = NULL, lost = ?2 WHERE number = ?1")
            .and_then(|mut statement| statement.execute(params![number, self.count.pos]))
            .doing("write down that a column went")?;
        self.cache.columns.remove(&table);
        Ok(())
    }

    /// What became of each column, by the trigger that names all of them.
    fn renamed_by_witness(&mut self, table: &Tracked, found: &mut Found) -> Result<()> {
        let witness = trigger::witness(table.id);
        let sql = self.listing.tables().flat_map(|listed| &listed.triggers);
        let sql = sql.into_iter().find(|trigger| trigger.name == witness);
        let old = table.declared.as_deref().and_then(described_before);
        let (Some(sql), Some(old)) = (sql, old) else { return Ok(()) };
        let now = trigger::columns_named(&sql.sql);
        let old = old.names();
        if now.len() != old.len() {
            return Ok(());
        }
        for (was, is) in old.iter().zip(&now).filter(|(was, is)| was != is) {
            let Some(id) = found.before.get(was).cloned() else { continue };
            if *is != id {
                self.say(&table.first, &Fact::Renamed { id: id.clone(), name: is.clone() })?;
            }
            if found.names.contains(is) {
                found.renamed.insert(is.clone(), id);
            } else if found.names.contains(was) {
                // Renamed away and dropped; another one is under the old name.
                found.anew.insert(was.clone());
            }
        }
        // Renamed away, and another one is under the old name.
        let moved: BTreeSet<&String> = found.renamed.values().collect();
        let given_again = found.names.iter().filter(|name| {
            found.before.get(*name).is_some_and(|id| {
                moved.contains(id) && found.renamed.get(*name).is_none_or(|now| now != id)
            })
        });
        let given_again: Vec<String> = given_again.cloned().collect();
        found.anew.extend(given_again);
        Ok(())
    }

    /// Of a table that was made anew: what others saw to be renamed, where the new name came, and the old one went or holds
    /// something else now.
    fn renamed_by_word(
        &mut self,
        table: &Tracked,
        (known, values): (&Columns, &Values),
        found: &mut Found,
    ) -> Result<()> {
        let facts = self.facts_of(&table.first)?;
        for fact in facts.iter() {
            let Fact::Renamed { id, name } = fact else { continue };
            let id = facts.one_id(id);
            let was = found.before.iter().find(|(_, of)| **of == id).map(|(was, _)| was.clone());
            let Some(was) = was else { continue };
            let is_new = found.names.contains(name)
                && !found.before.contains_key(name)
                && !found.renamed.contains_key(name);
            let is_taken = found.renamed.values().any(|of| *of == id) || found.anew.contains(&was);
            let is_there = found.names.contains(&was);
            let stays = is_there
                && known.here(&was).is_some_and(|was_known| values.fits(was_known, &was).is_same());
            if is_new && !is_taken && !stays {
                found.renamed.insert(name.clone(), id);
                if is_there {
                    found.anew.insert(was);
                }
            }
        }
        Ok(())
    }

    /// Others have this very table, and saw what its names mean: here they mean the same, unless their values say otherwise.
    fn bound_as_proven(
        &mut self,
        table: &Tracked,
        (known, values): (&Columns, &Values),
        found: &mut Found,
    ) -> Result<()> {
        for (name, id) in self.facts_of(&table.first)?.proven(found.print) {
            let Some(before) = found.before.get(&name) else { continue };
            let stays = known.here(&name).is_some_and(|was| values.fits(was, &name).is_same());
            if *before != id && !stays && !found.renamed.contains_key(&name) {
                found.anew.insert(name);
            }
        }
        Ok(())
    }

    fn tell_renames(&mut self, table: &Tracked, found: &Found) -> Result<()> {
        for (name, id) in &found.renamed {
            if name != id {
                self.say(&table.first, &Fact::Renamed { id: id.clone(), name: name.clone() })?;
            }
        }
        Ok(())
    }

    /// The names of columns that were there from the start, or were seen to become what they are.
    fn proven(
        &mut self,
        table: &Tracked,
        found: &Found,
        known: &Columns,
        remade: Option<&Values>,
    ) -> Result<BTreeSet<String>> {
        if found.before.is_empty() {
            // The start, unless somebody knows the table already.
            let facts = self.facts_of(&table.first)?;
            let is_known = facts.iter().any(|fact| matches!(fact, Fact::Declared { .. }));
            return Ok(if is_known {
                BTreeSet::new()
            } else {
                found.names.iter().cloned().collect()
            });
        }
        let was = |name: &String| {
            known.here(name).is_some_and(|known| known.proven) && found.before.contains_key(name)
        };
        let fits = |values: &Values, name: &String| {
            known.here(name).is_some_and(|known| values.fits(known, name).is_same())
        };
        let stays = |name: &String| was(name) && remade.is_none_or(|values| fits(values, name));
        let names = found.names.iter().filter(|name| {
            found.renamed.contains_key(*name) || found.anew.contains(*name) || stays(name)
        });
        Ok(names.cloned().collect())
    }

    /// Tells others which columns stand side by side, and what a table declared so has under which name.
    fn tell_columns(
        &mut self,
        table: &Tracked,
        found: &Found,
        (bound, proven): (&BTreeMap<String, String>, &BTreeSet<String>),
    ) -> Result<()> {
        self.say(&table.first, &Fact::Together { ids: bound.values().cloned().collect() })?;
        let columns = bound.iter().map(|(name, id)| Binding {
            name: name.clone(),
            id: id.clone(),
            proven: proven.contains(name),
        });
        let declared = Fact::Declared { print: found.print, columns: columns.collect() };
        self.say(&table.first, &declared)?;
        Ok(())
    }
}

/// A new column that holds what another held, which is gone or holds something else now, is that one.
fn renamed_by_values(known: &Columns, values: &Values, found: &mut Found) {
    let before: Vec<String> = found.before.keys().cloned().collect();
    for was in before {
        let Some(column) = known.here(&was) else { continue };
        let is_new = |name: &&String| {
            !found.before.contains_key(*name) && !found.renamed.contains_key(*name)
        };
        let is_there = found.names.contains(&was);
        if is_there && !values.fits(column, &was).is_gone() {
            continue;
        }
        let fits = |name: &&String| values.fits(column, name).is_same();
        let Some(name) = found.names.iter().filter(is_new).find(fits).cloned() else { continue };
        found.renamed.insert(name, column.id.to_string());
        if is_there {
            found.anew.insert(was);
        }
    }
}

/// A column of another type that holds something else in nearly all rows is another one under the same name: euros became
/// cents.
fn others_under_one_name(
    known: &Columns,
    (values, now): (&Values, &Description),
    found: &mut Found,
) {
    for (name, declared) in now.declared() {
        let name = name.to_ascii_lowercase();
        let Some(was) = known.here(&name) else { continue };
        let is_of_another_type =
            was.declared.as_deref().is_some_and(|was| !was.eq_ignore_ascii_case(declared));
        let is_there = found.before.contains_key(&name) && !found.renamed.contains_key(&name);
        if is_there && is_of_another_type && values.fits(was, &name).is_another() {
            found.anew.insert(name);
        }
    }
}

/// What the names stood for at the last look, in lower case.
fn before(known: &Columns) -> BTreeMap<String, String> {
    let here = known.iter().filter_map(|known| {
        Some((known.here.as_ref()?.to_ascii_lowercase(), known.id.to_string()))
    });
    here.collect()
}
