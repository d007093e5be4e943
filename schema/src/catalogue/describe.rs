//! Describing: a table as SQLite sees it, before anything of ours is known of it.

use super::{By, Collation, OnDelete, Reference, Unique};
use crate::error::Doing as _;
use crate::listing::{Kind, Listed, Listing};
use crate::{Affinity, Cell, Error, Result};
use rusqlite::Connection;

/// The longest name of a table or column, in bytes: partners refuse a page that has a longer one.
pub const NAME_BYTES_MAX: usize = 1_024;

/// The log has so many columns for key parts.
const KEY_COLUMNS_MAX: usize = 8;

/// One stored column, as declared.
#[derive(Clone, Debug)]
pub(super) struct Described {
    pub(super) name: String,
    pub(super) declared: String,
    pub(super) affinity: Affinity,
    pub(super) not_null: bool,
    /// Its default, where that is the same at all times.
    pub(super) default: Option<Cell>,
}

/// A table that could be tracked.
#[derive(Clone, Debug)]
pub(crate) struct Description {
    /// As declared.
    pub(super) name: String,
    /// Stored columns; generated ones are never sent.
    pub(super) columns: Vec<Described>,
    /// The declared primary key.
    pub(super) primary: Vec<usize>,
    /// What finds a row: the primary key, or a uuid column where there is none.
    pub(super) key: Vec<usize>,
    pub(super) key_collations: Vec<Collation>,
    /// The column that names rows by its value.
    pub(super) uuid: Option<usize>,
    pub(super) uniques: Vec<Unique>,
    /// REPLACE can remove a row through one of its indexes, and no trigger of ours sees it.
    pub(super) has_unseen_unique: bool,
    /// Declared references; which of them can be followed shows only beside the other tables.
    pub(super) foreign: Vec<Reference>,
    pub(super) autoincrement: bool,
    /// An ON CONFLICT stands in it.
    pub(super) resolves_conflicts: bool,
}

impl Description {
    /// As declared.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The names of its columns in lower case, in its order.
    pub(crate) fn names(&self) -> Vec<String> {
        self.columns.iter().map(|column| column.name.to_ascii_lowercase()).collect()
    }

    /// Names and types of its columns, as declared.
    pub(crate) fn declared(&self) -> Vec<(&str, &str)> {
        let columns = self.columns.iter();
        columns.map(|column| (column.name.as_str(), column.declared.as_str())).collect()
    }

    /// The names of the columns that find a row.
    pub(crate) fn key_names(&self) -> Vec<String> {
        let names = self.key.iter().filter_map(|&index| self.columns.get(index));
        names.map(|column| column.name.clone()).collect()
    }

    /// The columns of its references, and what these do when their parent goes.
    pub(crate) fn actions(&self) -> Vec<(&str, OnDelete)> {
        let of = |reference: &'_ Reference| {
            let names = reference.columns.iter().filter_map(|&index| self.columns.get(index));
            let action = reference.on_delete;
            names.map(move |column| (column.name.as_str(), action)).collect::<Vec<_>>()
        };
        self.foreign.iter().flat_map(of).collect()
    }

    /// The names of the declared primary key, in its order.
    pub(super) fn primary_names(&self) -> Vec<String> {
        let names = self.primary.iter().filter_map(|&index| self.columns.get(index));
        names.map(|column| column.name.clone()).collect()
    }

    /// One column of INTEGER affinity is the key.
    pub(super) fn has_integer_key(&self) -> bool {
        match self.key.as_slice() {
            [index] => {
                self.columns.get(*index).is_some_and(|column| column.affinity == Affinity::Integer)
            }
            _ => false,
        }
    }
}

/// Describes one table; refuses with a sentence what cannot be tracked.
pub(crate) fn describe(conn: &Connection, listing: &Listing, name: &str) -> Result<Description> {
    let listed = trackable(listing, name)?;
    let untrackable =
        |why: &str| Error::Untrackable { table: listed.name.clone(), why: why.to_owned() };
    let (columns, primary) = columns(conn, listed)?;
    let is_long = |name: &String| name.len() > NAME_BYTES_MAX;
    if is_long(&listed.name) || columns.iter().any(|column| is_long(&column.name)) {
        return Err(untrackable("its name, or a column's, is longer than 1024 bytes"));
    }
    let (uniques, has_unseen_unique) = uniques(conn, &listed.name, &columns)?;
    let alone = |index: usize| uniques.iter().any(|unique| unique.columns == [index]);
    let uuid = columns.iter().position(|column| column.name.eq_ignore_ascii_case("uuid")).filter(
        |&index| {
            (columns.get(index).is_some_and(|c| c.not_null) && alone(index)) || primary == [index]
        },
    );
    let key = match (primary.as_slice(), uuid) {
        ([], None) => {
            return Err(untrackable(
                "it has neither a primary key nor a uuid column that is UNIQUE and NOT NULL; add one",
            ));
        }
        ([], Some(uuid)) => vec![uuid],
        (primary, _) => primary.to_vec(),
    };
    if key.len() > KEY_COLUMNS_MAX {
        return Err(untrackable("its key has more than eight columns"));
    }
    let key_collations = key_collations(conn, &listed.name, &key, &columns)?;
    if key_collations.contains(&Collation::Other) {
        return Err(untrackable("its key is compared by a collation of the application's own"));
    }
    let foreign = foreign_keys(conn, &listed.name, &columns)?;
    Ok(Description {
        name: listed.name.clone(),
        autoincrement: listed.sql.to_ascii_uppercase().contains("AUTOINCREMENT"),
        resolves_conflicts: listed.sql.to_ascii_uppercase().contains("CONFLICT"),
        columns,
        primary,
        key,
        key_collations,
        uuid,
        uniques,
        has_unseen_unique,
        foreign,
    })
}

/// The table as declared; views, virtual tables and ours are no tables to track.
fn trackable<'l>(listing: &'l Listing, name: &str) -> Result<&'l Listed> {
    let refuse = |why: &str| Error::Untrackable { table: name.to_owned(), why: why.to_owned() };
    let listed =
        listing.named(name).ok_or_else(|| Error::NoSuchTable { table: name.to_owned() })?;
    match listed.kind {
        _ if listed.name == crate::conflict::TABLE => Ok(listed),
        _ if super::is_ours(&listed.name) => Err(refuse("it belongs to Dunlin itself")),
        _ if listed.name.to_ascii_lowercase().starts_with("sqlite_") => {
            Err(refuse("it belongs to SQLite itself"))
        }
        Kind::Table => Ok(listed),
        Kind::View => Err(refuse("it is a view; track the tables it is made of")),
        Kind::Virtual => Err(refuse("it is a virtual table; track the table it is fed from")),
        Kind::Shadow => Err(refuse("it is a shadow table; track the table it is fed from")),
    }
}

/// Stored columns, and the primary key as indexes into them.
fn columns(conn: &Connection, listed: &Listed) -> Result<(Vec<Described>, Vec<usize>)> {
    let doing = "read the table's columns";
    let mut statement = conn
        .prepare_cached(
            "SELECT name, type, \"notnull\", pk, dflt_value FROM pragma_table_xinfo(?)
             WHERE hidden = 0 ORDER BY cid",
        )
        .doing(doing)?;
    let is_strict = is_strict(&listed.sql);
    let mut columns = Vec::new();
    let mut key = Vec::new();
    let mut rows = statement.query([&listed.name]).doing(doing)?;
    while let Some(row) = rows.next().doing(doing)? {
        let declared: String = row.get(1).doing(doing)?;
        let place: i64 = row.get(3).doing(doing)?;
        if place > 0 {
            key.push((place, columns.len()));
        }
        columns.push(Described {
            name: row.get(0).doing(doing)?,
            affinity: if is_strict && declared.eq_ignore_ascii_case("any") {
                Affinity::Blob
            } else {
                Affinity::of(&declared)
            },
            not_null: row.get(2).doing(doing)?,
            default: row
                .get::<_, Option<String>>(4)
                .doing(doing)?
                .and_then(|written| default_of(&declared, &written)),
            declared,
        });
    }
    key.sort_unstable();
    Ok((columns, key.into_iter().map(|(_, index)| index).collect()))
}

/// What a default gives that is the same at all times: a literal. SQLite itself says what its column makes of it.
fn default_of(declared: &str, written: &str) -> Option<Cell> {
    let bare = written.trim();
    let upper = bare.to_ascii_uppercase();
    let is_quoted = |mark: char| {
        let inner = bare.strip_prefix(mark).and_then(|rest| rest.strip_suffix(mark));
        inner.is_some_and(|inner| !inner.replace(&format!("{mark}{mark}"), "").contains(mark))
    };
    let is_blob = upper.strip_prefix("X'").and_then(|rest| rest.strip_suffix('\''));
    let is_literal = matches!(upper.as_str(), "NULL" | "TRUE" | "FALSE")
        || is_quoted('\'')
        || is_quoted('"')
        || is_blob.is_some_and(|hex| hex.bytes().all(|digit| digit.is_ascii_hexdigit()))
        || bare.parse::<f64>().is_ok_and(f64::is_finite);
    if !is_literal {
        return None;
    }
    let asked = Connection::open_in_memory().ok()?;
    let declared = declared.replace(['"', ';'], "");
    asked
        .execute_batch(&format!(
            "CREATE TABLE t (k INTEGER, v {declared} DEFAULT {bare}); INSERT INTO t (k) VALUES (1);"
        ))
        .ok()?;
    asked.query_row("SELECT v FROM t", [], |row| row.get_ref(0).map(Cell::from)).ok()
}

/// Is STRICT among the words behind the columns?
fn is_strict(sql: &str) -> bool {
    let options = sql.rsplit(')').next().unwrap_or_default();
    options.split([',', ' ', '\t', '\n', '\r']).any(|word| word.eq_ignore_ascii_case("strict"))
}

/// Every UNIQUE over whole columns; partial ones and those over expressions say nothing about values alone.
/// The UNIQUEs that can clash in a way that can be foretold, and whether another row can be removed through one unseen.
fn uniques(conn: &Connection, table: &str, columns: &[Described]) -> Result<(Vec<Unique>, bool)> {
    let doing = "read the table's indexes";
    let mut list = conn
        .prepare_cached("SELECT name, origin, partial FROM pragma_index_list(?) WHERE \"unique\" = 1 AND origin <> 'pk' ORDER BY name")
        .doing(doing)?;
    let listed = list
        .query_map([table], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, bool>(2)?))
        })
        .and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>)
        .doing(doing)?;
    let (mut uniques, mut has_unseen) = (Vec::new(), false);
    let mut info = conn
        .prepare_cached("SELECT name, coll FROM pragma_index_xinfo(?) WHERE key = 1 ORDER BY seqno")
        .doing(doing)?;
    for (index, origin, is_partial) in listed {
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
        let constraint = origin == "u";
        match places.filter(|_| !is_partial && !collations.contains(&Collation::Other)) {
            Some(columns) => {
                has_unseen |= !constraint;
                uniques.push(Unique { columns, collations, constraint });
            }
            None => has_unseen = true,
        }
    }
    // A constraint and an index over the same columns are one question.
    uniques.sort_by_key(|unique| (unique.columns.clone(), !unique.constraint));
    uniques.dedup_by_key(|unique| unique.columns.clone());
    Ok((uniques, has_unseen))
}

fn key_collations(
    conn: &Connection,
    table: &str,
    key: &[usize],
    columns: &[Described],
) -> Result<Vec<Collation>> {
    let doing = "read the key's collations";
    let mut statement = conn
        .prepare_cached(
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

/// Declared references.
fn foreign_keys(conn: &Connection, table: &str, columns: &[Described]) -> Result<Vec<Reference>> {
    let doing = "read the table's references";
    let mut statement = conn
        .prepare_cached("SELECT id, \"table\", \"from\", \"to\", on_delete FROM pragma_foreign_key_list(?) ORDER BY id, seq")
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
    Ok(found.into_iter().map(|(_, reference)| reference).collect())
}

#[cfg(test)]
mod tests {
    use super::{default_of, is_strict};
    use crate::Cell;

    #[test]
    fn a_default_is_known_where_it_is_the_same_at_all_times() {
        for (declared, written, found) in [
            ("INTEGER", "'5'", Some(Cell::Integer(5))),
            ("TEXT", "5", Some(Cell::Text("5".into()))),
            ("varchar(9)", "'it''s'", Some(Cell::Text("it's".into()))),
            ("TEXT", "\"quoted\"", Some(Cell::Text("quoted".into()))),
            ("REAL", "-1", Some(Cell::Real(-1.0))),
            ("decimal(10, 2)", "0.50", Some(Cell::Real(0.5))),
            ("bool", "TRUE", Some(Cell::Integer(1))),
            ("BLOB", "x'00ff'", Some(Cell::Blob(vec![0, 255]))),
            ("TEXT", "NULL", Some(Cell::Null)),
            ("TEXT", "CURRENT_TIMESTAMP", None),
            ("TEXT", "datetime('now')", None),
            ("TEXT", "'a' || 'b'", None),
            ("INTEGER", "inf", None),
        ] {
            assert_eq!(default_of(declared, written), found, "{declared} DEFAULT {written}");
        }
    }

    #[test]
    fn strict_is_a_word_behind_the_columns() {
        assert!(is_strict("CREATE TABLE t (v ANY) STRICT"));
        assert!(is_strict("CREATE TABLE t (v ANY, PRIMARY KEY (v)) without rowid,strict"));
        assert!(!is_strict("CREATE TABLE strict (v ANY, w CHECK (w <> ')'))"));
        assert!(!is_strict("CREATE TABLE t (v ANY) WITHOUT ROWID"));
    }
}
