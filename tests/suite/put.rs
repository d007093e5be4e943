//! Rows from scripts: what `putdata` makes of a dump.

use dunlin_schema::{Cell, Dump, DumpSince, Error, PutTable};
use dunlin_tests::sim::story::{same, whole};
use dunlin_tests::sim::{Lab, Machine, level};
use std::time::Duration;

const SHOP: &str = "
CREATE TABLE cust (id INTEGER PRIMARY KEY, name TEXT CHECK (name <> 'refused'), email TEXT UNIQUE);
CREATE TABLE ord (id INTEGER PRIMARY KEY, cust_id INTEGER NOT NULL REFERENCES cust (id), note TEXT);
CREATE TABLE price (code TEXT PRIMARY KEY, cents INTEGER NOT NULL);
";
const ONE: &str = "11111111-1111-4111-8111-111111111111";
const TWO: &str = "22222222-2222-4222-8222-222222222222";

fn text(text: &str) -> Cell {
    Cell::Text(text.into())
}

fn table(name: &str, columns: &[&str], rows: Vec<Vec<Cell>>) -> PutTable {
    let columns = columns.iter().map(|&column| column.to_owned()).collect();
    PutTable { name: name.to_owned(), columns, rows }
}

/// The lab's time as a dump says it.
fn at(machine: &Machine, later: i64) -> Cell {
    let time = chrono_text(machine.now() + later);
    Cell::Text(time.into_bytes())
}

fn chrono_text(millis: i64) -> String {
    let db = rusqlite::Connection::open_in_memory().unwrap();
    db.query_row("SELECT strftime('%Y-%m-%d %H:%M:%S', ?1 / 1000, 'unixepoch')", [millis], |row| {
        row.get(0)
    })
    .unwrap()
}

fn cust(machine: &Machine, id: i64, uuid: &str, name: &str, later: i64) -> PutTable {
    let row = vec![Cell::Integer(id), text(uuid), at(machine, later), text(name)];
    table("cust", &["id", "uuid", "modified_on", "name"], vec![row])
}

fn equal(machines: &mut [&mut Machine]) {
    level(machines);
    let (first, rest) = machines.split_first_mut().unwrap();
    whole(first);
    for other in rest {
        whole(other);
        same(first, other);
    }
}

#[test]
fn a_parent_and_its_child_come_in_one_dump_by_the_callers_numbers() {
    let lab = Lab::new();
    let [mut anna, mut bert] = ["anna", "bert"].map(|name| lab.machine(name, SHOP));
    let ord = vec![Cell::Integer(70), text(TWO), at(&anna, 0), Cell::Integer(7), text("first")];
    let ord = table("ord", &["id", "uuid", "modified_on", "cust_id", "note"], vec![ord]);
    // The child's table comes first in the dump.
    let cust = cust(&anna, 7, ONE, "Ann", 0);
    let done = anna.store().put_rows(&[ord, cust]).unwrap();
    assert_eq!(done.applied, 2);
    assert_eq!(
        anna.ask("SELECT o.id, c.id, name FROM ord o JOIN cust c ON c.id = cust_id"),
        ["70|7|Ann"]
    );
    equal(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.ask("SELECT name FROM ord JOIN cust ON cust.id = cust_id"), ["Ann"]);
}

#[test]
fn a_row_wins_by_whole_seconds_and_a_second_time_changes_nothing() {
    let lab = Lab::new();
    let mut anna = lab.machine("anna", SHOP);
    let first = cust(&anna, 1, ONE, "Ann", 0);
    assert_eq!(anna.store().put_rows(std::slice::from_ref(&first)).unwrap().applied, 1);
    let end = anna.store().end().unwrap();
    let again = anna.store().put_rows(&[first]).unwrap();
    assert_eq!((again.applied, again.ignored), (0, 1));
    let older = cust(&anna, 1, ONE, "older", -5_000);
    assert_eq!(anna.store().put_rows(&[older]).unwrap().ignored, 1);
    assert_eq!(anna.store().end().unwrap(), end);
    lab.pass(Duration::from_secs(2));
    let newer = cust(&anna, 1, ONE, "newer", 0);
    assert_eq!(anna.store().put_rows(&[newer]).unwrap().applied, 1);
    assert_eq!(anna.ask("SELECT id, name FROM cust"), ["1|newer"]);
}

#[test]
fn a_row_that_the_table_refuses_keeps_the_whole_dump_out() {
    let lab = Lab::new();
    let mut anna = lab.machine("anna", SHOP);
    let end = anna.store().end().unwrap();
    let bad = [cust(&anna, 1, ONE, "Ann", 0), cust(&anna, 2, TWO, "refused", 0)];
    let error = anna.store().put_rows(&bad).unwrap_err();
    assert!(matches!(&error, Error::BadValue { table, .. } if table == "cust"), "{error}");
    let orphan = vec![Cell::Integer(1), text(TWO), at(&anna, 0), Cell::Integer(99)];
    let orphan = table("ord", &["id", "uuid", "modified_on", "cust_id"], vec![orphan]);
    let with_orphan = [cust(&anna, 1, ONE, "Ann", 0), orphan];
    let error = anna.store().put_rows(&with_orphan).unwrap_err();
    assert!(matches!(&error, Error::BadValue { column, .. } if column == "cust_id"), "{error}");
    let time = vec![Cell::Integer(1), text(ONE), text("yesterday"), text("Ann")];
    let time = table("cust", &["id", "uuid", "modified_on", "name"], vec![time]);
    let error = anna.store().put_rows(&[time]).unwrap_err();
    assert!(error.to_string().contains("yesterday"), "{error}");
    assert_eq!(anna.ask("SELECT count(*) FROM cust"), ["0"]);
    assert_eq!(anna.store().end().unwrap(), end);
}

#[test]
fn a_number_that_is_taken_here_is_another_one_and_a_unique_value_stands_aside() {
    let lab = Lab::new();
    let mut anna = lab.machine("anna", SHOP);
    anna.run("INSERT INTO cust VALUES (1, 'here', 'same@x')");
    let row = vec![Cell::Integer(1), text(ONE), at(&anna, 0), text("put"), text("same@x")];
    let put = table("cust", &["id", "uuid", "modified_on", "name", "email"], vec![row]);
    assert_eq!(anna.store().put_rows(&[put]).unwrap().applied, 1);
    assert_eq!(anna.ask("SELECT id, name FROM cust ORDER BY id"), ["1|here", "2|put"]);
    assert_eq!(anna.ask("SELECT count(DISTINCT email) FROM cust"), ["2"]);
    whole(&mut anna);
}

#[test]
fn a_delete_is_put_by_the_rows_uuid_or_by_the_key_that_names_it() {
    let lab = Lab::new();
    let [mut anna, mut bert] = ["anna", "bert"].map(|name| lab.machine(name, SHOP));
    anna.run("INSERT INTO price VALUES ('nut', 5), ('bolt', 7)");
    equal(&mut [&mut anna, &mut bert]);
    lab.pass(Duration::from_secs(2));
    let gone = |machine: &Machine, uuid: &str, code: Cell| {
        let row = vec![Cell::Null, text(uuid), at(machine, 0), Cell::Integer(1), code];
        table("price", &["id", "uuid", "modified_on", "deleted", "code"], vec![row])
    };
    let Dump { tables, .. } = anna.store().dump(DumpSince::Position(0), 100).unwrap();
    let prices = tables.iter().find(|table| table.name == "price").unwrap();
    let place = |name: &str| prices.columns.iter().position(|column| column == name).unwrap();
    let nut = prices.rows.iter().find(|row| row.get(place("code")) == Some(&text("nut"))).unwrap();
    let Some(Cell::Text(uuid)) = nut.get(place("uuid")) else { unreachable!("a uuid is a text") };
    let by_uuid = gone(&anna, std::str::from_utf8(uuid).unwrap(), Cell::Null);
    assert_eq!(anna.store().put_rows(&[by_uuid]).unwrap().applied, 1);
    // The caller's own uuid means nothing where the key is the name.
    let by_key = gone(&anna, ONE, text("bolt"));
    assert_eq!(anna.store().put_rows(&[by_key]).unwrap().applied, 1);
    assert_eq!(anna.ask("SELECT count(*) FROM price"), ["0"]);
    equal(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.ask("SELECT count(*) FROM price"), ["0"]);
}

#[test]
fn one_row_put_on_two_machines_is_one_row() {
    let lab = Lab::new();
    let [mut anna, mut bert] = ["anna", "bert"].map(|name| lab.machine(name, SHOP));
    let put = cust(&anna, 4, ONE, "Ann", 0);
    anna.store().put_rows(std::slice::from_ref(&put)).unwrap();
    bert.store().put_rows(&[put]).unwrap();
    equal(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.ask("SELECT id, name FROM cust"), ["4|Ann"]);
    assert!(anna.store().conflicts(true, 9).unwrap().is_empty(), "they say the same");
}
