//! Loading: the tracked tables, from what SQLite says of them and what the sidecar does.
//!
//! Linear in the number of tables: the file is listed once, and only tables whose declaration changed are described
//! again.

use super::describe::{Described as DescribedColumn, Description, describe};
use super::sql::Sql;
use super::{By, Catalogue, Column, Naming, OnDelete, Reference, Table, Target, Unique};
use crate::error::Doing as _;
use crate::facts::Facts;
use crate::listing::Listing;
use crate::sidecar::column::{self, Columns};
use crate::sidecar::fact::{self, ByTable};
use crate::{Affinity, Cell, Error, Result, look};
use rusqlite::{Connection, params};
use std::collections::HashMap;
use std::sync::Arc;

/// What the sidecar says of a table that is kept in step.
const TRACKED: i64 = 1;
/// And of one that a person let go.
pub(crate) const LET_GO: i64 = 2;
/// And of one that a person said no to before it was ever tracked.
pub(crate) const KEPT_OUT: i64 = 3;

/// Descriptions of tables, by their names in lower case, each with the mark of the declaration that it is of.
pub(crate) type Described = HashMap<String, (u64, Arc<Description>)>;

/// What the sidecar says of a table.
pub(crate) struct Listed {
    pub(crate) id: i64,
    /// What it is called here.
    pub(crate) name: String,
    /// What the shop calls it, where that is another name.
    pub(crate) first: Option<String>,
    pub(crate) natural: bool,
    pub(crate) copies: bool,
    /// See [`Table::changed`] and [`Table::remade`].
    pub(crate) changed: i64,
    pub(crate) remade: i64,
    /// The statements that made it and its indexes, when it was last looked at.
    pub(crate) declared: Option<String>,
    pub(crate) away: bool,
    /// See [`Table::stamped`].
    pub(crate) stamped: Option<String>,
}

impl Listed {
    /// Of a table that the sidecar knows nothing of.
    pub(crate) fn unknown(name: &str) -> Self {
        Self {
            id: 0,
            name: name.to_owned(),
            first: None,
            natural: false,
            copies: false,
            changed: 0,
            remade: 0,
            declared: None,
            away: false,
            stamped: None,
        }
    }
}

/// The tables that the sidecar lists as tracked, as they look now. `known`: descriptions of earlier looks.
pub(crate) fn load(
    conn: &Connection,
    listing: &Listing,
    known: &mut Described,
) -> Result<Catalogue> {
    let said = Said {
        references: references(conn)?,
        columns: column::all(conn)?,
        facts: fact::all(conn)?,
    };
    let mut tables = tables_of(conn, listing, known, (TRACKED, &said))?;
    refer(&mut tables);
    let tables = tables.into_iter().map(|(table, _)| table).collect();
    let mut catalogue = Catalogue::new(tables);
    catalogue.facts = fact::digest(&said.facts);
    catalogue.untracked = conn
        .prepare_cached("SELECT id, tracked FROM _dunlin_table WHERE tracked IN (?1, ?2)")
        .and_then(|mut statement| {
            let kinds = params![LET_GO, KEPT_OUT];
            statement
                .query_map(kinds, |row| Ok((row.get(0)?, row.get::<_, i64>(1)? == LET_GO)))?
                .collect()
        })
        .doing("list the tables that were let go")?;
    for (table, _) in tables_of(conn, listing, known, (LET_GO, &said))? {
        catalogue.let_go(&table);
    }
    Ok(catalogue)
}

/// A table, and what it was made from.
type Loaded = (Table, Arc<Description>);

/// What the sidecar says of tables.
struct Said {
    /// By the child in lower case.
    references: HashMap<String, Vec<Added>>,
    columns: HashMap<i64, Columns>,
    facts: ByTable,
}

/// Column and parent of a reference that a person declared; no parent: a declared one that is loose.
type Added = (String, Option<String>);

/// What the sidecar says of references, by the child in lower case.
fn references(conn: &Connection) -> Result<HashMap<String, Vec<Added>>> {
    let mut all: HashMap<String, Vec<Added>> = HashMap::new();
    let doing = "read the tables' references";
    let mut statement = conn
        .prepare_cached(
            "SELECT child, column, parent FROM _dunlin_reference WHERE parent IS NOT '' ORDER BY child, column",
        )
        .doing(doing)?;
    let mut rows = statement.query([]).doing(doing)?;
    while let Some(row) = rows.next().doing(doing)? {
        let child: String = row.get(0).doing(doing)?;
        let added = (row.get(1).doing(doing)?, row.get(2).doing(doing)?);
        all.entry(child.to_ascii_lowercase()).or_default().push(added);
    }
    Ok(all)
}

/// The tables of which the sidecar says this, as they look now; their references are not yet linked.
fn tables_of(
    conn: &Connection,
    listing: &Listing,
    known: &mut Described,
    (tracked, said): (i64, &Said),
) -> Result<Vec<Loaded>> {
    let mut statement = conn
        .prepare_cached(
            "SELECT id, name, naming, copies, first, changed, remade, declared, away, stamped FROM _dunlin_table
             WHERE tracked = ? ORDER BY id",
        )
        .doing("list the tracked tables")?;
    let listed = statement
        .query_map([tracked], |row| {
            Ok(Listed {
                id: row.get(0)?,
                name: row.get(1)?,
                natural: row.get::<_, Option<String>>(2)?.as_deref() == Some("natural"),
                copies: row.get::<_, i64>(3)? != 0,
                first: row.get(4)?,
                changed: row.get(5)?,
                remade: row.get(6)?,
                declared: row.get(7)?,
                away: row.get(8)?,
                stamped: row.get(9)?,
            })
        })
        .and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>)
        .doing("list the tracked tables")?;
    let mut tables = Vec::new();
    for listed in &listed {
        let added = said.references.get(&listed.name.to_ascii_lowercase());
        let added = added.map_or_else(Default::default, Vec::as_slice);
        let first = listed.first.as_ref().unwrap_or(&listed.name).to_ascii_lowercase();
        let known_of = (said.columns.get(&listed.id), said.facts.get(&first));
        let of = |description: &Description| table_of(description, listed, added, known_of);
        match described(conn, listing, known, &listed.name) {
            Ok(description) => tables.push((of(&description), description)),
            // Dropped, or changed beyond use: what refers to it goes on meaning what it meant.
            Err(Error::Untrackable { .. } | Error::NoSuchTable { .. }) => {
                let before = listed.declared.as_deref().and_then(look::described_before);
                let Some(before) = before else { continue };
                let description = Arc::new(before);
                let table = Table { away: true, name: listed.name.clone(), ..of(&description) };
                tables.push((table, description));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(tables)
}

/// A table's description: that of an earlier look, where its declaration is the same.
fn described(
    conn: &Connection,
    listing: &Listing,
    known: &mut Described,
    name: &str,
) -> Result<Arc<Description>> {
    let mark = listing.named(name).map_or(0, crate::listing::Listed::mark);
    let place = name.to_ascii_lowercase();
    if let Some((of, description)) = known.get(&place)
        && *of == mark
    {
        return Ok(Arc::clone(description));
    }
    let description = Arc::new(describe(conn, listing, name)?);
    known.insert(place, (mark, Arc::clone(&description)));
    Ok(description)
}

/// One table, its references not yet linked; refused with a sentence where it cannot be tracked.
pub(crate) fn read(conn: &Connection, listing: &Listing, listed: &Listed) -> Result<Table> {
    Ok(table_of(&describe(conn, listing, &listed.name)?, listed, &[], (None, None)))
}

fn table_of(
    description: &Description,
    listed: &Listed,
    added: &[Added],
    (known, said): (Option<&Columns>, Option<&Facts>),
) -> Table {
    let columns: Vec<Column> = description
        .columns
        .iter()
        .map(|column| (column, known.and_then(|known| known.here(&column.name))))
        .map(|(column, known)| Column {
            name: column.name.clone(),
            id: known.map_or_else(
                || column.name.to_ascii_lowercase().into(),
                |known| Arc::clone(&known.id),
            ),
            number: known.map_or(0, |known| known.number),
            since: known.map_or(0, |known| known.since),
            lost: known.map_or(0, |known| known.lost),
            blank: blank(
                column,
                said.and_then(|said| known.and_then(|known| said.fill(&known.id))).as_ref(),
            ),
            fill: known.and_then(|known| known.fill.clone()),
            default: column.default.clone(),
            declared: column.declared.clone(),
            affinity: column.affinity,
            was: known.and_then(|known| known.was.as_deref()).map(Affinity::of),
            did: known.and_then(|known| known.did),
            not_null: column.not_null,
            target: None,
        })
        .collect();
    let (key, integer_key) = (description.key.clone(), description.has_integer_key());
    let (uniques, references) = (&description.uniques, with_added(description, added));
    let naming = if let Some(index) = description.uuid {
        Naming::Uuid(index)
    } else if !integer_key || references.iter().any(|reference| reference.columns == key) {
        Naming::Key
    } else if listed.natural {
        Naming::Natural
    } else {
        link(&columns, uniques, &references).map_or(Naming::Integer, Naming::Unique)
    };
    let number = match (&naming, key.as_slice()) {
        (Naming::Integer | Naming::Unique(_), [index]) => Some(*index),
        (Naming::Uuid(uuid), [index]) if integer_key && index != uuid => Some(*index),
        _ => None,
    };
    let names_rows = |unique: &Unique| match &naming {
        Naming::Unique(columns) => unique.columns == *columns,
        Naming::Uuid(index) => unique.columns == [*index],
        Naming::Key | Naming::Natural => unique.columns == key,
        Naming::Integer => false,
    };
    let mut table = Table {
        id: listed.id,
        autoincrement: number.is_some() && description.autoincrement,
        resolves_conflicts: description.resolves_conflicts,
        uniques: uniques.iter().filter(|unique| !names_rows(unique)).cloned().collect(),
        has_unseen_unique: description.has_unseen_unique,
        columns,
        key,
        key_collations: description.key_collations.clone(),
        naming,
        changed: listed.changed,
        remade: listed.remade,
        number,
        references,
        copies: listed.copies,
        name: description.name.clone(),
        first: listed.first.clone().unwrap_or_else(|| description.name.clone()),
        stamped: None,
        sql: Sql::default(),
        away: listed.away,
    };
    let stamped = listed.stamped.as_deref().and_then(|name| table.column(name));
    table.stamped = stamped.map(|(index, _)| index);
    table.sql = Sql::of(&table);
    table
}

/// What stands in a column where nobody has an opinion: what the upgrade put there, its default, NULL; where that may
/// not be, an empty value of its type. All machines with one schema come to the same.
fn blank(column: &DescribedColumn, fill: Option<&Cell>) -> Cell {
    let known = [fill, column.default.as_ref()].into_iter().flatten();
    let mut known = known.filter(|cell| !(column.not_null && **cell == Cell::Null));
    match (known.next(), column.not_null) {
        (Some(cell), _) => cell.clone(),
        (None, false) => Cell::Null,
        (None, true) => column.affinity.empty(),
    }
}

/// Declared references, and those that a person added or that the application does not keep.
fn with_added(description: &Description, added: &[Added]) -> Vec<Reference> {
    let mut references = description.foreign.clone();
    for (column, parent) in added {
        let is_it = |known: &&str| known.eq_ignore_ascii_case(column);
        let mut names = description.columns.iter().map(|known| known.name.as_str());
        let Some(place) = names.position(|name| is_it(&name)) else { continue };
        match parent {
            None => {
                let over = references.iter_mut();
                for reference in over.filter(|known| known.columns.contains(&place)) {
                    reference.loose = true;
                }
            }
            Some(parent) => references.push(Reference {
                columns: vec![place],
                parent: parent.clone(),
                parent_columns: Vec::new(),
                on_delete: OnDelete::Restrict,
                loose: true,
                by: By::Row,
            }),
        }
    }
    references
}

/// The UNIQUE that names the rows of a link table: over NOT NULL references only.
fn link(columns: &[Column], uniques: &[Unique], foreign: &[Reference]) -> Option<Vec<usize>> {
    uniques
        .iter()
        .find(|unique| {
            unique.columns.iter().all(|index| {
                columns.get(*index).is_some_and(|column| column.not_null)
                    && foreign.iter().any(|reference| reference.columns.contains(index))
            })
        })
        .map(|unique| unique.columns.clone())
}

/// A parent, as far as those that refer to it ask.
struct Parent {
    name: String,
    primary: Vec<String>,
    /// The names of the columns that name its rows.
    naming: Vec<String>,
}

/// Links references to their parents: which columns travel as row uuids, and how the parent's uuid is found.
fn refer(tables: &mut [Loaded]) {
    let parents: HashMap<String, Parent> = tables
        .iter()
        .map(|(table, description)| {
            let naming = table.names_of(table.naming_columns());
            let parent = Parent {
                name: table.name.clone(),
                primary: description.primary_names(),
                naming: naming.into_iter().map(str::to_owned).collect(),
            };
            (table.name.to_ascii_lowercase(), parent)
        })
        .collect();
    for (table, _) in tables.iter_mut() {
        // A reference to a table that is not tracked is a plain value.
        table.references.retain_mut(|reference| {
            let Some(parent) = parents.get(&reference.parent.to_ascii_lowercase()) else {
                return false;
            };
            reference.parent.clone_from(&parent.name);
            if reference.parent_columns.len() != reference.columns.len() {
                reference.parent_columns.clone_from(&parent.primary);
            }
            if let Some(order) = same_set(&reference.parent_columns, &parent.naming) {
                reference.by = By::Key;
                reference.columns =
                    order.iter().filter_map(|&at| reference.columns.get(at).copied()).collect();
                reference.parent_columns.clone_from(&parent.naming);
            }
            true
        });
    }
    let places: HashMap<String, usize> = tables
        .iter()
        .enumerate()
        .map(|(at, (table, _))| (table.name.to_ascii_lowercase(), at))
        .collect();
    for at in 0..tables.len() {
        let Some((table, _)) = tables.get(at) else { continue };
        // Most columns refer to nothing.
        let mut of: Vec<usize> =
            table.references.iter().flat_map(|reference| reference.columns.clone()).collect();
        of.sort_unstable();
        of.dedup();
        let targets: Vec<(usize, Option<Target>)> = of
            .into_iter()
            .map(|index| (index, target((&*tables, &places), at, index, 0)))
            .collect();
        let Some((table, _)) = tables.get_mut(at) else { continue };
        for (index, target) in targets {
            if let Some(column) = table.columns.get_mut(index) {
                column.target = target;
            }
        }
    }
    // Where the first of two references over one column decides how it travels, the other cannot be followed.
    for (table, _) in tables.iter_mut() {
        let columns = &table.columns;
        for reference in table.references.iter_mut().filter(|reference| reference.by == By::Row) {
            let own = reference
                .columns
                .first()
                .and_then(|&index| columns.get(index))
                .and_then(|c| c.target.as_ref());
            if own.is_none_or(|target| !target.table.eq_ignore_ascii_case(&reference.parent)) {
                reference.loose = true;
            }
        }
    }
}

/// Where a column's value is a reference by local number or shown value: to which table's column, through keys
/// that are references themselves.
fn target(
    all: (&[Loaded], &HashMap<String, usize>),
    at: usize,
    index: usize,
    depth: usize,
) -> Option<Target> {
    const CHAIN_MAX: usize = 16;
    if depth > CHAIN_MAX {
        return None;
    }
    let (tables, places) = all;
    let (table, _) = tables.get(at)?;
    for reference in &table.references {
        let Some(place) = reference.columns.iter().position(|&column| column == index) else {
            continue;
        };
        let shows = reference.parent_columns.get(place)?;
        match reference.by {
            By::Row => {
                return Some(Target { table: reference.parent.clone(), column: shows.clone() });
            }
            By::Key => {
                let at = *places.get(&reference.parent.to_ascii_lowercase())?;
                let (parent, _) = tables.get(at)?;
                let (index, _) = parent.column(shows)?;
                if let Some(found) = target(all, at, index, depth + 1) {
                    return Some(found);
                }
            }
        }
    }
    None
}

/// The places in `given` of the names in `wanted`, when both hold the same names.
fn same_set(given: &[String], wanted: &[String]) -> Option<Vec<usize>> {
    if given.len() != wanted.len() || wanted.is_empty() {
        return None;
    }
    wanted
        .iter()
        .map(|want| given.iter().position(|name| name.eq_ignore_ascii_case(want)))
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::still::{shop, steps};
    use crate::store::Flush;

    /// What a change of the schema costs in a file of so many tables, each of which refers to the one before it.
    fn cost(tables: usize) -> u64 {
        let each = (0..tables).map(|n| {
            let parent = n.saturating_sub(1);
            format!(
                "CREATE TABLE t{n} (id INTEGER PRIMARY KEY AUTOINCREMENT, v TEXT UNIQUE, r INTEGER REFERENCES t{parent} (id));"
            )
        });
        let (_folder, app, mut store) = shop(&each.collect::<String>());
        store.write(Flush::Reads, |_| Ok(())).unwrap();
        app.execute_batch("ALTER TABLE t1 ADD COLUMN w TEXT").unwrap();
        steps(&mut store, |store| assert!(!store.fold().unwrap(), "nobody wrote anything"))
    }

    #[test]
    fn a_change_of_one_table_costs_no_more_than_the_tables_added_up() {
        let (few, many) = (cost(50), cost(500));
        assert!(many < few * 12, "{many} steps for 500 tables, {few} for 50");
    }
}
