//! The application of a parts shop, in any version of it, and a book of what it wrote.
//!
//! ```text
//!   makers (name) ◀── parts (code, name, count, note …) ◀── sales (number, pieces)
//! ```
//!
//! All projects in `tests/tools` have these three tables. What a tool or a version calls them is told by [`Names`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use dunlin_tests::lab::{Machine, open};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

/// How one version of an application names what every parts shop has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names {
    pub makers: &'static str,
    pub parts: &'static str,
    pub sales: &'static str,
    /// The column of parts that refers to a maker.
    pub maker: &'static str,
    /// The column of sales that refers to a part.
    pub part: &'static str,
    pub note: &'static str,
    pub shelf: Option<&'static str>,
    pub colour: Option<&'static str>,
    /// NOT NULL, and written by the application with each new part.
    pub minimum: Option<&'static str>,
    /// One that the application leaves empty in a new part, and that may not be NULL.
    pub label: Option<&'static str>,
}

impl Names {
    /// As people name things who write SQL themselves.
    pub(super) const PLAIN: Self = Self {
        makers: "makers",
        parts: "parts",
        sales: "sales",
        maker: "maker",
        part: "part",
        note: "note",
        shelf: Some("shelf"),
        colour: None,
        minimum: None,
        label: None,
    };

    /// As most libraries name them.
    pub(super) const WITH_ID: Self = Self { maker: "maker_id", part: "part_id", ..Self::PLAIN };

    /// The same with what the second version of most projects adds and gives up.
    pub(super) const fn newer(self) -> Self {
        Self { shelf: None, colour: Some("colour"), minimum: Some("minimum"), ..self }
    }

    /// The tables, parents first.
    pub(super) const fn tables(&self) -> [&'static str; 3] {
        [self.makers, self.parts, self.sales]
    }

    /// The column of parts in which a field stands, if this version has it.
    fn column(&self, field: Field) -> Option<&'static str> {
        match field {
            Field::Name => Some("name"),
            Field::Count => Some("count"),
            Field::Note => Some(self.note),
            Field::Shelf => self.shelf,
            Field::Colour => self.colour,
            Field::Minimum => self.minimum,
            Field::Maker | Field::Pieces | Field::Part => None,
        }
    }
}

/// What a row says, whatever its column is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Field {
    Name,
    Count,
    Note,
    Shelf,
    Colour,
    Minimum,
    Maker,
    Pieces,
    Part,
}

/// One value that somebody wrote: of a part by its code, or of a sale by its number.
pub(super) type Place = (String, Field);

/// What a file shows in the fields that its version has.
pub(super) type Picture = BTreeMap<Place, String>;

/// What was written, by whom it matters not, and how often each machine wrote.
#[derive(Debug, Default)]
pub(super) struct Book {
    stands: Picture,
    gone: BTreeSet<String>,
    writes: BTreeMap<String, u64>,
}

impl Book {
    /// How many rows the application of a machine has written so far.
    pub(super) fn writes(&self, machine: &str) -> u64 {
        self.writes.get(machine).copied().unwrap_or(0)
    }

    fn write(&mut self, machine: &str, place: Place, value: String) {
        self.stands.insert(place, value);
        *self.writes.entry(machine.to_owned()).or_default() += 1;
    }

    /// What of it a file does not show, of what its version can show.
    pub(super) fn missing(&self, picture: &Picture, names: &Names) -> Vec<String> {
        let known = |field: Field| names.column(field).is_some() || Field::Maker <= field;
        let mut missing: Vec<String> = self
            .stands
            .iter()
            .filter(|((key, field), _)| known(*field) && !self.gone.contains(key))
            .filter(|(place, value)| picture.get(place) != Some(*value))
            .map(|((key, field), value)| {
                let shown = picture.get(&(key.clone(), *field));
                format!("{field:?} of {key} is {shown:?} and not {value}")
            })
            .collect();
        let still = picture.keys().filter(|(key, _)| self.gone.contains(key));
        missing.extend(still.map(|(key, field)| format!("{key} is back, with {field:?}")));
        missing
    }
}

/// The application on a machine: it holds its connection open, and no write of it may fail.
pub(super) struct Till<'l> {
    db: Connection,
    names: Names,
    name: String,
    book: &'l Mutex<Book>,
}

impl<'l> Till<'l> {
    pub(super) fn at(machine: &Machine, names: Names, book: &'l Mutex<Book>) -> Self {
        Self { db: open(&machine.database()), names, name: machine.name.clone(), book }
    }

    fn write(&self, sql: &str, place: Place, value: String) {
        if let Err(error) = self.db.execute_batch(sql) {
            panic!("the application on {} could not write: {error}: {sql}", self.name);
        }
        self.book.lock().unwrap().write(&self.name, place, value);
    }

    /// Whether the application can write at all, asked of its file without leaving anything there.
    pub(super) fn can_write(&self) -> Result<(), String> {
        let parts = self.names.parts;
        let tried = self
            .db
            .execute_batch(&format!("BEGIN IMMEDIATE; UPDATE {parts} SET name = name; ROLLBACK;"));
        tried.map_err(|error| {
            self.db.execute_batch("ROLLBACK").unwrap_or_default();
            error.to_string()
        })
    }

    pub(super) fn maker(&self, name: &str) {
        let sql = format!("INSERT INTO {} (name) VALUES ('{name}')", self.names.makers);
        self.write(&sql, (name.to_owned(), Field::Maker), "'maker'".to_owned());
    }

    /// A new part, with all that this version of the application asks for.
    pub(super) fn part(&self, code: &str, maker: &str) {
        let names = &self.names;
        let mut values = vec![
            ("code", format!("'{code}'")),
            (names.maker, format!("(SELECT id FROM {} WHERE name = '{maker}')", names.makers)),
        ];
        let fields = [
            (Field::Name, format!("'part {code}'")),
            (Field::Count, "7".to_owned()),
            (Field::Note, format!("'note of {code}'")),
            (Field::Shelf, format!("'shelf of {code}'")),
            (Field::Colour, "'grey'".to_owned()),
            (Field::Minimum, "3".to_owned()),
        ];
        let told: Vec<_> =
            fields.into_iter().filter(|(field, _)| names.column(*field).is_some()).collect();
        values.extend(told.iter().map(|(f, value)| (names.column(*f).unwrap(), value.clone())));
        values.extend(names.label.map(|label| (label, "''".to_owned())));
        let (columns, values): (Vec<_>, Vec<_>) = values.into_iter().unzip();
        let (columns, values) = (columns.join(", "), values.join(", "));
        let sql = format!("INSERT INTO {} ({columns}) VALUES ({values})", names.parts);
        self.write(&sql, (code.to_owned(), Field::Maker), format!("'{maker}'"));
        let mut book = self.book.lock().unwrap();
        book.stands.extend(told.into_iter().map(|(f, value)| ((code.to_owned(), f), value)));
    }

    /// Whether this version of the application has such a field.
    pub(super) fn has(&self, field: Field) -> bool {
        self.names.column(field).is_some()
    }

    /// Changes one field of a part.
    pub(super) fn set(&self, code: &str, field: Field, value: &str) {
        let column = self.names.column(field).unwrap_or_else(|| panic!("no {field:?} here"));
        let value = value.parse::<i64>().map_or_else(|_| format!("'{value}'"), |n| n.to_string());
        let parts = self.names.parts;
        let sql = format!("UPDATE {parts} SET {column} = {value} WHERE code = '{code}'");
        self.write(&sql, (code.to_owned(), field), value);
    }

    pub(super) fn sells(&self, number: &str, code: &str) {
        let names = &self.names;
        let part = format!("(SELECT id FROM {} WHERE code = '{code}')", names.parts);
        let sql = format!(
            "INSERT INTO {} (number, {}, pieces) VALUES ('{number}', {part}, 2)",
            names.sales, names.part
        );
        self.write(&sql, (number.to_owned(), Field::Part), format!("'{code}'"));
        let mut book = self.book.lock().unwrap();
        book.stands.insert((number.to_owned(), Field::Pieces), "2".to_owned());
    }

    /// Takes back a sale.
    pub(super) fn takes_back(&self, number: &str) {
        let sql = format!("DELETE FROM {} WHERE number = '{number}'", self.names.sales);
        self.write(&sql, (number.to_owned(), Field::Part), String::new());
        self.book.lock().unwrap().gone.insert(number.to_owned());
    }
}

/// A value as SQL writes it; a whole number is the same whatever the type of its column.
fn quoted(row: &Row<'_>, column: usize) -> rusqlite::Result<String> {
    Ok(match row.get_ref(column)? {
        ValueRef::Null => "NULL".to_owned(),
        ValueRef::Integer(n) => n.to_string(),
        ValueRef::Real(x) => x.to_string(),
        ValueRef::Text(text) => format!("'{}'", String::from_utf8_lossy(text)),
        ValueRef::Blob(bytes) => format!("{bytes:?}"),
    })
}

/// What a file shows in the fields that a version of the application has.
pub(super) fn picture(db: &Connection, names: &Names) -> rusqlite::Result<Picture> {
    let Names { makers, parts, sales, maker, part, .. } = names;
    let mut picture = Picture::new();
    let mut take = |sql: &str, fields: &[Field]| -> rusqlite::Result<()> {
        let mut statement = db.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let key: String = row.get(0)?;
            for (column, field) in (1..).zip(fields) {
                let twice = picture.insert((key.clone(), *field), quoted(row, column)?);
                assert!(twice.is_none(), "{key} stands twice");
            }
        }
        Ok(())
    };
    take(&format!("SELECT name, 'maker' FROM {makers}"), &[Field::Maker])?;
    let all = [Field::Name, Field::Count, Field::Note, Field::Shelf, Field::Colour, Field::Minimum];
    let known: Vec<_> = all.into_iter().filter(|field| names.column(*field).is_some()).collect();
    let columns: Vec<_> =
        known.iter().filter_map(|f| Some(format!("p.{}", names.column(*f)?))).collect();
    take(
        &format!(
            "SELECT p.code, m.name, {} FROM {parts} p LEFT JOIN {makers} m ON m.id = p.{maker}",
            columns.join(", ")
        ),
        &[&[Field::Maker], &known[..]].concat(),
    )?;
    take(
        &format!(
            "SELECT s.number, p.code, s.pieces FROM {sales} s LEFT JOIN {parts} p ON p.id = s.{part}"
        ),
        &[Field::Part, Field::Pieces],
    )?;
    Ok(picture)
}

/// All of the three tables, in whatever columns they have: numbers that each machine counts for itself are left out,
/// and a reference is shown as what it refers to.
pub(super) fn portrait(db: &Connection, names: &Names) -> rusqlite::Result<Vec<String>> {
    let mut lines = Vec::new();
    for table in names.tables() {
        let mut columns =
            db.prepare("SELECT name FROM pragma_table_info(?1) WHERE name <> 'id'")?;
        let mut columns: Vec<String> =
            columns.query_map([table], |row| row.get(0))?.collect::<Result<_, _>>()?;
        columns.sort();
        let told: Vec<String> = columns
            .iter()
            .map(|column| match column.as_str() {
                it if it == names.maker && table == names.parts => {
                    format!("(SELECT name FROM {} m WHERE m.id = t.{it})", names.makers)
                }
                it if it == names.part && table == names.sales => {
                    format!("(SELECT code FROM {} p WHERE p.id = t.{it})", names.parts)
                }
                it => format!("t.{it}"),
            })
            .collect();
        let mut statement = db.prepare(&format!("SELECT {} FROM {table} t", told.join(", ")))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let values = columns.iter().enumerate();
            let values: rusqlite::Result<Vec<String>> =
                values.map(|(n, name)| Ok(format!("{name} {}", quoted(row, n)?))).collect();
            lines.push(format!("{table}: {}", values?.join(", ")));
        }
    }
    lines.sort();
    Ok(lines)
}
