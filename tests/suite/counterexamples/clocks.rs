//! Clocks that are wrong: what is ahead waits, and nobody's edit is lost to them.

use super::*;
use dunlin_schema::{Millis, Stamp};

const HOUR: Millis = 3_600_000;

#[test]
fn a_version_ahead_of_the_receivers_clock_is_told_of_and_not_sent() {
    let lab = Lab::new();
    let [mut anna, mut bert, mut carl] =
        three(&lab, "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)");
    anna.run("INSERT INTO t (v) VALUES ('in time')");
    anna.store().fold().unwrap();
    anna.skew(24 * HOUR);
    anna.run("INSERT INTO t (v) VALUES ('of tomorrow')");
    let (ask, sender) = greet(&mut bert, &mut anna);
    let page = anna.store().page(&ask).unwrap();
    assert_eq!((page.rows(), page.withheld.len()), (1, 1));
    apply(&mut bert, &page, sender);
    assert_eq!(bert.ask("SELECT v FROM t"), ["in time"]);
    // Not known, so Carl is not told that it is, and a later session of either still gets it.
    take(&mut carl, &mut bert);
    lab.pass(Duration::from_hours(24));
    anna.skew(0);
    take(&mut carl, &mut anna);
    assert_eq!(carl.ask("SELECT v FROM t ORDER BY v"), ["in time", "of tomorrow"]);
    equal(&mut [&mut anna, &mut bert, &mut carl]);
}

#[test]
fn two_rows_of_the_future_in_one_page_are_both_withheld_by_the_receiver() {
    let lab = Lab::new();
    let [mut anna, mut bert] = two(&lab, "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)");
    anna.run("INSERT INTO t (v) VALUES ('a')");
    anna.store().fold().unwrap();
    anna.run("INSERT INTO t (v) VALUES ('b')");
    let (mut ask, sender) = greet(&mut bert, &mut anna);
    // Bert's clock fell behind after he had asked.
    ask.now = bert.now();
    bert.skew(-HOUR);
    let page = anna.store().page(&ask).unwrap();
    assert_eq!(apply(&mut bert, &page, sender).applied, 0);
    assert_eq!(bert.ask("SELECT count(*) FROM t"), ["0"]);
    bert.skew(0);
    take(&mut bert, &mut anna);
    assert_eq!(bert.ask("SELECT v FROM t ORDER BY v"), ["a", "b"]);
    equal(&mut [&mut anna, &mut bert]);
}

#[test]
fn each_withheld_version_of_a_row_is_waited_for_by_itself() {
    let lab = Lab::new();
    let [mut anna, mut bert] = two(&lab, "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)");
    let mut carl = lab.machine("carl", "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)");
    bert.skew(-HOUR);
    anna.run("INSERT INTO t (v) VALUES ('first')");
    take(&mut carl, &mut anna);
    take(&mut bert, &mut anna);
    anna.run("UPDATE t SET v = 'second'");
    take(&mut bert, &mut anna);
    // Told of both, he gets the first from another: it does not answer for the second.
    bert.skew(0);
    take(&mut bert, &mut carl);
    assert_eq!(bert.ask("SELECT v FROM t"), ["first"]);
    take(&mut bert, &mut anna);
    assert_eq!(bert.ask("SELECT v FROM t"), ["second"]);
}

#[test]
fn whoever_edits_after_seeing_a_version_beats_it_whatever_the_clocks_say() {
    let lab = Lab::new();
    let [mut anna, mut bert] = two(&lab, "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)");
    bert.skew(-30_000);
    anna.run("INSERT INTO t (v) VALUES ('first')");
    take(&mut bert, &mut anna);
    bert.run("UPDATE t SET v = 'second'");
    equal(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.ask("SELECT v FROM t"), ["second"]);
    assert_eq!(anna.store().conflicts(true, 9).unwrap(), []);
}

#[test]
fn a_dead_battery_costs_no_sale_and_loses_against_nothing_it_had_seen() {
    let lab = Lab::new();
    let [mut anna, mut bert] = two(&lab, "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)");
    anna.run("INSERT INTO t (v) VALUES ('first')");
    take(&mut bert, &mut anna);
    bert.skew(-bert.now());
    bert.run("INSERT INTO t (v) VALUES ('sold in 1970'); UPDATE t SET v = 'edited in 1970' WHERE v = 'first'");
    bert.store().fold().unwrap();
    bert.skew(0);
    equal(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.ask("SELECT v FROM t ORDER BY v"), ["edited in 1970", "sold in 1970"]);
    // Against an edit it had not seen, it counts as of the latest that it knew.
    lab.pass(Duration::from_secs(10));
    anna.run("UPDATE t SET v = 'earlier' WHERE v = 'edited in 1970'");
    anna.store().fold().unwrap();
    lab.pass(Duration::from_secs(10));
    bert.run("INSERT INTO t (v) VALUES ('the latest known')");
    bert.store().fold().unwrap();
    bert.skew(-bert.now());
    bert.run("UPDATE t SET v = 'later' WHERE v = 'edited in 1970'");
    bert.store().fold().unwrap();
    bert.skew(0);
    equal(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.ask("SELECT count(*) FROM t WHERE v = 'later'"), ["1"]);
}

#[test]
fn a_repaired_clock_leaves_no_row_that_only_one_machine_shows() {
    let lab = Lab::new();
    let [mut anna, mut bert, mut carl] =
        three(&lab, "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)");
    anna.skew(48 * HOUR);
    bert.skew(48 * HOUR);
    anna.run("INSERT INTO t (v) VALUES ('a'), ('b')");
    take(&mut bert, &mut anna);
    take(&mut carl, &mut anna);
    for machine in [&mut anna, &mut bert] {
        machine.skew(0);
        assert_eq!(machine.store().repair_clock().unwrap(), 2);
    }
    carl.run("INSERT INTO t (v) VALUES ('c')");
    lab.pass(Duration::from_secs(90));
    equal(&mut [&mut anna, &mut bert, &mut carl]);
    let soon = Stamp::at(lab.now() + 60_000);
    assert!(journal(&mut carl, 0).0.iter().all(|seen| seen.row.stamp <= soon));
    assert_eq!(carl.ask("SELECT count(*) FROM t"), ["3"]);
}
