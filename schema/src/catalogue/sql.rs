//! The statements that read and write one tracked table, made once.

use super::{Collation, Column, Table};
use crate::Affinity;
use crate::trigger::quote;

/// Statements for one table. Key parameters come first, in the order of the key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sql {
    /// All columns of the row at a key.
    pub(crate) read: String,
    /// Is there a row at a key?
    pub(crate) there: String,
    /// How many rows there are.
    pub(crate) count: String,
    /// The row at a key, out.
    pub(crate) delete: String,
    /// A row with all its columns, in.
    pub(crate) insert: String,
    /// All columns of the row at a key, changed.
    pub(crate) update: String,
    /// The key of every row that holds these values: by the columns asked for.
    key_list: String,
    keys: usize,
    /// What our writes say of a row that clashes.
    or: &'static str,
    table: String,
    /// The row at a key.
    at: String,
}

impl Sql {
    pub(crate) fn of(table: &Table) -> Self {
        let names: Vec<String> = table.columns.iter().map(|column| quote(&column.name)).collect();
        let key: Vec<&String> = table.key.iter().filter_map(|&index| names.get(index)).collect();
        let (on, or) = (quote(&table.name), table.or_abort());
        let at: Vec<String> =
            key.iter().enumerate().map(|(n, name)| format!("{name} = ?{}", n + 1)).collect();
        let at = at.join(" AND ");
        let places: Vec<String> = (1..=names.len()).map(|n| format!("?{n}")).collect();
        let sets: Vec<String> = names
            .iter()
            .enumerate()
            .map(|(n, name)| format!("{name} = ?{}", key.len() + n + 1))
            .collect();
        Self {
            read: format!("SELECT {} FROM {on} WHERE {at}", names.join(", ")),
            there: format!("SELECT 1 FROM {on} WHERE {at}"),
            count: format!("SELECT count(*) FROM {on}"),
            delete: format!("DELETE FROM {on} WHERE {at}"),
            insert: format!(
                "INSERT{or} INTO {on} ({}) VALUES ({})",
                names.join(", "),
                places.join(", ")
            ),
            update: format!("UPDATE{or} {on} SET {} WHERE {at}", sets.join(", ")),
            key_list: key.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", "),
            keys: key.len(),
            or,
            table: on,
            at,
        }
    }

    /// Some columns of the row at a key, changed.
    pub(crate) fn update_of(&self, columns: &[&str]) -> String {
        let sets: Vec<String> = columns
            .iter()
            .enumerate()
            .map(|(n, name)| format!("{} = ?{}", quote(name), self.keys + n + 1))
            .collect();
        format!("UPDATE{} {} SET {} WHERE {}", self.or, self.table, sets.join(", "), self.at)
    }

    /// The keys of rows that hold given values in these columns.
    pub(crate) fn keys_where(&self, columns: &[&str]) -> String {
        let at =
            columns.iter().enumerate().map(|(n, name)| format!("{} = ?{}", quote(name), n + 1));
        self.keys_if(at)
    }

    /// The keys of rows that point to given values: each column of a child with the column that it shows, and how the
    /// texts of that one are compared.
    pub(crate) fn keys_pointing(&self, columns: &[(&Column, &Column, Collation)]) -> String {
        let at = columns.iter().enumerate();
        self.keys_if(at.map(|(n, (child, parent, collation))| {
            points(child, parent, *collation, &format!("?{}", n + 1))
        }))
    }

    fn keys_if(&self, conditions: impl Iterator<Item = String>) -> String {
        let at: Vec<String> = conditions.collect();
        format!("SELECT {} FROM {} WHERE {}", self.key_list, self.table, at.join(" AND "))
    }

    /// The keys of so many rows, in their order; after one of them.
    pub(crate) fn keys_after(&self, after: bool) -> String {
        let (keys, on) = (&self.key_list, &self.table);
        let parts = self.keys;
        let places: Vec<String> = (1..=parts).map(|n| format!("?{n}")).collect();
        let at = if after {
            format!("WHERE ({keys}) > ({}) ", places.join(", "))
        } else {
            String::new()
        };
        let limit = if after { parts + 1 } else { 1 };
        format!("SELECT {keys} FROM {on} {at}ORDER BY {keys} LIMIT ?{limit}")
    }

    /// The key of every row.
    pub(crate) fn keys(&self) -> String {
        format!("SELECT {} FROM {}", self.key_list, self.table)
    }

    /// The greatest value of a column up to a parameter.
    pub(crate) fn greatest(&self, column: &str) -> String {
        let column = quote(column);
        format!("SELECT max({column}) FROM {} WHERE {column} <= ?", self.table)
    }
}

/// The condition under which a child's column points to a value of its parent's: SQLite gives the child's value the
/// affinity of the parent's column, and compares as that column does.
fn points(child: &Column, parent: &Column, collation: Collation, value: &str) -> String {
    let is_number =
        |affinity| matches!(affinity, Affinity::Integer | Affinity::Real | Affinity::Numeric);
    let name = quote(&child.name);
    if is_number(parent.affinity) {
        return if is_number(child.affinity) {
            format!("{name} = {value}")
        } else {
            format!("{name} = CAST({value} AS NUMERIC)")
        };
    }
    let by = match collation {
        Collation::Binary => " COLLATE BINARY",
        Collation::NoCase => " COLLATE NOCASE",
        Collation::RTrim => " COLLATE RTRIM",
        Collation::Other => "",
    };
    match (parent.affinity, child.affinity) {
        (parent, child) if parent == child => format!("{name} = {value}{by}"),
        (Affinity::Text, _) => format!("CAST({name} AS TEXT) = {value}{by}"),
        // Nothing is made of the child's value.
        _ => format!("+{name} = {value}{by}"),
    }
}
