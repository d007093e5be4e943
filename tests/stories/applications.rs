//! Applications that nobody designed for syncing, each on three machines: one has rows, one has the
//! empty tables, one was given a copy.
//!
//! Their schemas stand in `tests/schemas`, written anew from what the real ones declare; every row is
//! made up. An application is data here: what it holds, what people do on each machine while these are
//! apart, and what all must say afterwards.

mod calibre;
mod chinook;
mod grocy;
mod sakila;

use std::collections::BTreeMap;

use dunlin_tests::followed::{Followed, Reference, Shown};
use dunlin_tests::lab::{self, Lab, Machine};
use dunlin_tests::northwind;
use rusqlite::Connection;
use serde_json::Value;

/// An application, and its story.
struct Application {
    schema: &'static str,
    rows: &'static str,
    /// Gives a connection of the application the functions that only it has.
    functions: fn(&Connection),
    /// What Dunlin takes for references that the file does not declare, rightly.
    guessed: &'static [&'static str],
    /// References that a person adds, because Dunlin does not guess them.
    added: &'static [&'static str],
    /// Tables that `track --all` passes over, and a person names.
    named: &'static [&'static str],
    /// Triggers whose work stays on the machine where they run, which `check` says.
    alone: &'static [&'static str],
    /// Rows that are shown otherwise than they were written, in the end: table and reason.
    aside: &'static [(&'static str, &'static str)],
    /// References that the application leaves behind when it deletes what they refer to: `child.column`.
    loose: &'static [&'static str],
    /// Columns that hold numbers of other rows in a way that nobody can declare: table and column.
    untold: &'static [(&'static str, &'static str)],
    /// What is written on each before any hears of another's, with its name for WHO: so no number means the same everywhere.
    each: &'static str,
    /// What people write on a, b and c besides.
    apart: [&'static str; 3],
    /// What every machine says in the end: a question and its answer.
    end: &'static [(&'static str, &'static str)],
    /// A question about numbers that not all answer the same, since each machine counts for itself.
    own_numbers: &'static str,
}

impl Application {
    /// Writes as the application does, in one transaction.
    fn write(&self, machine: &Machine, sql: &str) {
        let db = machine.app();
        (self.functions)(&db);
        let done = db.execute_batch(&format!("BEGIN IMMEDIATE; {sql}; COMMIT;"));
        done.unwrap_or_else(|error| panic!("{}: {error}", machine.name));
    }

    /// Tracks with what Dunlin guesses, and with what it does not.
    fn track(&self, machine: &Machine) {
        assert_eq!(guesses(machine), self.guessed);
        let references: Vec<&str> = [self.guessed, self.added].concat();
        let (those, others): (Vec<&str>, Vec<&str>) =
            references.into_iter().partition(|text| !self.is_of_named(text));
        let yes = those.iter().flat_map(|text| ["--references", text]);
        machine.ok(&["track", "--all"].into_iter().chain(yes).collect::<Vec<_>>());
        if !self.named.is_empty() {
            let yes = others.iter().flat_map(|text| ["--references", text]);
            let named = ["track"].into_iter().chain(self.named.iter().copied());
            machine.ok(&named.chain(yes).collect::<Vec<_>>());
        }
        let checked = machine.cli(&["track", "--all", "--dry-run", "--json"]).json();
        let triggers = checked["triggers"].as_array().unwrap().iter();
        let odd =
            triggers.filter(|trigger| trigger["runs"] == "alone" || trigger["runs"] == "never");
        let odd: Vec<&str> = odd.map(|trigger| trigger["name"].as_str().unwrap()).collect();
        assert_eq!(odd, self.alone);
    }

    /// Is it a reference of a table that `track --all` passes over?
    fn is_of_named(&self, reference: &str) -> bool {
        self.named.iter().any(|table| reference.starts_with(&format!("{table}.")))
    }

    fn references(&self) -> Vec<Reference> {
        let all = self.guessed.iter().chain(self.added);
        all.map(|text| Reference::read(text).unwrap()).collect()
    }

    /// What a machine's tracked tables show, none of whose references points nowhere, but for those that are loose.
    fn shown(&self, machine: &Machine) -> Shown {
        let db = machine.app();
        let followed = Followed::read(&db, &tracked(&db), &self.references());
        let broken = followed.broken().into_iter();
        let kept =
            broken.filter(|broken| !self.loose.iter().any(|loose| broken.starts_with(loose)));
        assert_eq!(kept.collect::<Vec<_>>(), [""; 0], "{}", machine.name);
        followed.shown(self.untold)
    }

    /// The machines are in step and show the same, and their files are sound; what they show.
    fn like(&self, machines: [&Machine; 3]) -> Shown {
        lab::in_step(&machines);
        for machine in machines {
            machine.is_sound();
        }
        let [first, others @ ..] = machines.map(|machine| self.shown(machine));
        for (machine, other) in machines.iter().skip(1).zip(&others) {
            for (table, rows) in &first {
                let lacks = |these: &[String], those: &[String]| -> Vec<String> {
                    these.iter().filter(|row| !those.contains(row)).cloned().collect()
                };
                let theirs = other.get(table).map_or(&[][..], Vec::as_slice);
                let (only_first, only_here) = (lacks(rows, theirs), lacks(theirs, rows));
                let name = &machine.name;
                assert_eq!(only_first, only_here, "{table}, first and {name}");
                assert!(rows == theirs, "{table}, first and {name}: equal rows differ in number");
            }
            assert!(
                first.keys().eq(other.keys()),
                "tables of {}: {:?}",
                machine.name,
                other.keys()
            );
        }
        first
    }

    /// The story.
    fn goes_on_three_machines(&self) {
        let lab = Lab::new();
        let [mut a, mut b] = ["a", "b"].map(|name| lab.machine(name, self.schema));
        self.write(&a, self.rows);
        self.track(&a);
        let at_first = self.shown(&a);
        // The copy is made of a tracked file whose daemon does not run.
        northwind::copy(&a.database(), &lab.file("c"));
        let mut c = lab.adopt("c");
        for machine in [&b, &c] {
            machine.ok(&["track", "--all"]);
        }
        for machine in [&mut a, &mut b, &mut c] {
            machine.start();
        }
        let token = a.ok(&["invite", "--uses", "2"]);
        b.join(&token);
        c.join(&token);
        assert_eq!(self.like([&a, &b, &c]), at_first, "nothing of a was lost on the way");

        for machine in [&mut a, &mut b, &mut c] {
            machine.stop();
        }
        let first = counts(&at_first);
        let mut rows = first.clone();
        for (machine, written) in [&a, &b, &c].into_iter().zip(self.apart) {
            self.write(machine, &self.each.replace("WHO", &machine.name));
            self.write(machine, written);
            for (table, now) in counts(&self.shown(machine)) {
                let more = now - first[&table];
                rows.entry(table).and_modify(|rows| *rows += more);
            }
        }
        for machine in [&mut a, &mut b, &mut c] {
            machine.start();
        }
        let in_the_end = self.like([&a, &b, &c]);
        for machine in [&a, &b, &c] {
            let held = machine.cli(&["held", "--json"]).json();
            let held = held["held"].as_array().unwrap().iter();
            let text = |row: &Value, word: &str| row[word].as_str().unwrap().to_owned();
            let aside: Vec<_> = held.map(|row| (text(row, "table"), text(row, "reason"))).collect();
            let expected =
                self.aside.iter().map(|(table, why)| (table.to_string(), why.to_string()));
            assert_eq!(aside, expected.collect::<Vec<_>>(), "{}", machine.name);
        }
        assert_eq!(counts(&in_the_end), rows, "what was written and deleted on each");
        for machine in [&a, &b, &c] {
            for (question, answer) in self.end {
                let said = self.ask(machine, question);
                assert_eq!(said, *answer, "{}: {question}", machine.name);
            }
        }
        let numbers = [&a, &b, &c].map(|machine| self.ask(machine, self.own_numbers));
        assert!(
            numbers.iter().any(|other| *other != numbers[0]),
            "each counts by itself: {numbers:?}"
        );
    }

    /// Asks as the application does.
    fn ask(&self, machine: &Machine, question: &str) -> String {
        let db = machine.app();
        (self.functions)(&db);
        let asked = db.query_row(question, [], |row| row.get::<_, Option<String>>(0));
        let answer = asked.unwrap_or_else(|error| panic!("{}: {error}: {question}", machine.name));
        answer.unwrap_or_else(|| "NULL".to_owned())
    }
}

fn counts(shown: &Shown) -> BTreeMap<String, i64> {
    let count = |rows: &Vec<String>| i64::try_from(rows.len()).unwrap();
    shown.iter().map(|(table, rows)| (table.clone(), count(rows))).collect()
}

/// The columns that look like references, each with the table that it seems to mean.
fn guesses(machine: &Machine) -> Vec<String> {
    let checked = machine.cli(&["track", "--all", "--dry-run", "--json"]).json();
    let decide = checked["decide"].as_array().unwrap().iter();
    let mut guesses: Vec<String> = decide
        .filter(|decide| decide["kind"] == "reference")
        .map(|decide| {
            let [table, column, parent] =
                ["table", "column", "parent"].map(|word| decide[word].as_str().unwrap());
            format!("{table}.{column}={parent}")
        })
        .collect();
    guesses.sort();
    guesses
}

/// The application's tables that are tracked.
fn tracked(db: &Connection) -> Vec<String> {
    let mut names = db
        .prepare(
            "SELECT DISTINCT tbl_name FROM sqlite_schema
             WHERE type = 'trigger' AND name GLOB '_dunlin_i_*' ORDER BY tbl_name",
        )
        .unwrap();
    let names = names.query_map([], |row| row.get(0)).unwrap();
    names.map(Result::unwrap).collect()
}

/// An application that has no functions of its own.
fn none(_: &Connection) {}

#[test]
fn chinook_goes_on_three_machines() {
    chinook::CHINOOK.goes_on_three_machines();
}

#[test]
fn sakila_goes_on_three_machines_with_triggers_that_stamp_each_row() {
    sakila::SAKILA.goes_on_three_machines();
}

#[test]
fn grocy_goes_on_three_machines_with_references_that_only_people_know() {
    grocy::GROCY.goes_on_three_machines();
}

#[test]
fn calibre_goes_on_three_machines_whose_daemons_lack_its_functions() {
    calibre::CALIBRE.goes_on_three_machines();
}
