//! Schemas made at random: two to six tables with whatever SQLite lets them declare.
//!
//! A schema is a list of statements and each of these a list of parts, so that one that fails can be made smaller part by
//! part: whatever is left that SQLite takes, and whose references can be followed, is a schema too.

use super::gaps::Gap;
use super::shape::Shape;
use dunlin_schema::shop::Dice;
use rusqlite::Connection;
use std::fmt;

/// One statement: what stands before its parts, between which commas are, and behind them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    head: String,
    parts: Vec<String>,
    tail: String,
}

/// Statements that make tables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema(Vec<Statement>);

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Statement { head, parts, tail } in &self.0 {
            writeln!(f, "{head}{}{tail};", parts.join(",\n    "))?;
        }
        Ok(())
    }
}

impl Schema {
    /// One of the many that dice can make.
    pub fn made(dice: &mut Dice) -> Self {
        loop {
            let made = Draft::new(dice).finish(dice);
            if made.is_sound() {
                return made;
            }
        }
    }

    /// Of statements as text that have one part a line.
    pub fn of(text: &str) -> Self {
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("--")).collect();
        let lines = lines.join("\n");
        let statements = lines.split(';').map(str::trim).filter(|text| !text.is_empty());
        let statement = |text: &str| {
            let lines: Vec<&str> = text.lines().collect();
            let [first, parts @ .., last] = lines.as_slice() else {
                return Statement { head: text.to_owned(), parts: Vec::new(), tail: String::new() };
            };
            let parts = parts.iter().map(|part| part.trim().trim_end_matches(',').to_owned());
            let (head, tail) = (format!("{first}\n    "), format!("\n{last}"));
            Statement { head, parts: parts.collect(), tail }
        };
        Self(statements.map(statement).collect())
    }

    /// Does SQLite take it, and can every reference be followed?
    pub fn is_sound(&self) -> bool {
        let db = Connection::open_in_memory().unwrap();
        if self.0.is_empty() || db.execute_batch(&self.to_string()).is_err() {
            return false;
        }
        let shape = Shape::read(&db);
        let declared: usize = db
            .query_row(
                "SELECT count(*) FROM sqlite_schema AS t, pragma_foreign_key_list(t.name) AS f
                 WHERE t.type = 'table' AND f.seq = 0",
                [],
                |row| row.get(0),
            )
            .unwrap();
        let followed: usize = shape.0.iter().map(|table| table.references.len()).sum();
        let has_keys = shape.0.iter().all(|table| !table.key.is_empty());
        // SQLite finds a reference to what is not UNIQUE when it checks it.
        let checks = db.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |_| Ok(()));
        has_keys && declared == followed && checks.is_ok()
    }

    /// All schemas that are smaller by one statement or one part.
    pub fn smaller(&self) -> Vec<Self> {
        let mut smaller = Vec::new();
        for at in 0..self.0.len() {
            let mut without = self.clone();
            without.0.remove(at);
            smaller.push(without);
        }
        for at in 0..self.0.len() {
            for part in 0..self.0[at].parts.len() {
                let mut without = self.clone();
                without.0[at].parts.remove(part);
                smaller.push(without);
            }
        }
        smaller
    }
}

/// What others may refer to: columns, their types, and what they are compared by.
#[derive(Clone, Debug)]
struct Target {
    columns: Vec<String>,
    types: Vec<&'static str>,
}

/// A table that is being made up.
struct Drafted {
    name: String,
    parts: Vec<String>,
    tail: Vec<&'static str>,
    strict: bool,
    targets: Vec<Target>,
    /// Columns that a UNIQUE over several may name.
    plain: Vec<String>,
}

struct Draft(Vec<Drafted>);

const ACTIONS: [&str; 5] = ["NO ACTION", "RESTRICT", "CASCADE", "SET NULL", "SET DEFAULT"];

impl Draft {
    /// Tables with their keys.
    fn new(dice: &mut Dice) -> Self {
        let count = dice.between(2, 6);
        Self((0..count).map(|n| Drafted::new(&format!("t{n}"), dice)).collect())
    }

    fn finish(mut self, dice: &mut Dice) -> Schema {
        for table in &mut self.0 {
            table.add_columns(dice);
        }
        for at in 0..self.0.len() {
            for n in 0..dice.pick(&[0, 1, 1, 2]) {
                self.add_reference(at, n, dice);
            }
        }
        let mut indexes = Vec::new();
        for table in &mut self.0 {
            indexes.extend(table.add_constraints(dice));
        }
        let tables = self.0.into_iter().map(|table| Statement {
            head: format!("CREATE TABLE {} (\n    ", table.name),
            // Constraints of the table stand behind all columns.
            parts: {
                let (columns, constraints): (Vec<String>, Vec<String>) = table
                    .parts
                    .into_iter()
                    .partition(|part| part.starts_with(|first: char| first.is_ascii_lowercase()));
                columns.into_iter().chain(constraints).collect()
            },
            tail: format!("\n) {}", table.tail.join(", ")),
        });
        Schema(tables.chain(indexes).collect())
    }

    fn add_reference(&mut self, at: usize, n: i32, dice: &mut Dice) {
        let last = i64::try_from(self.0.len()).unwrap() - 1;
        let parent = usize::try_from(dice.between(0, last)).unwrap();
        let name = self.0[parent].name.clone();
        let targets = &self.0[parent].targets;
        let which = dice.between(0, i64::try_from(targets.len()).unwrap() - 1);
        let target = targets[usize::try_from(which).unwrap()].clone();
        let not_null = dice.one_in(3);
        let table = &mut self.0[at];
        let mut own = Vec::new();
        for (place, &of) in target.types.iter().enumerate() {
            let column = format!("r{n}{}", ["", "b"][place]);
            let declared = if dice.one_in(5) && of == "INTEGER" { "TEXT" } else { of };
            let default = match declared {
                _ if !dice.one_in(4) => "",
                "TEXT" => " DEFAULT 'A'",
                _ => " DEFAULT 1",
            };
            let must = if not_null { " NOT NULL" } else { "" };
            table.parts.push(format!("{column} {declared}{must}{default}"));
            own.push(column);
        }
        let (delete, update) = (dice.pick(&ACTIONS), dice.pick(&ACTIONS));
        let when = dice.pick(&["", "", "", " DEFERRABLE INITIALLY DEFERRED"]);
        table.parts.push(format!(
            "FOREIGN KEY ({}) REFERENCES {name} ({}) ON DELETE {delete} ON UPDATE {update}{when}",
            own.join(", "),
            target.columns.join(", "),
        ));
        if dice.one_in(6) {
            // One to one, or a link where there are two of them.
            table.parts.push(format!("UNIQUE ({})", own.join(", ")));
        }
        table.plain.extend(own);
    }
}

impl Drafted {
    fn new(name: &str, dice: &mut Dice) -> Self {
        let key = |columns: &[&str], types: &[&'static str]| Target {
            columns: columns.iter().map(|&column| column.to_owned()).collect(),
            types: types.to_vec(),
        };
        let mut tail = Vec::new();
        let (parts, target): (Vec<String>, Target) = match dice.between(0, 99) {
            0..38 => (vec!["id INTEGER PRIMARY KEY".into()], key(&["id"], &["INTEGER"])),
            38..52 => {
                (vec!["id INTEGER PRIMARY KEY AUTOINCREMENT".into()], key(&["id"], &["INTEGER"]))
            }
            52..58 => (vec!["id INT NOT NULL PRIMARY KEY".into()], key(&["id"], &["INTEGER"])),
            58..80 => {
                let compared = dice.pick(&["", " COLLATE NOCASE", " COLLATE RTRIM"]);
                let column = format!("code TEXT NOT NULL PRIMARY KEY{compared}");
                (vec![column], key(&["code"], &["TEXT"]))
            }
            _ => {
                let compared = dice.pick(&["", "", " COLLATE NOCASE"]);
                let parts = vec![
                    format!("a TEXT NOT NULL{compared}"),
                    "n INTEGER NOT NULL".into(),
                    "PRIMARY KEY (a, n)".into(),
                ];
                (parts, key(&["a", "n"], &["TEXT", "INTEGER"]))
            }
        };
        if !parts[0].contains("AUTOINCREMENT") && dice.one_in(4) {
            tail.push("WITHOUT ROWID");
        }
        let strict = dice.one_in(5);
        if strict {
            tail.push("STRICT");
        }
        let (name, targets) = (name.to_owned(), vec![target]);
        Self { name, parts, tail, strict, targets, plain: Vec::new() }
    }

    fn add_columns(&mut self, dice: &mut Dice) {
        self.parts.push("note TEXT".into());
        for n in 0..dice.between(0, 4) {
            let column = format!("v{n}");
            let of = if self.strict {
                dice.pick(&["TEXT", "INTEGER", "REAL", "BLOB", "ANY", "INT"])
            } else {
                dice.pick(&[
                    "TEXT",
                    "VARCHAR(20)",
                    "INTEGER",
                    "REAL",
                    "NUMERIC",
                    "DECIMAL(10, 2)",
                    "BLOB",
                    "",
                    "DATETIME",
                    "BOOLEAN",
                ])
            };
            let must = dice.pick(&["", "", " NOT NULL"]);
            let default = if self.strict && of != "TEXT" {
                ""
            } else {
                dice.pick(&[
                    "",
                    "",
                    " DEFAULT 'open'",
                    " DEFAULT CURRENT_TIMESTAMP",
                    " DEFAULT (lower(hex(randomblob(4))))",
                ])
            };
            let check = dice.pick(&[
                "",
                "",
                "",
                "",
                " CHECK (@ >= 0)",
                " CHECK (length(@) <= 8)",
                " CHECK (@ <> '')",
                " CHECK (@ IN ('open', 'paid', 'main', 1, 2))",
                " CHECK (@ NOT GLOB 'x*')",
            ]);
            let check = check.replace('@', &column);
            self.parts.push(format!("{column} {of}{must}{default}{check}"));
            self.plain.push(column);
        }
        for n in 0..dice.pick(&[0, 0, 1, 1, 2]) {
            self.add_unique(&format!("u{n}"), dice);
        }
        if dice.one_in(5) {
            let how = dice.pick(&["VIRTUAL", "STORED"]);
            let what = dice.pick(&["upper(note)", "length(note)", "note || '-'"]);
            let of = if what == "length(note)" { "INTEGER" } else { "TEXT" };
            self.parts.push(format!("g {of} GENERATED ALWAYS AS ({what}) {how}"));
        }
    }

    /// A column that is UNIQUE alone, to which others may refer.
    fn add_unique(&mut self, column: &str, dice: &mut Dice) {
        let of = dice.pick(&["TEXT", "TEXT", "INTEGER"]);
        let must = dice.pick(&["", " NOT NULL"]);
        let compared = if of == "TEXT" { dice.pick(&["", "", " COLLATE NOCASE"]) } else { "" };
        let check = if of == "TEXT" {
            dice.pick(&[
                "",
                "",
                "",
                " CHECK (length(@) = 8)",
                " CHECK (@ IN ('open', 'paid', 'main', 'spare'))",
                " CHECK (@ GLOB '[0-9]*')",
            ])
        } else {
            dice.pick(&["", "", " CHECK (@ > 0)", " CHECK (@ BETWEEN 0 AND 99)"])
        };
        let leaves_nothing = !must.is_empty() && !check.contains("length") && !check.is_empty();
        let check = if leaves_nothing && Gap::NothingGivesWay.is_open() { "" } else { check };
        let check = check.replace('@', column);
        self.parts.push(format!("{column} {of}{must} UNIQUE{compared}{check}"));
        if !Gap::ByValue.is_open() {
            self.targets.push(Target { columns: vec![column.to_owned()], types: vec![of] });
        }
    }

    /// UNIQUEs over several columns, and indexes beside the table.
    fn add_constraints(&mut self, dice: &mut Dice) -> Vec<Statement> {
        let mut indexes = Vec::new();
        let gives_way =
            |column: &String| !Gap::NothingGivesWay.is_open() || !column.starts_with('r');
        if self.plain.len() > 1 && dice.one_in(3) && self.plain[..2].iter().all(gives_way) {
            self.parts.push(format!("UNIQUE ({}, {})", self.plain[0], self.plain[1]));
        }
        // Not over references: their numbers are each machine's own, and so would be what a CHECK says of them.
        let is_value = |column: &String| column.starts_with('v');
        if self.plain.len() > 1 && dice.one_in(8) && self.plain[..2].iter().all(is_value) {
            self.parts.push(format!("CHECK ({} IS NOT {})", self.plain[0], self.plain[1]));
        }
        if let Some(column) = self.plain.last().filter(|last| dice.one_in(4) && gives_way(last)) {
            let behind = dice.pick(&["", "", " WHERE note IS NOT NULL", " WHERE @ > 1"]);
            let behind = if Gap::PartialUnique.is_open() { "" } else { behind };
            let behind = behind.replace('@', column);
            let head = format!("CREATE UNIQUE INDEX {0}_{column} ON {0} (", self.name);
            let tail = format!("){behind}");
            indexes.push(Statement { head, parts: vec![column.clone()], tail });
        }
        indexes
    }
}
