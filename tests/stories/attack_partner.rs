//! A paired partner whose key fell into the wrong hands, and strangers at the door, against a real daemon.
//!
//! After each of them the daemon lives, nothing of the application's has changed that should not, memory is where
//! it was, the partner is named, and no secret stands anywhere.

mod claims;
mod frames;
mod load;
mod names;
mod stamps;
mod strangers;
mod values;

use std::sync::atomic::{AtomicU64, Ordering};

use dunlin_tests::lab::partner::{Partner, now};
use dunlin_tests::lab::{Lab, Machine, SOON, until_true};
use serde_json::{Value, json};

const SHOP: &str = "
    CREATE TABLE parts (id INTEGER PRIMARY KEY, name TEXT NOT NULL, price REAL CHECK (price >= 0));
    CREATE TABLE exact (id INTEGER PRIMARY KEY, amount INTEGER NOT NULL, twice INTEGER AS (amount * 2)) STRICT;
    CREATE TABLE own (id INTEGER PRIMARY KEY, secret TEXT);
    INSERT INTO parts (name, price) VALUES ('brake pad', 12.5), ('bulb', 3), ('Bremsbelag é', 0.1);
    INSERT INTO own (secret) VALUES ('mine alone');";

/// What a single attack may cost at most.
const GROWTH_MAX: u64 = 50 << 20;

/// A machine that runs, with two tables in step and one that stays its own.
fn till(lab: &Lab) -> Machine {
    let mut till = lab.machine("till", SHOP);
    till.ok(&["track", "parts", "exact"]);
    till.reword("[[database]]\n", "[[database]]\nuntracked = [\"own\"]\n");
    till.start();
    till
}

/// How things stood before an attack.
struct Before {
    rows: String,
    memory: u64,
}

const ROWS: &str = "SELECT group_concat(id || name || price) || (SELECT group_concat(id || secret) FROM own) || (SELECT count(*) FROM exact) FROM parts";

impl Before {
    fn of(machine: &Machine) -> Self {
        Self { rows: machine.ask(ROWS), memory: machine.memory() }
    }

    /// The daemon lives and works, and is no larger; no row changed.
    fn still(&self, machine: &Machine) {
        assert_eq!(machine.ask(ROWS), self.rows, "rows changed");
        self.lives(machine);
    }

    /// The daemon lives and works, is no larger, and kept its secrets.
    fn lives(&self, machine: &Machine) {
        machine.status().unwrap();
        let grown = machine.memory().saturating_sub(self.memory);
        assert!(grown < GROWTH_MAX, "{} MiB more", grown >> 20);
        let told = machine.logged() + &machine.ok(&["history", "--json"]);
        assert!(!told.contains("panicked"), "{told}");
        let pem = std::fs::read_to_string(machine.data().join("key")).unwrap();
        let secret = pem.lines().nth(1).unwrap().to_owned();
        assert!(!told.contains(&secret), "the key is in the log");
        // The application's own write is folded as ever.
        machine.write("INSERT INTO parts (name) VALUES ('after')");
        until_true("folded", SOON, || machine.unfolded() == 0);
        machine.write("DELETE FROM parts WHERE name = 'after'");
        until_true("folded", SOON, || machine.unfolded() == 0);
        machine.is_sound();
    }
}

/// Something about this partner stands where a person looks.
fn is_named(machine: &Machine, partner: &str, words: &[&str]) {
    let told = || machine.status().unwrap()["attention"].to_string();
    until_true(&format!("{partner} named: {}", told()), SOON, || {
        let told = told();
        told.contains(partner) && words.iter().all(|word| told.contains(word))
    });
}

/// A version of a row as it stands in a page; its origin is the page's first.
struct Version<'v> {
    values: &'v str,
    uuid: String,
    stamp: String,
    seq: u64,
    deleted: bool,
}

/// A stamp, from milliseconds.
fn stamp(millis: u64) -> String {
    (millis << 16).to_string()
}

fn uuid() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    format!("00000000-0000-8000-8000-{:012x}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A new version of a new row, written now.
fn row(values: &str, seq: u64) -> Version<'_> {
    Version { values, uuid: uuid(), stamp: stamp(now()), seq, deleted: false }
}

impl Version<'_> {
    fn text(&self) -> String {
        let Self { values, uuid, stamp, seq, deleted } = self;
        let comma = if values.is_empty() { "" } else { "," };
        format!(r#"[{values}{comma}"{uuid}",{stamp},0,{seq},{deleted},[],null,null,1]"#)
    }
}

/// A table of a page, as text.
fn table(name: &str, columns: &[&str], rows: &[Version<'_>]) -> String {
    let own =
        ["_row", "_stamp", "_origin", "_seq", "_deleted", "_seen", "_number", "_size", "_together"];
    let columns: Vec<&str> = columns.iter().copied().chain(own).collect();
    let rows: Vec<String> = rows.iter().map(Version::text).collect();
    format!("[{},{},[{}]]", json!(name), json!(columns), rows.join(","))
}

/// A page of an origin, as text. `last`: the knowledge that it ends with.
fn page(origin: &str, tables: &str, (from, next): (u64, u64), last: Option<&Value>) -> String {
    let end = last.map_or_else(
        || r#""more":true"#.to_owned(),
        |known| format!(r#""more":false,"last":{{"knowledge":{known},"floor":0}}"#),
    );
    format!(
        r#"{{"origins":["{origin}"],"tables":[{tables}],"withheld":[],"from":{from},"next":{next},{end}}}"#
    )
}
