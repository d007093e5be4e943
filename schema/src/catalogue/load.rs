//! Reading the catalogue from a file.

use super::sql::Sql;
use super::{
    By, Catalogue, Collation, Column, Naming, OnDelete, Reference, Table, Target, Unique, is_ours,
};
use crate::error::Doing as _;
use crate::{Affinity, Error, Result};
use rusqlite::{Connection, params};

/// The longest name of a table or column, in bytes: partners refuse a page that has a longer one.
pub const NAME_BYTES_MAX: usize = 1_024;

/// The log has so many columns for key parts.
const KEY_COLUMNS_MAX: usize = 8;

/// The tables that the sidecar lists as tracked, as they look now.
pub(crate) fn load(conn: &Connection) -> Result<Catalogue> {
    let mut tables = tables_of(conn, TRACKED)?;
    refer(conn, &mut tables)?;
    let mut catalogue = Catalogue::new(tables);
    catalogue.untracked = conn
        .prepare("SELECT id, tracked FROM _dunlin_table WHERE tracked IN (?1, ?2)")
        .and_then(|mut statement| {
            let kinds = params![LET_GO, KEPT_OUT];
            statement
                .query_map(kinds, |row| Ok((row.get(0)?, row.get::<_, i64>(1)? == LET_GO)))?
                .collect()
        })
        .doing("list the tables that were let go")?;
    for table in tables_of(conn, LET_GO)? {
        catalogue.let_go(&table);
    }
    Ok(catalogue)
}

/// What the sidecar says of a table that is kept in step.
const TRACKED: i64 = 1;
/// And of one that a person let go.
pub(crate) const LET_GO: i64 = 2;
/// And of one that a person said no to before it was ever tracked.
pub(crate) const KEPT_OUT: i64 = 3;

/// The tables of which the sidecar says this, as they look now; their references are not yet linked.
fn tables_of(conn: &Connection, tracked: i64) -> Result<Vec<Table>> {
    let mut statement = conn
        .prepare("SELECT id, name, naming, copies FROM _dunlin_table WHERE tracked = ? ORDER BY id")
        .doing("list the tracked tables")?;
    let listed = statement
        .query_map([tracked], |row| {
            Ok(Listed {
                id: row.get(0)?,
                name: row.get(1)?,
                natural: row.get::<_, Option<String>>(2)?.as_deref() == Some("natural"),
                copies: row.get::<_, i64>(3)? != 0,
            })
        })
        .and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>)
        .doing("list the tracked tables")?;
    let mut tables = Vec::new();
    for listed in &listed {
        match read(conn, listed) {
            Ok(table) => tables.push(table),
            // Dropped or changed beyond use by a migration: its rows wait as those of an unknown table.
            Err(Error::Untrackable { .. } | Error::NoSuchTable { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(tables)
}

/// What the sidecar says of a table.
pub(crate) struct Listed {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) natural: bool,
    pub(crate) copies: bool,
}

/// One table, its references not yet linked; refused with a sentence where it cannot be tracked.
pub(crate) fn read(conn: &Connection, listed: &Listed) -> Result<Table> {
    let name = exact_name(conn, &listed.name)?;
    let untrackable = |why: &str| Error::Untrackable { table: name.clone(), why: why.to_owned() };
    let (columns, mut key) = columns(conn, &name)?;
    let is_long = |name: &String| name.len() > NAME_BYTES_MAX;
    if is_long(&name) || columns.iter().any(|column| is_long(&column.name)) {
        return Err(untrackable("its name, or a column's, is longer than 1024 bytes"));
    }
    let uniques = uniques(conn, &name, &columns)?;
    let alone = |index: usize| uniques.iter().any(|unique| unique.columns == [index]);
    let uuid = columns.iter().position(|column| column.name.eq_ignore_ascii_case("uuid")).filter(
        |&index| (columns.get(index).is_some_and(|c| c.not_null) && alone(index)) || key == [index],
    );
    if key.is_empty() {
        key = vec![uuid.ok_or_else(|| {
            untrackable("it has neither a primary key nor a uuid column that is UNIQUE and NOT NULL; add one")
        })?];
    }
    if key.len() > KEY_COLUMNS_MAX {
        return Err(untrackable("its key has more than eight columns"));
    }
    let key_collations = key_collations(conn, &name, &key, &columns)?;
    if key_collations.contains(&Collation::Other) {
        return Err(untrackable("its key is compared by a collation of the application's own"));
    }
    let foreign = foreign_keys(conn, &name, &columns)?;
    let integer_key = match key.as_slice() {
        [index] => columns.get(*index).is_some_and(|column| column.affinity == Affinity::Integer),
        _ => false,
    };
    let naming = if let Some(index) = uuid {
        Naming::Uuid(index)
    } else if !integer_key || foreign.iter().any(|reference| reference.columns == key) {
        Naming::Key
    } else if listed.natural {
        Naming::Natural
    } else {
        link(&columns, &uniques, &foreign).map_or(Naming::Integer, Naming::Unique)
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
    let sql: String = conn
        .query_row(
            "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?",
            [&name],
            |row| row.get(0),
        )
        .doing("read the table's declaration")?;
    let mut table = Table {
        id: listed.id,
        autoincrement: number.is_some() && sql.to_ascii_uppercase().contains("AUTOINCREMENT"),
        uniques: uniques.iter().filter(|unique| !names_rows(unique)).cloned().collect(),
        columns,
        key,
        key_collations,
        naming,
        number,
        references: foreign,
        copies: listed.copies,
        name,
        sql: Sql::default(),
    };
    table.sql = Sql::of(&table);
    Ok(table)
}

/// The table's name as declared; views, virtual tables and ours are no tables to track.
fn exact_name(conn: &Connection, name: &str) -> Result<String> {
    let found = conn.query_row(
        "SELECT name, type FROM pragma_table_list WHERE schema = 'main' AND name = ?1 COLLATE NOCASE",
        [name],
        |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)),
    );
    let refuse = |why: &str| Error::Untrackable { table: name.to_owned(), why: why.to_owned() };
    match found {
        Ok((exact, _)) if exact == "_dunlin_conflict" => Ok(exact),
        Ok((exact, _)) if is_ours(&exact) => Err(refuse("it belongs to Dunlin itself")),
        Ok((exact, _)) if exact.to_ascii_lowercase().starts_with("sqlite_") => {
            Err(refuse("it belongs to SQLite itself"))
        }
        Ok((exact, kind)) if kind == "table" => Ok(exact),
        Ok((_, kind)) if kind == "view" => {
            Err(refuse("it is a view; track the tables it is made of"))
        }
        Ok((_, kind)) => {
            Err(refuse(&format!("it is a {kind} table; track the table it is fed from")))
        }
        Err(rusqlite::Error::QueryReturnedNoRows) => {
            Err(Error::NoSuchTable { table: name.to_owned() })
        }
        Err(error) => Err(error).doing("look the table up"),
    }
}

/// Stored columns (generated ones are never sent), and the key as indexes into them.
fn columns(conn: &Connection, table: &str) -> Result<(Vec<Column>, Vec<usize>)> {
    let mut statement = conn
        .prepare("SELECT name, type, \"notnull\", pk FROM pragma_table_xinfo(?) WHERE hidden = 0 ORDER BY cid")
        .doing("read the table's columns")?;
    let mut columns = Vec::new();
    let mut key = Vec::new();
    let mut rows = statement.query([table]).doing("read the table's columns")?;
    while let Some(row) = rows.next().doing("read the table's columns")? {
        let declared: String = row.get(1).doing("read the table's columns")?;
        let place: i64 = row.get(3).doing("read the table's columns")?;
        if place > 0 {
            key.push((place, columns.len()));
        }
        columns.push(Column {
            name: row.get(0).doing("read the table's columns")?,
            affinity: Affinity::of(&declared),
            declared,
            not_null: row.get(2).doing("read the table's columns")?,
            target: None,
        });
    }
    key.sort_unstable();
    Ok((columns, key.into_iter().map(|(_, index)| index).collect()))
}

/// Every UNIQUE over whole columns; partial ones and those over expressions say nothing about values alone.
fn uniques(conn: &Connection, table: &str, columns: &[Column]) -> Result<Vec<Unique>> {
    let doing = "read the table's indexes";
    let mut list = conn
        .prepare("SELECT name, origin FROM pragma_index_list(?) WHERE \"unique\" = 1 AND partial = 0 ORDER BY name")
        .doing(doing)?;
    let listed = list
        .query_map([table], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))
        .and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>)
        .doing(doing)?;
    let mut uniques = Vec::new();
    let mut info = conn
        .prepare("SELECT name, coll FROM pragma_index_xinfo(?) WHERE key = 1 ORDER BY seqno")
        .doing(doing)?;
    for (index, origin) in listed {
        let parts = info
            .query_map([&index], |row| {
                Ok((row.get::<_, Option<String>>(0)?, row.get::<_, String>(1)?))
            })
            .and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>)
            .doing(doing)?;
        let places: Option<Vec<usize>> = parts
            .iter()
            .map(|(name, _)| {
                let name = name.as_ref()?;
                columns.iter().position(|column| column.name.eq_ignore_ascii_case(name))
            })
            .collect();
        let collations: Vec<Collation> =
            parts.iter().map(|(_, name)| Collation::named(name)).collect();
        if let Some(columns) = places
            && !collations.contains(&Collation::Other)
        {
            uniques.push(Unique { columns, collations, constraint: origin == "u" });
        }
    }
    // A constraint and an index over the same columns are one question.
    uniques.sort_by_key(|unique| (unique.columns.clone(), !unique.constraint));
    uniques.dedup_by_key(|unique| unique.columns.clone());
    Ok(uniques)
}

fn key_collations(
    conn: &Connection,
    table: &str,
    key: &[usize],
    columns: &[Column],
) -> Result<Vec<Collation>> {
    let doing = "read the key's collations";
    let mut statement = conn
        .prepare(
            "SELECT x.name, x.coll FROM pragma_index_list(?1) AS l, pragma_index_xinfo(l.name) AS x
             WHERE x.key = 1 AND (l.origin = 'pk' OR l.\"unique\" = 1) ORDER BY l.origin <> 'pk'",
        )
        .doing(doing)?;
    let found = statement
        .query_map([table], |row| Ok((row.get::<_, Option<String>>(0)?, row.get::<_, String>(1)?)))
        .and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>)
        .doing(doing)?;
    Ok(key
        .iter()
        .map(|&index| {
            let column = columns.get(index).map_or("", |column| column.name.as_str());
            found
                .iter()
                .find(|(name, _)| {
                    name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(column))
                })
                .map_or(Collation::Binary, |(_, collation)| Collation::named(collation))
        })
        .collect())
}

/// Declared references, and those that the configuration adds.
fn foreign_keys(conn: &Connection, table: &str, columns: &[Column]) -> Result<Vec<Reference>> {
    let doing = "read the table's references";
    let mut statement = conn
        .prepare("SELECT id, \"table\", \"from\", \"to\", on_delete FROM pragma_foreign_key_list(?) ORDER BY id, seq")
        .doing(doing)?;
    let mut found: Vec<(i64, Reference)> = Vec::new();
    let mut rows = statement.query([table]).doing(doing)?;
    while let Some(row) = rows.next().doing(doing)? {
        let id: i64 = row.get(0).doing(doing)?;
        let from: String = row.get(2).doing(doing)?;
        let to: Option<String> = row.get(3).doing(doing)?;
        let Some(place) = columns.iter().position(|column| column.name.eq_ignore_ascii_case(&from))
        else {
            continue;
        };
        if found.last().is_none_or(|(last, _)| *last != id) {
            let action: String = row.get(4).doing(doing)?;
            found.push((
                id,
                Reference {
                    columns: Vec::new(),
                    parent: row.get(1).doing(doing)?,
                    parent_columns: Vec::new(),
                    on_delete: match action.as_str() {
                        "CASCADE" => OnDelete::Cascade,
                        "SET NULL" | "SET DEFAULT" => OnDelete::SetNull,
                        _ => OnDelete::Restrict,
                    },
                    loose: false,
                    by: By::Row,
                },
            ));
        }
        if let Some((_, reference)) = found.last_mut() {
            reference.columns.push(place);
            reference.parent_columns.extend(to);
        }
    }
    let mut references: Vec<Reference> =
        found.into_iter().map(|(_, reference)| reference).collect();
    let mut statement = conn
        .prepare("SELECT column, parent FROM _dunlin_reference WHERE child = ? ORDER BY column")
        .doing(doing)?;
    let mut rows = statement.query(params![table]).doing(doing)?;
    while let Some(row) = rows.next().doing(doing)? {
        let column: String = row.get(0).doing(doing)?;
        let parent: Option<String> = row.get(1).doing(doing)?;
        let Some(place) = columns.iter().position(|known| known.name.eq_ignore_ascii_case(&column))
        else {
            continue;
        };
        match parent {
            None => {
                for reference in
                    references.iter_mut().filter(|known| known.columns.contains(&place))
                {
                    reference.loose = true;
                }
            }
            Some(parent) => references.push(Reference {
                columns: vec![place],
                parent,
                parent_columns: Vec::new(),
                on_delete: OnDelete::Restrict,
                loose: true,
                by: By::Row,
            }),
        }
    }
    Ok(references)
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

/// Links references to their parents: which columns travel as row uuids, and how the parent's uuid is found.
fn refer(conn: &Connection, tables: &mut [Table]) -> Result<()> {
    let parents: Vec<Table> = tables.to_vec();
    let find = |name: &str| parents.iter().find(|table| table.name.eq_ignore_ascii_case(name));
    for table in tables.iter_mut() {
        // A reference to a table that is not tracked is a plain value.
        table.references.retain(|reference| find(&reference.parent).is_some());
        for reference in &mut table.references {
            let Some(parent) = find(&reference.parent) else { continue };
            reference.parent = parent.name.clone();
            if reference.parent_columns.len() != reference.columns.len() {
                reference.parent_columns = primary_key(conn, parent)?;
            }
            let naming: Vec<&str> = parent
                .naming_columns()
                .iter()
                .filter_map(|&index| parent.at(index))
                .map(|column| column.name.as_str())
                .collect();
            if let Some(order) = same_set(&reference.parent_columns, &naming) {
                reference.by = By::Key;
                reference.columns =
                    order.iter().filter_map(|&at| reference.columns.get(at).copied()).collect();
                reference.parent_columns = naming.iter().map(|&name| name.to_owned()).collect();
            }
        }
    }
    let linked: Vec<Table> = tables.to_vec();
    for table in tables.iter_mut() {
        for index in 0..table.columns.len() {
            let target = target(&linked, &table.name, index, 0);
            if let Some(column) = table.columns.get_mut(index) {
                column.target = target;
            }
        }
    }
    // Where the first of two references over one column decides how it travels, the other cannot be followed.
    for table in tables.iter_mut() {
        let columns = table.columns.clone();
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
    Ok(())
}

/// Where a column's value is a reference by local number or shown value: to which table's column, through keys
/// that are references themselves.
fn target(tables: &[Table], table: &str, index: usize, depth: usize) -> Option<Target> {
    const CHAIN_MAX: usize = 16;
    if depth > CHAIN_MAX {
        return None;
    }
    let table = tables.iter().find(|known| known.name.eq_ignore_ascii_case(table))?;
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
                let parent = tables.iter().find(|known| known.name == reference.parent)?;
                let (at, _) = parent.column(shows)?;
                if let Some(found) = target(tables, &parent.name, at, depth + 1) {
                    return Some(found);
                }
            }
        }
    }
    None
}

fn primary_key(conn: &Connection, table: &Table) -> Result<Vec<String>> {
    let mut statement = conn
        .prepare("SELECT name FROM pragma_table_xinfo(?) WHERE pk > 0 ORDER BY pk")
        .doing("read the parent's key")?;
    statement
        .query_map([&table.name], |row| row.get(0))
        .and_then(Iterator::collect)
        .doing("read the parent's key")
}

/// The places in `given` of the names in `wanted`, when both hold the same names.
fn same_set(given: &[String], wanted: &[&str]) -> Option<Vec<usize>> {
    if given.len() != wanted.len() || wanted.is_empty() {
        return None;
    }
    wanted
        .iter()
        .map(|want| given.iter().position(|name| name.eq_ignore_ascii_case(want)))
        .collect()
}
