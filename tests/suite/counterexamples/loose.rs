//! Applications that do not keep their references: SQLite's default is `foreign_keys = OFF`.

use super::{equal, level, take, two};
use dunlin_schema::Track;
use dunlin_tests::sim::story::same;
use dunlin_tests::sim::{Broken, Lab, pull};
use std::time::Duration;

const SCHEMA: &str = "
CREATE TABLE cust (id INTEGER PRIMARY KEY, v TEXT);
CREATE TABLE ord (id INTEGER PRIMARY KEY, cust INTEGER REFERENCES cust (id) ON DELETE CASCADE, v TEXT);
";

#[test]
fn orphans_and_numbers_that_name_nobody_are_held_for_nothing() {
    let lab = Lab::new();
    let mut anna = lab.untracked("anna", SCHEMA);
    let mut bert = lab.untracked("bert", SCHEMA);
    anna.run("PRAGMA foreign_keys = OFF; INSERT INTO ord VALUES (1, 0, 'none'), (2, -1, 'unknown'), (3, 77, 'orphan')");
    anna.track(&Track::default());
    bert.run("INSERT INTO cust VALUES (77, 'somebody else')");
    bert.track(&Track::default());
    level(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.ask("SELECT cust FROM ord ORDER BY id"), ["0", "-1", "77"]);
    // 77 is somebody else at Bert's: the order must not become his.
    assert_eq!(
        bert.ask("SELECT v, cust FROM ord ORDER BY id"),
        ["none|0", "unknown|-1", "orphan|-"]
    );
    assert_eq!(bert.store().digests().unwrap(), anna.store().digests().unwrap());
}

#[test]
fn a_parent_deleted_without_its_children_neither_comes_back_nor_takes_them_along() {
    let lab = Lab::new();
    let [mut anna, mut bert] = two(&lab, SCHEMA);
    anna.run("INSERT INTO cust VALUES (5, 'k'); INSERT INTO ord VALUES (1, 5, 'o')");
    take(&mut bert, &mut anna);
    anna.run("PRAGMA foreign_keys = OFF; DELETE FROM cust");
    level(&mut [&mut anna, &mut bert]);
    for machine in [&mut anna, &mut bert] {
        assert_eq!(machine.ask("SELECT v FROM ord"), ["o"]);
        assert_eq!(machine.ask("SELECT count(*) FROM cust"), ["0"]);
        assert_eq!(machine.store().held(9).unwrap(), []);
    }
    same(&mut anna, &mut bert);
    // Its number used again: the order that was left behind goes with the number, everywhere.
    lab.pass(Duration::from_secs(1));
    anna.run("INSERT INTO cust VALUES (5, 'new')");
    level(&mut [&mut anna, &mut bert]);
    for machine in [&anna, &bert] {
        assert_eq!(
            machine.ask("SELECT c.v FROM ord AS o JOIN cust AS c ON c.id = o.cust"),
            ["new"]
        );
    }
    assert_eq!(bert.store().digests().unwrap(), anna.store().digests().unwrap());
}

#[test]
fn a_number_promised_to_a_parent_on_its_way_is_given_to_no_other() {
    let lab = Lab::new();
    let mut anna = lab.untracked("anna", SCHEMA);
    let mut bert = lab.untracked("bert", SCHEMA);
    anna.run("PRAGMA foreign_keys = OFF; INSERT INTO ord VALUES (9, 0, 'loose from now on')");
    anna.track(&Track::default());
    bert.track(&Track::default());
    level(&mut [&mut anna, &mut bert]);
    anna.run("INSERT INTO cust VALUES (5, 'k'); INSERT INTO ord VALUES (1, 5, 'of k')");
    anna.store().fold().unwrap();
    anna.run("UPDATE cust SET v = 'kk'");
    pull(&mut bert, &mut anna, Broken::after(1), &mut |_, _| ());
    // The order is here, its customer is not; Bert's application takes the very number that was promised.
    assert_eq!(bert.ask("SELECT count(*) FROM ord WHERE v = 'of k'"), ["1"]);
    bert.run("INSERT INTO cust SELECT cust, 'of bert' FROM ord WHERE v = 'of k'");
    level(&mut [&mut anna, &mut bert]);
    for machine in [&anna, &bert] {
        let pairs = machine
            .ask("SELECT c.v FROM ord AS o JOIN cust AS c ON c.id = o.cust WHERE o.v = 'of k'");
        assert_eq!(pairs, ["kk"], "{machine:?}");
        assert_eq!(machine.ask("SELECT count(*) FROM cust"), ["2"]);
    }
    assert_eq!(bert.store().digests().unwrap(), anna.store().digests().unwrap());
}

#[test]
fn references_of_the_configuration_are_translated_and_hold_nothing() {
    let lab = Lab::new();
    let schema = "CREATE TABLE cust (id INTEGER PRIMARY KEY, v TEXT); CREATE TABLE ord (id INTEGER PRIMARY KEY, cust INTEGER, v TEXT)";
    let track = Track {
        references: vec![("ord".to_owned(), "cust".to_owned(), "cust".to_owned())],
        ..Track::default()
    };
    let mut anna = lab.untracked("anna", schema);
    let mut bert = lab.untracked("bert", schema);
    anna.track(&track);
    bert.track(&track);
    anna.run("INSERT INTO cust VALUES (1, 'a'); INSERT INTO ord VALUES (1, 1, 'of a')");
    bert.run("INSERT INTO cust VALUES (1, 'b'); INSERT INTO ord VALUES (1, 1, 'of b')");
    equal(&mut [&mut anna, &mut bert]);
    for machine in [&anna, &bert] {
        let pairs =
            machine.ask("SELECT o.v, c.v FROM ord AS o JOIN cust AS c ON c.id = o.cust ORDER BY 1");
        assert_eq!(pairs, ["of a|a", "of b|b"]);
    }
}
