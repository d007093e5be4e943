//! The shortest stories in which a simpler set of rules loses a row, or makes two machines show different things.

use dunlin_schema::{Body, Cell, Why};
use dunlin_tests::sim::session::{apply, greet};
use dunlin_tests::sim::story::{same, whole};
use dunlin_tests::sim::witness::journal;
use dunlin_tests::sim::{Broken, Lab, Machine, exchange, level, pull};
use std::time::Duration;

mod clocks;
mod keys;
mod loose;
mod others;
mod values;

/// `to` takes all that `from` has.
fn take(to: &mut Machine, from: &mut Machine) -> u64 {
    pull(to, from, Broken::default(), &mut |_, _| ())
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

fn two(lab: &Lab, schema: &str) -> [Machine; 2] {
    ["anna", "bert"].map(|name| lab.machine(name, schema))
}

const ORDERS: &str = "
CREATE TABLE cust (id INTEGER PRIMARY KEY, name TEXT CHECK (name <> 'refused'));
CREATE TABLE ord (id INTEGER PRIMARY KEY, cust_id INTEGER NOT NULL REFERENCES cust (id), note TEXT);
CREATE TABLE line (ord_id INTEGER NOT NULL REFERENCES ord (id) ON DELETE CASCADE, n INTEGER, PRIMARY KEY (ord_id, n));
";

#[test]
fn a_held_row_is_passed_on_to_a_third_machine() {
    let lab = Lab::new();
    let mut anna = lab.machine("anna", "CREATE TABLE part (id INTEGER PRIMARY KEY, name TEXT)");
    let mut bert = lab.machine(
        "bert",
        "CREATE TABLE part (id INTEGER PRIMARY KEY, name TEXT CHECK (length(name) < 5))",
    );
    let mut carl = lab.machine("carl", "CREATE TABLE part (id INTEGER PRIMARY KEY, name TEXT)");
    anna.run("INSERT INTO part (name) VALUES ('too long for bert'), ('nut')");
    take(&mut bert, &mut anna);
    assert_eq!(bert.ask("SELECT name FROM part"), ["nut"]);
    assert_eq!(bert.store().held(9).unwrap()[0].why, Why::Constraint);
    take(&mut carl, &mut bert);
    assert_eq!(carl.ask("SELECT name FROM part ORDER BY name"), ["nut", "too long for bert"]);
    // An edit at the origin ends it.
    anna.run("UPDATE part SET name = 'bolt' WHERE name LIKE 'too%'");
    level(&mut [&mut anna, &mut bert, &mut carl]);
    assert_eq!(bert.ask("SELECT name FROM part ORDER BY name"), ["bolt", "nut"]);
    assert_eq!(bert.store().held(9).unwrap(), []);
}

const BARCODES: &str =
    "CREATE TABLE part (id INTEGER PRIMARY KEY, code TEXT UNIQUE, price INTEGER)";

#[test]
fn two_unique_values_that_change_places_arrive_as_they_are() {
    let lab = Lab::new();
    let [mut anna, mut bert] = two(&lab, BARCODES);
    anna.run("INSERT INTO part (code) VALUES ('a'), ('b'), ('c')");
    take(&mut bert, &mut anna);
    anna.run(
        "BEGIN; UPDATE part SET code = 'tmp' WHERE id = 1; UPDATE part SET code = 'a' WHERE id = 2;
         UPDATE part SET code = 'b' WHERE id = 1; COMMIT",
    );
    equal(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.ask("SELECT id, code FROM part ORDER BY id"), ["1|b", "2|a", "3|c"]);
    assert_eq!(bert.store().held(9).unwrap(), []);
}

#[test]
fn a_value_given_on_across_two_pages_is_renamed_by_nobody() {
    let lab = Lab::new();
    let [mut anna, mut bert] = two(&lab, BARCODES);
    anna.run("INSERT INTO part (code) VALUES ('a')");
    lab.pass(Duration::from_secs(1));
    anna.run("INSERT INTO part (code) VALUES ('b')");
    take(&mut bert, &mut anna);
    lab.pass(Duration::from_secs(1));
    // 2 gives `b` up and 1 takes it; 2 is edited once more, so 1 comes first and alone.
    anna.run("BEGIN; UPDATE part SET code = 'c' WHERE id = 2; UPDATE part SET code = 'b' WHERE id = 1; COMMIT");
    anna.store().fold().unwrap();
    anna.run("UPDATE part SET price = 5 WHERE id = 2");
    pull(&mut bert, &mut anna, Broken::after(1), &mut |_, _| ());
    let between = bert.ask("SELECT code FROM part ORDER BY id");
    assert_eq!(between[0], "b", "who was first keeps it: {between:?}");
    assert!(between[1].starts_with("b~"), "{between:?}");
    equal(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.ask("SELECT id, code FROM part ORDER BY id"), ["1|b", "2|c"]);
}

#[test]
fn a_barcode_that_two_parts_claim_is_shown_alike_everywhere_until_the_clash_ends() {
    let lab = Lab::new();
    let [mut anna, mut bert, mut carl] = three(&lab, BARCODES);
    anna.run("INSERT INTO part (code, price) VALUES ('400', 1)");
    lab.pass(Duration::from_secs(1));
    bert.run("INSERT INTO part (code, price) VALUES ('400', 2)");
    equal(&mut [&mut anna, &mut bert, &mut carl]);
    let shown = anna.ask("SELECT code FROM part ORDER BY price");
    assert_eq!(shown[0], "400", "who was first keeps it");
    assert!(shown[1].len() == 9 && shown[1].starts_with("*400~"), "{shown:?}");
    // An edit of another column leaves the person's own value in the version.
    carl.run("UPDATE part SET price = 3 WHERE price = 2");
    equal(&mut [&mut anna, &mut bert, &mut carl]);
    assert_eq!(carl.store().held(9).unwrap().len(), 1);
    bert.run("UPDATE part SET code = '401' WHERE price = 1");
    equal(&mut [&mut anna, &mut bert, &mut carl]);
    assert_eq!(carl.ask("SELECT code FROM part ORDER BY price"), ["401", "400"]);
    assert_eq!(carl.store().held(9).unwrap(), []);
}

#[test]
fn a_barcode_is_free_again_when_its_part_is_deleted_where_the_clash_is_shown() {
    let lab = Lab::new();
    let [mut anna, mut bert] = two(&lab, BARCODES);
    anna.run("INSERT INTO part (code, price) VALUES ('400', 1)");
    lab.pass(Duration::from_secs(1));
    bert.run("INSERT INTO part (code, price) VALUES ('400', 2)");
    equal(&mut [&mut anna, &mut bert]);
    bert.run("DELETE FROM part WHERE price = 1");
    bert.store().fold().unwrap();
    assert_eq!(bert.ask("SELECT code FROM part"), ["400"]);
    equal(&mut [&mut anna, &mut bert]);
}

#[test]
fn a_receipt_number_that_two_tills_gave_takes_no_sale_away() {
    let lab = Lab::new();
    let [mut anna, mut bert] =
        two(&lab, "CREATE TABLE sale (id INTEGER PRIMARY KEY, receipt INTEGER NOT NULL UNIQUE)");
    anna.run("INSERT INTO sale (receipt) VALUES (7)");
    bert.run("INSERT INTO sale (receipt) VALUES (7)");
    equal(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.ask("SELECT count(*) FROM sale"), ["2"]);
    assert_eq!(anna.ask("SELECT count(*) FROM sale WHERE receipt < 0"), ["1"]);
}

#[test]
fn rows_that_wait_only_for_each_other_are_shown_together() {
    let lab = Lab::new();
    let [mut anna, mut bert] = two(
        &lab,
        "CREATE TABLE a (id INTEGER PRIMARY KEY, b INTEGER NOT NULL REFERENCES b (id) DEFERRABLE INITIALLY DEFERRED);
         CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER NOT NULL REFERENCES a (id) DEFERRABLE INITIALLY DEFERRED);",
    );
    anna.run("BEGIN; INSERT INTO a VALUES (1, 1); INSERT INTO b VALUES (1, 1); COMMIT");
    // Not even in one page.
    pull(&mut bert, &mut anna, Broken::pages_of(1), &mut |_, _| ());
    assert_eq!(bert.ask("SELECT (SELECT count(*) FROM a) + (SELECT count(*) FROM b)"), ["2"]);
    equal(&mut [&mut anna, &mut bert]);
}

#[test]
fn a_parents_tombstone_removes_no_child_behind_our_back() {
    let lab = Lab::new();
    let [mut anna, mut bert] = two(&lab, ORDERS);
    anna.run("INSERT INTO cust VALUES (1, 'k'); INSERT INTO ord VALUES (1, 1, 'o'); INSERT INTO line VALUES (1, 1)");
    take(&mut bert, &mut anna);
    // Both delete and edit have happened when they meet; the edit is later and wins.
    anna.run("DELETE FROM ord WHERE id = 1");
    lab.pass(Duration::from_secs(1));
    bert.run("UPDATE ord SET note = 'edited' WHERE id = 1; INSERT INTO line VALUES (1, 2)");
    equal(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.ask("SELECT note FROM ord"), ["edited"]);
    assert_eq!(
        anna.ask("SELECT n FROM line"),
        ["2"],
        "line 1 was deleted by a person, with its order"
    );
}

#[test]
fn on_conflict_replace_in_a_table_removes_no_other_row() {
    let lab = Lab::new();
    let [mut anna, mut bert] = two(
        &lab,
        "CREATE TABLE part (id INTEGER PRIMARY KEY, code TEXT UNIQUE ON CONFLICT REPLACE, other TEXT UNIQUE ON CONFLICT IGNORE)",
    );
    anna.run("INSERT INTO part (code, other) VALUES ('x', 'p')");
    bert.run("INSERT INTO part (id, code, other) VALUES (7, 'x', 'p')");
    equal(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.ask("SELECT count(*) FROM part"), ["2"]);
    // Nor does an edit.
    anna.run(
        "INSERT INTO part (id, code) VALUES (20, 'y'); UPDATE part SET code = 'z' WHERE id = 20",
    );
    bert.run("INSERT INTO part (id, code) VALUES (30, 'w')");
    equal(&mut [&mut anna, &mut bert]);
    anna.run("UPDATE part SET code = 'v' WHERE code = 'z'");
    bert.run("UPDATE part SET code = 'v' WHERE code = 'w'");
    equal(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.ask("SELECT count(*) FROM part"), ["4"]);
}

#[test]
fn a_row_that_replace_removed_is_found_without_a_delete_trigger() {
    let lab = Lab::new();
    let [mut anna, mut bert] = two(&lab, BARCODES);
    anna.run("INSERT INTO part (code) VALUES ('x'), ('y')");
    take(&mut bert, &mut anna);
    anna.run("INSERT OR REPLACE INTO part (code, price) VALUES ('x', 9)");
    anna.run("UPDATE OR REPLACE part SET code = 'y' WHERE price = 9");
    equal(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.ask("SELECT code, price FROM part"), ["y|9"]);
}

#[test]
fn restrict_brings_a_deleted_parent_back_just_above_its_tombstone() {
    let lab = Lab::new();
    let [mut anna, mut bert, mut carl] = three(&lab, ORDERS);
    anna.run("INSERT INTO cust VALUES (1, 'first')");
    level(&mut [&mut anna, &mut bert, &mut carl]);
    lab.pass(Duration::from_secs(10));
    anna.run("DELETE FROM cust WHERE id = 1");
    bert.run("INSERT INTO ord VALUES (1, 1, 'o')");
    lab.pass(Duration::from_secs(10));
    carl.run("UPDATE cust SET name = 'edited by a person' WHERE id = 1");
    carl.store().fold().unwrap();
    lab.pass(Duration::from_secs(10));
    // Bert, who still has its values, brings the customer back; Carl's edit is older than that and newer than the
    // delete, and wins.
    take(&mut bert, &mut anna);
    assert_eq!(bert.ask("SELECT name FROM cust"), ["first"]);
    equal(&mut [&mut anna, &mut bert, &mut carl]);
    assert_eq!(anna.ask("SELECT name FROM cust"), ["edited by a person"]);
    assert_eq!(anna.ask("SELECT note FROM ord"), ["o"]);
    let lost = anna.store().conflicts(true, 9).unwrap();
    assert!(
        lost.iter().any(|lost| lost.table == "cust" && lost.cells.is_none()),
        "the delete is listed"
    );
}

#[test]
fn a_parent_that_a_deleted_grandparent_would_take_along_is_kept_too() {
    let lab = Lab::new();
    let [mut anna, mut bert] = two(
        &lab,
        "CREATE TABLE g (id INTEGER PRIMARY KEY, v TEXT);
         CREATE TABLE p (id INTEGER PRIMARY KEY, g INTEGER REFERENCES g (id) ON DELETE CASCADE);
         CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER REFERENCES p (id) ON DELETE RESTRICT);",
    );
    anna.run("INSERT INTO g VALUES (1, 'g'); INSERT INTO p VALUES (1, 1)");
    take(&mut bert, &mut anna);
    anna.run("DELETE FROM g");
    lab.pass(Duration::from_secs(1));
    bert.run("INSERT INTO c VALUES (1, 1)");
    equal(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.ask("SELECT g.v FROM c JOIN p ON p.id = c.p JOIN g ON g.id = p.g"), ["g"]);
}

#[test]
fn knowledge_is_that_of_the_last_page_and_not_of_the_beginning() {
    let lab = Lab::new();
    let [mut robin, mut sam, mut xenia] =
        three(&lab, "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)");
    xenia.run("INSERT INTO t (v) VALUES ('x1')");
    take(&mut sam, &mut xenia);
    sam.run("INSERT INTO t (v) VALUES ('s1'), ('s2')");
    // While Robin pages, Sam edits x: it moves behind the end that Robin was told of.
    let mut edits = 1;
    pull(&mut robin, &mut sam, Broken { after: Some(2), ..Broken::pages_of(1) }, &mut |_, sam| {
        if edits > 0 {
            edits -= 1;
            sam.run("UPDATE t SET v = 'x2' WHERE v = 'x1'");
        }
    });
    // Sam is stolen.
    take(&mut robin, &mut xenia);
    assert_eq!(robin.ask("SELECT count(*) FROM t WHERE v LIKE 'x%'"), ["1"]);
}

#[test]
fn a_cut_session_gives_no_knowledge_and_goes_on_where_it_was_cut() {
    let lab = Lab::new();
    let [mut anna, mut bert] = two(&lab, "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)");
    for n in 0..5 {
        anna.run(&format!("INSERT INTO t (v) VALUES ('{n}')"));
        anna.store().fold().unwrap();
    }
    let origin = anna.store().origin();
    for cut in [Broken::after(2), Broken { in_flight: true, ..Broken::after(2) }] {
        pull(&mut bert, &mut anna, cut, &mut |_, _| ());
        let knowledge = bert.store().knowledge().unwrap();
        assert!(knowledge.iter().all(|known| known.origin != origin), "{knowledge:?}");
        bert.restart();
    }
    assert_eq!(bert.ask("SELECT count(*) FROM t"), ["4"]);
    assert_eq!(take(&mut bert, &mut anna), 1, "only what is new is sent");
    equal(&mut [&mut anna, &mut bert]);
}

#[test]
fn a_page_that_is_replayed_is_refused() {
    let lab = Lab::new();
    let [mut anna, mut bert] = two(&lab, "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)");
    anna.run("INSERT INTO t (v) VALUES ('a')");
    let (ask, sender) = greet(&mut bert, &mut anna);
    let page = anna.store().page(&ask).unwrap();
    apply(&mut bert, &page, sender);
    let again = bert.store().apply(&page, sender);
    assert!(matches!(again, Err(dunlin_schema::Error::PageGap { .. })), "{again:?}");
    // Taken by another way it changes nothing.
    let mut moved = page.clone();
    (moved.from, moved.next) = (page.next, page.next);
    let end = bert.store().end().unwrap();
    assert_eq!(apply(&mut bert, &moved, sender).applied, 0);
    assert_eq!(bert.store().end().unwrap(), end);
}

#[test]
fn values_are_sent_with_the_version_that_says_them() {
    let lab = Lab::new();
    let [mut anna, mut bert] = two(&lab, "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)");
    anna.run("INSERT INTO t (v) VALUES ('old')");
    let (ask, sender) = greet(&mut bert, &mut anna);
    // Written after the greeting's fold, before the page.
    anna.run("UPDATE t SET v = 'new'");
    let page = anna.store().page(&ask).unwrap();
    let row = &page.tables[0].rows[0];
    assert_eq!((row.seq, &row.body), (2, &Body::Live(vec![Cell::Text(b"new".to_vec())])));
    apply(&mut bert, &page, sender);
    equal(&mut [&mut anna, &mut bert]);
}

#[test]
fn the_loser_of_a_conflict_survives_the_machine_that_found_it() {
    let lab = Lab::new();
    let [mut anna, mut bert, mut sam] =
        three(&lab, "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)");
    anna.run("INSERT INTO t (v) VALUES ('before')");
    level(&mut [&mut anna, &mut bert, &mut sam]);
    lab.pass(Duration::from_secs(1));
    anna.run("UPDATE t SET v = 'loser'");
    anna.store().fold().unwrap();
    lab.pass(Duration::from_secs(1));
    bert.run("UPDATE t SET v = 'winner'");
    take(&mut sam, &mut anna);
    take(&mut sam, &mut bert);
    take(&mut anna, &mut sam);
    // Sam is stolen.
    equal(&mut [&mut anna, &mut bert]);
    for machine in [&mut anna, &mut bert] {
        assert_eq!(machine.ask("SELECT v FROM t"), ["winner"]);
        let lost = machine.store().conflicts(false, 9).unwrap();
        assert_eq!(lost.len(), 1, "found by several, kept once");
        assert_eq!(lost[0].cells.as_ref().unwrap().get("v"), Some(&Cell::Text(b"loser".to_vec())));
    }
    // Put back once, it is settled for the shop.
    let number = bert.store().conflicts(false, 9).unwrap()[0].number;
    bert.store().restore_conflict(number).unwrap();
    equal(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.ask("SELECT v FROM t"), ["loser"]);
    assert_eq!(anna.store().conflicts(false, 9).unwrap(), []);
}

#[test]
fn a_version_put_back_takes_its_value_from_whoever_has_it_meanwhile() {
    let lab = Lab::new();
    let [mut anna, mut bert] = two(&lab, BARCODES);
    anna.run("INSERT INTO part (code) VALUES ('before')");
    take(&mut bert, &mut anna);
    lab.pass(Duration::from_secs(1));
    anna.run("UPDATE part SET code = 'x'");
    anna.store().fold().unwrap();
    lab.pass(Duration::from_secs(1));
    bert.run("UPDATE part SET code = 'y'");
    equal(&mut [&mut anna, &mut bert]);
    lab.pass(Duration::from_secs(1));
    bert.run("INSERT INTO part (code, price) VALUES ('x', 2)");
    anna.run("INSERT INTO part (code, price) VALUES ('w', 3)");
    equal(&mut [&mut anna, &mut bert]);
    // A third comes to claim what the first shows, and stands aside.
    anna.run("UPDATE part SET code = NULL WHERE price IS NULL; UPDATE part SET code = 'y' WHERE price = 3");
    anna.store().fold().unwrap();
    lab.pass(Duration::from_secs(1));
    bert.run("UPDATE part SET code = 'y' WHERE price IS NULL");
    equal(&mut [&mut anna, &mut bert]);
    assert!(anna.ask("SELECT code FROM part WHERE price = 3")[0].starts_with("y~"));
    let number = anna.store().conflicts(false, 9).unwrap().last().unwrap().number;
    anna.store().restore_conflict(number).unwrap();
    let shown = anna.ask("SELECT code FROM part ORDER BY price");
    assert!(shown[0] == "x" && shown[1].starts_with("x~") && shown[2] == "y", "{shown:?}");
    equal(&mut [&mut anna, &mut bert]);
    // Put back the other way, the value is free for the other part.
    lab.pass(Duration::from_secs(1));
    bert.run("UPDATE part SET code = 'z' WHERE price IS NULL");
    equal(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.ask("SELECT code FROM part WHERE price = 2"), ["x"]);
}

#[test]
fn a_row_taken_in_a_cut_session_and_edited_is_no_conflict() {
    let lab = Lab::new();
    let [mut anna, mut bert, mut sam] =
        three(&lab, "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)");
    for n in 0..3 {
        anna.run(&format!("INSERT INTO t (v) VALUES ('{n}')"));
        anna.store().fold().unwrap();
    }
    take(&mut bert, &mut anna);
    pull(&mut sam, &mut anna, Broken::after(1), &mut |_, _| ());
    lab.pass(Duration::from_secs(5));
    sam.run("UPDATE t SET v = 'edited'");
    take(&mut bert, &mut sam);
    assert_eq!(bert.store().conflicts(true, 9).unwrap(), []);
    assert_eq!(bert.ask("SELECT count(*) FROM t WHERE v = 'edited'"), ["1"]);
}

#[test]
fn edit_against_delete_is_decided_by_order_and_the_loser_is_listed() {
    let lab = Lab::new();
    for (edit_first, left) in [(true, "0"), (false, "1")] {
        let name = |who| format!("{who}{edit_first}");
        let schema = "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)";
        let mut anna = lab.machine(&name("anna"), schema);
        let mut bert = lab.machine(&name("bert"), schema);
        anna.run("INSERT INTO t (v) VALUES ('v')");
        take(&mut bert, &mut anna);
        lab.pass(Duration::from_secs(1));
        let (edit, delete) = ("UPDATE t SET v = 'edited'", "DELETE FROM t");
        anna.run(if edit_first { edit } else { delete });
        anna.store().fold().unwrap();
        lab.pass(Duration::from_secs(1));
        bert.run(if edit_first { delete } else { edit });
        equal(&mut [&mut anna, &mut bert]);
        assert_eq!(anna.ask("SELECT count(*) FROM t"), [left]);
        assert_eq!(bert.store().conflicts(false, 9).unwrap().len(), 1);
    }
}

#[test]
fn a_child_that_comes_before_its_parent_waits_and_is_shown_with_it() {
    let lab = Lab::new();
    let [mut anna, mut bert, mut carl] = three(&lab, ORDERS);
    anna.run("INSERT INTO cust VALUES (1, 'k'); INSERT INTO ord VALUES (1, 1, 'o')");
    anna.store().fold().unwrap();
    // The parent moves behind the child.
    anna.run("UPDATE cust SET name = 'l'");
    pull(&mut bert, &mut anna, Broken::after(1), &mut |_, _| ());
    assert_eq!(bert.ask("SELECT count(*) FROM ord"), ["0"]);
    let held = bert.store().held(9).unwrap();
    assert_eq!((held.len(), held[0].why, held[0].waits_for.len()), (1, Why::Parent, 1));
    // Held at Bert, passed on to Carl; and both get the parent.
    take(&mut carl, &mut bert);
    assert_eq!(carl.store().held(9).unwrap().len(), 1);
    equal(&mut [&mut anna, &mut bert, &mut carl]);
    assert_eq!(carl.ask("SELECT c.name FROM ord AS o JOIN cust AS c ON c.id = o.cust_id"), ["l"]);
}

#[test]
fn what_is_deleted_at_a_reference_that_empties_itself_comes_back_with_the_parent() {
    let lab = Lab::new();
    let [mut anna, mut bert] = two(
        &lab,
        "CREATE TABLE p (id INTEGER PRIMARY KEY, v TEXT);
         CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER REFERENCES p (id) ON DELETE SET NULL, v TEXT);",
    );
    anna.run("INSERT INTO p VALUES (1, 'p'); INSERT INTO c VALUES (1, 1, 'c')");
    take(&mut bert, &mut anna);
    bert.run("UPDATE c SET v = 'edited'");
    lab.pass(Duration::from_secs(1));
    anna.run("DELETE FROM c; DELETE FROM p");
    anna.store().fold().unwrap();
    lab.pass(Duration::from_secs(1));
    bert.run("UPDATE c SET v = 'edited again'");
    equal(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.ask("SELECT p, v FROM c"), ["-|edited again"]);
    let number = anna.store().conflicts(false, 9).unwrap();
    assert!(!number.is_empty());
    // An edit of the row that stands without its parent does not forget the parent.
    bert.run("UPDATE c SET v = 'third'");
    equal(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.store().held(9).unwrap().len(), 1);
}

#[test]
fn a_machine_that_forwards_is_no_echo() {
    let lab = Lab::new();
    let [mut anna, mut bert, mut carl] =
        three(&lab, "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)");
    anna.run("INSERT INTO t (v) VALUES ('a')");
    assert_eq!(take(&mut bert, &mut anna), 1);
    assert_eq!(take(&mut anna, &mut bert), 0);
    assert_eq!(take(&mut carl, &mut bert), 1);
    assert_eq!(take(&mut carl, &mut anna), 0);
    assert_eq!(exchange(&mut anna, &mut carl), 0);
}

#[test]
fn untracked_tables_are_tracked_when_a_partner_has_them() {
    let lab = Lab::new();
    let mut anna = lab.machine("anna", ORDERS);
    let mut bert = lab.untracked("bert", ORDERS);
    anna.run("INSERT INTO cust VALUES (1, 'k'); INSERT INTO ord VALUES (1, 1, 'o')");
    bert.run("INSERT INTO cust VALUES (1, 'of bert, before')");
    equal(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.ask("SELECT name FROM cust ORDER BY name"), ["k", "of bert, before"]);
}
