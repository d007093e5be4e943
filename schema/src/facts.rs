//! Facts: what machines have seen happen to a table's columns and names, and what follows from it.
//!
//! Facts only grow, travel before rows, and merge by union, so machines that have heard the same come to the same.
//!
//! ```text
//!   renamed    the column of this id is also called so: seen by a witness, or by its values
//!   together   these ids stood side by side in one table: they are different columns
//!   declared   a table declared so binds its names to these ids; which of them were seen to be so
//!   called     the table is also called so
//!   fill       what an upgrade put where nobody had an opinion
//! ```
//!
//! # Invariants
//!
//! * Two ids are one column if one was renamed to the other's name, and no table was ever seen with both.
//! * Tables declared alike bind alike: what was seen before what was guessed, then the smaller id.
//! * Ids and names are in lower case, as SQLite compares them.

use crate::catalogue::{NAME_BYTES_MAX, is_ours};
use crate::{Cell, Millis};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// What was seen of one table.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub enum Fact {
    /// The column of this id is also called so.
    Renamed {
        /// Its id.
        id: String,
        /// Its other name.
        name: String,
    },
    /// These ids stood side by side.
    Together {
        /// All columns of a table.
        ids: BTreeSet<String>,
    },
    /// A table declared so binds its names to these ids.
    Declared {
        /// What it is declared as; see [`print()`].
        print: u64,
        /// Its columns.
        columns: BTreeSet<Binding>,
    },
    /// The table is also called so.
    Called {
        /// Its other name.
        name: String,
    },
    /// What an upgrade put into a column where nobody had an opinion.
    Fill {
        /// The column's id.
        id: String,
        /// When that was found: the first counts.
        time: Millis,
        /// By whom.
        machine: Uuid,
        /// The value, as stored.
        value: Vec<u8>,
    },
}

/// A name that stands for a column.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct Binding {
    /// What it is called.
    pub name: String,
    /// Its id.
    pub id: String,
    /// It was there from the start, or was seen to become this; else it was guessed by its name.
    pub proven: bool,
}

/// No column's fill is larger: a default is a word.
const FILL_BYTES_MAX: usize = 64 << 10;
/// No table has more columns.
const COLUMNS_MAX: usize = 2_000;

impl Fact {
    /// What an upgrade put into a column.
    pub fn filled(id: String, time: Millis, machine: Uuid, cell: &Cell) -> Self {
        let mut value = Vec::new();
        cell.encode(&mut value);
        Self::Fill { id, time, machine, value }
    }

    /// The value of a fill; none where it is no value.
    pub fn cell(value: &[u8]) -> Option<Cell> {
        let mut rest = value;
        Cell::decode(&mut rest).ok().filter(|_| rest.is_empty())
    }

    /// What no honest partner says, in words.
    pub(crate) fn flaw(&self, table: &str) -> Option<&'static str> {
        let is_odd = |name: &String| {
            name.is_empty() || name.len() > NAME_BYTES_MAX || *name != name.to_ascii_lowercase()
        };
        if is_odd(&table.to_ascii_lowercase()) || is_ours(table) {
            return Some("it knows something of a table that has no such name");
        }
        let (is_odd, is_large) = match self {
            Self::Renamed { id, name } => (is_odd(id) || is_odd(name), false),
            Self::Together { ids } => (ids.iter().any(is_odd), ids.len() > COLUMNS_MAX),
            Self::Declared { columns, .. } => {
                let mut names = columns.iter().flat_map(|column| [&column.name, &column.id]);
                (names.any(is_odd), columns.len() > COLUMNS_MAX)
            }
            Self::Called { name } => (is_odd(name) || is_ours(name), false),
            Self::Fill { id, value, .. } => (is_odd(id), value.len() > FILL_BYTES_MAX),
        };
        match (is_odd, is_large) {
            (true, _) => Some("it knows something of a column that has no such name"),
            (_, true) => Some("it knows more of a table than fits into one"),
            (false, false) => None,
        }
    }
}

/// All that is known of one table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts(BTreeSet<Fact>);

/// What a look into a table found of its columns, before they have ids.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    /// The columns that it has now, in its order.
    pub(crate) names: Vec<String>,
    /// See [`print()`].
    pub(crate) print: u64,
    /// What the names stood for at the last look.
    pub(crate) before: BTreeMap<String, String>,
    /// Names that a column was seen to have got, and its id.
    pub(crate) renamed: BTreeMap<String, String>,
    /// Names that stand for another column than before.
    pub(crate) anew: BTreeSet<String>,
}

impl Facts {
    /// Of a set.
    pub fn new(facts: BTreeSet<Fact>) -> Self {
        Self(facts)
    }

    /// Adds one; answers whether it is new.
    pub fn add(&mut self, fact: Fact) -> bool {
        self.0.insert(fact)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Fact> {
        self.0.iter()
    }

    /// The other names of the table.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|fact| match fact {
            Fact::Called { name } => Some(name.as_str()),
            _ => None,
        })
    }

    fn renames(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter_map(|fact| match fact {
            Fact::Renamed { id, name } => Some((id.as_str(), name.as_str())),
            _ => None,
        })
    }

    fn stood_together(&self, one: &str, other: &str) -> bool {
        self.0.iter().any(|fact| match fact {
            Fact::Together { ids } => ids.contains(one) && ids.contains(other),
            _ => false,
        })
    }

    /// The one id of a column that machines came to know by several.
    pub fn one_id(&self, id: &str) -> String {
        let mut id = id.to_owned();
        let mut seen = BTreeSet::new();
        while seen.insert(id.clone()) {
            let older = self.renames().find(|(older, name)| {
                *name == id && *older != id && !self.stood_together(older, &id)
            });
            match older {
                Some((older, _)) => older.clone_into(&mut id),
                None => break,
            }
        }
        id
    }

    /// What the columns of a table that is declared so are, as far as anybody said; each id once.
    pub(crate) fn said(&self, print: u64) -> BTreeMap<String, String> {
        let mut best: Vec<(bool, String, String)> =
            self.best(print).into_iter().map(|(name, (proven, id))| (!proven, id, name)).collect();
        best.sort_unstable();
        let mut taken = BTreeSet::new();
        best.retain(|(_, id, _)| taken.insert(id.clone()));
        best.into_iter().map(|(_, id, name)| (name, id)).collect()
    }

    /// Of these, those that were seen to be so.
    pub(crate) fn proven(&self, print: u64) -> BTreeMap<String, String> {
        let best = self.best(print).into_iter();
        best.filter(|(_, (proven, _))| *proven).map(|(name, (_, id))| (name, id)).collect()
    }

    /// By name: proven before guessed, then the smaller id.
    fn best(&self, print: u64) -> BTreeMap<String, (bool, String)> {
        let mut best: BTreeMap<String, (bool, String)> = BTreeMap::new();
        for fact in &self.0 {
            let Fact::Declared { print: of, columns } = fact else { continue };
            for column in columns.iter().filter(|_| *of == print) {
                let said = (column.proven, self.one_id(&column.id));
                let better = best.get(&column.name).is_none_or(|(proven, id)| {
                    (!said.0, said.1.as_str()) < (!*proven, id.as_str())
                });
                if better {
                    best.insert(column.name.clone(), said);
                }
            }
        }
        best
    }

    /// The ids of a table's columns: what was seen to be renamed, what was there, what others say, a new one.
    pub(crate) fn bind(&self, found: &Found) -> BTreeMap<String, String> {
        let mut bound: BTreeMap<String, String> = BTreeMap::new();
        for name in &found.names {
            let stays = found.before.get(name).filter(|_| !found.anew.contains(name));
            if let Some(id) = found.renamed.get(name).or(stays) {
                bound.insert(name.clone(), self.one_id(id));
            }
        }
        let given_up: BTreeSet<&String> =
            found.anew.iter().filter_map(|name| found.before.get(name)).collect();
        let said = self.said(found.print);
        let mut taken: BTreeSet<String> = bound.values().cloned().collect();
        for name in found.names.iter().filter(|name| !found.is_bound(name)) {
            let is_free = |id: &String| !taken.contains(id) && !given_up.contains(id);
            let by_others = said.get(name).cloned().filter(is_free);
            let by_rename = || {
                let mut older = self.renames().filter(|(_, to)| to == name);
                let before: BTreeSet<&String> = found.before.values().collect();
                older.find_map(|(id, _)| {
                    let one = self.one_id(id);
                    (!taken.contains(&one) && !before.contains(&id.to_owned())).then_some(one)
                })
            };
            let id = by_others.or_else(by_rename).unwrap_or_else(|| {
                let retired: BTreeSet<&str> = self.renames().map(|(id, _)| id).collect();
                let fits = |id: &String| {
                    is_free(id) && !retired.contains(id.as_str()) && self.one_id(id) == *id
                };
                let generations = (2..).map(|count| format!("{name}~{count}"));
                let mut ids = std::iter::once(name.clone()).chain(generations);
                ids.find(fits).unwrap_or_else(|| name.clone())
            });
            taken.insert(id.clone());
            bound.insert(name.clone(), id);
        }
        bound
    }

    /// What a column shows where nobody has an opinion: what was found first.
    pub fn fill(&self, id: &str) -> Option<Cell> {
        let fills = self.0.iter().filter_map(|fact| match fact {
            Fact::Fill { id: of, time, machine, value } if self.one_id(of) == id => {
                Some((*time, *machine, value))
            }
            _ => None,
        });
        let (_, _, value) = fills.min()?;
        Fact::cell(value)
    }
}

impl Found {
    /// It was there, or was seen to become this.
    fn is_bound(&self, name: &str) -> bool {
        self.renamed.contains_key(name)
            || (self.before.contains_key(name) && !self.anew.contains(name))
    }
}

/// What a table is declared as: the hash of its columns' names and types, whatever their order.
pub(crate) fn print<'c>(columns: impl Iterator<Item = (&'c str, &'c str)>) -> u64 {
    let mut columns: Vec<(String, String)> = columns
        .map(|(name, declared)| (name.to_ascii_lowercase(), declared.to_ascii_lowercase()))
        .collect();
    columns.sort_unstable();
    let mut hash = Sha256::new();
    for text in columns.iter().flat_map(|(name, declared)| [name, declared]) {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    }
    crate::cell::first_eight(&hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn renamed(id: &str, name: &str) -> Fact {
        Fact::Renamed { id: id.to_owned(), name: name.to_owned() }
    }

    fn together(ids: &[&str]) -> Fact {
        Fact::Together { ids: ids.iter().map(|id| (*id).to_owned()).collect() }
    }

    fn declared(print: u64, columns: &[(&str, &str, bool)]) -> Fact {
        let binding = |(name, id, proven): &(&str, &str, bool)| Binding {
            name: (*name).to_owned(),
            id: (*id).to_owned(),
            proven: *proven,
        };
        Fact::Declared { print, columns: columns.iter().map(binding).collect() }
    }

    fn facts(facts: &[Fact]) -> Facts {
        Facts::new(facts.iter().cloned().collect())
    }

    fn found(names: &[&str], before: &[(&str, &str)]) -> Found {
        let own = |(name, id): &(&str, &str)| ((*name).to_owned(), (*id).to_owned());
        Found {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            before: before.iter().map(own).collect(),
            ..Found::default()
        }
    }

    fn bound(facts: &Facts, found: &Found) -> String {
        let bound = facts.bind(found);
        bound.iter().map(|(name, id)| format!("{name}={id}")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_renamed_column_keeps_its_id() {
        let mut look = found(&["title", "price"], &[("name", "name"), ("price", "price")]);
        look.renamed.insert("title".into(), "name".into());
        assert_eq!(bound(&Facts::default(), &look), "price=price title=name");
    }

    #[test]
    fn the_same_upgrade_gives_the_same_ids() {
        // The old name is given to another column: on all machines it is the second of that name.
        let mut look = found(&["price_old", "price"], &[("price", "price")]);
        look.renamed.insert("price_old".into(), "price".into());
        look.anew.insert("price".into());
        assert_eq!(bound(&Facts::default(), &look), "price=price~2 price_old=price");
        // In two looks it is the same.
        let known = facts(&[renamed("price", "price_old")]);
        let later = found(&["price_old", "price"], &[("price_old", "price")]);
        assert_eq!(bound(&known, &later), "price=price~2 price_old=price");
    }

    #[test]
    fn two_ids_are_one_column_unless_they_stood_side_by_side() {
        let one = facts(&[renamed("name", "title")]);
        assert_eq!(one.one_id("title"), "name");
        let two = facts(&[renamed("name", "title"), together(&["name", "title"])]);
        assert_eq!(two.one_id("title"), "title");
        let round = facts(&[renamed("a", "b"), renamed("b", "a")]);
        assert_eq!(round.one_id("a"), round.one_id("a"), "a rename back and forth ends");
    }

    #[test]
    fn tables_declared_alike_are_bound_alike() {
        let known = facts(&[
            declared(7, &[("title", "title", false)]),
            declared(7, &[("title", "name", true)]),
            declared(8, &[("title", "other", true)]),
        ]);
        let look = Found { print: 7, ..found(&["title"], &[]) };
        assert_eq!(bound(&known, &look), "title=name");
        assert_eq!(known.said(7).get("title").map(String::as_str), Some("name"));
        assert_eq!(bound(&known, &Found { print: 9, ..look }), "title=title");
    }

    #[test]
    fn where_values_say_nothing_a_rename_that_others_saw_is_taken() {
        let known = facts(&[renamed("name", "title")]);
        assert_eq!(bound(&known, &found(&["title"], &[])), "title=name");
        // Not where the column is still there under its old name.
        let both = found(&["name", "title"], &[("name", "name")]);
        assert_eq!(bound(&known, &both), "name=name title=title~2");
    }

    #[test]
    fn the_first_fill_stands() {
        let fill = |time, machine, text: &str| {
            Fact::filled("tax".into(), time, Uuid::from_u128(machine), &Cell::Text(text.into()))
        };
        let known = facts(&[fill(9, 1, "19"), fill(5, 2, "7"), fill(5, 1, "0")]);
        assert_eq!(known.fill("tax"), Some(Cell::Text("0".into())));
        assert_eq!(known.fill("name"), None);
    }

    #[test]
    fn a_declaration_is_its_names_and_types_in_any_order_and_letters() {
        let one = print([("Name", "TEXT"), ("id", "INTEGER")].into_iter());
        assert_eq!(one, print([("ID", "integer"), ("name", "text")].into_iter()));
        assert_ne!(one, print([("id", "INTEGER"), ("name", "VARCHAR")].into_iter()));
    }
}
