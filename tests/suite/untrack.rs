//! A table that a person lets go on one machine: nothing is lost meanwhile, and nothing when it is tracked again.

use dunlin_schema::{Cell, Error, Track};
use dunlin_tests::sim::story::{same, same_versions, whole};
use dunlin_tests::sim::{Broken, Lab, Machine, level, pull};
use std::time::Duration;

const PARTS: &str = "
CREATE TABLE part (id INTEGER PRIMARY KEY, code TEXT UNIQUE, price INTEGER);
CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT);
";
const ORDERS: &str = "
CREATE TABLE ord (id INTEGER PRIMARY KEY, note TEXT);
CREATE TABLE line (id INTEGER PRIMARY KEY, ord_id INTEGER NOT NULL REFERENCES ord (id), n INTEGER);
";
const KEYED: &str = "CREATE TABLE k (code TEXT PRIMARY KEY, v TEXT)";

/// `to` takes all that `from` has.
fn take(to: &mut Machine, from: &mut Machine) {
    pull(to, from, Broken::default(), &mut |_, _| ());
}

fn let_go(machine: &mut Machine, tables: &[&str]) {
    let tables: Vec<String> = tables.iter().map(|&table| table.to_owned()).collect();
    machine.store().untrack(&tables).unwrap();
}

fn take_back(machine: &mut Machine, tables: &[&str]) {
    let tables = tables.iter().map(|&table| table.to_owned()).collect();
    machine.track(&Track { tables: Some(tables), ..Track::default() });
}

/// All machines are whole, hold the same and show the same.
fn equal(machines: &mut [&mut Machine]) {
    level(machines);
    let (first, rest) = machines.split_first_mut().unwrap();
    whole(first);
    for other in rest {
        whole(other);
        same(first, other);
    }
}

fn three(lab: &Lab, schema: &str) -> [Machine; 3] {
    ["anna", "bert", "carl"].map(|name| lab.machine(name, schema))
}

const ALL: &str = "SELECT code, price FROM part ORDER BY code";

/// What every conflict says in a column.
fn lost(machine: &mut Machine, column: &str) -> Vec<Option<Cell>> {
    let conflicts = machine.store().conflicts(true, 99).unwrap();
    conflicts.iter().map(|lost| lost.cells.as_ref()?.get(column).cloned()).collect()
}

fn is_tracked(machine: &mut Machine, table: &str) -> bool {
    machine.store().tables().unwrap().iter().any(|state| state.name == table && state.tracked)
}

#[test]
fn what_was_written_before_is_in_versions_and_passed_on() {
    let lab = Lab::new();
    let [mut anna, mut bert, mut carl] = three(&lab, PARTS);
    bert.run("INSERT INTO part (code, price) VALUES ('a', 1), ('b', 2)");
    bert.store().fold().unwrap();
    // In the log, and in no version yet.
    bert.run("UPDATE part SET price = 3 WHERE code = 'b'; INSERT INTO part (code) VALUES ('c')");
    let_go(&mut bert, &["part"]);
    assert_eq!(
        bert.ask("SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'part'"),
        ["0"]
    );
    // The table is the application's alone: whatever becomes of it, what was known before can be passed on.
    bert.run("DELETE FROM part; DROP TABLE part");
    take(&mut anna, &mut bert);
    take(&mut carl, &mut anna);
    assert_eq!(carl.ask(ALL), ["a|1", "b|3", "c|-"]);
}

#[test]
fn rows_of_others_pass_through_and_are_nobodys_trouble() {
    let lab = Lab::new();
    let [mut anna, mut bert, mut carl] = three(&lab, PARTS);
    anna.run("INSERT INTO part (code, price) VALUES ('a', 1), ('b', 2)");
    equal(&mut [&mut anna, &mut bert, &mut carl]);
    let_go(&mut bert, &["part"]);
    bert.restart();
    anna.run(
        "UPDATE part SET price = 10 WHERE code = 'a'; DELETE FROM part WHERE code = 'b';
        INSERT INTO part (code, price) VALUES ('c', 3); INSERT INTO note (text) VALUES ('n')",
    );
    take(&mut bert, &mut anna);
    take(&mut carl, &mut bert);
    assert_eq!(carl.ask(ALL), ["a|10", "c|3"], "a, through b, to c");
    assert_eq!(bert.ask(ALL), ["a|1", "b|2"], "not shown here");
    assert_eq!(bert.ask("SELECT text FROM note"), ["n"], "other tables go on");
    assert!(bert.store().held(9).unwrap().is_empty());
    assert_eq!(bert.store().retry(None).unwrap(), 0);
    assert_eq!(bert.ask(ALL), ["a|1", "b|2"]);
    // And back: what c writes comes to a through b.
    carl.run("UPDATE part SET price = 11 WHERE code = 'a'");
    take(&mut bert, &mut carl);
    take(&mut anna, &mut bert);
    assert_eq!(anna.ask(ALL), ["a|11", "c|3"]);
    assert_eq!(bert.store().untracked().unwrap(), ["part"]);
    assert!(!is_tracked(&mut bert, "part"));
    take_back(&mut bert, &["part"]);
    assert_eq!(bert.ask(ALL), ["a|11", "c|3"]);
    equal(&mut [&mut anna, &mut bert, &mut carl]);
    assert!(bert.store().conflicts(true, 9).unwrap().is_empty());
}

#[test]
fn a_persons_no_is_remembered_over_restarts_and_greetings() {
    let lab = Lab::new();
    let [mut anna, mut bert, _] = three(&lab, PARTS);
    let_go(&mut bert, &["part"]);
    bert.restart();
    level(&mut [&mut anna, &mut bert]);
    bert.restart();
    level(&mut [&mut anna, &mut bert]);
    assert!(!is_tracked(&mut bert, "part"));
    // A table left out for its references is another matter: it is tracked once they can be followed.
    let mut dora = lab.untracked("dora", ORDERS);
    let mut emil = lab.machine("emil", ORDERS);
    let shapes = emil.store().greeting(None).unwrap().declarations;
    assert_eq!(dora.store().meet(&shapes, &["ord".to_owned()]).unwrap().tables.len(), 0);
    level(&mut [&mut emil, &mut dora]);
    assert!(is_tracked(&mut dora, "line") && is_tracked(&mut dora, "ord"));
    assert!(dora.store().untracked().unwrap().is_empty());
    // Let go here before it was tracked: a partner's greeting does not track it, nor what refers to it.
    let mut fred = lab.untracked("fred", ORDERS);
    let_go(&mut fred, &["ord"]);
    level(&mut [&mut emil, &mut fred]);
    assert!(!is_tracked(&mut fred, "ord") && !is_tracked(&mut fred, "line"));
}

#[test]
fn a_table_that_another_needs_is_let_go_only_with_it() {
    let lab = Lab::new();
    let [mut anna, mut bert, _] = three(&lab, ORDERS);
    anna.run("INSERT INTO ord VALUES (1, 'o'); INSERT INTO line VALUES (1, 1, 5)");
    equal(&mut [&mut anna, &mut bert]);
    let error = bert.store().untrack(&["ord".to_owned()]).unwrap_err();
    let Error::Bound { table, why } = error else { panic!("{error:?}") };
    assert_eq!((table.as_str(), why.contains("line refers to it")), ("ord", true), "{why}");
    assert!(is_tracked(&mut bert, "ord"));
    let error = bert.store().untrack(&["line".to_owned(), "nothing".to_owned()]).unwrap_err();
    assert!(matches!(error, Error::NoSuchTable { .. }) && is_tracked(&mut bert, "line"));
    let_go(&mut bert, &["ORD", "line"]);
    anna.run("INSERT INTO ord VALUES (2, 'p'); INSERT INTO line VALUES (2, 2, 6); DELETE FROM line WHERE id = 1");
    bert.run("INSERT INTO ord VALUES (3, 'of bert'); INSERT INTO line VALUES (3, 3, 7), (4, 1, 8)");
    take(&mut bert, &mut anna);
    take_back(&mut bert, &["line", "ord"]);
    equal(&mut [&mut anna, &mut bert]);
    assert_eq!(
        anna.ask("SELECT note, n FROM ord JOIN line ON ord_id = ord.id ORDER BY n"),
        ["p|6", "of bert|7", "o|8"]
    );
}

#[test]
fn tracked_again_both_sides_are_brought_together() {
    let lab = Lab::new();
    let [mut anna, mut bert, mut carl] = three(&lab, PARTS);
    anna.run("INSERT INTO part (code, price) VALUES ('untouched', 1), ('theirs', 2), ('ours', 3), ('both', 4),
        ('alike', 5), ('gone here', 6), ('gone there', 7), ('gone there, edited here', 8), ('gone', 9)");
    equal(&mut [&mut anna, &mut bert, &mut carl]);
    let end = bert.store().end().unwrap();
    let_go(&mut bert, &["part"]);
    lab.pass(Duration::from_mins(1));
    anna.run("UPDATE part SET price = 20 WHERE code IN ('theirs', 'both'); UPDATE part SET price = 50 WHERE code = 'alike';
        DELETE FROM part WHERE code LIKE 'gone there%' OR code = 'gone';
        INSERT INTO part (code, price) VALUES ('new there', 21)");
    bert.run("UPDATE part SET price = 30 WHERE code IN ('ours', 'both', 'gone there, edited here');
        UPDATE part SET price = 50 WHERE code = 'alike'; DELETE FROM part WHERE code IN ('gone here', 'gone');
        INSERT INTO part (id, code, price) VALUES (99, 'new here', 31)");
    take(&mut bert, &mut anna);
    assert_eq!(bert.store().end().unwrap(), end + 7, "nothing of bert's was made a version");
    lab.pass(Duration::from_mins(1));
    take_back(&mut bert, &["part"]);
    equal(&mut [&mut anna, &mut bert, &mut carl]);
    assert_eq!(
        carl.ask(ALL),
        [
            "alike|50",
            "both|30",
            "gone here|6",
            "gone there, edited here|30",
            "new here|31",
            "new there|21",
            "ours|30",
            "theirs|20",
            "untouched|1"
        ]
    );
    // What was never shown here and was written over is kept: another's price, and a delete.
    let mut kept = lost(&mut carl, "price");
    kept.sort_by_key(|cell| format!("{cell:?}"));
    assert_eq!(kept, [None, Some(Cell::Integer(20))]);
    // From now on it is a table like any other.
    bert.run("UPDATE part SET price = 99 WHERE code = 'untouched'");
    equal(&mut [&mut anna, &mut bert, &mut carl]);
    assert_eq!(carl.ask("SELECT price FROM part WHERE code = 'untouched'"), ["99"]);
}

#[test]
fn rows_that_nobody_touched_make_no_versions_and_stand_as_before() {
    let lab = Lab::new();
    let [mut anna, mut bert, _] = three(&lab, ORDERS);
    anna.run(
        "INSERT INTO ord VALUES (1, 'o'), (2, 'p'); INSERT INTO line VALUES (1, 1, 5), (2, 2, 6)",
    );
    equal(&mut [&mut anna, &mut bert]);
    let end = bert.store().end().unwrap();
    for _ in 0..3 {
        let_go(&mut bert, &["line"]);
        take_back(&mut bert, &["line"]);
    }
    assert_eq!(bert.store().end().unwrap(), end);
    assert_eq!(bert.ask("SELECT count(*) FROM _dunlin_kept"), ["0"]);
    assert_eq!(bert.ask("SELECT value FROM _dunlin_meta WHERE key = 'format'"), ["1"]);
    equal(&mut [&mut anna, &mut bert]);
}

#[test]
fn a_number_that_means_another_row_by_then_is_not_taken_for_an_edit() {
    let lab = Lab::new();
    let [mut anna, mut bert, _] = three(&lab, ORDERS);
    anna.run(
        "INSERT INTO ord VALUES (1, 'o'), (2, 'p'); INSERT INTO line VALUES (1, 1, 5), (2, 2, 6)",
    );
    equal(&mut [&mut anna, &mut bert]);
    let_go(&mut bert, &["line"]);
    // The order goes with its line, and another takes its number on bert.
    anna.run("DELETE FROM line WHERE ord_id = 1; DELETE FROM ord WHERE id = 1");
    take(&mut bert, &mut anna);
    bert.run("PRAGMA foreign_keys = OFF; INSERT INTO ord VALUES (1, 'another')");
    take_back(&mut bert, &["line"]);
    equal(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.ask("SELECT note FROM ord ORDER BY note"), ["another", "p"]);
    assert_eq!(anna.ask("SELECT n FROM line"), ["6"]);
    assert!(anna.store().conflicts(true, 9).unwrap().is_empty());
}

#[test]
fn a_row_added_to_one_that_went_meanwhile_goes_on_meaning_it() {
    let lab = Lab::new();
    let [mut anna, mut bert, _] = three(&lab, ORDERS);
    anna.run("INSERT INTO ord VALUES (1, 'o'), (2, 'p')");
    equal(&mut [&mut anna, &mut bert]);
    let_go(&mut bert, &["line"]);
    bert.run("INSERT INTO line VALUES (1, 1, 5)");
    anna.run("DELETE FROM ord WHERE id = 1; INSERT INTO ord VALUES (1, 'another')");
    take(&mut bert, &mut anna);
    // The number stays that of the order that went: the line means no other.
    assert_eq!(bert.ask("SELECT note FROM ord WHERE id = 1"), Vec::<String>::new());
    take_back(&mut bert, &["line"]);
    equal(&mut [&mut anna, &mut bert]);
    // Its line needs it, so it is back.
    assert_eq!(anna.ask("SELECT note, n FROM line JOIN ord ON ord.id = ord_id"), ["o|5"]);
    assert_eq!(anna.ask("SELECT note FROM ord ORDER BY note"), ["another", "o", "p"]);
}

#[test]
fn rows_of_one_name_made_on_both_sides_are_one_row() {
    let lab = Lab::new();
    let [mut anna, mut bert, _] = three(&lab, KEYED);
    anna.run("INSERT INTO k VALUES ('a', '1'), ('z', 'renamed here')");
    equal(&mut [&mut anna, &mut bert]);
    let_go(&mut bert, &["k"]);
    anna.run("INSERT INTO k VALUES ('same', 's'), ('other', 'of anna')");
    bert.run("INSERT INTO k VALUES ('same', 's'), ('other', 'of bert'); UPDATE k SET code = 'y' WHERE code = 'z'");
    take(&mut bert, &mut anna);
    take_back(&mut bert, &["k"]);
    equal(&mut [&mut anna, &mut bert]);
    assert_eq!(
        anna.ask("SELECT code, v FROM k ORDER BY code"),
        ["a|1", "other|of bert", "same|s", "y|renamed here", "z|renamed here"]
    );
    assert_eq!(lost(&mut anna, "v"), [Some(Cell::Text(b"of anna".to_vec()))]);
}

#[test]
fn a_value_that_two_rows_claim_is_settled_again() {
    let lab = Lab::new();
    let [mut anna, mut bert, _] = three(&lab, PARTS);
    anna.run("INSERT INTO part (code, price) VALUES ('x', 1)");
    bert.run("INSERT INTO part (code, price) VALUES ('x', 2)");
    equal(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.store().held(9).unwrap().len(), 1);
    let_go(&mut bert, &["part"]);
    assert!(bert.store().held(9).unwrap().is_empty(), "nobody is asked about it");
    anna.run("UPDATE part SET code = 'y' WHERE price = 2");
    bert.run("INSERT INTO part (code, price) VALUES ('y', 3)");
    take(&mut bert, &mut anna);
    take_back(&mut bert, &["part"]);
    equal(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.ask("SELECT price FROM part ORDER BY price"), ["1", "2", "3"]);
    assert_eq!(bert.store().held(9).unwrap().len(), 1);
}

#[test]
fn rows_that_claim_one_value_in_a_table_that_comes_later_are_all_shown() {
    let lab = Lab::new();
    let mut anna = lab.machine("anna", PARTS);
    let mut bert = lab.machine("bert", PARTS);
    let mut carl = lab.untracked("carl", "CREATE TABLE other (id INTEGER PRIMARY KEY)");
    anna.run("INSERT INTO part (code, price) VALUES ('x', 1)");
    bert.run("INSERT INTO part (code, price) VALUES ('x', 2)");
    level(&mut [&mut anna, &mut bert, &mut carl]);
    carl.run(PARTS);
    take_back(&mut carl, &["part", "note"]);
    equal(&mut [&mut anna, &mut bert, &mut carl]);
    assert_eq!(carl.ask("SELECT price FROM part ORDER BY price"), ["1", "2"]);
}

#[test]
fn deletes_of_most_of_the_table_that_came_meanwhile_wait_for_a_person() {
    let lab = Lab::new();
    let [mut anna, mut bert, _] = three(&lab, PARTS);
    anna.run(
        "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 400)
        INSERT INTO part (code, price) SELECT 'p' || n, n FROM c",
    );
    equal(&mut [&mut anna, &mut bert]);
    let_go(&mut bert, &["part"]);
    anna.run("DELETE FROM part");
    take(&mut bert, &mut anna);
    assert!(bert.store().many_deletes().unwrap().is_empty());
    take_back(&mut bert, &["part"]);
    let waiting: u64 = bert.store().many_deletes().unwrap().iter().map(|many| many.rows).sum();
    // A hundred are free; a part of none is none, for no row of it lives.
    assert_eq!(waiting, 300);
    assert_eq!(bert.ask("SELECT count(*) FROM part"), ["300"]);
    // Let go again while they wait: nobody is asked, and they wait on when it is taken back.
    let_go(&mut bert, &["part"]);
    assert!(bert.store().many_deletes().unwrap().is_empty());
    assert!(bert.store().held(9).unwrap().is_empty());
    take_back(&mut bert, &["part"]);
    assert_eq!(bert.store().keep_deleted(None).unwrap(), 300);
    equal(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.ask("SELECT count(*) FROM part"), ["300"]);
}

#[test]
fn more_rows_than_a_partner_may_have_held_stop_no_session() {
    let lab = Lab::new();
    let [mut anna, mut bert, _] = three(&lab, PARTS);
    let_go(&mut bert, &["part"]);
    anna.run(
        "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 10100)
        INSERT INTO part (code, price) SELECT 'p' || n, n FROM c",
    );
    take(&mut bert, &mut anna);
    assert_eq!(bert.ask("SELECT count(*) FROM part"), ["0"]);
    bert.run("INSERT INTO note (text) VALUES ('goes on')");
    equal_but_for(&mut anna, &mut bert);
    take_back(&mut bert, &["part"]);
    equal(&mut [&mut anna, &mut bert]);
}

/// The versions are the same.
fn equal_but_for(a: &mut Machine, b: &mut Machine) {
    level(&mut [a, b]);
    same_versions(a, b);
}

#[test]
fn a_script_sees_no_table_that_was_let_go_and_nothing_is_restored_into_it() {
    let lab = Lab::new();
    let [mut anna, mut bert, _] = three(&lab, KEYED);
    anna.run("INSERT INTO k VALUES ('a', 'anna')");
    bert.run("INSERT INTO k VALUES ('a', 'bert')");
    equal(&mut [&mut anna, &mut bert]);
    let number = bert.store().conflicts(true, 9).unwrap()[0].number;
    let_go(&mut bert, &["k"]);
    let dump = bert.store().dump(dunlin_schema::DumpSince::Position(0), 99).unwrap();
    assert!(dump.tables.is_empty());
    let put = dunlin_schema::PutTable {
        name: "k".to_owned(),
        columns: vec!["code".to_owned(), "v".to_owned()],
        rows: vec![vec![Cell::Text(b"b".to_vec()), Cell::Text(b"put".to_vec())]],
    };
    assert_eq!(bert.store().put_rows(&[put]).unwrap().unknown_tables, ["k"]);
    let error = bert.store().restore_conflict(number).unwrap_err();
    assert!(matches!(error, Error::Untracked { .. }), "{error}");
}

#[test]
fn an_older_dunlin_does_not_open_a_file_in_which_a_table_was_let_go() {
    let lab = Lab::new();
    let [mut anna, mut bert, _] = three(&lab, PARTS);
    let_go(&mut bert, &["part", "part"]);
    assert_eq!(bert.ask("SELECT value FROM _dunlin_meta WHERE key = 'format'"), ["2"]);
    bert.restart();
    assert_eq!(bert.ask("SELECT value FROM _dunlin_meta WHERE key = 'format'"), ["2"]);
    take_back(&mut bert, &["part"]);
    assert_eq!(bert.ask("SELECT value FROM _dunlin_meta WHERE key = 'format'"), ["1"]);
    equal(&mut [&mut anna, &mut bert]);
}
