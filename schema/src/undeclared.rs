//! Undeclared references: columns named like the key of another table, which the file does not declare as references.
//!
//! Such a column travels as a bare number, and a number means another row on another machine. Nobody but a person can
//! say what a column means, so those that look like it are named, with what to write, until a person says yes or no:
//! by `check`, `track`, and among what needs a person.
//!
//! ```text
//!   named like a key   see `names`; nothing of the file is read for it
//!   its values         each is a key there, by the key's index; the first that is none leaves the column out
//!   no value yet       the name alone says it, where it is plain and says that the column holds a key
//! ```

mod names;

use crate::error::Doing as _;
use crate::trigger::quote;
use crate::tx::Tx;
use crate::{Affinity, Result, Table};
use names::{Child, Named, Names, Parent};
use std::sync::Arc;

/// A column that looks like a reference which the file does not declare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undeclared {
    /// Its table.
    pub child: String,
    /// The column.
    pub column: String,
    /// The table whose rows it seems to mean.
    pub parent: String,
}

/// What the values of a column say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Values {
    None,
    AllAreKeys,
    SomeIsNone,
}

/// A column that looks like a reference.
struct Guess<'t> {
    child: &'t Table,
    column: &'t str,
    parent: &'t Table,
}

impl Tx<'_> {
    /// Columns of tracked tables that look like undeclared references, but for those of which a person said that they are
    /// none. `of`: those from or to these tables; none: from or to any.
    pub(crate) fn undeclared(&self, of: Option<&[String]>) -> Result<Vec<Undeclared>> {
        let catalogue = Arc::clone(&self.catalogue);
        let here = catalogue.tables.iter().filter(|table| !table.internal() && !table.away);
        let here: Vec<&Table> = here.map(AsRef::as_ref).collect();
        // A key that means something is the same on every machine.
        let numbered: Vec<(&Table, Parent<'_>)> = here
            .iter()
            .filter_map(|table| {
                let key = &table.at(table.number?)?.name;
                Some((*table, Parent { table: &table.name, key }))
            })
            .collect();
        let parents: Vec<Parent<'_>> = numbered.iter().map(|(_, parent)| *parent).collect();
        let words = Names::of(&parents);
        let is_asked = |table: &Table| {
            of.is_none_or(|of| of.iter().any(|name| name.eq_ignore_ascii_case(&table.name)))
        };
        let mut found = Vec::new();
        for &child in &here {
            let mut answered = self.references_of(&child.name)?;
            answered.extend(self.no_references_of(&child.name)?);
            for column in &child.columns {
                if answered.contains(&column.name.to_ascii_lowercase()) {
                    continue;
                }
                let like = words.of_column(Child { table: &child.name, column: &column.name });
                for named in like {
                    let Some((parent, _)) = numbered.get(named.parent) else { continue };
                    let guess = Guess { child, column: &column.name, parent };
                    if (is_asked(child) || is_asked(parent)) && self.looks_like_it(&guess, named)? {
                        found.extend(guess.told());
                        break;
                    }
                }
            }
        }
        Ok(found)
    }

    fn looks_like_it(&self, guess: &Guess<'_>, named: Named) -> Result<bool> {
        let is_number = |column: &str| {
            let declared = guess.child.column(column).map(|(_, column)| column.affinity);
            declared == Some(Affinity::Integer)
        };
        let values = self.guessed_values(guess)?;
        let is_plain = named.says_key && named.is_plain() && is_number(guess.column);
        Ok(values == Values::AllAreKeys || (values == Values::None && is_plain))
    }

    fn guessed_values(&self, guess: &Guess<'_>) -> Result<Values> {
        let ask = |sql: &str| {
            self.conn
                .query_row(sql, [], |row| row.get::<_, bool>(0))
                .doing("look for references that are not declared")
        };
        let (child, column) = (quote(&guess.child.name), quote(guess.column));
        let key = guess.parent.number.and_then(|number| guess.parent.at(number));
        let key = quote(key.map_or("rowid", |key| &key.name));
        let parent = quote(&guess.parent.name);
        let is_any =
            format!("SELECT EXISTS (SELECT 1 FROM {child} AS c WHERE c.{column} IS NOT NULL");
        let is_key = format!("EXISTS (SELECT 1 FROM {parent} AS p WHERE p.{key} = c.{column})");
        Ok(if ask(&format!("{is_any} AND NOT {is_key})"))? {
            Values::SomeIsNone
        } else if ask(&format!("{is_any})"))? {
            Values::AllAreKeys
        } else {
            Values::None
        })
    }
}

impl Guess<'_> {
    /// As it is told; nothing where no line can say it.
    fn told(&self) -> Option<Undeclared> {
        let (child, column, parent) = (&self.child.name, self.column, &self.parent.name);
        let can_be_said = !child.contains('=') && !column.contains(['=', '.']);
        can_be_said.then(|| Undeclared {
            child: child.clone(),
            column: column.to_owned(),
            parent: parent.clone(),
        })
    }
}

impl Undeclared {
    /// What declares it, for a shell.
    pub fn flag(&self) -> String {
        let reference = format!("{}.{}={}", self.child, self.column, self.parent);
        format!("--references {}", in_shell(&reference))
    }

    /// What says that it is none.
    pub fn no_flag(&self) -> String {
        let column = format!("{}.{}", self.child, self.column);
        format!("--no-reference {}", in_shell(&column))
    }

    /// The line of a shell that declares it where the tables are tracked.
    pub fn yes(&self) -> String {
        format!("dunlin track {} {}", self.table(), self.flag())
    }

    /// And the one that says that it is none.
    pub fn no(&self) -> String {
        format!("dunlin track {} {}", self.table(), self.no_flag())
    }

    /// For people who begin to track the table.
    pub fn note(&self) -> String {
        let Self { child, column, parent } = self;
        let (yes, no) = (self.yes(), self.no());
        format!(
            "{child}.{column} looks like a reference to {parent} that the schema does not declare, so its numbers may mean other rows on other machines; if it is one: {yes}; if it is none: {no}"
        )
    }

    fn table(&self) -> String {
        let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        if self.child.chars().all(is_word) { self.child.clone() } else { in_shell(&self.child) }
    }
}

/// A word for a shell, whatever is in it.
pub fn in_shell(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use crate::still::{steps, untracked};
    use crate::store::Flush;
    use crate::{Error, Store, Track};

    /// What tracking these tables says of references.
    fn notes(schema: &str) -> Vec<String> {
        let (_folder, _app, mut store) = untracked(schema);
        guesses(&mut store, &Track::default())
    }

    fn guesses(store: &mut Store, track: &Track) -> Vec<String> {
        let notes = store.track(track).unwrap().notes.into_iter();
        notes.filter(|note| note.contains("looks like a reference")).collect()
    }

    /// Customers 1 and 2, and orders with what is said of `customer_id`.
    fn orders(column: &str, values: &str) -> Vec<String> {
        notes(&format!(
            "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO customers VALUES (1, 'a'), (2, 'b');
             CREATE TABLE orders (id INTEGER PRIMARY KEY, {column}); INSERT INTO orders ({}) VALUES {values};",
            column.split(' ').next().unwrap()
        ))
    }

    #[test]
    fn a_column_of_keys_is_named_with_the_line_that_declares_it() {
        let notes = orders("customer_id INTEGER", "(1), (2), (NULL), (1)");
        assert_eq!(
            notes,
            [
                "orders.customer_id looks like a reference to customers that the schema does not declare, so its numbers may mean other rows on other machines; if it is one: dunlin track orders --references 'orders.customer_id=customers'; if it is none: dunlin track orders --no-reference 'orders.customer_id'"
            ]
        );
        // As SQLite compares: a text of digits is found by a number.
        assert_eq!(orders("customer TEXT", "('1'), ('2')").len(), 1);
    }

    #[test]
    fn a_column_with_a_value_that_is_no_key_is_not_named() {
        assert!(orders("customer_id INTEGER", "(1), (3)").is_empty());
        assert!(orders("customer TEXT", "('Ann'), ('Bo')").is_empty());
        let later = (0..2_000).map(|n| format!("({})", if n < 1_990 { 1 } else { 3 }));
        let later: Vec<String> = later.collect();
        assert!(orders("customer_id INTEGER", &later.join(", ")).is_empty(), "the last of many");
    }

    #[test]
    fn without_a_value_the_name_alone_must_say_it() {
        assert_eq!(orders("customer_id INTEGER", "(NULL)").len(), 1);
        for column in ["customer INTEGER", "old_customer_id INTEGER", "customer_id TEXT"] {
            assert!(orders(column, "(NULL)").is_empty(), "{column}");
        }
    }

    #[test]
    fn what_is_declared_is_not_named() {
        assert!(orders("customer_id INTEGER REFERENCES customers (id)", "(1)").is_empty());
        let (_folder, _app, mut store) = untracked(
            "CREATE TABLE customers (id INTEGER PRIMARY KEY); CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER)",
        );
        let reference = ["orders", "Customer_ID", "customers"].map(str::to_owned);
        let [child, column, parent] = reference;
        let declared = Track { references: vec![(child, column, parent)], ..Track::default() };
        assert_eq!(guesses(&mut store, &Track::default()).len(), 1);
        assert_eq!(guesses(&mut store, &Track::default()).len(), 1, "and again");
        assert!(guesses(&mut store, &declared).is_empty());
        assert!(guesses(&mut store, &Track::default()).is_empty());
    }

    #[test]
    fn a_column_of_which_a_person_said_no_is_never_named_again() {
        let (_folder, _app, mut store) = untracked(
            "CREATE TABLE customers (id INTEGER PRIMARY KEY); CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER)",
        );
        let no = |column: &str| Track {
            no_references: vec![("Orders".to_owned(), column.to_owned())],
            ..Track::default()
        };
        assert!(guesses(&mut store, &no("CUSTOMER_ID")).is_empty());
        assert!(guesses(&mut store, &Track::default()).is_empty(), "and again");
        let declared = ["orders", "customer_id", "customers"].map(str::to_owned);
        let [child, column, parent] = declared;
        let yes = Track { references: vec![(child, column, parent)], ..Track::default() };
        store.track(&yes).unwrap();
        let changed = store.catalogue.named("orders").unwrap().references.len();
        assert_eq!(changed, 1, "who thinks better of it may");
        for (column, why) in [("customer_id", "already"), ("nothing", "no such column")] {
            match store.track(&no(column)) {
                Err(Error::BadReference { why: told, .. }) => assert!(told.contains(why), "{told}"),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_no_is_no_reference_that_could_name_a_link() {
        let (_folder, _app, mut store) = untracked(
            "CREATE TABLE a (id INTEGER PRIMARY KEY);
             CREATE TABLE l (id INTEGER PRIMARY KEY, a_id INTEGER NOT NULL UNIQUE)",
        );
        let no = vec![("l".to_owned(), "a_id".to_owned())];
        store.track(&Track { no_references: no, ..Track::default() }).unwrap();
        assert_eq!(store.catalogue.named("l").unwrap().naming.word(), "integer");
    }

    #[test]
    fn a_key_that_is_the_same_on_every_machine_is_nothing_to_declare() {
        let (_folder, _app, mut store) = untracked(
            "CREATE TABLE part (id INTEGER PRIMARY KEY); INSERT INTO part VALUES (4006633);
             CREATE TABLE line (id INTEGER PRIMARY KEY, part_id INTEGER); INSERT INTO line VALUES (1, 4006633);",
        );
        let natural = Track { natural: vec!["part".to_owned()], ..Track::default() };
        assert!(guesses(&mut store, &natural).is_empty());
    }

    #[test]
    fn tables_that_nobody_asked_for_are_not_looked_at() {
        let (_folder, _app, mut store) = untracked(
            "CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (id INTEGER PRIMARY KEY, a_id INTEGER);
             CREATE TABLE c (id INTEGER PRIMARY KEY)",
        );
        let named = |names: &[&str]| Track {
            tables: Some(names.iter().map(|&name| name.to_owned()).collect()),
            ..Track::default()
        };
        assert!(guesses(&mut store, &named(&["b"])).is_empty(), "a is not tracked");
        assert_eq!(
            guesses(&mut store, &named(&["a"])).len(),
            1,
            "from b, which is tracked already"
        );
        assert!(guesses(&mut store, &named(&["c"])).is_empty());
    }

    #[test]
    fn the_line_can_be_pasted_whatever_the_names_are() {
        let notes = notes(
            "CREATE TABLE \"cook's\" (id INTEGER PRIMARY KEY); CREATE TABLE \"the day\" (id INTEGER PRIMARY KEY, \"cook's id\" INTEGER)",
        );
        assert_eq!(notes.len(), 1);
        let line = notes[0].split_once("dunlin track ").unwrap().1;
        let (yes, no) = line.split_once("; if it is none: dunlin track ").unwrap();
        assert_eq!(yes, r"'the day' --references 'the day.cook'\''s id=cook'\''s'");
        assert_eq!(no, r"'the day' --no-reference 'the day.cook'\''s id'");
    }

    /// What looking costs where so many orders hold these values.
    fn cost(orders: u32, value: &str) -> u64 {
        let (_folder, app, mut store) = untracked(
            "CREATE TABLE customers (id INTEGER PRIMARY KEY); CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER)",
        );
        app.execute_batch(&format!(
            "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {orders})
             INSERT INTO customers SELECT n FROM c; INSERT INTO orders SELECT id, {value} FROM customers"
        ))
        .unwrap();
        store.track(&Track::default()).unwrap();
        steps(&mut store, |store| {
            drop(store.write(Flush::Reads, |tx| tx.undeclared(None)).unwrap());
        })
    }

    #[test]
    fn a_column_that_is_none_costs_the_same_whatever_its_table_holds() {
        let (few, many) = (cost(100, "id + 1000000"), cost(20_000, "id + 1000000"));
        assert!(many <= few + 20, "{many} steps, {few} where it is small");
    }

    #[test]
    fn a_column_that_is_one_costs_a_look_a_value() {
        let (few, many) = (cost(1_000, "id"), cost(20_000, "id"));
        assert!(many < few * 25, "{many} steps for 20 times as many as those of {few}");
    }
}
