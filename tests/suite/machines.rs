//! What waits for a person, machine by machine.

use dunlin_schema::Waiting;
use dunlin_tests::sim::{Broken, Lab, Machine, level, pull};
use std::time::Duration;

const PARTS: &str = "CREATE TABLE part (id INTEGER PRIMARY KEY, v TEXT)";
const STRICTER: &str = "CREATE TABLE part (id INTEGER PRIMARY KEY, v TEXT CHECK (v <> 'refused'))";

/// What waits on `on` of `of`'s versions.
fn of(on: &mut Machine, of: &mut Machine) -> Waiting {
    let machine = of.store().origin().machine;
    on.store().overview().unwrap().by_machine.get(&machine).copied().unwrap_or_default()
}

fn waiting(held: u64, conflicts: u64) -> Waiting {
    Waiting { held, conflicts }
}

#[test]
fn a_conflict_counts_for_both_machines_whose_versions_met_and_for_no_other() {
    let lab = Lab::new();
    let [mut anna, mut bert, mut sam] =
        ["anna", "bert", "sam"].map(|name| lab.machine(name, PARTS));
    anna.run("INSERT INTO part (v) VALUES ('before'), ('other')");
    level(&mut [&mut anna, &mut bert, &mut sam]);
    lab.pass(Duration::from_secs(1));
    anna.run("UPDATE part SET v = 'loser' WHERE v = 'before'");
    anna.store().fold().unwrap();
    lab.pass(Duration::from_secs(1));
    bert.run("UPDATE part SET v = 'winner' WHERE v = 'before'");
    sam.run("UPDATE part SET v = 'no conflict' WHERE v = 'other'");
    level(&mut [&mut anna, &mut bert, &mut sam]);
    for on in [0, 1, 2] {
        let mut all = [&mut anna, &mut bert, &mut sam];
        let ids = all.each_mut().map(|machine| machine.store().origin().machine);
        let found = all[on].store().overview().unwrap();
        assert_eq!(found.by_machine.get(&ids[0]), Some(&waiting(0, 1)));
        assert_eq!(found.by_machine.get(&ids[1]), Some(&waiting(0, 1)));
        assert_eq!(found.by_machine.get(&ids[2]), None);
    }
    // Settled by whoever, it is settled for all.
    let number = sam.store().conflicts(false, 9).unwrap()[0].number;
    sam.store().keep_conflict(number).unwrap();
    level(&mut [&mut anna, &mut bert, &mut sam]);
    assert_eq!(of(&mut anna, &mut bert), Waiting::default());
}

#[test]
fn a_held_row_counts_for_whoever_wrote_it_over_whatever_link_it_came() {
    let lab = Lab::new();
    let [mut anna, mut bert] = ["anna", "bert"].map(|name| lab.machine(name, PARTS));
    let mut sam = lab.machine("sam", STRICTER);
    anna.run("INSERT INTO part (v) VALUES ('refused'), ('fine'), ('refused')");
    pull(&mut bert, &mut anna, Broken::default(), &mut |_, _| ());
    pull(&mut sam, &mut bert, Broken::default(), &mut |_, _| ());
    assert_eq!(of(&mut sam, &mut anna), waiting(2, 0));
    assert_eq!(of(&mut sam, &mut bert), Waiting::default());
    assert_eq!(of(&mut bert, &mut anna), Waiting::default(), "shown there");
    // A newer version that fits takes the place of the one that did not.
    bert.run("UPDATE part SET v = 'fine' WHERE id = 1");
    pull(&mut sam, &mut bert, Broken::default(), &mut |_, _| ());
    assert_eq!(of(&mut sam, &mut anna), waiting(1, 0));
}
