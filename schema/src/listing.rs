//! The listing: what a file holds, as SQLite writes it down, read in one pass.
//!
//! SQLite's own table-valued functions answer for one table at a time, and some of them look at all others to do so:
//! asked for each of five hundred tables they cost seconds. The listing costs milliseconds, and its texts say which
//! tables have to be described again.

use crate::Result;
use crate::error::Doing as _;
use rusqlite::Connection;
use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// What kind of table it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It holds rows.
    Table,
    View,
    Virtual,
    /// It belongs to a virtual table.
    Shadow,
}

/// A table, and what belongs to it.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    /// As declared.
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// The statement that made it.
    pub(crate) sql: String,
    /// Indexes that a statement made, and the statement; those of constraints are in the table's.
    pub(crate) indexes: Vec<(String, String)>,
    pub(crate) triggers: Vec<Trigger>,
}

/// A trigger.
#[derive(Clone, Debug)]
pub(crate) struct Trigger {
    pub(crate) name: String,
    pub(crate) sql: String,
}

impl Listed {
    /// Another number where its declaration, or that of an index, is another one.
    pub(crate) fn mark(&self) -> u64 {
        let mut hash = DefaultHasher::new();
        (&self.sql, &self.indexes).hash(&mut hash);
        hash.finish()
    }
}

/// All tables of a file, in the order of their making.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listing {
    tables: Vec<Listed>,
    by_name: HashMap<String, usize>,
}

impl Listing {
    pub(crate) fn read(conn: &Connection) -> Result<Self> {
        let doing = "list what the file holds";
        let mut listing = Self::default();
        let mut belongings: Vec<(String, String, String, String)> = Vec::new();
        let mut statement = conn
            .prepare_cached(
                "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema ORDER BY rowid",
            )
            .doing(doing)?;
        let mut rows = statement.query([]).doing(doing)?;
        while let Some(row) = rows.next().doing(doing)? {
            let kind: String = row.get(0).doing(doing)?;
            let name: String = row.get(1).doing(doing)?;
            let sql: String = row.get(3).doing(doing)?;
            let kind = match kind.as_str() {
                "table" if is_virtual(&sql) => Kind::Virtual,
                "table" => Kind::Table,
                "view" => Kind::View,
                _ => {
                    belongings.push((kind, name, row.get(2).doing(doing)?, sql));
                    continue;
                }
            };
            listing.by_name.insert(name.to_ascii_lowercase(), listing.tables.len());
            let (indexes, triggers) = (Vec::new(), Vec::new());
            listing.tables.push(Listed { name, kind, sql, indexes, triggers });
        }
        for (kind, name, on, sql) in belongings {
            let at = listing.by_name.get(&on.to_ascii_lowercase()).copied();
            let Some(table) = at.and_then(|at| listing.tables.get_mut(at)) else { continue };
            match kind.as_str() {
                "index" if !sql.is_empty() => table.indexes.push((name, sql)),
                "trigger" => table.triggers.push(Trigger { name, sql }),
                _ => {}
            }
        }
        if listing.tables.iter().any(|table| table.kind == Kind::Virtual) {
            listing.mark_shadows(conn)?;
        }
        Ok(listing)
    }

    /// Which tables belong to a virtual one only its module can say.
    fn mark_shadows(&mut self, conn: &Connection) -> Result<()> {
        let shadows: BTreeSet<String> = conn
            .prepare_cached("SELECT lower(name) FROM pragma_table_list WHERE schema = 'main' AND type = 'shadow'")
            .and_then(|mut statement| {
                statement.query_map([], |row| row.get(0)).and_then(Iterator::collect)
            })
            .doing("list what the file holds")?;
        for table in &mut self.tables {
            if shadows.contains(&table.name.to_ascii_lowercase()) {
                table.kind = Kind::Shadow;
            }
        }
        Ok(())
    }

    /// A table or view by its name.
    pub(crate) fn named(&self, name: &str) -> Option<&Listed> {
        self.by_name.get(&name.to_ascii_lowercase()).and_then(|&at| self.tables.get(at))
    }

    /// All tables and views, the last made last.
    pub(crate) fn tables(&self) -> impl DoubleEndedIterator<Item = &Listed> {
        self.tables.iter()
    }
}

fn is_virtual(sql: &str) -> bool {
    // SQLite normalises the head of what it keeps.
    sql.get(..21).is_some_and(|head| head.eq_ignore_ascii_case("CREATE VIRTUAL TABLE "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_a_table_is_listed_with_it_whatever_the_letters() {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(
            "CREATE TABLE Parts (id INTEGER PRIMARY KEY, code TEXT UNIQUE);
             CREATE UNIQUE INDEX by_code ON parts (code);
             CREATE TRIGGER watch AFTER INSERT ON PARTS BEGIN SELECT 1; END;
             CREATE VIEW shown AS SELECT * FROM parts;
             create virtual table found using fts5(code);",
        )
        .unwrap();
        let listing = Listing::read(&db).unwrap();
        let parts = listing.named("pARTS").unwrap();
        assert_eq!((parts.name.as_str(), parts.kind), ("Parts", Kind::Table));
        assert_eq!((parts.indexes.len(), parts.triggers.len()), (1, 1));
        assert_eq!(listing.named("shown").unwrap().kind, Kind::View);
        assert_eq!(listing.named("found").unwrap().kind, Kind::Virtual);
        assert_eq!(listing.named("found_content").unwrap().kind, Kind::Shadow);
        assert!(listing.named("by_code").is_none(), "an index is no table");
        let before = parts.mark();
        db.execute_batch("DROP INDEX by_code").unwrap();
        assert_ne!(Listing::read(&db).unwrap().named("parts").unwrap().mark(), before);
    }
}
