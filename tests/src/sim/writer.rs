//! A person who writes to any tables: statements at random that are valid for what the file declares, or refused by it.
//!
//! Columns in keys and UNIQUEs hold few values, so that machines write the same; the others mostly one that was never
//! written before, see [`super::values`]. What the tables refuse is undone, and another deed tried.

use super::shape::{Column, Kind, Shape, Table, quote};
use super::story::Application;
use super::values::{self, Values};
use super::{Machine, world};
use dunlin_schema::shop::Dice;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

/// A deed is tried so often until the tables take one.
const TRIES: usize = 12;
/// Parents of parents are made so far.
const DEPTH_MAX: usize = 3;

/// An application with these tables.
#[derive(Debug)]
pub struct Writer {
    tables: String,
    shape: Shape,
    values: Values,
}

/// One statement and its parameters.
type Step = (String, Vec<Value>);

/// Values of a row by column; none where nothing is said.
type Said = Vec<Option<Value>>;

/// One deed while it is made up.
struct Deed<'w> {
    shape: &'w Shape,
    values: &'w mut Values,
    dice: &'w mut Dice,
    app: &'w Connection,
    /// Rows that it inserts, by their tables.
    rows: Vec<(usize, Said)>,
    steps: Vec<Step>,
}

impl Writer {
    /// Of statements that make tables.
    pub fn new(tables: &str) -> Self {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(tables).unwrap();
        Self { tables: tables.to_owned(), shape: Shape::read(&db), values: Values::default() }
    }
}

impl Application for Writer {
    fn tables(&self) -> &str {
        &self.tables
    }

    fn act(&mut self, machine: &Machine, dice: &mut Dice) -> Option<String> {
        let before = values::shown(machine, &self.shape);
        for _ in 0..TRIES {
            let mut deed = Deed {
                shape: &self.shape,
                values: &mut self.values,
                dice,
                app: &machine.app,
                rows: Vec::new(),
                steps: Vec::new(),
            };
            if deed.make_up().is_none() || deed.steps.is_empty() {
                continue;
            }
            let steps = deed.steps;
            // SQLite takes a REPLACE of a row that refers to itself by one that refers to the row which went.
            if world::transact(machine, &steps, |machine| machine.broken_references() == 0) {
                let told: Vec<String> = steps.iter().map(tell).collect();
                let told = told.join("; ");
                let after = values::shown(machine, &self.shape);
                self.values.wrote(&format!("{}: {told}", machine.name), &before, &after);
                return Some(told);
            }
        }
        None
    }

    fn check(&self, machine: &mut Machine) {
        self.values.are_all_on(machine, &self.shape);
    }
}

/// A statement with its values in it.
fn tell((sql, values): &Step) -> String {
    let mut values = values.iter();
    let pieces: Vec<&str> = sql.split('?').collect();
    let told = pieces.iter().enumerate().map(|(place, piece)| {
        let next = values.next().filter(|_| place + 1 < pieces.len());
        format!("{piece}{}", next.map_or_else(String::new, literal))
    });
    told.collect()
}

fn literal(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => format!("{number:?}"),
        Value::Text(text) => format!("'{text}'"),
        Value::Blob(bytes) => format!("CAST('{}' AS BLOB)", String::from_utf8_lossy(bytes)),
    }
}

impl Deed<'_> {
    fn make_up(&mut self) -> Option<()> {
        let last = i64::try_from(self.shape.0.len()).unwrap() - 1;
        let table = usize::try_from(self.dice.between(0, last)).unwrap();
        match self.dice.between(0, 99) {
            0..35 => self.insert(table, "INSERT"),
            35..41 => self.insert(table, "INSERT OR REPLACE"),
            41..47 => self.upsert(table),
            47..74 => self.update(table, "UPDATE"),
            74..78 => self.update(table, "UPDATE OR REPLACE"),
            78..82 => self.rekey(table),
            82..86 => self.swap(table),
            86..89 => self.put_back(table),
            _ => self.delete(table),
        }
    }

    fn insert(&mut self, table: usize, verb: &'static str) -> Option<()> {
        self.new_row(table, verb, 0)?;
        if self.rows.len() > 1 {
            // Rows that need each other are checked when all of them are there.
            self.steps.insert(0, ("PRAGMA defer_foreign_keys = ON".into(), Vec::new()));
        }
        Some(())
    }

    /// A new row, its parents before it where there are none to choose from.
    fn new_row(&mut self, at: usize, verb: &str, depth: usize) -> Option<()> {
        let table = &self.shape.0[at];
        let mut said: Said = Vec::with_capacity(table.columns.len());
        for (place, column) in table.columns.iter().enumerate() {
            let counts = table.counts(place);
            said.push(if counts && (depth > 0 || self.dice.one_in(3)) {
                Some(self.number(table, depth))
            } else if counts || (column.default && self.dice.one_in(3)) {
                None
            } else {
                Some(self.value(column))
            });
        }
        let own = self.rows.len();
        self.rows.push((at, said));
        for place in 0..table.references.len() {
            let columns = table.references[place].columns.clone();
            let may_be_null =
                |column: &usize| !table.columns[*column].not_null && !table.key.contains(column);
            if columns.iter().all(may_be_null) && self.dice.one_in(3) {
                for column in columns {
                    self.rows[own].1[column] = Some(Value::Null);
                }
                continue;
            }
            let parent = self.parent(at, place, depth)?;
            for (column, value) in columns.into_iter().zip(parent) {
                self.rows[own].1[column] = Some(value);
            }
        }
        let (_, said) = self.rows[own].clone();
        self.steps.push(insert(table, verb, &said, ""));
        Some(())
    }

    /// What a reference shows of a row that is there, or is made here.
    fn parent(&mut self, at: usize, place: usize, depth: usize) -> Option<Vec<Value>> {
        let reference = self.shape.0[at].references[place].clone();
        if self.dice.one_in(5)
            && let Some(made) = self.made(&reference)
        {
            return Some(made);
        }
        let table = &self.shape.0[reference.parent];
        let shows: Vec<String> = reference.shows.iter().map(|name| quote(name)).collect();
        let sql = format!("SELECT {} FROM {}", shows.join(", "), quote(&table.name));
        if let Some(there) = self.any(&sql, shows.len())
            && !there.contains(&Value::Null)
        {
            let spelt: Vec<Value> = there.into_iter().map(|value| self.spell(value)).collect();
            return Some(spelt);
        }
        if let Some(made) = self.made(&reference) {
            return Some(made);
        }
        if depth == DEPTH_MAX {
            return None;
        }
        let next = self.rows.len();
        self.new_row(reference.parent, "INSERT", depth + 1)?;
        shown_by(table, &self.rows[next].1, &reference.shows)
    }

    /// What a reference shows of a row that this deed inserts.
    fn made(&self, reference: &super::shape::Reference) -> Option<Vec<Value>> {
        let rows = self.rows.iter().filter(|(table, _)| *table == reference.parent);
        let table = &self.shape.0[reference.parent];
        rows.into_iter().find_map(|(_, said)| shown_by(table, said, &reference.shows))
    }

    /// The same value for SQLite, at times, written otherwise.
    fn spell(&mut self, value: Value) -> Value {
        match value {
            Value::Text(text) if self.dice.one_in(8) => Value::Text(text.to_lowercase()),
            Value::Integer(number) if number >= 0 && self.dice.one_in(12) => {
                Value::Text(format!("0{number}"))
            }
            value => value,
        }
    }

    fn upsert(&mut self, at: usize) -> Option<()> {
        self.new_row(at, "INSERT", 0)?;
        let table = &self.shape.0[at];
        let given = self.rows.first()?.1.clone();
        let sets: Vec<String> = table
            .columns
            .iter()
            .enumerate()
            .filter(|(place, _)| !table.key.contains(place) && given[*place].is_some())
            .map(|(_, column)| format!("{0} = excluded.{0}", quote(&column.name)))
            .collect();
        let does = if sets.is_empty() {
            "ON CONFLICT DO NOTHING".to_owned()
        } else {
            format!("ON CONFLICT DO UPDATE SET {}", sets.join(", "))
        };
        let last = self.steps.pop()?;
        self.steps.push((format!("{} {does}", last.0), last.1));
        Some(())
    }

    fn update(&mut self, at: usize, verb: &str) -> Option<()> {
        let table = &self.shape.0[at];
        let key = self.any_key(table)?;
        let mut sets: Vec<(usize, Value)> = Vec::new();
        for _ in 0..self.dice.pick(&[1, 1, 2]) {
            let last = i64::try_from(table.columns.len()).unwrap() - 1;
            let place = usize::try_from(self.dice.between(0, last)).unwrap();
            if table.key.contains(&place) {
                continue;
            }
            let refers = table.references.iter().position(|known| known.columns.contains(&place));
            if let Some(refers) = refers {
                let columns = table.references[refers].columns.clone();
                let is_empty = self.dice.one_in(3);
                let parent = if is_empty {
                    vec![Value::Null; columns.len()]
                } else {
                    self.parent(at, refers, DEPTH_MAX)?
                };
                let own = |column: &usize| !table.key.contains(column);
                sets.extend(columns.into_iter().zip(parent).filter(|(column, _)| own(column)));
            } else {
                sets.push((place, self.value(&table.columns[place])));
            }
        }
        self.set(table, verb, sets, key)
    }

    /// Gives a row another key.
    fn rekey(&mut self, at: usize) -> Option<()> {
        let table = &self.shape.0[at];
        let key = self.any_key(table)?;
        let last = i64::try_from(table.key.len()).unwrap() - 1;
        let place = table.key[usize::try_from(self.dice.between(0, last)).unwrap()];
        let refers = table.references.iter().position(|known| known.columns == [place]);
        let value = match refers {
            Some(refers) => self.parent(at, refers, DEPTH_MAX)?.pop()?,
            None if table.counts(place) => self.number(table, 0),
            None => self.value(&table.columns[place]),
        };
        self.set(table, "UPDATE", vec![(place, value)], key)
    }

    /// Two rows exchange a value of a UNIQUE.
    fn swap(&mut self, at: usize) -> Option<()> {
        let table = &self.shape.0[at];
        let is_free = |place: &usize| {
            let refers = table.references.iter().any(|known| known.columns.contains(place));
            table.columns[*place].unique && !table.key.contains(place) && !refers
        };
        let places: Vec<usize> = (0..table.columns.len()).filter(is_free).collect();
        let place = *places.first()?;
        let column = quote(&table.columns[place].name);
        let (one, other) = (self.any_key(table)?, self.any_key(table)?);
        if one == other {
            return None;
        }
        let sql = format!("SELECT {column} FROM {} WHERE {}", quote(&table.name), by_key(table));
        let its = self.one(&sql, &one)?;
        let others = self.one(&sql, &other)?;
        let between = self.value(&table.columns[place]);
        self.set(table, "UPDATE", vec![(place, between)], one.clone())?;
        self.set(table, "UPDATE", vec![(place, its)], other)?;
        self.set(table, "UPDATE", vec![(place, others)], one)
    }

    /// Deletes a row, and puts it back as it was.
    fn put_back(&mut self, at: usize) -> Option<()> {
        let table = &self.shape.0[at];
        let key = self.any_key(table)?;
        let (list, name) = (table.list(), quote(&table.name));
        let again =
            format!("CREATE TEMP TABLE again AS SELECT {list} FROM {name} WHERE {}", by_key(table));
        self.steps.push((again, key.clone()));
        self.steps.push((format!("DELETE FROM {name} WHERE {}", by_key(table)), key));
        let back = format!("INSERT INTO {name} ({list}) SELECT {list} FROM again");
        self.steps.push((back, Vec::new()));
        self.steps.push(("DROP TABLE again".into(), Vec::new()));
        Some(())
    }

    fn delete(&mut self, at: usize) -> Option<()> {
        let table = &self.shape.0[at];
        let key = self.any_key(table)?;
        self.steps
            .push((format!("DELETE FROM {} WHERE {}", quote(&table.name), by_key(table)), key));
        Some(())
    }

    fn set(
        &mut self,
        table: &Table,
        verb: &str,
        sets: Vec<(usize, Value)>,
        key: Vec<Value>,
    ) -> Option<()> {
        let mut said: std::collections::BTreeMap<usize, Value> = std::collections::BTreeMap::new();
        said.extend(sets);
        if said.is_empty() {
            return None;
        }
        let names: Vec<String> = said
            .keys()
            .map(|place| format!("{} = ?", quote(&table.columns[*place].name)))
            .collect();
        let sql = format!(
            "{verb} {} SET {} WHERE {}",
            quote(&table.name),
            names.join(", "),
            by_key(table)
        );
        self.steps.push((sql, said.into_values().chain(key).collect()));
        Some(())
    }

    fn any_key(&mut self, table: &Table) -> Option<Vec<Value>> {
        let sql = format!("SELECT {} FROM {}", table.key_list(), quote(&table.name));
        self.any(&sql, table.key.len())
    }

    /// One of the rows that a query answers.
    fn any(&mut self, sql: &str, columns: usize) -> Option<Vec<Value>> {
        let order: Vec<String> = (1..=columns).map(|column| column.to_string()).collect();
        let sql = format!("{sql} ORDER BY {}", order.join(", "));
        let mut statement = self.app.prepare_cached(&sql).unwrap();
        let rows = statement.query_map([], |row| {
            (0..columns).map(|column| row.get(column)).collect::<rusqlite::Result<Vec<Value>>>()
        });
        let mut rows: Vec<Vec<Value>> = rows.unwrap().collect::<rusqlite::Result<_>>().unwrap();
        let last = i64::try_from(rows.len()).unwrap() - 1;
        let at = usize::try_from(self.dice.between(0, last.max(0))).unwrap();
        (!rows.is_empty()).then(|| rows.swap_remove(at))
    }

    fn one(&self, sql: &str, key: &[Value]) -> Option<Value> {
        self.app.query_row(sql, params_from_iter(key), |row| row.get(0)).ok()
    }

    /// A number for a new row: of those that machines give each, or the next.
    fn number(&mut self, table: &Table, depth: usize) -> Value {
        let sql =
            format!("SELECT coalesce(max({}), 0) FROM {}", table.key_list(), quote(&table.name));
        let greatest: i64 = self.app.query_row(&sql, [], |row| row.get(0)).unwrap();
        Value::Integer(if depth == 0 && self.dice.one_in(2) {
            self.dice.pick(&[-9, -1, 0, 1, 2, 3, 5, 8, 1 << 53])
        } else {
            let few = i64::try_from(self.rows.len()).unwrap();
            greatest.saturating_add(1 + few)
        })
    }

    /// A value for a column that is no reference.
    fn value(&mut self, column: &Column) -> Value {
        let may_be_null = !column.not_null && !column.unique;
        if (may_be_null && self.dice.one_in(6))
            || (column.unique && !column.not_null && self.dice.one_in(9))
        {
            return Value::Null;
        }
        let kind = match column.kind {
            Kind::Any => {
                self.dice.pick(&[Kind::Text, Kind::Text, Kind::Integer, Kind::Real, Kind::Blob])
            }
            kind => kind,
        };
        if column.unique || self.dice.one_in(4) {
            return self.common(kind);
        }
        let value = self.values.fresh();
        match kind {
            Kind::Text | Kind::Any => values::text(value),
            Kind::Integer => values::integer(value),
            Kind::Real => values::real(value),
            Kind::Blob => values::blob(value),
        }
    }

    /// A value that others write too.
    fn common(&mut self, kind: Kind) -> Value {
        match kind {
            Kind::Text | Kind::Any => {
                let text = self.dice.pick(&[
                    "A",
                    "a",
                    "B",
                    "b ",
                    "Cc",
                    "0401",
                    "401",
                    "7",
                    "40063813",
                    "40063814",
                    "open",
                    "paid",
                    "main",
                    "spare",
                    "2026-11-30",
                    "K-7",
                    "",
                ]);
                Value::Text(text.to_owned())
            }
            Kind::Integer => {
                Value::Integer(self.dice.pick(&[-2, 0, 1, 2, 3, 4, 5, 7, 401, 1 << 40]))
            }
            Kind::Real => Value::Real(self.dice.pick(&[-1.5, 0.0, 0.5, 1.0, 2.0, 7.0])),
            Kind::Blob => {
                Value::Blob(self.dice.pick(&[&b"\x00"[..], b"\x01", b"7", b"ab"]).to_vec())
            }
        }
    }
}

/// What a reference shows of a row that is said, where all of it is.
fn shown_by(table: &Table, said: &Said, shows: &[String]) -> Option<Vec<Value>> {
    shows
        .iter()
        .map(|name| said[table.column(name)?].clone().filter(|value| *value != Value::Null))
        .collect()
}

fn insert(table: &Table, verb: &str, said: &Said, rest: &str) -> Step {
    let given = table
        .columns
        .iter()
        .zip(said)
        .filter_map(|(column, value)| Some((quote(&column.name), value.clone()?)));
    let (names, values): (Vec<String>, Vec<Value>) = given.unzip();
    let name = quote(&table.name);
    if names.is_empty() {
        return (format!("{verb} INTO {name} DEFAULT VALUES{rest}"), values);
    }
    let places = vec!["?"; names.len()].join(", ");
    (format!("{verb} INTO {name} ({}) VALUES ({places}){rest}", names.join(", ")), values)
}

fn by_key(table: &Table) -> String {
    let parts: Vec<String> = table
        .key
        .iter()
        .map(|&place| format!("{} IS ?", quote(&table.columns[place].name)))
        .collect();
    parts.join(" AND ")
}
