//! The application's schema, version by version, and the statements with which its tools go from one to the next.
//!
//! A column has a true name here, which no engine ever sees: by it the judge knows what a person wrote where.

use dunlin_schema::shop::Dice;

/// What becomes of a row whose parent is deleted.
const ACTIONS: [&str; 2] = ["CASCADE", "SET NULL"];

/// A column.
#[derive(Clone, Debug, Default)]
pub struct Column {
    /// What it really is.
    pub is: String,
    /// What it is called.
    pub name: String,
    /// Its type.
    pub declared: String,
    /// NOT NULL.
    pub not_null: bool,
    /// Its DEFAULT.
    pub default: Option<String>,
    /// It refuses what begins with `bad`.
    pub checked: bool,
    /// The table that it refers to, and what happens when a row of that is deleted.
    pub refers: Option<(&'static str, &'static str)>,
    /// A unique index is on it.
    pub unique: bool,
}

/// A table, with a text key called `code`.
#[derive(Clone, Debug)]
pub struct Table {
    /// What it really is.
    pub is: &'static str,
    /// What it is called.
    pub name: String,
    /// Its columns but the key.
    pub columns: Vec<Column>,
}

/// The tables, parents first.
#[derive(Clone, Debug)]
pub struct Schema(pub Vec<Table>);

/// What an upgrade does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Adds a column without a default.
    AddNull,
    /// Adds one with a default.
    AddDefault,
    /// Adds one that is NOT NULL, filled with one value.
    AddFilled,
    /// Adds one and computes its values from another.
    AddComputed,
    /// Adds one, and sets it to one value.
    AddSet,
    /// Drops a column.
    Drop,
    /// Renames one.
    RenameColumn,
    /// Renames the table.
    RenameTable,
    /// Makes the table anew, as it was.
    #[default]
    Remake,
    /// Makes a column NOT NULL.
    NotNull,
    /// Adds a CHECK, and mends what it would refuse.
    Check,
    /// Changes a column's type.
    Type,
    /// Adds a unique index, and makes the values differ.
    Unique,
    /// Puts values in other units under the same name.
    OtherUnit,
    /// Renames a column and makes another one under its old name.
    GiveNameAgain,
}

/// The commoner ones stand here more than once.
const KINDS: [Kind; 17] = [
    Kind::AddNull,
    Kind::AddDefault,
    Kind::AddFilled,
    Kind::AddComputed,
    Kind::AddSet,
    Kind::Drop,
    Kind::RenameColumn,
    Kind::RenameColumn,
    Kind::RenameTable,
    Kind::Remake,
    Kind::Remake,
    Kind::NotNull,
    Kind::Check,
    Kind::Type,
    Kind::Unique,
    Kind::OtherUnit,
    Kind::GiveNameAgain,
];

/// One step from a version of the schema to the next.
#[derive(Clone, Debug)]
pub struct Upgrade {
    /// Its number.
    pub number: usize,
    /// What it does.
    pub kind: Kind,
    /// The table that it does it to.
    pub table: &'static str,
    /// The column that it is about.
    pub column: String,
    /// The column that it makes.
    pub made: String,
    /// The schema before.
    pub old: Schema,
    /// The schema after.
    pub new: Schema,
}

/// How a tool does it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// In place.
    #[default]
    Alter,
    /// A new table under another name, filled, put in the place of the old one.
    Anew,
    /// The old one is put away under another name, and kept.
    Kept,
    /// Dropped, and made again from a copy, with references on: its children fall with it.
    Fallen,
}

impl Way {
    /// Is the table another one afterwards?
    pub fn remakes(self) -> bool {
        self != Self::Alter
    }
}

fn column(table: &str, name: &str) -> Column {
    Column {
        is: format!("{table}.{name}"),
        name: name.to_owned(),
        declared: "TEXT".to_owned(),
        ..Column::default()
    }
}

impl Schema {
    /// What every machine begins with.
    fn first(dice: &mut Dice) -> Self {
        let act = dice.pick(&ACTIONS);
        let refers = |table: &str, name: &str, to, act| Column {
            refers: Some((to, act)),
            ..column(table, name)
        };
        let mut part = vec![refers("part", "maker", "maker", act)];
        part.extend(["name", "price", "bar", "note"].map(|name| column("part", name)));
        part.push(Column { declared: "INTEGER".to_owned(), ..column("part", "n") });
        let mut sale = vec![refers("sale", "part", "part", "CASCADE")];
        sale.extend(["who", "memo"].map(|name| column("sale", name)));
        let maker = ["name", "town"].map(|name| column("maker", name)).to_vec();
        let table = |is: &'static str, columns| Table { is, name: is.to_owned(), columns };
        Self(vec![table("maker", maker), table("part", part), table("sale", sale)])
    }

    /// A table.
    pub fn table(&self, is: &str) -> &Table {
        self.0.iter().find(|table| table.is == is).unwrap()
    }

    fn table_mut(&mut self, is: &str) -> &mut Table {
        self.0.iter_mut().find(|table| table.is == is).unwrap()
    }

    /// The statements that make all of it.
    pub fn statements(&self) -> String {
        let tables = self.0.iter().map(|table| {
            let mut made = vec![self.create(table.is, &table.name)];
            made.extend(self.indexes(table.is));
            made.join("; ")
        });
        tables.collect::<Vec<_>>().join("; ")
    }

    /// The statement that makes a table, under this name.
    fn create(&self, is: &str, name: &str) -> String {
        let columns = self.table(is).columns.iter().map(|column| {
            let mut text = format!(", \"{}\" {}", column.name, column.declared);
            if column.not_null {
                text += " NOT NULL";
            }
            if let Some(default) = &column.default {
                text.push_str(&[" DEFAULT '", default, "'"].concat());
            }
            if column.checked {
                text.push_str(&[" CHECK (\"", &column.name, "\" NOT LIKE 'bad%')"].concat());
            }
            if let Some((parent, act)) = column.refers {
                let parent = &self.table(parent).name;
                text.push_str(&[" REFERENCES \"", parent, "\" ON DELETE ", act].concat());
            }
            text
        });
        format!("CREATE TABLE \"{name}\" (code TEXT PRIMARY KEY{})", columns.collect::<String>())
    }

    fn indexes(&self, is: &str) -> Vec<String> {
        let table = self.table(is);
        let unique = table.columns.iter().filter(|column| column.unique);
        let index = |column: &Column| {
            format!(
                "CREATE UNIQUE INDEX \"by_{is}_{}\" ON \"{}\" (\"{0}\")",
                column.name, table.name
            )
        };
        unique.map(index).collect()
    }
}

impl Table {
    /// A column.
    pub fn column(&self, is: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.is == is)
    }

    fn column_mut(&mut self, is: &str) -> &mut Column {
        self.columns.iter_mut().find(|column| column.is == is).unwrap()
    }

    /// The names of these columns, as a statement lists them after the key.
    pub fn list(columns: &[&Column]) -> String {
        let names: Vec<String> =
            columns.iter().map(|column| format!(", \"{}\"", column.name)).collect();
        names.concat()
    }

    /// A key of it.
    pub fn key(&self, number: i64) -> String {
        let first: String = self.is.chars().take(1).collect();
        format!("{first}{number}")
    }

    fn is_called(&self, name: &str) -> bool {
        self.columns.iter().any(|column| column.name == name)
    }
}

/// The history of an application: the schema that it began with, and what became of it.
pub fn history(dice: &mut Dice) -> (Schema, Vec<Upgrade>) {
    let first = Schema::first(dice);
    let mut upgrades: Vec<Upgrade> = Vec::new();
    for number in 1..=dice.pick(&[1, 2, 3, 4, 5]) {
        let old = upgrades.last().map_or(&first, |upgrade| &upgrade.new).clone();
        let table = dice.pick(&["part", "part", "maker", "sale"]);
        let kind = dice.pick(&KINDS);
        upgrades.extend(upgrade(dice, number, (kind, table), old));
    }
    (first, upgrades)
}

/// One of these.
pub fn any<'t, T>(dice: &mut Dice, all: &'t [T]) -> Option<&'t T> {
    let last = i64::try_from(all.len()).unwrap() - 1;
    all.get(usize::try_from(dice.between(0, last)).unwrap())
}

/// An upgrade of this kind, where the table has what it needs.
fn upgrade(
    dice: &mut Dice,
    number: usize,
    (kind, table): (Kind, &'static str),
    old: Schema,
) -> Option<Upgrade> {
    let before = old.table(table).clone();
    let is_plain = |column: &&Column| {
        column.refers.is_none() && !column.unique && !column.checked && column.declared == "TEXT"
    };
    let name_is_free = |column: &Column| !before.is_called(&format!("{}_old", column.name));
    let candidates: Vec<&Column> = match kind {
        Kind::RenameColumn => before.columns.iter().filter(|column| !column.unique).collect(),
        Kind::OtherUnit | Kind::GiveNameAgain => {
            before.columns.iter().filter(is_plain).filter(|column| name_is_free(column)).collect()
        }
        Kind::Type => before.columns.iter().filter(|column| column.declared == "INTEGER").collect(),
        Kind::Unique => {
            let is_bar = |column: &&Column| column.is == "part.bar" && column.name == "bar";
            before.columns.iter().filter(is_bar).filter(|column| !column.unique).collect()
        }
        _ => before.columns.iter().filter(is_plain).collect(),
    };
    let is_about_one = !matches!(kind, Kind::Remake | Kind::RenameTable);
    if (is_about_one && candidates.is_empty()) || (kind == Kind::Drop && candidates.len() < 2) {
        return None;
    }
    let about = any(dice, &candidates).map(|column| column.is.clone()).unwrap_or_default();
    let made = format!("{table}.c{number}");
    let mut new = old.clone();
    change(new.table_mut(table), kind, (&about, &made), number);
    Some(Upgrade { number, kind, table, column: about, made, old, new })
}

/// Changes a table as an upgrade does.
fn change(table: &mut Table, kind: Kind, (about, made): (&str, &str), number: usize) {
    let fresh = Column { is: made.to_owned(), ..column(table.is, &format!("c{number}")) };
    match kind {
        Kind::AddNull | Kind::AddComputed | Kind::AddSet => table.columns.push(fresh),
        Kind::AddDefault => {
            table.columns.push(Column { default: Some(format!("d{number}")), ..fresh });
        }
        Kind::AddFilled => table.columns.push(Column { not_null: true, ..fresh }),
        Kind::Drop => table.columns.retain(|column| column.is != about),
        Kind::RenameColumn => table.column_mut(about).name = format!("r{number}"),
        Kind::RenameTable => table.name = format!("{}{number}", table.is),
        Kind::Remake => {}
        Kind::NotNull => table.column_mut(about).not_null = true,
        Kind::Check => table.column_mut(about).checked = true,
        Kind::Type => "VARCHAR".clone_into(&mut table.column_mut(about).declared),
        Kind::Unique => table.column_mut(about).unique = true,
        Kind::OtherUnit => {
            let name = table.column_mut(about).name.clone();
            table.columns.retain(|column| column.is != about);
            table.columns.push(Column { name, declared: "NUMERIC(9)".to_owned(), ..fresh });
        }
        Kind::GiveNameAgain => {
            let old = table.column_mut(about);
            let name = old.name.clone();
            old.name += "_old";
            table.columns.push(Column { name, ..fresh });
        }
    }
}

impl Upgrade {
    /// One of the ways in which tools do it.
    pub fn way(&self, dice: &mut Dice) -> Way {
        let in_place =
            !matches!(self.kind, Kind::Remake | Kind::NotNull | Kind::Check | Kind::Type);
        if self.kind == Kind::Unique || (in_place && dice.one_in(2)) {
            return Way::Alter;
        }
        match self.kind {
            Kind::Remake
            | Kind::AddNull
            | Kind::AddDefault
            | Kind::RenameColumn
            | Kind::Check
            | Kind::NotNull => dice.pick(&[Way::Anew, Way::Anew, Way::Kept, Way::Fallen]),
            _ => Way::Anew,
        }
    }

    /// What a new column holds; of one that was there, what it held.
    fn value(&self, column: &Column) -> String {
        let old = self.old.table(self.table);
        let name = |is: &str| old.column(is).map(|column| format!("\"{}\"", column.name));
        let about = name(&self.column).unwrap_or_default();
        match (self.kind, name(&column.is)) {
            (Kind::AddDefault | Kind::AddFilled | Kind::AddSet, None) => {
                format!("'d{}'", self.number)
            }
            (Kind::AddComputed, None) => format!("'k' || {about}"),
            (Kind::OtherUnit, None) => format!("{about} || '00'"),
            (Kind::GiveNameAgain, None) => format!("'u' || {about}"),
            (Kind::NotNull, Some(name)) if column.is == self.column => {
                format!("coalesce({name}, '')")
            }
            (Kind::Check, Some(name)) if column.is == self.column => {
                format!("replace({name}, 'bad', 'ok')")
            }
            (_, Some(name)) => name,
            (_, None) => "NULL".to_owned(),
        }
    }

    /// The statements, in order.
    pub fn statements(&self, way: Way) -> Vec<String> {
        let (old, new) = (self.old.table(self.table), self.new.table(self.table));
        if way == Way::Alter {
            return self.in_place();
        }
        let names = Table::list(&new.columns.iter().collect::<Vec<_>>());
        let values: Vec<String> =
            new.columns.iter().map(|column| format!(", {}", self.value(column))).collect();
        let fill = |to: &str, from: &str| {
            let values = values.concat();
            format!("INSERT INTO \"{to}\" (code{names}) SELECT code{values} FROM \"{from}\"")
        };
        let drop = |name: &str| format!("DROP TABLE \"{name}\"");
        let rename = |from: &str, to: &str| format!("ALTER TABLE \"{from}\" RENAME TO \"{to}\"");
        let make = |name: &str| self.new.create(self.table, name);
        let mut all = match way {
            Way::Alter => Vec::new(),
            Way::Anew => {
                let fresh = format!("new__{}", self.table);
                let mut all = Vec::new();
                if old.name != new.name {
                    all.push(rename(&old.name, &new.name));
                }
                all.extend([make(&fresh), fill(&fresh, &new.name), drop(&new.name)]);
                all.push(rename(&fresh, &new.name));
                all
            }
            Way::Kept => {
                let kept = self.kept();
                let mut all =
                    vec![rename(&old.name, &kept), make(&new.name), fill(&new.name, &kept)];
                let indexes = old.columns.iter().filter(|column| column.unique);
                all.extend(
                    indexes.map(|column| format!("DROP INDEX \"by_{}_{}\"", old.is, column.name)),
                );
                all
            }
            Way::Fallen => vec![
                format!("CREATE TABLE bak AS SELECT * FROM \"{}\"", old.name),
                drop(&old.name),
                make(&new.name),
                fill(&new.name, "bak"),
                drop("bak"),
            ],
        };
        all.extend(self.new.indexes(self.table));
        all
    }

    /// What the old table is called that is put away.
    pub fn kept(&self) -> String {
        format!("{}_before{}", self.old.table(self.table).name, self.number)
    }

    fn in_place(&self) -> Vec<String> {
        let (old, new) = (self.old.table(self.table), self.new.table(self.table));
        let alter = |what: &str| format!("ALTER TABLE \"{}\" {what}", old.name);
        let was = old.column(&self.column).map(|column| column.name.clone()).unwrap_or_default();
        let is = new.column(&self.column).map(|column| column.name.clone()).unwrap_or_default();
        let made = new.column(&self.made);
        let add = || {
            let made = made.unwrap();
            let value = self.value(made);
            let more = match self.kind {
                Kind::AddDefault => format!(" DEFAULT {value}"),
                Kind::AddFilled => format!(" NOT NULL DEFAULT {value}"),
                _ => String::new(),
            };
            alter(&format!("ADD COLUMN \"{}\" {}{more}", made.name, made.declared))
        };
        let set = |from: &str| {
            let made = made.unwrap();
            let value = self.value(made).replace(&format!("\"{was}\""), &format!("\"{from}\""));
            format!("UPDATE \"{}\" SET \"{}\" = {value}", old.name, made.name)
        };
        let rename = |to: &str| alter(&format!("RENAME COLUMN \"{was}\" TO \"{to}\""));
        match self.kind {
            Kind::AddNull | Kind::AddDefault | Kind::AddFilled => vec![add()],
            Kind::AddComputed | Kind::AddSet => vec![add(), set(&was)],
            Kind::Drop => vec![alter(&format!("DROP COLUMN \"{was}\""))],
            Kind::RenameColumn => vec![rename(&is)],
            Kind::RenameTable => vec![alter(&format!("RENAME TO \"{}\"", new.name))],
            Kind::GiveNameAgain => vec![rename(&is), add(), set(&is)],
            Kind::OtherUnit => {
                let aside = format!("{was}_old");
                let drop = alter(&format!("DROP COLUMN \"{aside}\""));
                vec![rename(&aside), add(), set(&aside), drop]
            }
            Kind::Unique => {
                let mut all = vec![format!(
                    "UPDATE \"{0}\" SET bar = bar || '-' || code WHERE EXISTS
                     (SELECT 1 FROM \"{0}\" AS x WHERE x.bar = \"{0}\".bar AND x.rowid < \"{0}\".rowid)",
                    old.name
                )];
                all.extend(self.new.indexes(self.table));
                all
            }
            Kind::Remake | Kind::NotNull | Kind::Check | Kind::Type => Vec::new(),
        }
    }
}
