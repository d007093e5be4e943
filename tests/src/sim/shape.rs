//! What the tables of a file look like, as its application sees them: columns, keys, UNIQUEs, references.

use rusqlite::{Connection, Row};

/// All tables of an application.
#[derive(Clone, Debug, Default)]
pub struct Shape(pub Vec<Table>);

/// One table.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its columns, without generated ones.
    pub columns: Vec<Column>,
    /// Its primary key, as places among the columns.
    pub key: Vec<usize>,
    /// Its references.
    pub references: Vec<Reference>,
}

/// One column.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it mostly holds.
    pub kind: Kind,
    /// It has to hold something.
    pub not_null: bool,
    /// It has a default.
    pub default: bool,
    /// It is in a key or in a UNIQUE of whatever kind.
    pub unique: bool,
}

/// What a column mostly holds, by its declared type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Whole numbers.
    Integer,
    /// Text.
    #[default]
    Text,
    /// Fractions.
    Real,
    /// Bytes.
    Blob,
    /// Anything.
    Any,
}

/// A reference: columns here, and what they show of another table.
#[derive(Clone, Debug)]
pub struct Reference {
    /// Places among the columns.
    pub columns: Vec<usize>,
    /// The place of the other table.
    pub parent: usize,
    /// Its columns.
    pub shows: Vec<String>,
}

/// A name as SQL text.
pub fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Kind {
    fn of(declared: &str) -> Self {
        let declared = declared.to_ascii_uppercase();
        let says = |words: &[&str]| words.iter().any(|word| declared.contains(word));
        if says(&["INT"]) {
            Self::Integer
        } else if says(&["CHAR", "TEXT", "CLOB"]) {
            Self::Text
        } else if says(&["REAL", "FLOA", "DOUB"]) {
            Self::Real
        } else if says(&["BLOB"]) {
            Self::Blob
        } else {
            Self::Any
        }
    }
}

impl Table {
    /// Does a column count rows: a whole number that is the key, and means nothing else?
    pub fn counts(&self, column: usize) -> bool {
        self.key == [column]
            && self.columns[column].kind == Kind::Integer
            && !self.references.iter().any(|reference| reference.columns.contains(&column))
    }

    /// The place of a column.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name.eq_ignore_ascii_case(name))
    }

    /// The names of its columns as a list in SQL.
    pub fn list(&self) -> String {
        let names: Vec<String> = self.columns.iter().map(|column| quote(&column.name)).collect();
        names.join(", ")
    }

    /// The names of its key as a list in SQL.
    pub fn key_list(&self) -> String {
        let names: Vec<String> =
            self.key.iter().map(|&place| quote(&self.columns[place].name)).collect();
        names.join(", ")
    }
}

impl Shape {
    /// Of all the application's tables in a file.
    pub fn read(db: &Connection) -> Self {
        let names: Vec<String> = all(
            db,
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~'
             AND name NOT LIKE '~_dunlin~_%' ESCAPE '~' ORDER BY rowid",
            "",
            |row| row.get(0),
        );
        let mut tables: Vec<Table> = names.iter().map(|name| table(db, name)).collect();
        for at in 0..tables.len() {
            tables[at].references = references(db, &tables, at);
        }
        Self(tables)
    }

    /// The table whose count a column shows, if it is a reference to one, over any number of tables between.
    pub fn counted_by(&self, table: usize, column: usize) -> Option<usize> {
        self.follow(table, column, 0)
    }

    fn follow(&self, table: usize, column: usize, depth: usize) -> Option<usize> {
        const DEPTH_MAX: usize = 8;
        if depth > DEPTH_MAX {
            return None;
        }
        self.0[table].references.iter().find_map(|reference| {
            let place = reference.columns.iter().position(|own| *own == column)?;
            let parent = &self.0[reference.parent];
            let shows = parent.column(&reference.shows[place])?;
            if parent.counts(shows) {
                return Some(reference.parent);
            }
            self.follow(reference.parent, shows, depth + 1)
        })
    }
}

fn all<T>(
    db: &Connection,
    sql: &str,
    of: &str,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Vec<T> {
    let mut statement = db.prepare_cached(sql).unwrap();
    let given = usize::from(sql.contains('?'));
    let found = statement.query_map(rusqlite::params_from_iter([of].iter().take(given)), read);
    found.unwrap().collect::<rusqlite::Result<_>>().unwrap()
}

fn table(db: &Connection, name: &str) -> Table {
    let mut key: Vec<(i64, usize)> = Vec::new();
    let mut columns: Vec<Column> = Vec::new();
    let sql =
        "SELECT name, type, \"notnull\", pk, dflt_value IS NOT NULL FROM pragma_table_xinfo(?)
               WHERE hidden = 0 ORDER BY cid";
    for (name, declared, not_null, place, default) in all(db, sql, name, |row| {
        Ok((
            row.get::<_, String>(0)?,
            row.get::<_, String>(1)?,
            row.get(2)?,
            row.get::<_, i64>(3)?,
            row.get(4)?,
        ))
    }) {
        if place > 0 {
            key.push((place, columns.len()));
        }
        let (kind, unique) = (Kind::of(&declared), place > 0);
        columns.push(Column { name, kind, not_null, default, unique });
    }
    let sql = "SELECT x.name FROM pragma_index_list(?) AS l, pragma_index_xinfo(l.name) AS x
               WHERE l.\"unique\" = 1 AND x.key = 1 AND x.name IS NOT NULL";
    for unique in all(db, sql, name, |row| row.get::<_, String>(0)) {
        for column in &mut columns {
            column.unique |= column.name.eq_ignore_ascii_case(&unique);
        }
    }
    key.sort_unstable();
    let key = key.into_iter().map(|(_, place)| place).collect();
    Table { name: name.to_owned(), columns, key, references: Vec::new() }
}

fn references(db: &Connection, tables: &[Table], at: usize) -> Vec<Reference> {
    let sql =
        "SELECT id, \"table\", \"from\", \"to\" FROM pragma_foreign_key_list(?) ORDER BY id, seq";
    let listed = all(db, sql, &tables[at].name, |row| {
        Ok((
            row.get::<_, i64>(0)?,
            row.get::<_, String>(1)?,
            row.get::<_, String>(2)?,
            row.get::<_, Option<String>>(3)?,
        ))
    });
    let mut references: Vec<(i64, Reference)> = Vec::new();
    for (id, parent, from, to) in listed {
        let is_it = |table: &Table| table.name.eq_ignore_ascii_case(&parent);
        let (Some(parent), Some(column)) =
            (tables.iter().position(is_it), tables[at].column(&from))
        else {
            continue;
        };
        if references.last().is_none_or(|(last, _)| *last != id) {
            references.push((id, Reference { columns: Vec::new(), parent, shows: Vec::new() }));
        }
        let Some((_, reference)) = references.last_mut() else { continue };
        let of_key = tables[parent].key.get(reference.columns.len());
        reference.columns.push(column);
        reference
            .shows
            .extend(to.or_else(|| of_key.map(|&place| tables[parent].columns[place].name.clone())));
    }
    references.into_iter().map(|(_, reference)| reference).collect()
}
