//! Two machines write at the same time: what stands, what is kept, what is held.

use std::time::{Duration, SystemTime};

use dunlin_tests::lab::{self, Lab, Machine, SOON, until, until_true};
use serde_json::Value;

const SHOP: &str = "
    CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
    CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER NOT NULL REFERENCES customers, what TEXT);
    CREATE TABLE bins (id INTEGER PRIMARY KEY, part TEXT NOT NULL, count INTEGER NOT NULL);";

/// What `held` or `conflicts` lists.
fn list(machine: &Machine, what: &str) -> Vec<Value> {
    let told: Value = serde_json::from_str(&machine.ok(&[what, "--json"])).unwrap();
    told[what].as_array().unwrap_or_else(|| panic!("{told}")).clone()
}

fn conflicts(machine: &Machine, count: usize) -> Vec<Value> {
    until(&format!("{count} conflicts on {}", machine.name), SOON, || {
        let found = list(machine, "conflicts");
        if found.len() == count { Ok(found) } else { Err(format!("{found:#?}")) }
    })
}

/// Has machines write while they cannot hear each other.
fn apart(machines: &mut [Machine], write: impl FnOnce(&mut [Machine])) {
    for machine in machines.iter_mut() {
        machine.stop();
    }
    write(machines);
    for machine in machines.iter_mut() {
        machine.start();
    }
}

#[test]
fn two_machines_that_make_the_same_number_keep_both_rows_and_their_children() {
    let lab = Lab::new();
    let mut shop = lab.shop(["a", "b"], SHOP);
    apart(&mut shop, |shop| {
        shop[0].write(
            "INSERT INTO customers VALUES (7, 'Ann'); INSERT INTO orders VALUES (1, 7, 'pads')",
        );
        shop[1].write(
            "INSERT INTO customers VALUES (7, 'Bo'); INSERT INTO orders VALUES (1, 7, 'bulbs')",
        );
    });
    let [a, b] = &shop;
    for (who, what) in [("Ann", "pads"), ("Bo", "bulbs")] {
        let question = format!(
            "SELECT count(*) || max(o.what) FROM orders o JOIN customers c ON c.id = o.customer WHERE c.name = '{who}'"
        );
        lab::all_say(&[a, b], &question, &format!("1{what}"));
    }
    lab::in_step(&[a, b]);
    // Each goes on under the number that its own machine gave it.
    assert_eq!(a.ask("SELECT name FROM customers WHERE id = 7"), "Ann");
    assert_eq!(b.ask("SELECT name FROM customers WHERE id = 7"), "Bo");
    assert!(list(a, "conflicts").is_empty());
    a.is_sound();
    b.is_sound();
}

#[test]
fn a_child_that_arrives_before_its_parent_waits_for_it_and_is_shown() {
    let lab = Lab::new();
    let [mut a, mut b] = lab.shop(["a", "b"], SHOP);
    a.write("INSERT INTO customers VALUES (1, 'Ann')");
    lab::in_step(&[&a, &b]);
    // The row's number on B may be another than on A; its parent is made on A, its child on B.
    let ann = b.ask("SELECT id FROM customers WHERE name = 'Ann'");
    a.stop();
    b.write(&format!("INSERT INTO orders (customer, what) VALUES ({ann}, 'tyres')"));
    a.write(
        "INSERT INTO customers (name) VALUES ('Zoë'); DELETE FROM customers WHERE name = 'Ann'",
    );
    a.start();
    lab::in_step(&[&a, &b]);
    // The parent that was deleted there and used here is back: no order without its customer.
    lab::all_say(
        &[&a, &b],
        "SELECT group_concat(name, ',') FROM (SELECT c.name FROM orders o JOIN customers c ON c.id = o.customer)",
        "Ann",
    );
    a.is_sound();
    b.is_sound();
    b.stop();
}

#[test]
fn an_edit_against_a_delete_is_a_conflict_on_all_machines_and_can_be_put_back_on_any() {
    let lab = Lab::new();
    let mut shop = lab.shop(["a", "b", "c"], SHOP);
    shop[0].write("INSERT INTO bins VALUES (1, 'pad', 10), (2, 'bulb', 20)");
    lab::in_step(&shop.each_ref());
    apart(&mut shop, |shop| {
        shop[0].write("UPDATE bins SET count = 11 WHERE part = 'pad'; UPDATE bins SET count = 21 WHERE part = 'bulb'");
        // Of writes in one millisecond the machine's id would decide.
        let written = SystemTime::now() + Duration::from_millis(2);
        until_true("later", SOON, || written < SystemTime::now());
        shop[1].write(
            "DELETE FROM bins WHERE part = 'pad'; UPDATE bins SET count = 22 WHERE part = 'bulb'",
        );
    });
    lab::in_step(&shop.each_ref());
    let [a, b, c] = &shop;
    let all = [a, b, c];
    lab::all_say(&all, "SELECT group_concat(part || count) FROM bins", "bulb22");
    for machine in all {
        let found = conflicts(machine, 2);
        let kinds: Vec<_> = found.iter().map(|one| one["kind"].as_str().unwrap()).collect();
        assert!(
            kinds.contains(&"edit lost to a delete") && kinds.contains(&"edit lost"),
            "{found:?}"
        );
        assert!(found.iter().all(|one| one["loser"] == "a" && one["winner"] == "b"), "{found:?}");
    }
    // Put back on the machine that neither wrote nor won.
    for (kind, shown) in [("edit lost to a delete", "bulb22,pad11"), ("edit lost", "bulb21,pad11")]
    {
        let number = conflicts(c, if kind == "edit lost" { 1 } else { 2 })
            .iter()
            .find(|one| one["kind"] == kind)
            .map(|one| one["number"].to_string())
            .unwrap();
        c.ok(&["conflicts", "restore", &number]);
        lab::all_say(
            &all,
            "SELECT group_concat(part || count) FROM (SELECT part, count FROM bins ORDER BY part)",
            shown,
        );
    }
    for machine in all {
        conflicts(machine, 0);
    }
    lab::in_step(&all);
    let again = c.cli(&["conflicts", "restore", "999"]);
    again.failed(1, &["999"]);
}

#[test]
fn a_row_that_one_machine_refuses_is_held_there_passed_on_and_shown_once_the_schema_is_mended() {
    let lab = Lab::new();
    let plain = "CREATE TABLE parts (id INTEGER PRIMARY KEY, name TEXT, price INTEGER);";
    let strict =
        "CREATE TABLE parts (id INTEGER PRIMARY KEY, name TEXT, price INTEGER CHECK (price > 0));";
    let mut machines =
        [("a", plain), ("b", strict), ("c", plain)].map(|(name, schema)| lab.machine(name, schema));
    lab::in_a_row(&mut machines);
    let [a, b, c] = machines;
    a.write("INSERT INTO parts (name, price) VALUES ('free sample', 0), ('pad', 5)");
    lab::all_say(&[&a, &c], "SELECT count(*) FROM parts", "2");
    lab::all_say(&[&b], "SELECT group_concat(name) FROM parts", "pad");

    let held = until("one held row", SOON, || {
        let held = list(&b, "held");
        if held.len() == 1 { Ok(held) } else { Err(format!("{held:?}")) }
    });
    assert_eq!((&held[0]["table"], &held[0]["origin"]), (&"parts".into(), &"a".into()), "{held:?}");
    assert!(held[0]["message"].as_str().unwrap().contains("CHECK"), "{held:?}");
    let status = b.cli(&["status"]);
    assert_eq!(status.code, 5, "{status:?}");
    assert_eq!(b.cli(&["status", "--json"]).code, 5);
    assert_eq!(a.cli(&["status"]).code, 0, "only B has something to look at");
    // Trying alone does not help.
    assert_eq!(b.cli(&["held", "retry"]).code, 5);

    b.write(&format!(
        "PRAGMA foreign_keys = OFF; BEGIN;
         ALTER TABLE parts RENAME TO parts_old; {plain} INSERT INTO parts SELECT * FROM parts_old;
         DROP TABLE parts_old; COMMIT;"
    ));
    // A rebuilt table lost its triggers; the application's installer tracks it again.
    b.ok(&["track", "--all"]);
    let tried = b.cli(&["held", "retry"]);
    assert_eq!(tried.code, 0, "{tried:?}");
    lab::all_say(&[&b], "SELECT count(*) FROM parts", "2");
    until_true("nothing held", SOON, || list(&b, "held").is_empty());
    lab::in_step(&[&a, &b, &c]);
    assert_eq!(b.cli(&["status"]).code, 0);
}
