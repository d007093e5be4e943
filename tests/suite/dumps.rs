//! Dumps: what `getdata` tells of rows, living and deleted.

use dunlin_schema::{Cell, DumpSince, PutTable};
use dunlin_tests::sim::{Lab, Machine, level};
use std::time::Duration;

/// Ways to declare a column that names rows.
const DECLARED: [&str; 4] = [
    "CREATE TABLE part (id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, name TEXT)",
    "CREATE TABLE part (id INTEGER PRIMARY KEY, uuid TEXT NOT NULL, name TEXT); CREATE UNIQUE INDEX u ON part (uuid)",
    "CREATE TABLE part (id INTEGER, uuid TEXT PRIMARY KEY COLLATE NOCASE, name TEXT)",
    "CREATE TABLE part (id INTEGER, uuid TEXT NOT NULL UNIQUE, name TEXT)",
];
/// What applications write into it.
const WRITTEN: [&str; 4] = [
    "0d2f6a4e-7b1c-4c59-9a64-1f6f0c2b9e11",
    "8B7E54B2-9C0D-4E0B-8F3C-6A3D2E1F0A9B",
    "5f0e3c2b1a094d8e8f7a6b5c4d3e2f10",
    "Bremsbelag/7",
];

/// The parts that a dump tells of, each with whether it is deleted, in the order of their names.
fn parts(machine: &mut Machine) -> Vec<(String, bool)> {
    let dump = machine.store().dump(DumpSince::Position(0), 100).unwrap();
    let table = dump.tables.iter().find(|table| table.name == "part").unwrap();
    let place = |name: &str| table.columns.iter().position(|column| column == name).unwrap();
    let (uuid, deleted) = (place("uuid"), place("deleted"));
    let of = |row: &Vec<Cell>| {
        let Some(Cell::Text(text)) = row.get(uuid) else { unreachable!("a uuid is a text") };
        (String::from_utf8(text.clone()).unwrap(), row.get(deleted) == Some(&Cell::Integer(1)))
    };
    let mut parts: Vec<_> = table.rows.iter().map(of).collect();
    parts.sort();
    parts
}

fn all(deleted: bool) -> Vec<(String, bool)> {
    let mut all: Vec<_> = WRITTEN.iter().map(|uuid| ((*uuid).to_owned(), deleted)).collect();
    all.sort();
    all
}

fn insert_all(machine: &Machine) {
    for (number, uuid) in (1..).zip(WRITTEN) {
        machine.run(&format!("INSERT INTO part VALUES ({number}, '{uuid}', 'x')"));
    }
}

#[test]
fn a_deleted_row_is_called_as_it_was_alive_on_every_machine() {
    for declared in DECLARED {
        let lab = Lab::new();
        let [mut anna, mut bert] = ["anna", "bert"].map(|name| lab.machine(name, declared));
        insert_all(&anna);
        level(&mut [&mut anna, &mut bert]);
        assert_eq!((parts(&mut anna), parts(&mut bert)), (all(false), all(false)), "{declared}");
        anna.run("DELETE FROM part");
        level(&mut [&mut anna, &mut bert]);
        assert_eq!(parts(&mut anna), all(true), "{declared}");
        assert_eq!(parts(&mut bert), all(true), "{declared}");
    }
}

#[test]
fn a_row_that_was_there_when_tracking_began_keeps_what_it_is_called_too() {
    let lab = Lab::new();
    let mut anna = lab.untracked("anna", DECLARED[0]);
    insert_all(&anna);
    anna.track(&dunlin_schema::Track::default());
    anna.run("DELETE FROM part");
    assert_eq!(parts(&mut anna), all(true));
}

#[test]
fn a_row_that_gets_another_uuid_goes_under_the_one_it_had() {
    let lab = Lab::new();
    let mut anna = lab.machine("anna", DECLARED[0]);
    anna.run("INSERT INTO part VALUES (1, 'first', 'x'), (2, 'second', 'y')");
    parts(&mut anna);
    anna.run("UPDATE part SET uuid = 'other' WHERE id = 1");
    anna.run("INSERT OR REPLACE INTO part VALUES (2, 'instead', 'z')");
    let expected = [("first", true), ("instead", false), ("other", false), ("second", true)];
    assert_eq!(parts(&mut anna), expected.map(|(uuid, deleted)| (uuid.to_owned(), deleted)));
}

#[test]
fn a_uuid_that_is_written_in_capitals_later_is_told_so_when_its_row_goes() {
    let lab = Lab::new();
    let [mut anna, mut bert] = ["anna", "bert"].map(|name| lab.machine(name, DECLARED[0]));
    let lower = WRITTEN[0];
    anna.run(&format!("INSERT INTO part VALUES (1, '{lower}', 'x')"));
    level(&mut [&mut anna, &mut bert]);
    anna.run("UPDATE part SET uuid = upper(uuid)");
    level(&mut [&mut anna, &mut bert]);
    bert.run("DELETE FROM part");
    level(&mut [&mut anna, &mut bert]);
    let gone = [(lower.to_ascii_uppercase(), true)];
    assert_eq!((parts(&mut anna), parts(&mut bert)), (gone.to_vec(), gone.to_vec()));
}

#[test]
fn what_getdata_tells_of_a_deleted_row_deletes_it_elsewhere() {
    let lab = Lab::new();
    // Two shops that never meet: a script carries rows between them.
    let [mut anna, mut bert] = ["anna", "bert"].map(|name| lab.machine(name, DECLARED[0]));
    insert_all(&anna);
    insert_all(&bert);
    assert_eq!((parts(&mut anna), parts(&mut bert)), (all(false), all(false)));
    lab.pass(Duration::from_secs(5));
    anna.run("DELETE FROM part");
    let dump = anna.store().dump(DumpSince::Position(0), 100).unwrap();
    let tables = dump.tables.into_iter().filter(|table| table.name == "part");
    let put: Vec<PutTable> = tables
        .map(|table| PutTable { name: table.name, columns: table.columns, rows: table.rows })
        .collect();
    assert_eq!(bert.store().put_rows(&put).unwrap().applied, 4);
    assert_eq!(bert.ask("SELECT count(*) FROM part"), ["0"]);
    assert_eq!(parts(&mut bert), all(true));
}

#[test]
fn a_row_that_a_script_put_and_deleted_is_called_as_the_script_called_it() {
    let lab = Lab::new();
    let mut anna = lab.machine("anna", DECLARED[0]);
    let mut put = |uuid: &str, time: &str, deleted: i64| {
        let columns = ["id", "uuid", "modified_on", "deleted", "name"].map(str::to_owned).to_vec();
        let [id, deleted] = [1, deleted].map(Cell::Integer);
        let [uuid, time, name] = [uuid, time, "x"].map(|text| Cell::Text(text.into()));
        let rows = vec![vec![id, uuid, time, deleted, name]];
        let put = PutTable { name: "part".to_owned(), columns, rows };
        assert_eq!(anna.store().put_rows(&[put]).unwrap().applied, 1);
        parts(&mut anna)
    };
    let called = "Bremsbelag/7".to_owned();
    assert_eq!(put("Bremsbelag/7", "2026-09-01 10:00:00", 0), [(called.clone(), false)]);
    assert_eq!(put("Bremsbelag/7", "2026-09-02 10:00:00", 1), [(called, true)]);
}
