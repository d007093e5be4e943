//! The mass-delete guard: deletes beyond any ordinary day wait for a person, and everything else goes on.

use dunlin_schema::{Decision, ManyDeletes, Why};
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
CREATE TABLE tag (ord_id INTEGER NOT NULL REFERENCES ord (id) ON DELETE CASCADE, tag TEXT, PRIMARY KEY (ord_id, tag));
";

/// `to` takes all that `from` has.
fn take(to: &mut Machine, from: &mut Machine) {
    pull(to, from, Broken::default(), &mut |_, _| ());
}

fn parts(lab: &Lab, rows: u32) -> [Machine; 3] {
    let mut all = ["anna", "bert", "carl"].map(|name| lab.machine(name, PARTS));
    let [anna, bert, carl] = &mut all;
    anna.run(&format!(
        "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {rows})
         INSERT INTO part (code, price) SELECT 'p' || n, n FROM c"
    ));
    level(&mut [anna, bert, carl]);
    lab.pass(Duration::from_mins(1));
    all
}

fn count(machine: &Machine, table: &str) -> u64 {
    machine.ask(&format!("SELECT count(*) FROM {table}")).first().unwrap().parse().unwrap()
}

/// How many deletes wait for a person there.
fn waiting(machine: &mut Machine) -> u64 {
    machine.store().many_deletes().unwrap().iter().map(|many| many.rows).sum()
}

#[test]
fn s31_deletes_of_most_of_a_table_wait_for_a_person() {
    let lab = Lab::new();
    let [mut anna, mut bert, mut carl] = parts(&lab, 1_000);
    anna.run("DELETE FROM part; INSERT INTO note (text) VALUES ('all gone')");
    take(&mut bert, &mut anna);
    // What an ordinary day may bring goes, the rest stays; other tables go on.
    assert_eq!(count(&bert, "part"), 700);
    assert_eq!(bert.ask("SELECT text FROM note"), ["all gone"]);
    let link = anna.store().origin().machine;
    let many = ManyDeletes { table: "part".to_owned(), link, rows: 700 };
    assert_eq!(bert.store().many_deletes().unwrap(), [many]);
    let held = bert.store().held(9_999).unwrap();
    assert_eq!(held.len(), 700);
    assert!(held.iter().all(|row| row.why == Why::Deletes && !row.held && row.cells.is_some()));
    // The versions are the same on both: they are equal, and the third hears of the deletes.
    same_versions(&mut anna, &mut bert);
    take(&mut carl, &mut bert);
    same_versions(&mut anna, &mut carl);
    assert_eq!((count(&carl, "part"), waiting(&mut carl)), (700, 700));
    // Neither a restart nor another try lets them go.
    bert.restart();
    assert_eq!(bert.store().retry(None).unwrap(), 0);
    assert_eq!((count(&bert, "part"), waiting(&mut bert)), (700, 700));
    whole(&mut bert);
    // A person does, one or all.
    let number = bert.store().held(1).unwrap()[0].number;
    assert_eq!(bert.store().accept_deletes(Some(number)).unwrap(), 1);
    assert_eq!(count(&bert, "part"), 699);
    assert!(bert.store().accept_deletes(Some(number)).is_err(), "it is gone");
    assert_eq!(bert.store().accept_deletes(None).unwrap(), 699);
    assert_eq!((count(&bert, "part"), waiting(&mut bert)), (0, 0));
    assert_eq!(bert.store().held(9).unwrap(), []);
    same(&mut anna, &mut bert);
    carl.store().accept_deletes(None).unwrap();
    same(&mut anna, &mut carl);
}

#[test]
fn rows_that_a_person_keeps_are_back_on_every_machine() {
    let lab = Lab::new();
    let [mut anna, mut bert, mut carl] = parts(&lab, 1_000);
    anna.run("DELETE FROM part");
    level(&mut [&mut anna, &mut bert, &mut carl]);
    assert_eq!([count(&anna, "part"), count(&bert, "part"), count(&carl, "part")], [0, 700, 700]);
    let before = bert.ask("SELECT code, price FROM part ORDER BY code");
    assert_eq!(bert.store().keep_deleted(None).unwrap(), 700);
    assert_eq!(waiting(&mut bert), 0);
    level(&mut [&mut anna, &mut bert, &mut carl]);
    for machine in [&mut anna, &mut bert, &mut carl] {
        whole(machine);
        assert_eq!(machine.ask("SELECT code, price FROM part ORDER BY code"), before);
        assert_eq!(machine.store().held(9).unwrap(), []);
    }
    same(&mut anna, &mut bert);
    same(&mut anna, &mut carl);
}

#[test]
fn a_restart_does_not_begin_the_count_anew_and_a_day_does() {
    let lab = Lab::new();
    let [mut anna, mut bert, _] = parts(&lab, 1_000);
    anna.run("DELETE FROM part WHERE price <= 250");
    take(&mut bert, &mut anna);
    assert_eq!((count(&bert, "part"), waiting(&mut bert)), (750, 0));
    bert.restart();
    lab.pass(Duration::from_hours(23));
    anna.run("DELETE FROM part WHERE price <= 350");
    take(&mut bert, &mut anna);
    assert_eq!((count(&bert, "part"), waiting(&mut bert)), (700, 50));
    bert.store().accept_deletes(None).unwrap();
    assert_eq!(count(&bert, "part"), 650);
    // A person has looked: it is counted anew, and so it is a day later.
    anna.run("DELETE FROM part WHERE price <= 450");
    take(&mut bert, &mut anna);
    assert_eq!((count(&bert, "part"), waiting(&mut bert)), (550, 0));
    lab.pass(Duration::from_hours(26));
    anna.run("DELETE FROM part WHERE price <= 600");
    take(&mut bert, &mut anna);
    assert_eq!((count(&bert, "part"), waiting(&mut bert)), (400, 0));
    same(&mut anna, &mut bert);
}

#[test]
fn ordinary_deletes_and_those_of_people_here_never_wait() {
    let lab = Lab::new();
    let [mut anna, mut bert, mut carl] = parts(&lab, 100);
    anna.run("DELETE FROM part WHERE price <= 90");
    level(&mut [&mut anna, &mut bert, &mut carl]);
    for machine in [&mut anna, &mut bert, &mut carl] {
        assert_eq!((count(machine, "part"), waiting(machine)), (10, 0));
    }
    // A large table may lose a hundred rows however little that is of it, and thirty of a hundred at most.
    let lab = Lab::new();
    let [mut anna, mut bert, _] = parts(&lab, 2000);
    anna.run("DELETE FROM part WHERE price <= 600");
    take(&mut bert, &mut anna);
    assert_eq!((count(&bert, "part"), waiting(&mut bert)), (1_400, 0));
    // All that is left is deleted here: that is this machine's own doing.
    bert.run("DELETE FROM part");
    bert.store().fold().unwrap();
    assert_eq!((count(&bert, "part"), waiting(&mut bert)), (0, 0));
}

#[test]
fn deletes_that_come_over_many_links_are_counted_together() {
    let lab = Lab::new();
    let [mut anna, mut bert, mut carl] = parts(&lab, 1_000);
    anna.run("DELETE FROM part WHERE price <= 250");
    take(&mut carl, &mut anna);
    take(&mut bert, &mut carl);
    anna.run("DELETE FROM part WHERE price <= 500");
    take(&mut bert, &mut anna);
    assert_eq!((count(&bert, "part"), waiting(&mut bert)), (700, 200));
}

#[test]
fn what_people_write_here_decides_over_deletes_that_wait() {
    let lab = Lab::new();
    let [mut anna, mut bert, mut carl] = parts(&lab, 1_000);
    anna.run("DELETE FROM part");
    take(&mut bert, &mut anna);
    let code = |n: usize| bert.ask("SELECT code FROM part ORDER BY id")[n].clone();
    let (edited, deleted, elsewhere) = (code(0), code(1), code(2));
    lab.pass(Duration::from_mins(1));
    bert.run(&format!(
        "UPDATE part SET price = 7 WHERE code = '{edited}'; DELETE FROM part WHERE code = '{deleted}'"
    ));
    // An edit on a machine that has not heard of the delete is newer, and wins; the value of a row that waits is
    // taken by nobody else.
    carl.run(&format!("UPDATE part SET price = 8 WHERE code = '{elsewhere}'"));
    bert.store().fold().unwrap();
    assert_eq!(waiting(&mut bert), 698);
    take(&mut bert, &mut carl);
    assert_eq!((count(&bert, "part"), waiting(&mut bert)), (699, 697));
    whole(&mut bert);
    bert.store().accept_deletes(None).unwrap();
    assert_eq!(
        bert.ask("SELECT code, price FROM part ORDER BY price"),
        [format!("{edited}|7"), format!("{elsewhere}|8")]
    );
    level(&mut [&mut anna, &mut bert, &mut carl]);
    carl.store().accept_deletes(None).unwrap();
    same(&mut anna, &mut bert);
    same(&mut bert, &mut carl);
}

#[test]
fn rows_listed_anew_do_not_undo_a_delete_that_waits() {
    let lab = Lab::new();
    let [mut anna, mut bert, _] = parts(&lab, 1_000);
    anna.run("DELETE FROM part");
    take(&mut bert, &mut anna);
    // A migration that makes the table anew drops the triggers; all rows are looked at again.
    bert.run(
        "CREATE TABLE part2 (id INTEGER PRIMARY KEY, code TEXT UNIQUE, price INTEGER);
         INSERT INTO part2 SELECT * FROM part; DROP TABLE part; ALTER TABLE part2 RENAME TO part",
    );
    bert.store().fold().unwrap();
    assert_eq!((count(&bert, "part"), waiting(&mut bert)), (700, 700));
    same_versions(&mut anna, &mut bert);
}

#[test]
fn a_new_row_with_the_value_of_one_that_waits_has_it_when_that_is_gone() {
    let lab = Lab::new();
    let [mut anna, mut bert, _] = parts(&lab, 1_000);
    anna.run("DELETE FROM part");
    lab.pass(Duration::from_secs(1));
    anna.run(
        "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 1000)
         INSERT INTO part (code, price) SELECT 'p' || n, -n FROM c",
    );
    take(&mut bert, &mut anna);
    whole(&mut bert);
    assert_eq!(count(&bert, "part"), 1_700);
    assert_eq!(bert.store().accept_deletes(None).unwrap(), 700);
    assert_eq!(bert.store().held(9).unwrap(), []);
    same(&mut anna, &mut bert);
}

#[test]
fn a_row_whose_children_wait_waits_with_them() {
    let lab = Lab::new();
    let [mut anna, mut bert] = ["anna", "bert"].map(|name| lab.machine(name, ORDERS));
    anna.run(
        "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 50)
         INSERT INTO ord (note) SELECT 'o' || n FROM c;
         INSERT INTO line (ord_id, n) SELECT o.id, p.id FROM ord AS o, ord AS p WHERE p.id <= 10;
         INSERT INTO tag SELECT o.id, 't' || p.id FROM ord AS o, ord AS p WHERE p.id <= 10",
    );
    level(&mut [&mut anna, &mut bert]);
    lab.pass(Duration::from_mins(1));
    anna.run("DELETE FROM line; DELETE FROM ord");
    take(&mut bert, &mut anna);
    whole(&mut bert);
    assert_eq!(bert.broken_references(), 0);
    // 150 of 500 lines went; the orders of the others are still there, though so few orders would have gone.
    assert_eq!(count(&bert, "line"), 350);
    let orders = count(&bert, "ord");
    assert!(orders >= 35, "{orders}");
    same_versions(&mut anna, &mut bert);
    bert.store().accept_deletes(None).unwrap();
    assert_eq!(["line", "ord", "tag"].map(|table| count(&bert, table)), [0, 0, 0]);
    assert_eq!(waiting(&mut bert), 0);
    same(&mut anna, &mut bert);
}

#[test]
fn what_comes_while_a_person_decides_is_not_decided_and_an_edit_that_comes_between_is_kept() {
    let lab = Lab::new();
    let [mut anna, mut bert, _] = parts(&lab, 3_000);
    anna.run("DELETE FROM part WHERE price <= 2000");
    take(&mut bert, &mut anna);
    assert_eq!(waiting(&mut bert), 1_100);
    let mut deciding = bert.store().begin_deciding(None, Decision::LetGo).unwrap();
    assert!(bert.store().decide_some(&mut deciding).unwrap(), "there is more than one batch");
    assert_eq!((deciding.done(), waiting(&mut bert)), (500, 600));
    // More deletes arrive, and the application writes to a row whose turn is still to come.
    anna.run("DELETE FROM part WHERE price > 2000");
    take(&mut bert, &mut anna);
    bert.run("UPDATE part SET price = 77 WHERE price = 2000");
    while bert.store().decide_some(&mut deciding).unwrap() {}
    assert_eq!(deciding.done(), 1_099);
    assert_eq!((count(&bert, "part"), waiting(&mut bert)), (1_001, 1_000));
    assert_eq!(bert.ask("SELECT count(*) FROM part WHERE price = 77"), ["1"]);
    whole(&mut bert);
}
