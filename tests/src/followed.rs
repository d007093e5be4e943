//! What a file's tables show with every reference followed, so that two machines can be compared whose
//! numbers are their own.
//!
//! ```text
//!   InvoiceLine 17: InvoiceId 4, TrackId 2, Quantity 1
//!   is told as      InvoiceId={CustomerId={FirstName='Bo' …} …} TrackId={Name='Tide' …} Quantity=1
//! ```
//!
//! It asks SQLite alone, so it can find the daemon's own digests wrong.

#![expect(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot read its file should stop"
)]

use std::collections::{BTreeMap, HashMap};

use rusqlite::Connection;

/// How many references are followed one after the other; stores and staff refer to each other.
const FOLLOWED_MAX: usize = 3;

/// Table → what its rows show, sorted.
pub type Shown = BTreeMap<String, Vec<String>>;

/// A column that refers to the integer key of a table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// Its table.
    pub child: String,
    /// The column.
    pub column: String,
    /// The table that it refers to.
    pub parent: String,
}

impl Reference {
    /// Reads `child.column=parent`, as `dunlin track --references` does.
    pub fn read(text: &str) -> Option<Self> {
        let (place, parent) = text.split_once('=')?;
        let (child, column) = place.split_once('.')?;
        let [child, column, parent] = [child, column, parent].map(str::to_owned);
        Some(Self { child, column, parent })
    }

    /// As it is written on a command line.
    pub fn text(&self) -> String {
        format!("{}.{}={}", self.child, self.column, self.parent)
    }
}

/// A file's tables as they are, read once.
#[derive(Debug)]
pub struct Followed {
    tables: BTreeMap<String, Table>,
    references: HashMap<(String, String), String>,
}

#[derive(Debug)]
struct Table {
    columns: Vec<String>,
    /// The column that numbers the rows, if one does.
    number: Option<usize>,
    /// Values as SQLite quotes them, which tells an integer from a real and keeps every bit.
    rows: Vec<Vec<String>>,
    /// Number, quoted → row.
    numbered: HashMap<String, usize>,
}

impl Followed {
    /// Reads these tables. `undeclared`: references that the file does not declare.
    pub fn read(db: &Connection, tables: &[String], undeclared: &[Reference]) -> Self {
        let mut references: HashMap<_, _> = undeclared
            .iter()
            .map(|of| ((of.child.clone(), of.column.clone()), of.parent.clone()))
            .collect();
        let mut read = BTreeMap::new();
        for name in tables {
            let declared = strings(
                db,
                "SELECT \"from\", \"table\" FROM pragma_foreign_key_list(?1) GROUP BY id HAVING count(*) = 1",
                name,
            );
            for found in declared {
                let [column, parent] = found.try_into().unwrap();
                references.insert((name.clone(), column), parent);
            }
            read.insert(name.clone(), Table::read(db, name));
        }
        Self { tables: read, references }
    }

    /// Every table's rows, sorted, without the numbers that machines count for themselves, and with each
    /// reference as the row that it refers to. `but`: columns that are not told, as table and column.
    pub fn shown(&self, but: &[(&str, &str)]) -> Shown {
        let tell = |(name, table): (&String, &Table)| {
            let mut rows: Vec<String> =
                (0..table.rows.len()).map(|row| self.row(name, row, FOLLOWED_MAX, but)).collect();
            rows.sort();
            (name.clone(), rows)
        };
        self.tables.iter().map(tell).collect()
    }

    /// Rows that refer to a row that is not there.
    pub fn broken(&self) -> Vec<String> {
        let mut broken = Vec::new();
        for (name, table) in &self.tables {
            for (at, column) in table.columns.iter().enumerate() {
                let Some(parent) = self.parent(name, column) else { continue };
                let values = table.rows.iter().filter_map(|row| row.get(at));
                let gone = values
                    .filter(|value| *value != "NULL" && !parent.numbered.contains_key(*value));
                broken.extend(gone.map(|value| format!("{name}.{column} {value}")));
            }
        }
        broken
    }

    fn parent(&self, table: &str, column: &str) -> Option<&Table> {
        let parent = self.references.get(&(table.to_owned(), column.to_owned()))?;
        self.tables.get(parent)
    }

    fn row(&self, name: &str, row: usize, left: usize, but: &[(&str, &str)]) -> String {
        let table = &self.tables[name];
        let mut told = Vec::new();
        for (at, (column, value)) in table.columns.iter().zip(&table.rows[row]).enumerate() {
            let parent = self.references.get(&(name.to_owned(), column.clone()));
            if but.contains(&(name, column)) || (parent.is_none() && table.number == Some(at)) {
                continue;
            }
            let value = match parent {
                Some(parent) if value != "NULL" => self.referred(parent, value, left, but),
                _ => value.clone(),
            };
            told.push(format!("{column}={value}"));
        }
        told.join(" ")
    }

    fn referred(&self, parent: &str, value: &str, left: usize, but: &[(&str, &str)]) -> String {
        let row = self.tables.get(parent).and_then(|table| table.numbered.get(value));
        match row {
            None => "{none}".to_owned(),
            Some(_) if left == 0 => "{…}".to_owned(),
            Some(&row) => format!("{{{}}}", self.row(parent, row, left - 1, but)),
        }
    }
}

impl Table {
    fn read(db: &Connection, name: &str) -> Self {
        let described = strings(
            db,
            "SELECT name, pk = 1 AND upper(type) = 'INTEGER' AND
                 (SELECT max(pk) FROM pragma_table_info(?1)) = 1 FROM pragma_table_info(?1)",
            name,
        );
        let number = described.iter().position(|column| column[1] == "1");
        let columns: Vec<String> = described.into_iter().map(|column| column[0].clone()).collect();
        let quoted: Vec<String> =
            columns.iter().map(|column| format!("quote(\"{column}\")")).collect();
        let mut statement =
            db.prepare(&format!("SELECT {} FROM \"{name}\"", quoted.join(", "))).unwrap();
        let rows =
            statement.query_map([], |row| (0..columns.len()).map(|at| row.get(at)).collect());
        let rows: Vec<Vec<String>> = rows.unwrap().map(Result::unwrap).collect();
        let numbered = number.map(|number| {
            rows.iter().enumerate().map(|(at, row)| (row[number].clone(), at)).collect()
        });
        Self { columns, number, rows, numbered: numbered.unwrap_or_default() }
    }
}

/// What a question about a table answers, as texts.
fn strings(db: &Connection, question: &str, table: &str) -> Vec<Vec<String>> {
    let mut statement = db.prepare(question).unwrap();
    let columns = statement.column_count();
    let rows = statement.query_map([table], |row| {
        let text = |at| -> rusqlite::Result<String> {
            Ok(match row.get(at)? {
                rusqlite::types::Value::Integer(number) => number.to_string(),
                rusqlite::types::Value::Text(text) => text,
                other => format!("{other:?}"),
            })
        };
        (0..columns).map(text).collect()
    });
    rows.unwrap().map(Result::unwrap).collect()
}

#[cfg(test)]
mod tests {
    use super::{Connection, Followed, Reference, Shown};

    const SHOP: &str = "CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT);
        CREATE TABLE invoice (id INTEGER PRIMARY KEY, day TEXT, customer INTEGER REFERENCES customer (id));
        CREATE TABLE line (invoice_id INT, what TEXT, PRIMARY KEY (invoice_id, what));";

    fn shop(rows: &str) -> Followed {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(SHOP).unwrap();
        db.execute_batch(rows).unwrap();
        let tables = ["customer", "invoice", "line"].map(str::to_owned);
        Followed::read(&db, &tables, &[Reference::read("line.invoice_id=invoice").unwrap()])
    }

    fn shown(rows: &str) -> Shown {
        shop(rows).shown(&[])
    }

    const ONE: &str = "INSERT INTO customer VALUES (1, 'Bo'), (2, 'Ida');
        INSERT INTO invoice VALUES (7, 'Monday', 1), (8, 'Monday', 2);
        INSERT INTO line VALUES (7, 'tea'), (8, 'rice');";

    #[test]
    fn numbers_may_differ_and_what_is_referred_to_may_not() {
        let other = "INSERT INTO customer VALUES (9, 'Bo'), (3, 'Ida');
            INSERT INTO invoice VALUES (2, 'Monday', 9), (1, 'Monday', 3);
            INSERT INTO line VALUES (2, 'tea'), (1, 'rice');";
        assert_eq!(shown(ONE), shown(other));
        // Each of the two lines, and then each of the two invoices, under the other one.
        assert_ne!(
            shown(ONE),
            shown(&format!("{other} UPDATE line SET invoice_id = 3 - invoice_id"))
        );
        assert_ne!(
            shown(ONE),
            shown(&format!("{other} UPDATE invoice SET customer = 12 - customer"))
        );
        assert_ne!(shown(ONE), shown(&format!("{other} UPDATE invoice SET day = 'Friday'")));
    }

    #[test]
    fn a_reference_to_nothing_is_found_whether_it_is_declared_or_not() {
        assert_eq!(shop(ONE).broken(), [""; 0]);
        let broken = shop(&format!(
            "{ONE} PRAGMA foreign_keys = OFF; DELETE FROM customer WHERE id = 2; DELETE FROM invoice WHERE id = 7"
        ));
        assert_eq!(broken.broken(), ["invoice.customer 2", "line.invoice_id 7"]);
    }
}
