//! The catalogue: what the tracked tables look like, and what a reference or a key means for names.
//!
//! Read from SQLite's own description of the file, again whenever that changes.
//! How a column that refers to another table travels:
//!
//! ```text
//!   the reference points to        the child's column travels as       the parent's uuid comes from
//!   a local number (integer key)   {"row": uuid}                       the cell
//!   the key that names the parent  itself, or as the parent's column   hashing the key
//!                                  travels where that is a reference
//!   another UNIQUE column          {"row": uuid}                       the cell
//! ```

mod describe;
mod load;
mod sql;

pub use describe::NAME_BYTES_MAX;
pub(crate) use describe::{Description, describe};
pub(crate) use load::{Described, KEPT_OUT, LET_GO, Listed, load, read};

use crate::key::Key;
use crate::{Affinity, Cell, name, spare};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use uuid::Uuid;

/// How SQLite compares a text column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Collation {
    Binary,
    NoCase,
    RTrim,
    /// Made by the application: we cannot compare as it does.
    Other,
}

impl Collation {
    pub(crate) fn named(name: &str) -> Self {
        match name.to_ascii_uppercase().as_str() {
            "BINARY" | "" => Self::Binary,
            "NOCASE" => Self::NoCase,
            "RTRIM" => Self::RTrim,
            _ => Self::Other,
        }
    }

    /// The one cell that stands for all that compare equal to it.
    pub(crate) fn fold(self, cell: &Cell) -> Cell {
        match (self, cell) {
            (Self::NoCase, Cell::Text(text)) => Cell::Text(text.to_ascii_lowercase()),
            (Self::RTrim, Cell::Text(text)) => {
                let end = text.iter().rposition(|byte| *byte != b' ').map_or(0, |last| last + 1);
                Cell::Text(text.iter().take(end).copied().collect())
            }
            // 1.0 = 1 for SQLite.
            #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
            (_, Cell::Real(x)) if x.fract() == 0.0 && x.abs() < 9.0e15 => Cell::Integer(*x as i64),
            _ => cell.clone(),
        }
    }
}

/// What names a row of a table on all machines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Naming {
    /// The value of a `uuid` column: its place among the columns. Hashed with the table's name, because an
    /// application may use one uuid in two tables.
    Uuid(usize),
    /// The key, which means something: text, several columns, or a reference.
    Key,
    /// A UNIQUE over references only, in a table with an integer key: the columns.
    Unique(Vec<usize>),
    /// The moment it was made: integer keys are local numbers.
    Integer,
    /// The integer is the name, because a person said so.
    Natural,
}

impl Naming {
    /// In one word, for people and partners.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Uuid(_) => "uuid",
            Self::Key => "key",
            Self::Unique(_) => "unique",
            Self::Integer => "integer",
            Self::Natural => "natural",
        }
    }
}

/// What a reference does when its parent goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDelete {
    /// NO ACTION and RESTRICT: the child keeps its parent.
    Restrict,
    /// The child goes with it.
    Cascade,
    /// SET NULL and SET DEFAULT: the child stays, without it.
    SetNull,
}

/// One stored column.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    /// What it is called here.
    pub(crate) name: String,
    /// What the shop calls it, in lower case: cells travel and are kept under this name.
    pub(crate) id: Arc<str>,
    /// Its number in the sidecar; 0 for a column that was not looked at yet.
    pub(crate) number: i64,
    /// Lines of the log up to this one were written before it was first seen here.
    pub(crate) since: i64,
    /// Entries up to this position of the journal have no value of it in the table.
    pub(crate) lost: u64,
    /// What stands where nobody has an opinion.
    pub(crate) blank: Cell,
    /// What the upgrade here put there, where that is something else.
    pub(crate) fill: Option<Cell>,
    /// Its default, where that is declared and the same at all times.
    pub(crate) default: Option<Cell>,
    pub(crate) declared: String,
    pub(crate) affinity: Affinity,
    /// Before its type last changed.
    pub(crate) was: Option<Affinity>,
    /// What it did as a reference when its parent went, in lines of the log up to this one.
    pub(crate) did: Option<(OnDelete, i64)>,
    pub(crate) not_null: bool,
    /// Where its value is a reference: the table, and the column of it that this one shows.
    pub(crate) target: Option<Target>,
}

impl Column {
    /// What it makes of a value.
    pub(crate) fn stores(&self, cell: Cell) -> Cell {
        cell.stored(self.affinity).unwrap_or(cell)
    }

    /// What it holds where nothing is said, and whether that is declared.
    pub(crate) fn default(&self) -> (Cell, bool) {
        match &self.default {
            Some(cell) => (cell.clone(), true),
            None if self.not_null => (self.affinity.empty(), false),
            None => (Cell::Null, false),
        }
    }

    /// What it held, where it holds this now and was not written: the same, or what another type made this of. The hash is
    /// of what it held.
    pub(crate) fn held(&self, stored: &Cell, hash: u64) -> Option<Cell> {
        if spare::hash(stored) == hash {
            return Some(stored.clone());
        }
        self.may_have_held(stored).into_iter().find(|cell| spare::hash(cell) == hash)
    }

    /// What it may have held before its type changed.
    pub(crate) fn may_have_held(&self, stored: &Cell) -> Vec<Cell> {
        let was = self.was.filter(|was| *was != self.affinity && self.target.is_none());
        was.map_or_else(Vec::new, |was| stored.before(was, self.affinity))
    }

    /// Is a stored value what the column makes of this one?
    pub(crate) fn shows(&self, was: &Cell, stored: &Cell) -> bool {
        was == stored || was.stored(self.affinity).as_ref() == Some(stored)
    }
}

/// What a reference column shows: this column of that table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) table: String,
    pub(crate) column: String,
}

/// A UNIQUE that can clash: not the one that names the row.
#[derive(Clone, Debug)]
pub(crate) struct Unique {
    pub(crate) columns: Vec<usize>,
    pub(crate) collations: Vec<Collation>,
    /// Declared in the table, not a bare index; only such may be named in a trigger.
    pub(crate) constraint: bool,
}

/// How a reference finds its parent's uuid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// The cell says it.
    Row,
    /// Hashing the key that names the parent.
    Key,
}

/// A reference from one table to another.
#[derive(Clone, Debug)]
pub struct Reference {
    /// The child's columns, in the order of the parent's key.
    pub(crate) columns: Vec<usize>,
    pub(crate) parent: String,
    pub(crate) parent_columns: Vec<String>,
    pub(crate) on_delete: OnDelete,
    /// The application does not keep it: translated, but nothing is held for it.
    pub(crate) loose: bool,
    pub(crate) by: By,
}

/// A tracked table.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they are facts that do not hang together")]
pub struct Table {
    pub(crate) id: i64,
    /// What it is called here.
    pub(crate) name: String,
    /// What the shop calls it: the name by which it was first known. Its rows are named by it.
    pub(crate) first: String,
    pub(crate) columns: Vec<Column>,
    pub(crate) key: Vec<usize>,
    pub(crate) key_collations: Vec<Collation>,
    pub(crate) naming: Naming,
    /// Lines of the log up to this one were written before its declaration was last seen to change.
    pub(crate) changed: i64,
    /// The same of the look that last found it made anew.
    pub(crate) remade: i64,
    /// The integer key column, where it is a local number that does not travel as a value.
    pub(crate) number: Option<usize>,
    pub(crate) autoincrement: bool,
    /// It declares what becomes of a row that clashes.
    pub(crate) resolves_conflicts: bool,
    pub(crate) uniques: Vec<Unique>,
    /// REPLACE can remove a row through one of its indexes, and no trigger of ours sees it.
    pub(crate) has_unseen_unique: bool,
    pub(crate) references: Vec<Reference>,
    pub(crate) copies: bool,
    /// The column that says when rows were written that were there when tracking began.
    pub(crate) stamped: Option<usize>,
    pub(crate) sql: sql::Sql,
    /// It is not here: dropped, or renamed so that nobody can tell. What is known of it is as it was.
    pub(crate) away: bool,
}

/// A table as partners and people are told of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Declaration {
    /// What the shop calls it.
    pub name: String,
    /// What it is called here.
    pub here: String,
    /// Stored columns.
    pub columns: Vec<DeclaredColumn>,
    /// What names its rows.
    pub naming: &'static str,
    /// References: columns by what the shop calls them, parent likewise, loose.
    pub references: Vec<(Vec<String>, String, bool)>,
}

/// A column as partners and people are told of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DeclaredColumn {
    /// What the shop calls it.
    pub id: String,
    /// What it is called here.
    pub here: String,
    /// Its type, as declared.
    pub declared: String,
    /// NOT NULL.
    pub not_null: bool,
    /// Part of the key.
    pub key: bool,
}

impl Table {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What names its rows.
    pub fn naming(&self) -> &Naming {
        &self.naming
    }

    pub(crate) fn column(&self, name: &str) -> Option<(usize, &Column)> {
        self.columns.iter().enumerate().find(|(_, column)| column.name.eq_ignore_ascii_case(name))
    }

    /// By the shop's name for it.
    pub(crate) fn column_of(&self, id: &str) -> Option<(usize, &Column)> {
        self.columns.iter().enumerate().find(|(_, column)| column.id.eq_ignore_ascii_case(id))
    }

    /// Is a column in no key, no reference and no UNIQUE constraint?
    pub(crate) fn stands_alone(&self, index: usize) -> bool {
        let is_unique = |unique: &Unique| unique.columns.contains(&index);
        self.at(index).is_some_and(|column| column.target.is_none())
            && !self.key.contains(&index)
            && !self.references.iter().any(|reference| reference.columns.contains(&index))
            && !self.uniques.iter().any(is_unique)
            && !self.naming_columns().contains(&index)
    }

    /// What a reference did, or does, when its parent goes, in a line of the log.
    pub(crate) fn did(&self, reference: &Reference, line: i64) -> OnDelete {
        let columns = reference.columns.iter().filter_map(|&index| self.at(index));
        let mut did = columns.filter_map(|column| column.did);
        let then = did.find(|(_, until)| line <= *until).map(|(did, _)| did);
        then.unwrap_or(reference.on_delete)
    }

    /// Has a column come back whose values went with it?
    pub(crate) fn has_lost_columns(&self) -> bool {
        self.columns.iter().any(|column| column.lost > 0)
    }

    /// The numbers of the columns that a version of a row speaks of: all but the local number.
    pub(crate) fn shape_columns(&self) -> impl Iterator<Item = i64> {
        let own = self.columns.iter().enumerate().filter(|(index, _)| Some(*index) != self.number);
        own.map(|(_, column)| column.number)
    }

    pub(crate) fn at(&self, index: usize) -> Option<&Column> {
        self.columns.get(index)
    }

    /// What partners are told of it. `of`: the file's tables.
    pub(crate) fn declaration(&self, of: &Catalogue) -> Declaration {
        let ids = |columns: &[usize]| {
            let columns = columns.iter().filter_map(|&index| self.at(index));
            columns.map(|column| column.id.to_string()).collect()
        };
        let parent = |name: &String| of.named(name).map_or(name, |parent| &parent.first).clone();
        Declaration {
            name: self.first.clone(),
            here: self.name.clone(),
            columns: self
                .columns
                .iter()
                .enumerate()
                .map(|(index, column)| DeclaredColumn {
                    id: column.id.to_string(),
                    here: column.name.clone(),
                    declared: column.declared.clone(),
                    not_null: column.not_null,
                    key: self.key.contains(&index),
                })
                .collect(),
            naming: self.naming.word(),
            references: self
                .references
                .iter()
                .map(|known| (ids(&known.columns), parent(&known.parent), known.loose))
                .collect(),
        }
    }

    /// The statement that inserts a row with these columns; the others take their defaults.
    pub(crate) fn insert_some(&self, columns: &[&str]) -> String {
        let names: Vec<String> = columns.iter().map(|name| crate::trigger::quote(name)).collect();
        let places: Vec<String> = (1..=names.len()).map(|n| format!("?{n}")).collect();
        let on = crate::trigger::quote(&self.name);
        let or = self.or_abort();
        if names.is_empty() {
            return format!("INSERT{or} INTO {on} DEFAULT VALUES");
        }
        format!("INSERT{or} INTO {on} ({}) VALUES ({})", names.join(", "), places.join(", "))
    }

    /// What our writes say of a row that clashes: they fail, whatever the table declares.
    ///
    /// Where it declares nothing, nothing is said: it would hold for what triggers do as well, and one that feeds a table
    /// by INSERT OR REPLACE would fail.
    pub(crate) fn or_abort(&self) -> &'static str {
        if self.resolves_conflicts { " OR ABORT" } else { "" }
    }

    /// The names of some of its columns.
    pub(crate) fn names_of(&self, columns: &[usize]) -> Vec<&str> {
        columns
            .iter()
            .filter_map(|&index| self.at(index))
            .map(|column| column.name.as_str())
            .collect()
    }

    pub(crate) fn internal(&self) -> bool {
        is_ours(&self.name)
    }
}

/// A table of the sidecar?
pub(crate) fn is_ours(name: &str) -> bool {
    name.get(..8).is_some_and(|head| head.eq_ignore_ascii_case("_dunlin_"))
}

/// All tracked tables of one file.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    /// Parents before children, as far as there is such an order.
    pub(crate) tables: Vec<Arc<Table>>,
    by_id: HashMap<i64, Arc<Table>>,
    by_name: HashMap<String, Arc<Table>>,
    /// By what the shop calls them.
    by_first: HashMap<String, Arc<Table>>,
    /// Parent's id → (child, which of its references).
    children: HashMap<i64, Vec<(Arc<Table>, usize)>>,
    /// Tables that a person let go, or said no to: their rows are known and passed on, and nothing of ours touches the
    /// tables. True: it was tracked until then.
    pub(crate) untracked: BTreeMap<i64, bool>,
    /// The digest of all facts.
    pub(crate) facts: u64,
    /// Table's id → (a child that was let go, its column that shows our number).
    beside: HashMap<i64, Vec<(String, String)>>,
    /// Table's id → (child, its column, the column of ours that it shows).
    showing: HashMap<i64, Vec<(Arc<Table>, usize, String)>>,
}

impl Catalogue {
    pub(crate) fn new(tables: Vec<Table>) -> Self {
        let tables: Vec<Arc<Table>> = parents_first(tables).into_iter().map(Arc::new).collect();
        let mut catalogue = Self {
            by_id: tables.iter().map(|table| (table.id, Arc::clone(table))).collect(),
            by_name: tables
                .iter()
                .map(|table| (table.name.to_ascii_lowercase(), Arc::clone(table)))
                .collect(),
            by_first: tables
                .iter()
                .map(|table| (table.first.to_ascii_lowercase(), Arc::clone(table)))
                .collect(),
            ..Self::default()
        };
        for child in &tables {
            for (index, reference) in child.references.iter().enumerate() {
                if let Some(parent) = catalogue.named(&reference.parent).map(|parent| parent.id) {
                    catalogue.children.entry(parent).or_default().push((Arc::clone(child), index));
                }
            }
            for (index, column) in child.columns.iter().enumerate() {
                let Some(target) = &column.target else { continue };
                if let Some(parent) = catalogue.named(&target.table).map(|parent| parent.id) {
                    let shows = (Arc::clone(child), index, target.column.clone());
                    catalogue.showing.entry(parent).or_default().push(shows);
                }
            }
        }
        catalogue.tables = tables;
        catalogue
    }

    /// The tables that one refers to.
    pub(crate) fn parents(&self, table: &Table) -> Vec<i64> {
        let parents = table.references.iter().filter_map(|reference| self.named(&reference.parent));
        parents.map(|parent| parent.id).collect()
    }

    /// Is a table away to which this one refers, over any number of references?
    fn has_parents_away(&self, table: i64) -> bool {
        let mut asked = BTreeSet::new();
        let mut ahead = vec![table];
        while let Some(table) = ahead.pop() {
            for parent in self.id(table).map(|table| self.parents(table)).unwrap_or_default() {
                if self.id(parent).is_some_and(|parent| parent.away) {
                    return true;
                }
                if asked.insert(parent) {
                    ahead.push(parent);
                }
            }
        }
        false
    }

    /// A condition on entries, as SQL: not of tables whose parents are away, and may still be being filled.
    pub(crate) fn with_parents(&self) -> String {
        let early = self.tables.iter().filter(|table| self.has_parents_away(table.id));
        let early: Vec<String> = early.map(|table| table.id.to_string()).collect();
        if early.is_empty() {
            return String::new();
        }
        format!(" AND r.tbl NOT IN ({})", early.join(", "))
    }

    /// A condition on lines of the log, as SQL: those of a table that is away wait for it.
    pub(crate) fn in_sight(&self) -> String {
        let away = self.tables.iter().filter(|table| table.away);
        let away: Vec<String> = away.map(|table| table.id.to_string()).collect();
        if away.is_empty() {
            return String::new();
        }
        format!(" AND tbl NOT IN ({})", away.join(", "))
    }

    pub(crate) fn id(&self, id: i64) -> Option<&Arc<Table>> {
        self.by_id.get(&id)
    }

    pub(crate) fn named(&self, name: &str) -> Option<&Arc<Table>> {
        self.by_name.get(&name.to_ascii_lowercase())
    }

    /// By what the shop calls it.
    pub(crate) fn first(&self, first: &str) -> Option<&Arc<Table>> {
        self.by_first.get(&first.to_ascii_lowercase())
    }

    /// References to a table: the child and which of its references.
    pub(crate) fn children(&self, parent: i64) -> &[(Arc<Table>, usize)] {
        self.children.get(&parent).map_or(&[], Vec::as_slice)
    }

    /// Columns of tables that were let go which show this one's numbers: nobody writes them when a number passes on.
    pub(crate) fn beside(&self, parent: i64) -> &[(String, String)] {
        self.beside.get(&parent).map_or(&[], Vec::as_slice)
    }

    /// Notes a table that was let go.
    pub(crate) fn let_go(&mut self, table: &Table) {
        for reference in &table.references {
            let Some(parent) = self.named(&reference.parent).map(Arc::clone) else { continue };
            let number = parent.number.and_then(|number| parent.at(number));
            let (Some(number), [column]) = (number, reference.columns.as_slice()) else { continue };
            let of_number = match reference.parent_columns.as_slice() {
                [] => true,
                [name] => name.eq_ignore_ascii_case(&number.name),
                _ => false,
            };
            if let (true, Some(column)) = (of_number, table.at(*column)) {
                let shows = (table.name.clone(), column.name.clone());
                self.beside.entry(parent.id).or_default().push(shows);
            }
        }
    }

    /// Other tables that refer to this one, by their names; also where a reference cannot be followed.
    pub(crate) fn needing(&self, parent: i64) -> Vec<String> {
        let children = self.children(parent).iter().map(|(child, _)| child);
        let showing = self.showing(parent).iter().map(|(child, ..)| child);
        let needing: BTreeSet<&str> = children
            .chain(showing)
            .filter(|child| child.id != parent)
            .map(|child| child.name.as_str())
            .collect();
        needing.into_iter().map(str::to_owned).collect()
    }

    /// Columns of other tables that show a column of this one.
    pub(crate) fn showing(&self, parent: i64) -> &[(Arc<Table>, usize, String)] {
        self.showing.get(&parent).map_or(&[], Vec::as_slice)
    }

    /// Do rows that refer to a table show this column of it?
    pub(crate) fn is_shown_by_others(&self, table: &Table, column: &Column) -> bool {
        let is_it = |shows: &str| shows.eq_ignore_ascii_case(&column.name);
        self.showing(table.id).iter().any(|(_, _, shows)| is_it(shows))
    }

    /// The row that a reference of these cells points to; none for NULL, and for numbers that name no row. Cells are
    /// asked for by the ids of their columns.
    pub(crate) fn parent_of<'c>(
        &self,
        table: &Table,
        reference: &Reference,
        cell: impl Fn(&str) -> Option<&'c Cell>,
    ) -> Option<Uuid> {
        let mut cells = Vec::with_capacity(reference.columns.len());
        for &index in &reference.columns {
            match cell(&table.at(index)?.id)? {
                Cell::Null => return None,
                found => cells.push(found.clone()),
            }
        }
        match reference.by {
            By::Row => match cells.first()? {
                Cell::Row(uuid) => Some(*uuid),
                _ => None,
            },
            By::Key => {
                let parent = self.named(&reference.parent)?;
                parent.name_of_key(&cells)
            }
        }
    }
}

impl Table {
    /// The uuid of the row whose naming columns hold these cells, in the order of [`Table::naming_columns`].
    pub(crate) fn name_of_key(&self, cells: &[Cell]) -> Option<Uuid> {
        if cells.contains(&Cell::Null) {
            return None;
        }
        let named = self.naming_columns().iter().zip(cells);
        let folded: Vec<Cell> = named
            .map(|(&index, cell)| {
                let cell = self.as_compared(index, cell);
                match self.naming {
                    Naming::Key => self.collation(index).fold(&cell),
                    Naming::Uuid(_) => one_way_to_write(&cell),
                    _ => Collation::Binary.fold(&cell),
                }
            })
            .collect();
        Some(name::of_key(&self.first, &folded))
    }

    /// A value as SQLite compares it with a column of this table: it is given the column's affinity.
    pub(crate) fn as_compared(&self, index: usize, cell: &Cell) -> Cell {
        match (cell, self.at(index)) {
            (Cell::Row(_) | Cell::Number(_), _) | (_, None) => cell.clone(),
            (_, Some(column)) => cell.stored(column.affinity).unwrap_or_else(|| cell.clone()),
        }
    }

    /// How SQLite compares the texts of a column that others may point to.
    pub(crate) fn collation(&self, index: usize) -> Collation {
        let key = (&self.key, &self.key_collations);
        let uniques = self.uniques.iter().map(|unique| (&unique.columns, &unique.collations));
        std::iter::once(key)
            .chain(uniques)
            .find_map(|(columns, collations)| {
                let place = columns.iter().position(|column| *column == index)?;
                collations.get(place).copied()
            })
            .unwrap_or(Collation::Binary)
    }

    /// The key of the row that values of a child point to.
    pub(crate) fn key_of(&self, values: &[Cell]) -> Option<Key> {
        let key = self.key.iter().zip(values);
        let key: Vec<Cell> = key.map(|(&index, cell)| self.as_compared(index, cell)).collect();
        Key::of(&key, &self.key_collations)
    }

    /// What the `uuid` column says of a row, where that names it. `cell`: the row's cell of this column.
    pub(crate) fn called<'c>(
        &self,
        cell: impl FnOnce(usize, &Column) -> Option<&'c Cell>,
    ) -> Option<&'c Cell> {
        let Naming::Uuid(index) = self.naming else { return None };
        cell(index, self.at(index)?)
    }

    /// The columns of the key in which SQLite takes NULL: not in an INTEGER PRIMARY KEY, nor WITHOUT ROWID.
    pub(crate) fn may_be_null(&self) -> impl Iterator<Item = &Column> {
        let columns = self.key.iter().filter(|index| self.number != Some(**index));
        columns.filter_map(|&index| self.at(index)).filter(|column| !column.not_null)
    }

    /// The statement that counts rows with NULL in their key, where there may be any.
    pub(crate) fn count_nameless(&self) -> Option<String> {
        let nulls: Vec<String> = self
            .may_be_null()
            .map(|column| format!("{} IS NULL", crate::trigger::quote(&column.name)))
            .collect();
        let on = crate::trigger::quote(&self.name);
        (!nulls.is_empty())
            .then(|| format!("SELECT count(*) FROM {on} WHERE {}", nulls.join(" OR ")))
    }

    /// The columns that name a row; none where a local number does not.
    pub(crate) fn naming_columns(&self) -> &[usize] {
        match &self.naming {
            Naming::Uuid(column) => std::slice::from_ref(column),
            Naming::Key | Naming::Natural => &self.key,
            Naming::Unique(columns) => columns,
            Naming::Integer => &[],
        }
    }
}

/// A uuid in capitals, or without its hyphens, is the same uuid.
fn one_way_to_write(cell: &Cell) -> Cell {
    let Cell::Text(text) = cell else { return Collation::Binary.fold(cell) };
    let uuid = std::str::from_utf8(text).ok().and_then(|text| Uuid::try_parse(text).ok());
    uuid.map_or_else(|| cell.clone(), |uuid| Cell::Text(uuid.to_string().into_bytes()))
}

/// Parents before children; a circle has no beginning, so any of its tables will do.
fn parents_first(tables: Vec<Table>) -> Vec<Table> {
    let places: HashMap<String, usize> = tables
        .iter()
        .enumerate()
        .map(|(at, table)| (table.name.to_ascii_lowercase(), at))
        .collect();
    let parents: Vec<BTreeSet<usize>> = tables
        .iter()
        .enumerate()
        .map(|(at, table)| {
            let parents = table.references.iter().map(|reference| &reference.parent);
            let known = parents.filter_map(|name| places.get(&name.to_ascii_lowercase()).copied());
            known.filter(|parent| *parent != at).collect()
        })
        .collect();
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); tables.len()];
    for (child, parents) in parents.iter().enumerate() {
        for parent in parents {
            if let Some(children) = children.get_mut(*parent) {
                children.push(child);
            }
        }
    }
    let mut left: Vec<usize> = parents.iter().map(BTreeSet::len).collect();
    let mut waiting: BTreeSet<(usize, usize)> =
        left.iter().enumerate().map(|(at, left)| (*left, at)).collect();
    let mut order = Vec::with_capacity(tables.len());
    while let Some((_, at)) = waiting.pop_first() {
        order.push(at);
        for child in children.get(at).into_iter().flatten() {
            if let Some(left) = left.get_mut(*child)
                && waiting.remove(&(*left, *child))
            {
                *left -= 1;
                waiting.insert((*left, *child));
            }
        }
    }
    let mut tables: Vec<Option<Table>> = tables.into_iter().map(Some).collect();
    order.into_iter().filter_map(|at| tables.get_mut(at).and_then(Option::take)).collect()
}
