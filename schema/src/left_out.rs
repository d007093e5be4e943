//! Left out: tables that `track --all` passes over, and why. A person may add them by name.
//!
//! ```text
//!   what a person said               --except; `untracked` in the configuration
//!   what tools keep for themselves   each machine's tool writes it for its own file: which migrations ran, who is
//!                                    signed in, how the tables are called
//!   what only triggers fill          each machine's triggers fill it from rows that are kept in step
//! ```

use crate::listing::{Kind, Listed, Listing};
use crate::{Track, feed};
use std::collections::BTreeSet;

/// Tables of tools, and whose they are. Names in lower case; a name that ends in `*` stands for all that begin so.
const OF_TOOLS: [(&str, &str); 34] = [
    ("django_migrations", "Django"),
    ("django_content_type", "Django"),
    ("django_session", "Django"),
    ("auth_permission", "Django"),
    ("alembic_version", "Alembic"),
    ("_prisma_migrations", "Prisma"),
    ("__drizzle_migrations", "Drizzle"),
    ("knex_migrations", "Knex"),
    ("knex_migrations_lock", "Knex"),
    ("sequelizemeta", "Sequelize"),
    ("typeorm_metadata", "TypeORM"),
    ("schema_migrations", "Rails"),
    ("ar_internal_metadata", "Rails"),
    ("__efmigrationshistory", "Entity Framework"),
    ("__efmigrationslock", "Entity Framework"),
    ("room_master_table", "Room"),
    ("android_metadata", "Android"),
    ("migratehistory", "Peewee"),
    ("_sqlx_migrations", "SQLx"),
    ("__diesel_schema_migrations", "Diesel"),
    ("flyway_schema_history", "Flyway"),
    ("goose_db_version", "Goose"),
    ("_litestream_seq", "Litestream"),
    ("_litestream_lock", "Litestream"),
    ("gpkg_*", "GeoPackage"),
    ("rtree_*", "GeoPackage"),
    ("spatial_ref_sys", "SpatiaLite"),
    ("spatial_ref_sys_aux", "SpatiaLite"),
    ("spatialite_history", "SpatiaLite"),
    ("geometry_columns", "SpatiaLite"),
    ("geometry_columns_auth", "SpatiaLite"),
    ("geometry_columns_statistics", "SpatiaLite"),
    ("geometry_columns_time", "SpatiaLite"),
    ("geometry_columns_field_infos", "SpatiaLite"),
];

/// Names that may be anybody's, and the columns by which a tool's is known.
const BY_COLUMNS: [(&str, &str, &[&str]); 2] = [
    ("migrations", "TypeORM", &["id", "timestamp", "name"]),
    ("migrations", "Knex", &["id", "name", "batch", "migration_time"]),
];

/// What people said before of a table that is one of all.
pub(crate) struct Person<'t> {
    pub(crate) track: &'t Track,
    /// The table is tracked.
    pub(crate) is_tracked: bool,
}

impl Person<'_> {
    /// Why it is left out; none where it is not.
    pub(crate) fn why(&self, table: &str) -> Option<String> {
        let names = |list: &[String]| list.iter().any(|name| name.eq_ignore_ascii_case(table));
        let why = if names(&self.track.except) && self.is_tracked {
            "it stays tracked: it was before; let it go to stop that on this machine"
        } else if names(&self.track.except) {
            "it was to be left out"
        } else if self.is_tracked {
            return None;
        } else if names(&self.track.kept_out) {
            "the settings file names it under `untracked`; track it by its name if it is to be kept in step"
        } else {
            return None;
        };
        Some(why.to_owned())
    }
}

/// Why a table is left out; none where it is not. `columns`: its own, in lower case.
pub(crate) fn why(table: &str, columns: &BTreeSet<String>, listing: &Listing) -> Option<String> {
    let name = table.to_ascii_lowercase();
    let is_it = |pattern: &str| match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    };
    let tool = OF_TOOLS.iter().find(|(pattern, _)| is_it(pattern)).map(|(_, tool)| *tool);
    let tool = tool.or_else(|| {
        let of_tool = |(named, _, of): &&(&str, &str, &[&str])| {
            name == *named
                && of.len() == columns.len()
                && of.iter().all(|column| columns.contains(*column))
        };
        BY_COLUMNS.iter().find(of_tool).map(|(_, tool, _)| *tool)
    });
    if let Some(tool) = tool {
        return Some(format!("{tool} keeps it for itself, on each machine"));
    }
    let fed = fed_by(&name, listing)?;
    Some(format!(
        "the trigger {fed} fills it on each machine; track it by name if the application writes to it as well"
    ))
}

/// The trigger that inserts into a table.
fn fed_by(table: &str, listing: &Listing) -> Option<String> {
    let real = |listed: &&Listed| listed.kind == Kind::Table;
    listing
        .tables()
        .filter(real)
        .flat_map(|listed| &listed.triggers)
        .filter(|trigger| !crate::catalogue::is_ours(&trigger.name))
        .find(|trigger| feed::inserts_into(&trigger.sql).iter().any(|into| into == table))
        .map(|trigger| trigger.name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;

    fn left_out(schema: &str) -> Vec<(String, Option<String>)> {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(schema).unwrap();
        let listing = Listing::read(&db).unwrap();
        let tables: Vec<String> = listing.tables().map(|table| table.name.clone()).collect();
        tables
            .into_iter()
            .map(|table| {
                let columns = db
                    .prepare("SELECT lower(name) FROM pragma_table_info(?)")
                    .unwrap()
                    .query_map([&table], |row| row.get(0))
                    .unwrap()
                    .collect::<rusqlite::Result<_>>()
                    .unwrap();
                let why = why(&table, &columns, &listing);
                (table, why)
            })
            .collect()
    }

    #[test]
    fn what_tools_keep_and_what_triggers_fill_is_left_out() {
        let found = left_out(
            "CREATE TABLE parts (id INTEGER PRIMARY KEY, price INTEGER);
             CREATE TABLE SequelizeMeta (name TEXT PRIMARY KEY);
             CREATE TABLE migrations (id INTEGER PRIMARY KEY, timestamp INTEGER, name TEXT);
             CREATE TABLE gpkg_contents (table_name TEXT PRIMARY KEY);
             CREATE TABLE price_log (id INTEGER PRIMARY KEY, part INTEGER, price INTEGER);
             CREATE TABLE stock (part INTEGER PRIMARY KEY, n INTEGER);
             CREATE TRIGGER log_prices AFTER UPDATE ON parts BEGIN
               INSERT INTO price_log (part, price) VALUES (NEW.id, NEW.price); UPDATE stock SET n = 1; END",
        );
        let why: Vec<&str> = found.iter().map(|(_, why)| why.as_deref().unwrap_or("")).collect();
        assert_eq!(why[0], "");
        assert_eq!(why[1], "Sequelize keeps it for itself, on each machine");
        assert_eq!(why[2], "TypeORM keeps it for itself, on each machine");
        assert_eq!(why[3], "GeoPackage keeps it for itself, on each machine");
        assert!(why[4].starts_with("the trigger log_prices fills it"), "{}", why[4]);
        assert_eq!(why[5], "", "what triggers only change is the application's");
        // A name that is anybody's.
        let birds =
            left_out("CREATE TABLE migrations (id INTEGER PRIMARY KEY, bird TEXT, name TEXT)");
        assert_eq!(birds[0].1, None);
    }
}
